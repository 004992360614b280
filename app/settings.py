"""Every setting once: name, type, default, meaning.

A setting is read from the environment variable of its name (in capitals) or from the file that NAME_FILE
names, as Docker secrets are handed over. Giving both is a mistake that stops the start. An empty variable
counts as not given, because compose files pass `NAME=${NAME:-}`. A variable that looks like a setting and is
none stops the start as well (settings_names). `docs/settings.md` is made from the descriptions here by
`tools/settings_docs.py`; a test compares them.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from app import settings_checks as checks
from app import settings_names as names
from app import settings_sources as where
from app import settings_urls as urls
from app.i18n import ProblemError, Text
from app.settings_checks import PROVIDERS
from app.settings_urls import MASK

MEBIBYTE = 1024 * 1024
PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".heic", ".heif", ".tif", ".tiff")


class Environment(StrEnum):
    """Where the server runs. Production refuses what is only convenient on a desk."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class SettingsError(ProblemError):
    """Settings that cannot be used. `problems` holds one sentence for each bad setting."""

    def __init__(self, problems: tuple[Text, ...]) -> None:
        self.problems = problems
        super().__init__(problems[0])


Words = Annotated[tuple[str, ...], BeforeValidator(checks.words)]
PostgresUrl = Annotated[SecretStr, AfterValidator(checks.postgres_url)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(checks.upper)]


