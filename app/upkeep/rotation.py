"""New values for secrets, made known to the service that checks them. What fails leaves the old value valid.

The plain value travels to no log: PostgreSQL is given the SCRAM verifier, Redis the SHA-256, as both keep them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from typing import Any

import asyncpg

from app import network
from app.audit import service as audit
from app.audit.models import Action
from app.db import Database
from app.i18n import N_, ProblemError, Text
from app.settings import Settings, sources
from app.settings_urls import password_of, replaced_password

NAMES = ("secret_key", "db_password", "redis_password")
KEY_BYTES, PASSWORD_BYTES = 48, 32  # of randomness; base64 makes 64 and 43 characters of them
# What PostgreSQL itself takes (scram_iterations); the password is random, so more would protect nothing further.
SCRAM_ITERATIONS, SALT_BYTES = 4096, 16
SECONDS = 10.0  # for one statement

AFTER = {
    "secret_key": N_(
        "Put it into {place} and start all processes again. All sign-ins end then; nothing else does."
    ),
    "db_password": N_(
        "New connections to the database need it from now on: put it into {place} at once, then start all processes "
        "again."
    ),
    "redis_password": N_(
        "Redis takes the old one as well until it starts again. Put the new one into {place} and into Redis's own "
        "configuration, then start all processes again."
    ),
}


@dataclass(frozen=True, slots=True)
class Rotated:
    """A new value, where it has to be put, and what to tell about it."""

    name: str
    value: str
    place: str

    @property
    def after(self) -> Text:
        """What is left to do."""
        return Text(AFTER[self.name], {"place": self.place})


def check(settings: Settings, name: str) -> None:
    """Raise ProblemError for a name that is none of NAMES, and for a service without a password, as our own are."""
    if name not in NAMES:
        raise ProblemError(
            "{name} is not a secret that can be rotated; say one of {names}.",
            name=name,
            names=", ".join(NAMES),
        )
    urls = {
        "db_password": ("DATABASE_URL", settings.postgres_url),
        "redis_password": ("REDIS_URL", settings.redis_url.get_secret_value()),
    }
    if name in urls and not password_of(urls[name][1]):
        raise ProblemError(
            "{address} has no password, and none is given beside it: there is nothing to rotate.",
            address=urls[name][0],
        )


async def rotate(settings: Settings, name: str) -> Rotated:
    """Make a new value for a secret that passed `check`, and have it accepted.

    Raises ProblemError when the service refuses, the drivers' errors when it cannot be reached.
    """
    makers = {"db_password": _database_password, "redis_password": _redis_password}
    value = await makers[name](settings) if name in makers else secrets.token_urlsafe(KEY_BYTES)
    return Rotated(name, value, place_of(settings, name))


def afterwards(settings: Settings, rotated: Rotated) -> Settings:
    """The settings with which the database is reached after a rotation."""
    if rotated.name != "db_password":
        return settings
    url = replaced_password(settings.postgres_url, rotated.value)
    return settings.with_services(url, settings.redis_url.get_secret_value())


async def note(settings: Settings) -> None:
    """Write into the audit that a secret was rotated; not which value, nor which."""
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        async with database.begin() as db:
            await audit.record(db, audit.COMMAND_LINE, Action.SECRET_ROTATED)
    finally:
        await database.close()


def place_of(settings: Settings, name: str) -> str:
    """The variable or file from which a secret is read."""
    given = sources()
    wanted = {
        "secret_key": ("SECRET_KEY",),
        "db_password": ("DATABASE_PASSWORD", "DATABASE_URL"),
        "redis_password": ("REDIS_PASSWORD", "REDIS_URL"),
    }[name]
    found = next((given[each] for each in wanted if given[each]), "")
    if not found:
        return str(settings.var_dir.absolute() / "secret_key") if name == "secret_key" else wanted[0]
    return os.environ[found] if found.endswith("_FILE") else found


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


async def _database_password(settings: Settings) -> str:
    old = settings.postgres_url
    new = secrets.token_urlsafe(PASSWORD_BYTES)
    # A checkpoint database with the same password may be on another server, which must know the new one, too.
    shared = settings.checkpoint_url != old and password_of(settings.checkpoint_url) == password_of(old)
    targets = [old, settings.checkpoint_url] if shared else [old]
    changed: list[str] = []
    try:
        for url in targets:
            await _alter(url, new)
            changed.append(replaced_password(url, new))
            await _sign_in(changed[-1])
    except Exception:
        for url in changed:
            await _alter(url, password_of(old))
        raise
    return new


async def _alter(url: str, password: str) -> None:
    """Give the role of a URL a password, in a connection of its own."""
    connection = await network.postgres(url, SECONDS)
    try:
        # No parameter may stand here; a verifier holds no quote.
        await connection.execute(f"alter role current_user password '{scram(password)}'")
    except asyncpg.PostgresError as error:
        raise ProblemError("The database did not take a new password: {why}", why=str(error)) from None
    finally:
        await connection.close(timeout=SECONDS)


async def _sign_in(url: str) -> None:
    connection = await network.postgres(url, SECONDS)
    await connection.close(timeout=SECONDS)


def scram(password: str, salt: bytes | None = None) -> str:
    """The verifier that PostgreSQL keeps of a password of plain ASCII, as it makes it itself.

    RFC 5802, section 3, in the form of pg_authid.rolpassword:
    https://www.postgresql.org/docs/current/catalog-pg-authid.html
    """
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(each).decode() for each in (salt, stored, server)]
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{parts[0]}${parts[1]}:{parts[2]}"


# --- Redis ------------------------------------------------------------------------------------------------------------


async def _redis_password(settings: Settings) -> str:
    from redis.exceptions import ResponseError

    url = settings.redis_url.get_secret_value()
    new = secrets.token_urlsafe(PASSWORD_BYTES)
    digest = hashlib.sha256(new.encode()).hexdigest()
    client: Any = network.redis_client(url)
    fresh: Any = network.redis_client(replaced_password(url, new))
    try:
        user = await client.acl_whoami()
        name = user.decode() if isinstance(user, bytes) else str(user)
        await client.execute_command("ACL", "SETUSER", name, f"#{digest}")
        try:
            await fresh.ping()
        except Exception:
            await client.execute_command("ACL", "SETUSER", name, f"!{digest}")
            raise
    except ResponseError as error:
        raise ProblemError("Redis did not take a new password: {why}", why=str(error)) from None
    finally:
        await client.aclose()
        await fresh.aclose()
    return new
