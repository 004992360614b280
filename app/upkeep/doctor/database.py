"""PostgreSQL: whether it answers, is new enough, migrated, careful with data, and has room."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from app.i18n import Text
from app.migrate import Marker
from app.settings import Settings
from app.upkeep.doctor.clock import skew
from app.upkeep.doctor.findings import Finding, megabytes, ok, problem, warning
from app.upkeep.doctor.limits import resolve

SECONDS = 4.0
OLDEST = 150_000  # server_version_num: 15.0
FEWEST_FREE = 10  # connections; one more server process takes up to twenty

_FACTS = """
    select current_setting('server_version_num')::int as version,
        current_setting('server_version') as version_text,
        extract(epoch from clock_timestamp())::double precision as now,
        pg_database_size(current_database()) as size,
        current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int as places,
        (select count(*) from pg_stat_activity where backend_type = 'client backend') as taken,
        pg_is_in_recovery() as standby,
        current_setting('fsync') as fsync,
        current_setting('full_page_writes') as full_page_writes,
        current_setting('data_checksums') as checksums
"""


@dataclass(frozen=True, slots=True)
class Migrated:
    """A database's revision, and of its marker the digest and the oldest version's revision that works there."""

    revision: str
    fingerprint: str | None
    oldest: str | None


async def check(settings: Settings) -> list[Finding]:
    """Connect once, ask once, and judge."""
    try:
        connection = await connect(settings)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        return [refused(settings, error)]
    try:
        before = time.time()
        facts = await connection.fetchrow(_FACTS)
        after = time.time()
        return [
            _reached(settings, facts),
            _migrated(await _marker(connection)),
            skew("clock.database", facts["now"] - (before + after) / 2, str(Text("the database"))),
            _connections(facts["places"], facts["taken"]),
            *_careful(settings, facts),
        ]
    except (TimeoutError, OSError, asyncpg.PostgresError) as error:
        return [
            problem(
                "database",
                Text("PostgreSQL took the connection and then did not answer ({error}).", _named(error)),
                Text("It is overloaded, frozen, or its disk is full: look at its log and its disk."),
            )
        ]
    finally:
        connection.terminate()  # a frozen server would never answer a goodbye


async def connect(settings: Settings) -> asyncpg.Connection:
    """A connection of its own, every step of which is limited in time."""
    await resolve(settings.postgres_url)
    async with asyncio.timeout(SECONDS):
        return await asyncpg.connect(settings.postgres_url, timeout=SECONDS, command_timeout=SECONDS)


def place_of(url: str) -> str:
    """Host and port of an address, without its password; the folder of a socket."""
    parts = urlsplit(url)
    return (
        parts.netloc.rpartition("@")[2] or parts.query.partition("host=")[2].partition("&")[0] or parts.path
    )


def refused(settings: Settings, error: Exception) -> Finding:
    """Why there is no connection, and what to do about it."""
    place = {"place": place_of(settings.postgres_url)}
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError | asyncpg.InvalidPasswordError):
        text = Text("PostgreSQL at {place} refuses user or password.", place)
        advice = Text(
            "The secret was changed on one side only. Give the database's role the password of the secret again."
        )
    elif isinstance(error, asyncpg.InvalidCatalogNameError):
        text = Text("PostgreSQL at {place} has no database of this name.", place)
        advice = Text("Compare the end of DATABASE_URL; a fresh volume has to be set up first.")
    elif isinstance(error, asyncpg.CannotConnectNowError):
        text = Text("PostgreSQL at {place} is starting, stopping or recovering.", place)
        advice = Text("Wait a minute and ask again; if it stays so, its log says why.")
    elif isinstance(error, asyncpg.TooManyConnectionsError):
        text = Text("PostgreSQL at {place} has no connection left.", place)
        advice = Text("Stop what holds them, or raise max_connections and restart it.")
    elif isinstance(error, socket.gaierror):
        text = Text("Nobody knows the host of {place}.", place)
        advice = Text("Its container does not run, or the name in DATABASE_URL is wrong.")
    elif isinstance(error, TimeoutError):
        text = Text("PostgreSQL at {place} does not answer.", place)
        advice = Text("It is stopped, frozen or overloaded, or a firewall swallows the packets.")
    else:
        text = Text("PostgreSQL at {place} cannot be reached ({error}).", {**place, **_named(error)})
        advice = Text("Is it running? Its log says why not; pages answer 503 meanwhile and nothing is lost.")
    return problem("database", text, advice)


def _named(error: Exception) -> dict[str, str]:
    return {"error": type(error).__name__}


def _reached(settings: Settings, facts: Any) -> Finding:
    values = {"place": place_of(settings.postgres_url), "version": facts["version_text"]}
    figures = {"version": facts["version"], "bytes": facts["size"]}
    if facts["version"] < OLDEST:
        return problem(
            "database",
            Text("PostgreSQL {version} at {place} is too old; 15 or newer is needed.", values),
            Text("Back up, and restore into a newer PostgreSQL."),
            **figures,
        )
    if facts["standby"]:
        return problem(
            "database",
            Text("PostgreSQL at {place} is a standby: it takes no changes.", values),
            Text("Point DATABASE_URL at the primary, or promote this one."),
            **figures,
        )
    size = {"size": megabytes(facts["size"])}
    return ok("database", Text("PostgreSQL {version} at {place} answers; {size}.", values | size), **figures)


async def _marker(connection: asyncpg.Connection) -> Migrated | None:
    """What the database was migrated by; None when it never was."""
    try:
        row = await connection.fetchrow(
            # `oldest` through JSON: the column is not there where an older version made the table.
            "select a.version_num as revision, m.fingerprint, to_jsonb(m) ->> 'oldest' as oldest"
            " from alembic_version a left join schema_marker m on m.revision = a.version_num"
        )
    except asyncpg.UndefinedTableError:
        return None
    return Migrated(*row) if row is not None else None


def _migrated(found: Migrated | None) -> Finding:
    """As app.migrate judges it, which looks through a connection of another kind."""
    wanted = Marker.of_this_version()
    facts = {"revision": found.revision if found else None}
    if found is not None and (found.revision, found.fingerprint) == (wanted.revision, wanted.fingerprint):
        return ok("database.migrated", Text("Its tables are those of this version."), **facts)
    if found is None or found.revision <= wanted.revision:
        return problem(
            "database.migrated",
            Text("Its tables are not those of this version yet."),
            Text("Run zhupi migrate, then start the server again."),
            **facts,
        )
    if found.oldest is not None and wanted.revision >= found.oldest:
        text = Text(
            "Its tables are of a newer version ({revision}), on which this one works.",
            {"revision": found.revision},
        )
        return ok("database.migrated", text, **facts)
    return problem(
        "database.migrated",
        Text("Its tables are of a newer version ({revision}).", {"revision": found.revision}),
        Text("Run the release that made them, or restore the backup of before the upgrade."),
        **facts,
    )


def _connections(places: int, taken: int) -> Finding:
    values = {"free": max(0, places - taken), "places": places}
    if places - taken < FEWEST_FREE:
        return warning(
            "database.connections",
            Text("Only {free} of {places} connections are free.", values),
            Text("Raise max_connections, or run fewer server and worker processes."),
            **values,
        )
    return ok("database.connections", Text("{free} of {places} connections are free.", values), **values)


def _careful(settings: Settings, facts: Any) -> list[Finding]:
    """What PostgreSQL was told not to do for the safety of data."""
    off = [name for name in ("fsync", "full_page_writes") if facts[name] != "on"]
    if off:
        text = Text(
            "PostgreSQL runs with {names} off: a power cut destroys the database.", {"names": ", ".join(off)}
        )
        return [problem("database.durability", text, Text("Switch it on, and take a backup first."))]
    if settings.production and facts["checksums"] != "on":
        return [
            warning(
                "database.durability",
                Text("Data checksums are off: a failing disk is not noticed."),
                Text("Stop PostgreSQL and run pg_checksums --enable, or restore into a new volume."),
            )
        ]
    return [ok("database.durability", Text("PostgreSQL writes safely."))]
