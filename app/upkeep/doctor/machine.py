"""The settings themselves: secrets that are none, conveniences that do not belong into production."""

from __future__ import annotations

import ipaddress
import os
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.i18n import Text
from app.settings import Settings
from app.upkeep.doctor.findings import Finding, ok, problem, skipped, warning
from app.upkeep.doctor.limits import in_thread

FEWEST_LETTERS = 10
"""Different characters in a key; 32 random ones of base64 have 25 on average and practically never fewer than 16."""

SHORTEST_PASSWORD = 12
WORDS = (
    "changeme",
    "change-me",
    "password",
    "passw0rd",
    "insecure",
    "default",
    "example",
    "qwerty",
    "123456",
)
"""What people write where a secret should stand."""


async def check(settings: Settings) -> list[Finding]:
    """Secrets, their files, and what production forbids."""
    return [
        _secret_key(settings),
        _service_passwords(settings),
        await in_thread(_secret_files),
        *_production(settings),
    ]


def weak(secret: str) -> bool:
    """Whether a secret looks like one that a person made up."""
    said = secret.casefold()
    return len(set(secret)) < FEWEST_LETTERS or any(word in said for word in WORDS)


def _secret_key(settings: Settings) -> Finding:
    key = settings.secret_key.get_secret_value()
    if key and weak(key):
        return problem(
            "secret_key",
            Text("SECRET_KEY can be guessed: who does so signs in as anybody."),
            Text("Make a new one with zhupi rotate-secret or openssl rand -base64 48; people sign in again."),
        )
    return ok("secret_key", Text("SECRET_KEY is long and random enough."))


def _service_passwords(settings: Settings) -> Finding:
    urls = {"DATABASE_URL": settings.postgres_url, "REDIS_URL": settings.redis_url.get_secret_value()}
    bad = [name for name, url in urls.items() if url and _guessable(url)]
    if bad and settings.production:
        return warning(
            "passwords",
            Text("The passwords of {names} are short, known, or missing.", {"names": ", ".join(bad)}),
            Text("Make long ones (make secrets); they keep out whatever else runs on that network."),
        )
    return ok("passwords", Text("Nothing to say about the passwords of PostgreSQL and Redis."))


def _guessable(url: str) -> bool:
    """Whether a service's password is none worth the name. A socket needs none."""
    parts = urlsplit(url)
    if not parts.hostname:
        return False
    password, user = unquote(parts.password or ""), unquote(parts.username or "")
    return len(password) < SHORTEST_PASSWORD or password == user or weak(password)


def _secret_files() -> Finding:
    """The files that hold secrets are for this user alone."""
    loose = []
    for name in Settings.model_fields:
        file = os.environ.get(f"{name.upper()}_FILE")
        try:
            # What cannot be read, the settings have said already.
            mode = Path(file).stat().st_mode if file else 0
        except OSError:
            continue
        if file and stat.S_IMODE(mode) & 0o007:
            loose.append(file)
    if loose:
        names = " ".join(sorted(loose))
        text = Text("Anybody on this machine may read {names}.", {"names": names})
        return warning("secret_files", text, Text("chmod o-rwx {names}", {"names": names}))
    return ok("secret_files", Text("The files of secrets are not open to everybody."))


def _production(settings: Settings) -> list[Finding]:
    if not settings.production:
        text = Text("ENVIRONMENT is {value}: what only production needs was not asked for.")
        return [skipped("production", Text(text.message, {"value": str(settings.environment)}))]
    found = []
    if settings.debug:
        found.append(
            problem(
                "production",
                Text("DEBUG is on in production: pages are slow and logs say too much."),
                Text("Remove DEBUG and start again."),
            )
        )
    if "*" in settings.allowed_hosts:
        found.append(
            warning(
                "production",
                Text("ALLOWED_HOSTS is *: any name is served, and may end up in a link."),
                Text("Name the hosts that people type."),
            )
        )
    if settings.asks_model and _in_the_open(settings.llm_base_url):
        found.append(
            problem(
                "production",
                Text(
                    "LLM_BASE_URL is plain http on a public network: answers and the key can be read on the way."
                ),
                Text("Use https."),
            )
        )
    return found or [ok("production", Text("Nothing here belongs only on a desk."))]


def _in_the_open(address: str) -> bool:
    """Whether an address is unencrypted and, as far as its name tells, not within the school's own network."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if (
        parts.scheme != "http"
        or "." not in host
        or host.endswith((".local", ".lan", ".internal", ".home.arpa"))
    ):
        return False
    try:
        return not ipaddress.ip_address(host).is_private
    except ValueError:
        return True
