"""PostgreSQL ends a session and says so, and the next statement comes while its socket is still open.

On the way through a proxy that moment lasts as long as the test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from app.db import Database
from app.settings import Settings
from app.worker.patience import is_away
from tests.stubs.silent_proxy import SilentProxy, postgres_through, socket_of_postgres


class LingeringProxy(SilentProxy):
    """Passes everything on but the end: the client's connection stays open when the server has closed its own."""

    async def _pump(
        self, source: asyncio.StreamReader, drain: asyncio.StreamWriter, passing: asyncio.Event
    ) -> None:
        while data := await source.read(65536):
            drain.write(data)
            await drain.drain()
        await asyncio.Event().wait()


@pytest.fixture
async def lingering(settings: Settings) -> AsyncIterator[Database]:
    async with LingeringProxy(socket_of_postgres(settings.postgres_url)) as proxy:
        database = Database(
            postgres_through(settings.postgres_url, proxy.port), pool_size=1, command_seconds=2.0
        )
        yield database
        await asyncio.wait_for(database.close(), 10)


async def pid_of(database: Database) -> int:
    async with database.begin() as session:
        return int(await session.scalar(text("select pg_backend_pid()")) or 0)


async def end(db: Database, pid: int) -> None:
    async with db.begin() as session:
        await session.execute(text("select pg_terminate_backend(:pid, 2000)"), {"pid": pid})
    await asyncio.sleep(0.05)  # for its last words to arrive


async def test_under_way_it_is_an_outage(lingering: Database, db: Database) -> None:
    pid = await pid_of(lingering)
    with pytest.raises(Exception) as caught:
        async with lingering.begin() as session:
            await session.execute(text("select 1"))
            await end(db, pid)
            for _ in range(3):
                await session.execute(text("select 1"))
    assert is_away(caught.value), repr(caught.value)
    # The connection did not go back to the pool.
    assert await pid_of(lingering) != pid


async def test_at_rest_nobody_notices(lingering: Database, db: Database) -> None:
    pid = await pid_of(lingering)
    await end(db, pid)
    assert await pid_of(lingering) != pid
