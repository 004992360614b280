"""How the values of settings are read and refused: the checks behind the fields of `app.settings`.

A check raises `BadValueError` with a sentence for the person who wrote the value; `{name}` in it is the
variable's name and is filled in by `problem`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_core import ErrorDetails

from app.i18n import DEFAULT_LANGUAGE, LANGUAGES, N_, Text
from app.settings_sources import SHORTEST_SECRET
from app.settings_urls import has_password, has_user

if TYPE_CHECKING:
    from app.settings import Settings

# The names in LLM_PROVIDER. Their addresses are the engine's matter (grading/endpoint.py); a test compares the names.
PROVIDERS = ("openrouter", "openai", "gemini", "deepseek", "qwen", "ollama", "vllm", "custom")
# Of these, the ones that a school runs itself: no key is needed.
OWN_PROVIDERS = ("ollama", "vllm", "custom")
ADDRESS_NEEDED = ("vllm", "custom")


class BadValueError(ValueError):
    """A check's refusal: the English sentence and the values for its {named} places."""

    def __init__(self, message: str, **values: Any) -> None:
        self.message, self.values = message, values
        super().__init__(message)


class ConflictsError(ValueError):
    """Settings that do not fit together: for each the fields that it concerns, and the refusal."""

    def __init__(self, conflicts: list[tuple[str, BadValueError]]) -> None:
        self.conflicts = conflicts
        super().__init__(conflicts[0][1].message)


def words(value: object) -> object:
    """A comma-separated string as a tuple of its parts; anything else as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def lower(value: object) -> object:
    """A string without spaces around it, in small letters; anything else as it is."""
    return value.strip().lower() if isinstance(value, str) else value


def upper(value: object) -> object:
    """A string without spaces around it, in capitals; anything else as it is."""
    return value.strip().upper() if isinstance(value, str) else value


def suffixes(values: tuple[str, ...]) -> tuple[str, ...]:
    """File name endings, in small letters and with their dot."""
    return tuple(value.lower() if value.startswith(".") else "." + value.lower() for value in values)


def recipients(values: tuple[str, ...]) -> tuple[str, ...]:
    """Public keys of age (age1...) or SSH. Raises BadValueError for what cannot be one; pyrage judges the rest."""
    for value in values:
        if not re.match(r"age1[0-9a-z]{20}|ssh-(ed25519|rsa) \S{20}", value):
            # Not repeated: it may be the private one.
            raise BadValueError(
                N_("{name} holds what is no public key: age1..., ssh-ed25519 ... or ssh-rsa ...")
            )
    return values


def language(value: object) -> object:
    """The first language of a gettext list (`zh_CN:zh:en`) that Zhupi speaks, else English.

    Desktops export LANGUAGE for their own use, so one that Zhupi does not speak is no mistake.
    """
    if not isinstance(value, str):
        return value
    for part in value.split(":"):
        code = re.split(r"[_.@-]", part.strip().lower())[0]
        if code in LANGUAGES:
            return code
    return DEFAULT_LANGUAGE


def database_type(value: object) -> object:
    """`postgresql`, also spelt `postgres`; other databases are refused with what serves instead."""
    if lower(value) in ("postgresql", "postgres"):
        return "postgresql"
    message = N_(
        "{name}={value} is not served: Zhupi keeps its data in PostgreSQL. "
        "Leave DATABASE_URL empty and it runs its own, or set DATABASE_URL=postgresql://user:password@host/database."
    )
    raise BadValueError(message, value=str(value))


def postgres_url(value: SecretStr) -> SecretStr:
    """A PostgreSQL server's URL, its scheme spelt `postgresql`. Empty stays empty."""
    url = value.get_secret_value().strip()
    if not url:
        return SecretStr("")
    scheme, found, rest = url.partition("://")
    if (
        not found
        or scheme.split("+")[0] not in ("postgresql", "postgres")
        or not _well_formed("postgresql://" + rest)
    ):
        message = N_("{name} must be an address such as postgresql://user:password@host:5432/database.")
        raise BadValueError(message)
    return SecretStr("postgresql://" + rest)


def redis_url(value: SecretStr) -> SecretStr:
    """A URL that names a Redis or Valkey server. Empty stays empty."""
    url = value.get_secret_value().strip()
    if url and (url.partition("://")[0] not in ("redis", "rediss", "unix") or not _well_formed(url)):
        message = N_("{name} must be an address such as redis://host:6379/0 or unix:///path/to/valkey.sock.")
        raise BadValueError(message)
    return SecretStr(url)


def _well_formed(url: str) -> bool:
    try:
        _ = urlsplit(url).port
    except ValueError:
        return False
    return True


def upload_dir(value: str) -> str:
    """A folder or an s3:// address with a bucket. Empty stays empty."""
    value = value.strip()
    if "://" in value and not re.fullmatch(r"s3://[^/?#\s]+(/[^?#]*)?", value):
        message = N_("{name}={value} must be a folder or an address such as s3://bucket/prefix.")
        raise BadValueError(message, value=value)
    return value


def provider(value: object) -> object:
    """A name of PROVIDERS."""
    if lower(value) in PROVIDERS:
        return lower(value)
    message = N_(
        "{name}={value} is not known; known are {known}. For any other, say custom and set LLM_BASE_URL."
    )
    raise BadValueError(message, value=str(value), known=", ".join(PROVIDERS))


def http_url(value: str) -> str:
    """An http(s) address without a slash at its end. Empty stays empty."""
    url = value.strip().rstrip("/")
    if url and (
        not _well_formed(url) or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc
    ):
        message = N_("{name}={value} must be an address that starts with http:// or https://.")
        raise BadValueError(message, value=value)
    return url


