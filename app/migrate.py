"""Bring the database to the shape this version needs: our tables, LangGraph's checkpoints, PgQueuer's queue.

A marker in the database says what it was migrated by. Where that is this version, nothing is done and nothing of what
migrating imports (alembic, LangGraph, PgQueuer: a second or more) is loaded. Where it is a newer one on which this
version works, the database is left as it is: that is how one goes back (docs/migrations.md).
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import time
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from app.i18n import ProblemError

if TYPE_CHECKING:
    from alembic.config import Config

    from app.settings import Settings

MIGRATIONS = Path(__file__).parent.parent / "migrations"
# One number for every process that migrates this database: a second one waits until the first has ended.
LOCK = 0x7A68_7570_69
WAIT_SECONDS = 0.1
# They bring tables of their own, which a new version may change.
LIBRARIES = ("langgraph-checkpoint-postgres", "pgqueuer")
# In a script that takes something away: the newest revision that the oldest version has which still works after it.
WORKS_FROM = re.compile(rb'^works_from(?:: str)? = "(\w+)"', re.MULTILINE)


class State(StrEnum):
    """How a database stands to this version: behind it, at it, or migrated by a newer one that it works beside."""

    BEHIND = "behind"
    CURRENT = "current"
    NEWER = "newer"


def config(sqlalchemy_url: str) -> Config:
    """Alembic's configuration, made here so that no ini file has to be found."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes["url"] = sqlalchemy_url
    return made


def upgrade(settings: Settings) -> State:
    """Migrate to the newest version. Safe to call from several processes at once and again when up to date.

    Returns what was found: only where it is BEHIND, something was done. Raises ProblemError, and changes nothing, for a
    database of a newer version that this one does not work on.
    """
    with psycopg.connect(settings.postgres_url, autocommit=True) as connection:
        _take_lock(connection)
        wanted = Marker.of_this_version()
        found = _state(connection, wanted)
        if found is State.BEHIND:
            _tables(settings)
            _checkpoints(settings)
            asyncio.run(_queue(settings))
            wanted.put_into(connection)
        elif settings.checkpoint_url != settings.postgres_url:
            # A database of its own, which this marker knows nothing of: it may be new, or from before.
            _checkpoints(settings)
        return found


def look(settings: Settings) -> State:
    """How the database stands to this version; changes nothing, waits for nobody. Raises ProblemError as `upgrade`."""
    with psycopg.connect(settings.postgres_url, autocommit=True) as connection:
        return _state(connection, Marker.of_this_version())


def sql(settings: Settings) -> str:
    """The SQL that `upgrade` would run on the tables of ours, to be read; "" where there is none to run.

    The tables of the checkpoints and of the queue are their libraries' own, and not in it.
    """
    from alembic import command

    if look(settings) is not State.BEHIND:
        return ""
    with psycopg.connect(settings.postgres_url, autocommit=True) as connection:
        current = _revision(connection)
    if current == Marker.of_this_version().revision:
        return ""
    made = config(settings.sqlalchemy_url.replace("+asyncpg", "+psycopg"))
    made.output_buffer = io.StringIO()
    command.upgrade(made, f"{current or 'base'}:head", sql=True)
    return made.output_buffer.getvalue()


def _state(connection: psycopg.Connection[Any], wanted: Marker) -> State:
    if wanted.stands_in(connection):
        return State.CURRENT
    revision = _revision(connection)
    if revision <= wanted.revision:
        return State.BEHIND
    oldest = _oldest(connection, revision)
    if oldest is None or wanted.revision < oldest:
        raise ProblemError(
            "The database was migrated by a newer version (to {revision}); this one (at {own}) does not work on it. "
            "Start the newer version again, or restore a backup of this one.",
            revision=revision,
            own=wanted.revision,
        )
    return State.NEWER


def _revision(connection: psycopg.Connection[Any]) -> str:
    """The revision that a database is at, "" when it was never migrated."""
    try:
        row = connection.execute("select version_num from alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        return ""
    return str(row[0]) if row else ""


def _oldest(connection: psycopg.Connection[Any], revision: str) -> str | None:
    """The oldest version's revision that works on a database at `revision`; None when nobody has said so.

    Nobody has when the newer version broke off before it put its marker there.
    """
    try:
        # Through JSON: the column is not there where an older version made the table.
        row = connection.execute(
            "select to_jsonb(m) ->> 'oldest' from schema_marker m where m.revision = %s", (revision,)
        ).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return row[0] if row else None


def _take_lock(connection: psycopg.Connection[Any]) -> None:
    """Hold the lock until the connection is closed; wait for whoever has it.

    By asking now and then: a statement that waits for the lock holds a snapshot, and LangGraph's `create index
    concurrently` in the process that has the lock would wait for that in turn, for ever.
    """
    while not _got(connection.execute("select pg_try_advisory_lock(%s)", (LOCK,)).fetchone()):
        time.sleep(WAIT_SECONDS)


def _got(row: tuple[Any, ...] | None) -> bool:
    return row is not None and bool(row[0])


@dataclass(frozen=True, slots=True)
class Marker:
    """What a database was migrated by: the newest revision's id, and a digest of all that takes part in it.

    `oldest` is the newest revision of the oldest version that still works on it, "" when every one does.
    """

    revision: str
    fingerprint: str
    oldest: str = ""

    @classmethod
    def of_this_version(cls) -> Marker:
        """The marker of the scripts and libraries that are installed here."""
        digest, newest, oldest = hashlib.sha256(), "", ""
        for library in LIBRARIES:
            digest.update(f"{library} {version(library)}\n".encode())
        for script in sorted((MIGRATIONS / "versions").glob("*.py")):
            # A script's name begins with the id of its revision; ids grow.
            newest = script.stem.partition("_")[0]
            content = script.read_bytes()
            digest.update(f"{script.name}\n".encode() + content)
            oldest = max([oldest, *(found.decode() for found in WORKS_FROM.findall(content))])
        return cls(newest, digest.hexdigest(), oldest)

    def stands_in(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether a database has this marker, and alembic agrees that it is at its revision."""
        try:
            found = connection.execute(
                "select from schema_marker m join alembic_version a on a.version_num = m.revision"
                " where m.revision = %s and m.fingerprint = %s",
                (self.revision, self.fingerprint),
            )
        except psycopg.errors.UndefinedTable:
            return False
        return found.fetchone() is not None

    def put_into(self, connection: psycopg.Connection[Any]) -> None:
        """Make this the one marker of a database."""
        with connection.transaction():
            connection.execute(
                "create table if not exists schema_marker (revision text not null, fingerprint text not null)"
            )
            connection.execute(
                "alter table schema_marker add column if not exists oldest text not null default ''"
            )
            connection.execute("delete from schema_marker")
            connection.execute(
                "insert into schema_marker (revision, fingerprint, oldest) values (%s, %s, %s)",
                (self.revision, self.fingerprint, self.oldest),
            )


def _tables(settings: Settings) -> None:
    from alembic import command

    command.upgrade(config(settings.sqlalchemy_url.replace("+asyncpg", "+psycopg")), "head")


def _checkpoints(settings: Settings) -> None:
    from langgraph.checkpoint.postgres import PostgresSaver

    with PostgresSaver.from_conn_string(settings.checkpoint_url) as saver:
        saver.setup()


async def _queue(settings: Settings) -> None:
    import asyncpg
    from pgqueuer.queries import Queries

    connection = await asyncpg.connect(settings.postgres_url)
    try:
        queries = Queries.from_asyncpg_connection(connection)
        if await queries.schema_is_installed():
            await queries.upgrade()
        else:
            await queries.install()
    finally:
        await connection.close()