class Settings(BaseModel):
    """All settings of a process. Made by `load_settings` from the environment, in tests from keywords alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, validate_default=True, hide_input_in_errors=True)

    environment: Annotated[Environment, BeforeValidator(checks.lower)] = Field(
        default=Environment.DEVELOPMENT,
        description="`development` or `production`, which refuses what is only convenient on a desk.",
    )
    debug: bool = Field(
        default=False, description="Templates are read again on every request; LOG_LEVEL counts as DEBUG."
    )
    secret_key: SecretStr = Field(
        default=SecretStr(""),
        description="Redis keeps sign-ins under a code made with it: a copy of Redis lets nobody in, and a new key "
        "ends all sign-ins. At least 32 characters. Required in production; elsewhere one is made and kept in VAR_DIR.",
    )
    var_dir: Path = Field(default=Path("var"), description="Folder for everything that this server writes.")
    host: str = Field(default="127.0.0.1", description="Address that the server listens on.")
    port: int = Field(default=8080, ge=1, le=65535, description="Port that the server listens on.")
    web_concurrency: int = Field(default=1, ge=1, le=64, description="Processes that serve pages.")
    allowed_hosts: Annotated[Words, AfterValidator(checks.hosts)] = Field(
        default=("localhost", "127.0.0.1", "::1"),
        description="Host names that requests may ask for, separated by commas. "
        "`*.example.com` takes every name below it, `*` any.",
    )
    csrf_trusted_origins: Annotated[Words, AfterValidator(checks.origins)] = Field(
        default=(),
        description="Further origins whose pages may send forms here, such as `https://*.example.com`.",
    )
    trusted_proxies: Annotated[Words, AfterValidator(checks.networks)] = Field(
        default=(),
        description="Addresses or networks (`172.16.0.0/12`) of the proxies before this server, separated by commas. "
        "Only from them X-Real-IP, X-Forwarded-Proto and X-Request-ID are believed.",
    )
    language: Annotated[Literal["zh", "en"], BeforeValidator(checks.language)] = Field(
        default="en",
        description="Language for who has not chosen one: `zh` or `en`. "
        "A list such as `zh_CN:en` is understood; other languages read as `en`.",
    )
    session_idle_minutes: int = Field(
        default=120, ge=1, description="A sign-in ends after so many idle minutes."
    )
    session_hours: int = Field(
        default=12, ge=1, description="A sign-in ends after so many hours in any case."
    )

    database_type: Annotated[Literal["postgresql"], BeforeValidator(checks.database_type)] = Field(
        default="postgresql", description="Only `postgresql` is served."
    )
    database_url: PostgresUrl = Field(
        default=SecretStr(""), description="PostgreSQL's address. Empty: Zhupi runs its own in VAR_DIR."
    )
    postgres_checkpoint_url: PostgresUrl = Field(
        default=SecretStr(""),
        description="Database for the workflow's checkpoints. Empty: that of DATABASE_URL.",
    )
    database_password: SecretStr = Field(
        default=SecretStr(""),
        description="The password for DATABASE_URL, and POSTGRES_CHECKPOINT_URL if that has none, when it is not "
        "written into them.",
    )
    redis_url: Annotated[SecretStr, AfterValidator(checks.redis_url)] = Field(
        default=SecretStr(""),
        description="Redis's or Valkey's address. Empty: Zhupi runs its own in VAR_DIR.",
    )
    redis_password: SecretStr = Field(
        default=SecretStr(""),
        description="The password for REDIS_URL, when it is not written into it.",
    )
    enable_cache: bool = Field(
        default=True, description="Answers of a model are kept and not paid for twice."
    )
    cache_ttl: int = Field(default=3600, ge=1, description="Seconds that a cached answer is kept.")

    llm_provider: Annotated[str, BeforeValidator(checks.provider)] = Field(
        default="openrouter",
        description="Whose model: " + ", ".join(f"`{name}`" for name in PROVIDERS) + ".",
    )
    llm_base_url: Annotated[str, AfterValidator(checks.http_url)] = Field(
        default="", description="Address of an OpenAI-compatible endpoint. Empty: the provider's own."
    )
    llm_api_key: SecretStr = Field(
        default=SecretStr(""),
        description="The provider's key. Empty: no model is asked, unless `ollama`, `vllm` or `custom`.",
    )
    llm_model: str = Field(
        default="google/gemini-2.5-flash-lite", description="The model's name at its provider."
    )
    llm_timeout: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds to wait for one answer of a model."
    )
    max_parallel_workers: int = Field(
        default=8, ge=1, le=256, description="Model calls at once, in each process."
    )
    vision_model: Annotated[str, AfterValidator(checks.model_name)] = Field(
        default="",
        description="A model at the same provider that sees pictures, for pages that text recognition is not sure of. "
        "Names are painted over first. Empty: no picture leaves.",
    )
    vision_below: float = Field(
        default=0.93,
        ge=0,
        le=1,
        description="Mean confidence of text recognition, 0 to 1, below which a page is shown to VISION_MODEL.",
    )

    upload_dir: Annotated[str, AfterValidator(checks.upload_dir)] = Field(
        default="",
        description="Folder or `s3://bucket/prefix` for uploads. Empty: `uploads` in VAR_DIR. For S3 AWS_REGION and, "
        "for a store of your own, AWS_ENDPOINT_URL are read as well.",
    )
    aws_access_key_id: SecretStr = Field(
        default=SecretStr(""),
        description="The key's name for UPLOAD_DIR in S3. Empty: the machine's own role.",
    )
    aws_secret_access_key: SecretStr = Field(
        default=SecretStr(""), description="The key for UPLOAD_DIR in S3. Empty: the machine's own role."
    )
    max_file_size: int = Field(default=100 * MEBIBYTE, ge=1024, description="Largest upload, in bytes.")
    max_files: int = Field(default=500, ge=1, le=100_000, description="Most papers in one batch.")
    allowed_extensions: Annotated[Words, AfterValidator(checks.suffixes)] = Field(
        default=(".txt", ".md", ".pdf", ".docx", ".zip", *PICTURES),
        description="Endings of file names that may be uploaded, separated by commas.",
    )

    ocr_processes: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Processes that read pictures by text recognition, in each server or worker; each takes up to "
        "1 GB. 0: one fewer than there are processors, at least one.",
    )

    backup_dir: Path | None = Field(
        default=None, description="Folder for backups. Empty: `backups` in VAR_DIR."
    )
    backup_encrypt_to: Annotated[Words, AfterValidator(checks.recipients)] = Field(
        default=(),
        description="Public keys (`age1...`, `ssh-ed25519 ...`), separated by commas, that backups are encrypted for. "
        "Who has the server can then make backups and read none.",
    )
    retention_days: int | None = Field(
        default=None,
        ge=30,
        le=36_500,
        description="Days without activity after which `zhupi prune` also removes a class or an assignment. Empty: "
        "they stay. Nothing is removed until that command is run.",
    )

    log_level: Level = Field(default="INFO", description="Least important messages that are logged.")
    log_file: Path | None = Field(default=None, description="The log is also written to this file.")
    log_file_max_size: Annotated[int, AfterValidator(checks.log_size)] = Field(
        default=50 * MEBIBYTE,
        ge=0,
        description="Bytes at which LOG_FILE is put aside as `.1`, `.2` and so on. 0: never; for logrotate, say.",
    )
    log_file_kept: int = Field(
        default=5, ge=1, le=1000, description="How many files put aside are kept; older ones are deleted."
    )
    heartbeat_file: Path | None = Field(
        default=None,
        description="File that `zhupi worker` touches every few seconds. Empty: one in the system's temporary folder.",
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        conflicts = checks.conflicts(self)
        if conflicts:
            raise checks.ConflictsError(conflicts)
        password = self.database_password.get_secret_value()
        for name, secret in (
            ("database_url", password),
            ("postgres_checkpoint_url", password),
            ("redis_url", self.redis_password.get_secret_value()),
        ):
            url = urls.with_password(getattr(self, name).get_secret_value(), secret)
            object.__setattr__(self, name, SecretStr(url))  # frozen for everybody else
        return self

    @property
    def production(self) -> bool:
        """Whether this is a production server."""
        return self.environment is Environment.PRODUCTION

    @property
    def sqlalchemy_url(self) -> str:
        """DATABASE_URL for SQLAlchemy with asyncpg; unix sockets by `?host=/folder`. Empty when not given."""
        return self.postgres_url.replace("postgresql://", "postgresql+asyncpg://", 1)

    @property
    def postgres_url(self) -> str:
        """DATABASE_URL as libpq, psycopg and asyncpg itself take it. Empty when not given."""
        return self.database_url.get_secret_value()

    @property
    def checkpoint_url(self) -> str:
        """The checkpoints' database for psycopg. Empty when neither URL is given."""
        return self.postgres_checkpoint_url.get_secret_value() or self.postgres_url

    @property
    def uploads(self) -> str:
        """Where uploads are kept: an `s3://` address or an absolute folder."""
        if self.upload_dir.startswith("s3://"):
            return self.upload_dir
        return str(Path(self.upload_dir or self.var_dir / "uploads").absolute())

    @property
    def backups(self) -> Path:
        """The folder for backups, absolute."""
        return (self.backup_dir or self.var_dir / "backups").absolute()

    @property
    def asks_model(self) -> bool:
        """Whether a model can be asked: there is a key, or the provider is the school's own and needs none."""
        return bool(self.llm_api_key.get_secret_value()) or self.llm_provider in checks.OWN_PROVIDERS

    @property
    def shows_pages(self) -> bool:
        """Whether pictures of pages may leave for a model: one is named for them, and one can be asked."""
        return bool(self.vision_model) and self.asks_model

    def with_services(self, database_url: str, redis_url: str) -> Settings:
        """These settings with the addresses of services that were started meanwhile."""
        found = {"database_url": SecretStr(database_url), "redis_url": SecretStr(redis_url)}
        return self.model_copy(update=found)


