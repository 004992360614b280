"""Bring the database to the shape this version needs: our tables, LangGraph's checkpoints, PgQueuer's queue.

A marker in the database says what it was migrated by. Where that is this version, nothing is done and nothing of what
migrating imports (alembic, LangGraph, PgQueuer: a second or more) is loaded.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from alembic.config import Config

    from app.settings import Settings

MIGRATIONS = Path(__file__).parent.parent / "migrations"
# One number for every process that migrates this database: a second one waits until the first has ended.
LOCK = 0x7A68_7570_69
WAIT_SECONDS = 0.1
# They bring tables of their own, which a new version may change.
LIBRARIES = ("langgraph-checkpoint-postgres", "pgqueuer")


def config(sqlalchemy_url: str) -> Config:
    """Alembic's configuration, made here so that no ini file has to be found."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes["url"] = sqlalchemy_url
    return made


def upgrade(settings: Settings) -> None:
    """Migrate to the newest version. Safe to call from several processes at once and again when up to date."""
    with psycopg.connect(settings.postgres_url, autocommit=True) as connection:
        _take_lock(connection)
        wanted = Marker.of_this_version()
        if wanted.stands_in(connection):
            return
        _tables(settings)
        _checkpoints(settings)
        asyncio.run(_queue(settings))
        wanted.put_into(connection)


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
    """What a database was migrated by: the newest revision's id, and a digest of all that takes part in it."""

    revision: str
    fingerprint: str

    @classmethod
    def of_this_version(cls) -> Marker:
        """The marker of the scripts and libraries that are installed here."""
        digest, newest = hashlib.sha256(), ""
        for library in LIBRARIES:
            digest.update(f"{library} {version(library)}\n".encode())
        for script in sorted((MIGRATIONS / "versions").glob("*.py")):
            # A script's name begins with the id of its revision; ids grow.
            newest = script.stem.partition("_")[0]
            digest.update(f"{script.name}\n".encode() + script.read_bytes())
        return cls(newest, digest.hexdigest())

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
            connection.execute("delete from schema_marker")
            connection.execute(
                "insert into schema_marker (revision, fingerprint) values (%s, %s)",
                (self.revision, self.fingerprint),
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
