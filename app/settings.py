"""Every setting once: name, type, default, meaning.

A setting is read from the environment variable of its name (in capitals) or from the file that NAME_FILE
names, as Docker secrets are handed over. Giving both is a mistake that stops the start. An empty variable
counts as not given, because compose files pass `NAME=${NAME:-}`. `docs/settings.md` is made from the
descriptions here by `tools/settings_docs.py`; a test compares them.
"""

from __future__ import annotations

import os
import re
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from app import settings_checks as checks
from app.i18n import N_, ProblemError, Text
from app.settings_checks import PROVIDERS, BadValueError

SHORTEST_SECRET = 32  # characters; 32 of base64 are 192 bits, above the 128 that signing needs
MEBIBYTE = 1024 * 1024
MASK = "********"


class Environment(StrEnum):
    """Where the server runs. Production refuses what is only convenient on a desk."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class SettingsError(ProblemError):
    """Settings that cannot be used. `problems` holds one sentence for each bad setting."""

    def __init__(self, problems: tuple[Text, ...]) -> None:
        self.problems = problems
        super().__init__(problems[0])


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(checks.words)]
PostgresUrl = Annotated[SecretStr, AfterValidator(checks.postgres_url)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(checks.upper)]


class Settings(BaseSettings):
    """All settings of a process. Made by `load_settings`; keywords (in tests) outrank the environment."""

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, env_ignore_empty=True, validate_default=True, hide_input_in_errors=True
    )

    environment: Annotated[Environment, BeforeValidator(checks.lower)] = Field(
        default=Environment.DEVELOPMENT,
        description="`development` or `production`, which refuses what is only convenient on a desk.",
    )
    debug: bool = Field(
        default=False, description="Templates are read again on every request; logs say more."
    )
    secret_key: SecretStr = Field(
        default=SecretStr(""),
        description="Signs cookies and codes; at least 32 characters. Required in production; "
        "elsewhere one is made and kept in VAR_DIR.",
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
    redis_url: Annotated[SecretStr, AfterValidator(checks.redis_url)] = Field(
        default=SecretStr(""),
        description="Redis's or Valkey's address. Empty: Zhupi runs its own in VAR_DIR.",
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

    upload_dir: str = Field(
        default="", description="Folder or `s3://bucket/prefix` for uploads. Empty: `uploads` in VAR_DIR."
    )
    max_file_size: int = Field(default=20 * MEBIBYTE, ge=1024, description="Largest upload, in bytes.")
    max_files: int = Field(default=500, ge=1, le=100_000, description="Most papers in one batch.")
    allowed_extensions: Annotated[Words, AfterValidator(checks.suffixes)] = Field(
        default=(".txt", ".md", ".pdf", ".docx", ".zip"),
        description="Endings of file names that may be uploaded, separated by commas.",
    )

    log_level: Level = Field(default="INFO", description="Least important messages that are logged.")
    log_file: Path | None = Field(default=None, description="The log is also written to this file.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Keywords, then the environment; no .env file, which would hide where a value comes from."""
        return init_settings, env_settings

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        if self.llm_provider in checks.ADDRESS_NEEDED and not self.llm_base_url:
            message = N_("LLM_PROVIDER={value} needs LLM_BASE_URL: the address of the endpoint.")
            raise BadValueError(message, value=self.llm_provider)
        key = self.secret_key.get_secret_value()
        if self.production and not key:
            message = N_(
                "SECRET_KEY is required in production: {count} characters or more, for example the output of "
                "openssl rand -base64 48."
            )
            raise BadValueError(message, count=SHORTEST_SECRET)
        if key and len(key) < SHORTEST_SECRET:
            message = N_("SECRET_KEY is too short: it needs {count} characters or more.")
            raise BadValueError(message, count=SHORTEST_SECRET)
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
    def asks_model(self) -> bool:
        """Whether a model can be asked: there is a key, or the provider is the school's own and needs none."""
        return bool(self.llm_api_key.get_secret_value()) or self.llm_provider in checks.OWN_PROVIDERS

    def with_services(self, database_url: str, redis_url: str) -> Settings:
        """These settings with the addresses of services that were started meanwhile."""
        urls = {"database_url": SecretStr(database_url), "redis_url": SecretStr(redis_url)}
        return self.model_copy(update=urls)


def load_settings() -> Settings:
    """The settings from the environment and the files that it names. Raises SettingsError.

    Without SECRET_KEY, outside production, one is made once and kept in VAR_DIR/secret_key (mode 0600).
    """
    values, problems = _from_files()
    try:
        settings = Settings(**values)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            name = str(item["loc"][0]) if item["loc"] else ""
            given = values.get(name) or os.environ.get(name.upper(), "")
            problems.append(checks.problem(item, MASK if _secret(name) else given))
    if problems:
        raise SettingsError(tuple(problems))
    if not settings.secret_key.get_secret_value():
        settings = settings.model_copy(update={"secret_key": SecretStr(_kept_secret(settings.var_dir))})
    return settings


def sources() -> dict[str, str]:
    """Where each setting comes from, by its name in capitals: NAME, NAME_FILE or "" (the default)."""
    names = [name.upper() for name in Settings.model_fields]
    return {name: next((key for key in (name, name + "_FILE") if os.environ.get(key)), "") for name in names}


def shown(settings: Settings, name: str) -> str:
    """A setting's value for a person, by its field name. Secrets are masked, URLs up to their scheme."""
    value = getattr(settings, name)
    if isinstance(value, SecretStr):
        scheme = re.match(r"\w+://", value.get_secret_value()) if name.endswith("_url") else None
        return (scheme[0] if scheme else "") + MASK if value else ""
    return ",".join(value) if isinstance(value, tuple) else "" if value is None else str(value)


def _secret(name: str) -> bool:
    """Whether a field's value must not be shown."""
    return name in Settings.model_fields and Settings.model_fields[name].annotation is SecretStr


def _from_files() -> tuple[dict[str, Any], list[Text]]:
    """What the files named by NAME_FILE hold, by field name, and what is wrong with them."""
    values: dict[str, Any] = {}
    problems: list[Text] = []
    for name, origin in sources().items():
        file = os.environ.get(name + "_FILE")
        if not file:
            continue
        if origin == name:
            problems.append(Text("{name} and {name}_FILE are both set; keep one of them.", {"name": name}))
            continue
        try:
            values[name.lower()] = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "UTF-8"
            problems.append(
                Text("{name}_FILE={file} cannot be read: {why}", {"name": name, "file": file, "why": why})
            )
    return values, problems


def _kept_secret(var_dir: Path) -> str:
    """The key in VAR_DIR/secret_key, made when there is none. Two starts at once agree on one key."""
    path = var_dir / "secret_key"
    draft = var_dir / f".secret_key.{os.getpid()}"
    try:
        var_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
            # A link fails when the other start was first, and never shows a half-written file.
            try:
                path.hardlink_to(draft)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ProblemError(
            "VAR_DIR={path} cannot be used: {why}", path=str(var_dir), why=str(error)
        ) from None
    if not re.fullmatch(rf"\S{{{SHORTEST_SECRET},}}", key):
        raise ProblemError(
            "{path} does not hold a usable key; delete it and a new one is made.", path=str(path)
        )
    return key
