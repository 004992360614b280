"""One moment of the database, held while it is copied, and no removal of files meanwhile.

The lock is a session's advisory lock: a killed backup lets go of it by itself. It is taken before the moment, so that
a removal that was under way has ended and what this moment refers to is in storage until the copy is made (uploads
store the file before they commit its row). See `app/papers/files.py`, whose removal leaves off while the lock is held.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from app.i18n import ProblemError
from app.papers.files import BACKUP_LOCK

Connection = psycopg.Connection[tuple[Any, ...]]

CHECKPOINT_TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes", "checkpoint_migrations")
CONNECT_SECONDS = 10
KEYS_AT_ONCE = 2000
# Every column that names a file in storage, as `app.papers.files.HOLDERS`; a database may be older than some of them.
HOLDERS = (
    ("papers", "storage_key"),
    ("paper_pages", "source_key"),
    ("paper_pages", "image_key"),
    ("paper_pages", "thumb_key"),
    ("sent_images", "image_key"),
)
# Bytes of a file whose row does not know them, for the progress and the room: a page's picture is 120 kB, half of them
# are thumbnails.
GUESSED_SIZE = 65_536
LOCK_WAIT = "15s"  # for removals of files, which hold it for milliseconds


class BackupError(ProblemError):
    """A backup that cannot be made now."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a moment of a database is: the server's major version, its tables' rows, its bytes on disk."""

    server: int
    counts: dict[str, int]
    bytes: int
    schema: dict[str, str] | None

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        return {"server": self.server, "schema": self.schema, "counts": self.counts, "bytes": self.bytes}


class Snapshot:
    """A transaction that sees one moment; `id` lets `pg_dump` see the same."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.id = str(_one(connection, "select pg_export_snapshot()"))

    def facts(self) -> Facts:
        """Count everything, as of the moment."""
        tables = [
            str(name)
            for (name,) in self.connection.execute(
                "select relname from pg_class where relnamespace = 'public'::regnamespace"
                " and relkind in ('r', 'p') and not relispartition order by relname"
            )
        ]
        counts = {
            name: int(
                _one(self.connection, sql.SQL("select count(*) from public.{}").format(sql.Identifier(name)))
            )
            for name in tables
        }
        schema = None
        if "schema_marker" in tables:
            row = self.connection.execute("select revision, fingerprint from schema_marker").fetchone()
            schema = {"revision": str(row[0]), "fingerprint": str(row[1])} if row else None
        size = int(_one(self.connection, "select pg_database_size(current_database())"))
        return Facts(server_of(self.connection), counts, size, schema)

    def uploads(self) -> tuple[int, int]:
        """How many stored files papers, pages and the ledger have, and their bytes, as far as rows know them."""
        query = sql.SQL(
            "select count(*), coalesce(sum(coalesce(size, {guess})), 0) from"
            " (select max(size) as size from ({keys}) held group by key) files"
        ).format(guess=sql.Literal(GUESSED_SIZE), keys=self._held())
        row = self.connection.execute(query).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def storage_keys(self) -> Iterator[str]:
        """The storage keys that anything refers to, each once, in order, a few at a time."""
        with self.connection.cursor("uploads") as cursor:
            cursor.itersize = KEYS_AT_ONCE
            cursor.execute(sql.SQL("select distinct key from ({}) held order by key").format(self._held()))
            for (key,) in cursor:
                yield str(key)

    def _held(self) -> sql.Composed:
        """(key, size or null) of every file that is referred to."""
        known = self.connection.execute(
            "select table_name, column_name from information_schema.columns where table_schema = 'public'"
        ).fetchall()
        return sql.SQL(" union all ").join(
            sql.SQL(
                "select {column}::text as key, {size} as size from public.{table} where {column} is not null"
            ).format(
                column=sql.Identifier(column),
                table=sql.Identifier(table),
                size=sql.SQL("size") if (table, "size") in known else sql.SQL("null::bigint"),
            )
            for table, column in HOLDERS
            if (table, column) in known
        )

    def still_held(self) -> None:
        """Raise BackupError when the database went away meanwhile, and the lock with it."""
        try:
            self.connection.execute("select 1")
        except psycopg.Error:
            raise gone() from None


@contextmanager
def snapshot(url: str, *, lock: bool) -> Iterator[Snapshot]:
    """A moment of the database of `url`; with `lock`, removal of files and other backups wait.

    Raises BackupError when another backup runs or the database does not answer.
    """
    with connected(url) as connection:
        if lock:
            take_lock(connection)
        # These would end a transaction that waits for a long copy.
        connection.execute("set idle_in_transaction_session_timeout = 0")
        connection.execute("set statement_timeout = 0")
        if server_of(connection) >= 17:
            connection.execute("set transaction_timeout = 0")
        connection.execute("begin isolation level repeatable read, read only")
        yield Snapshot(connection)


@contextmanager
def connected(url: str, application: str = "zhupi backup") -> Iterator[Connection]:
    """A connection that commits by itself. Raises BackupError where it cannot be made or is lost."""
    try:
        connection = psycopg.connect(
            url, autocommit=True, application_name=application, connect_timeout=CONNECT_SECONDS
        )
    except psycopg.Error as error:
        why = str(error).strip().splitlines()
        raise BackupError("The database does not answer: {why}", why=why[0] if why else "") from None
    try:
        yield connection
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise gone() from None
    finally:
        connection.close()


def take_lock(connection: Connection) -> None:
    """Hold the lock of backups until the connection is closed. Raises BackupError when another has it.

    Removals hold it shared, for milliseconds: those are waited for.
    """
    connection.execute("select set_config('lock_timeout', %s, false)", (LOCK_WAIT,))
    try:
        connection.execute("select pg_advisory_lock(%s)", (BACKUP_LOCK,))
    except psycopg.errors.LockNotAvailable:
        raise BackupError("Another backup or restore is running on this database.") from None
    connection.execute("set lock_timeout = 0")


def gone() -> BackupError:
    """The error for a database that went away in the middle."""
    return BackupError("The database went away meanwhile; try again when it answers.")


def server_of(connection: Connection) -> int:
    """The server's major version."""
    return connection.info.server_version // 10_000


def same_database(one: Connection, other: Connection) -> bool:
    """Whether two connections lead to one database, however their addresses are written."""
    asked = "select pg_postmaster_start_time(), oid from pg_database where datname = current_database()"
    return one.execute(asked).fetchone() == other.execute(asked).fetchone()


def _one(connection: Connection, query: Any) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