def load_settings() -> Settings:
    """The settings from the environment and the files that it names. Raises SettingsError with every problem.

    Without SECRET_KEY, outside production, one is made once and kept in VAR_DIR/secret_key (mode 0600).
    """
    given = where.given(Settings.model_fields, os.environ)
    settings = _checked(given)
    given.problems += names.unknown(os.environ, [name.upper() for name in Settings.model_fields])
    if settings is None or given.problems:
        raise SettingsError(tuple(given.problems))
    if not settings.secret_key.get_secret_value():
        key = SecretStr(where.kept_secret(settings.var_dir))
        settings = settings.model_copy(update={"secret_key": key})
    return settings


def _checked(given: where.Given) -> Settings | None:
    """The settings, or None and what is wrong added to the problems.

    What values do together is checked without the bad ones, so that one start tells everything.
    """
    while True:
        try:
            return Settings.model_validate(given.values)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                name = str(item["loc"][0]) if item["loc"] else ""
                value = given.values.pop(name, "")
                if name in given.bad:
                    return None  # a default that is wrong: nothing is left to take away
                given.problems += checks.problems(item, MASK if _secret(name) else value, given.bad)
                given.bad.add(name)


def sources() -> dict[str, str]:
    """Where each setting comes from, by its name in capitals: NAME, NAME_FILE or "" (the default)."""
    return {name.upper(): where.source_of(name.upper(), os.environ) for name in Settings.model_fields}


def shown(settings: Settings, name: str) -> str:
    """A setting's value for a person, by its field name. Secrets are masked, addresses without their password."""
    value = getattr(settings, name)
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        return urls.masked(secret) if secret and name.endswith("_url") else MASK if secret else ""
    return ",".join(value) if isinstance(value, tuple) else "" if value is None else str(value)


def _secret(name: str) -> bool:
    """Whether a field's value must not be shown."""
    return name in Settings.model_fields and Settings.model_fields[name].annotation is SecretStr