def model_name(value: str) -> str:
    """A model's name without spaces around it. Empty stays empty."""
    name = value.strip()
    if not name.isprintable() or " " in name:
        message = N_("{name}={value} is not the name of a model, such as {example}.")
        raise BadValueError(message, value=repr(name)[1:-1], example="qwen/qwen3-vl-8b-instruct")
    return name


def origins(values: tuple[str, ...]) -> tuple[str, ...]:
    """Origins: scheme, host and port, no path."""
    for value in values:
        if not re.fullmatch(r"https?://[^/?#\s]+", value):
            message = N_(
                "{name}: {value} is not an origin such as https://grades.example.com (no path behind it)."
            )
            raise BadValueError(message, value=value)
    return tuple(value.lower() for value in values)


def hosts(values: tuple[str, ...]) -> tuple[str, ...]:
    """Host names, `*.name`, `*`, or IP addresses (IPv6 also in brackets), in small letters."""
    for value in values:
        if not re.fullmatch(r"\*|(\*\.)?[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:.]+", value):
            message = N_("{name}: {value} is not a host name such as grades.example.com or *.example.com.")
            raise BadValueError(message, value=value)
    return tuple(value.lower().strip("[]") for value in values)


def networks(values: tuple[str, ...]) -> tuple[str, ...]:
    """IP addresses and networks, in their usual form; an address with a mask's bits set is its network."""
    found = []
    for value in values:
        try:
            found.append(str(ip_network(value.strip("[]"), strict=False)))
        except ValueError:
            message = N_("{name}: {value} is not an address or network such as 10.0.0.5 or 172.16.0.0/12.")
            raise BadValueError(message, value=value) from None
    return tuple(found)


SMALLEST_LOG = 64 * 1024


def log_size(value: int) -> int:
    """0, or a size that does not put a file aside with every few lines."""
    if 0 < value < SMALLEST_LOG:
        message = N_("{name}={value} is too small: the least is {ge}, or 0 to leave it to others.")
        raise BadValueError(message, value=value, ge=SMALLEST_LOG)
    return value


def conflicts(settings: Settings) -> list[tuple[str, BadValueError]]:
    """What does not fit together: the field that is to be mended, and the sentence."""
    found: list[tuple[str, BadValueError]] = []

    def add(field: str, message: str, **values: Any) -> None:
        found.append((field, BadValueError(message, **values)))

    if settings.llm_provider in ADDRESS_NEEDED and not settings.llm_base_url:
        message = N_("LLM_PROVIDER={value} needs LLM_BASE_URL: the address of the endpoint.")
        add("llm_base_url", message, value=settings.llm_provider)
    key = settings.secret_key.get_secret_value()
    if settings.production and not key:
        message = N_(
            "SECRET_KEY is required in production: {count} characters or more, for example the output of "
            "openssl rand -base64 48."
        )
        add("secret_key", message, count=SHORTEST_SECRET)
    if key and len(key) < SHORTEST_SECRET:
        message = N_("SECRET_KEY is too short: it needs {count} characters or more.")
        add("secret_key", message, count=SHORTEST_SECRET)
    for service in ("database", "redis"):
        password = getattr(settings, f"{service}_password").get_secret_value()
        url = getattr(settings, f"{service}_url").get_secret_value()
        names = {"password": f"{service}_password".upper(), "address": f"{service}_url".upper()}
        if not password:
            continue
        if not url:
            add(f"{service}_url", N_("{password} needs {address}: the address that it is for."), **names)
        elif has_password(url):
            message = N_("{password} and a password in {address} are both set; keep one of them.")
            add(f"{service}_url", message, **names)
        elif service == "database" and not has_user(url):
            message = N_("{password} needs a user in {address}, as in postgresql://user@host/database.")
            add(f"{service}_url", message, **names)
    return found


# pydantic's own refusals, by their documented type names.
_MESSAGES: Mapping[str, str] = {
    "int_parsing": N_("{name}={value} is not a whole number."),
    "float_parsing": N_("{name}={value} is not a number."),
    "bool_parsing": N_("{name}={value} is neither true nor false."),
    "greater_than": N_("{name}={value} is too small: it must be more than {gt}."),
    "greater_than_equal": N_("{name}={value} is too small: the least is {ge}."),
    "less_than_equal": N_("{name}={value} is too large: the most is {le}."),
    "enum": N_("{name}={value} is none of {expected}."),
    "literal_error": N_("{name}={value} is none of {expected}."),
}


def problems(item: ErrorDetails, value: str, known: Collection[str] = ()) -> list[Text]:
    """pydantic's error as sentences that name the variable. `value` is what was given, masked if secret.

    Conflicts that concern a field in `known`, which is bad anyway, are left out.
    """
    name = str(item["loc"][0]).upper() if item["loc"] else ""
    facts: dict[str, Any] = {"name": name, "value": value}
    context = item.get("ctx", {})
    bad = context.get("error")
    if isinstance(bad, ConflictsError):
        return [Text(each.message, each.values) for field, each in bad.conflicts if field not in known]
    if isinstance(bad, BadValueError):
        return [Text(bad.message, facts | bad.values)]
    if "expected" in context:  # "'a', 'b' or 'c'" in English: keep the names only
        facts["expected"] = ", ".join(re.findall(r"'([^']*)'", str(context["expected"])))
    facts |= {key: context[key] for key in ("gt", "ge", "le") if key in context}
    message = _MESSAGES.get(item["type"])
    if message is None:
        return [Text("{name}={value} cannot be used: {why}", facts | {"why": item["msg"]})]
    return [Text(message, facts)]
