"""What the tests of backups share: another, empty system on the same servers, and making and restoring in a thread."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import select

from app.classes.models import Class
from app.db import Database
from app.papers.models import Paper
from app.settings import Settings
from app.storage import Storage
from app.upkeep.backups import making, restoring
from app.upkeep.backups.making import Made
from app.upkeep.backups.restoring import Restored
from app.upkeep.backups.sealing import Keys, Seal
from app.upkeep.backups.verifying import Checked
from tests import factories
from tests.functional.papers_help import SCHEME


def quiet(done: int, total: int) -> None:
    """No bar."""
    assert 0 <= done <= total


async def back_up(settings: Settings, seal: Seal | None = None, out: Path | None = None) -> Made:
    """A backup of a system."""
    final = making.target(out, settings, encrypted=seal is not None)
    return await asyncio.to_thread(making.make, settings, final, seal, quiet)


async def check(path: Path, scratch: Path, keys: Keys | None = None) -> Checked:
    """An archive, verified."""
    return await asyncio.to_thread(restoring.check, path, keys or Keys(), scratch, quiet)


async def bring_back(
    settings: Settings, path: Path, keys: Keys | None = None, *, into_live: bool = False
) -> Restored:
    """An archive, verified and restored into a system."""
    keys = keys or Keys()
    checked = await check(path, settings.var_dir / "spool", keys)

    def restore() -> Restored:
        return restoring.restore(settings, path, keys, checked, into_live=into_live, progress=quiet)

    return await asyncio.to_thread(restore)


def superuser(settings: Settings) -> psycopg.Connection[Any]:
    """A connection as the throwaway server's superuser."""
    return psycopg.connect(settings.postgres_url, user="postgres", dbname="postgres", autocommit=True)


def other_database(settings: Settings, name: str) -> str:
    """A new empty database that the application's role owns, on the same server; its URL."""
    with superuser(settings) as connection:
        drop_database(connection, name)
        connection.execute(sql.SQL("create database {} owner zhupi").format(sql.Identifier(name)))
    return re.sub(r"/\w+\?", f"/{name}?", settings.postgres_url, count=1)


def drop_database(connection: psycopg.Connection[Any], name: str) -> None:
    """Remove a database with whoever is connected to it."""
    connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def elsewhere(settings: Settings, url: str, var: Path) -> Settings:
    """The settings of another system: another database, another Redis database, another folder."""
    redis_url = settings.redis_url.get_secret_value().replace("db=0", "db=1")
    return settings.model_copy(
        update={"database_url": SecretStr(url), "redis_url": SecretStr(redis_url), "var_dir": var}
    )


def rows_of(settings: Settings) -> dict[str, list[str]]:
    """Every row of every table as JSON text; the audit apart, where the restore writes that it was."""
    with psycopg.connect(settings.postgres_url, autocommit=True) as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "select tablename from pg_tables where schemaname = 'public' and tablename <> 'audit_entries'"
            )
        ]
        return {
            table: [
                row
                for (row,) in connection.execute(
                    sql.SQL("select to_jsonb(t)::text from {} t order by 1").format(sql.Identifier(table))
                )
            ]
            for table in sorted(tables)
        }


async def with_files(settings: Settings, klass: Class, contents: Sequence[bytes]) -> list[str]:
    """Papers with real files in storage; their keys."""
    storage = Storage(settings.uploads, settings.var_dir / "spool")
    database = Database(settings.sqlalchemy_url, pool_size=1)
    keys = []
    async with database.begin() as db:
        assignment = await factories.assignment(db, await db.merge(klass), SCHEME, title="Files")
        for content in contents:
            key = await kept(storage, content)
            digest = key.rpartition("/")[2]
            paper = await factories.paper(
                db, assignment, file_name=f"{digest[:8]}.txt", sha256=digest, storage_key=key
            )
            paper.size = len(content)
            keys.append(key)
    await database.close()
    return keys


async def kept(storage: Storage, content: bytes) -> str:
    """Store a file; its key."""

    async def chunks() -> Any:
        yield content

    path, sha256, _ = await storage.receive(chunks(), 2**30)
    return (await storage.keep(path, sha256)).key


def stored_files(settings: Settings) -> dict[str, bytes]:
    """What lies in a system's folder of uploads."""
    folder = Path(settings.uploads)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/*") if path.is_file()}


async def keys_in(database: Database) -> set[str]:
    """The storage keys that papers refer to."""
    async with database.begin() as db:
        return set(await db.scalars(select(Paper.storage_key)))


def sha256(content: bytes) -> str:
    """In hex."""
    return hashlib.sha256(content).hexdigest()
