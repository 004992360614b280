"""A verb whose database or Redis is away says so in one line and exits with 2."""

from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg
import psycopg
import pytest
import redis.asyncio as redis
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.cli.unreachable import unreachable
from app.db import Database
from app.settings import Settings
from tests.functional.privacy_help import zhupi

NOWHERE = "postgresql://nobody:hidden@127.0.0.1:1/none"


@pytest.mark.parametrize(
    "arguments",
    [
        ("list-users",), ("audit",), ("prune", "--dry-run"), ("disable-user", "x", "--yes"),
        ("erase-student", "8C", "1", "--yes"), ("export-student", "8C", "1", "--out", "-"),
    ],
)  # fmt: skip
async def test_verbs_say_it_in_one_line(settings: Settings, arguments: tuple[str, ...]) -> None:
    away = settings.model_copy(update={"database_url": SecretStr(NOWHERE)})
    done = await zhupi(away, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("The database cannot be used: ") and done.stderr.count("\n") == 1, (
        done.stderr
    )
    assert "hidden" not in done.stderr


async def test_what_the_drivers_raise_is_understood(settings: Settings) -> None:
    unknown = urlsplit(settings.postgres_url)._replace(path="/no_such_database").geturl()

    async def by_sqlalchemy(url: str) -> None:
        database = Database(url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=1)
        try:
            async with database.begin() as session:
                await session.execute(text("select 1"))
        finally:
            await database.close()

    async def by_psycopg(url: str) -> None:
        await psycopg.AsyncConnection.connect(url)

    async def by_asyncpg(url: str) -> None:
        await asyncpg.connect(url)

    for connect in (by_sqlalchemy, by_psycopg, by_asyncpg):
        for url in (NOWHERE, unknown):
            with pytest.raises((OSError, SQLAlchemyError, psycopg.Error, asyncpg.PostgresError)) as caught:
                await connect(url)
            assert str(unreachable(caught.value)).startswith("The database cannot be used: "), (connect, url)
    client = redis.Redis.from_url("redis://127.0.0.1:1/0")
    with pytest.raises(redis.ConnectionError) as refused:
        await client.ping()
    await client.aclose()
    assert str(unreachable(refused.value)).startswith("Redis cannot be used: ")


async def test_a_fault_of_ours_stays_one(db: Database) -> None:
    assert unreachable(ValueError("x")) is None and unreachable(FileNotFoundError("x")) is None
    with pytest.raises(SQLAlchemyError) as caught:
        async with db.begin() as session:
            await session.execute(text("select * from no_such_table"))
    assert unreachable(caught.value) is None
