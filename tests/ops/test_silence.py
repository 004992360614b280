"""A database or Redis that goes silent without closing anything: pages say so in time, work goes on by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from sqlalchemy import text

from app import network
from app.db import Database
from app.events.bus import Bus
from app.main import create_app
from app.marks import claims, runs
from app.marks.models import RunState
from app.settings import Settings
from app.storage import Storage
from app.worker import Worker
from tests import factories, graded
from tests.conftest import World
from tests.stubs.processes import ModelServer
from tests.stubs.silent_proxy import SilentProxy, postgres_through, socket_of_postgres, socket_of_redis

pytestmark = pytest.mark.ops

# A person waits so long for "The database or Redis is not answering". nginx waits for longer.
SECONDS = 12.0


class Path:
    """The way to both services, which can be cut."""

    def __init__(self, settings: Settings, database: SilentProxy, redis: SilentProxy) -> None:
        self.database, self.redis = database, redis
        urls = {
            "database_url": SecretStr(postgres_through(settings.postgres_url, database.port)),
            "redis_url": SecretStr(f"redis://127.0.0.1:{redis.port}/0"),
        }
        self.settings = settings.model_copy(update=urls)

    def cut(self, *names: str) -> None:
        for name in names:
            getattr(self, name).go_silent()

    def heal(self, *names: str) -> None:
        for name in names:
            getattr(self, name).heal()


@pytest.fixture
async def path(settings: Settings) -> AsyncIterator[Path]:
    async with (
        SilentProxy(socket_of_postgres(settings.postgres_url)) as database,
        SilentProxy(socket_of_redis(settings.redis_url.get_secret_value())) as redis,
    ):
        yield Path(settings, database, redis)


async def timed(client: TestClient, page: str = "/account") -> tuple[int, float]:
    """Status and seconds of a page."""
    began = time.monotonic()
    async with client.get(page, allow_redirects=False) as response:
        await response.read()
    return response.status, time.monotonic() - began


@pytest.mark.parametrize("name", ["database", "redis"])
async def test_pages_say_so_in_time_and_come_back(path: Path, world: World, name: str) -> None:
    async with AsyncExitStack() as stack:
        server = TestServer(create_app(path.settings, grading=False))
        client: TestClient = await stack.enter_async_context(TestClient(server))
        form = {"username": "alice", "password": factories.PASSWORD}
        async with client.post("/sign-in", data=form, allow_redirects=False) as response:
            assert response.status == 303
        # Several connections rest in the pools when it happens.
        assert {status for status, _ in await asyncio.gather(*(timed(client) for _ in range(8)))} == {200}
        await asyncio.sleep(1.2)
        path.cut(name)
        for _ in range(2):
            found = await asyncio.gather(*(timed(client) for _ in range(4)))
            assert {status for status, _ in found} == {503}
            assert max(seconds for _, seconds in found) < SECONDS
            assert (await timed(client, "/health/live"))[1] < 1
            assert (await timed(client, "/health/ready"))[0] == 503
        path.heal(name)
        found = [await timed(client) for _ in range(3)]
        assert [status for status, _ in found] == [200, 200, 200]
        assert max(seconds for _, seconds in found) < SECONDS
        found = await asyncio.gather(*(timed(client) for _ in range(20)))
        assert {status for status, _ in found} == {200}
        assert max(seconds for _, seconds in found) < 4


async def test_a_statement_under_way_ends_and_its_connection_with_it(path: Path, world: World) -> None:
    database = Database(path.settings.sqlalchemy_url, pool_size=2, command_seconds=1.0)
    try:
        async with database.begin() as db:
            assert await factories.user(db, "dora")
        with pytest.raises(TimeoutError):
            async with database.begin() as db:
                await factories.user(db, "eve")
                path.cut("database")
                began = time.monotonic()
                await factories.user(db, "fay")
        # One limit, not one for the statement and one more for its rollback.
        assert time.monotonic() - began < 1.9
        path.heal("database")
        async with database.begin() as db:
            # Not "eve": the server still holds that one for the silent client, until its keepalive ends it.
            assert await factories.user(db, "gus")
    finally:
        await database.close()


async def test_an_abandoned_transaction_gives_its_locks_back(
    path: Path, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cut falls between a lock and its commit: everybody else would wait for ever for that row."""
    lock = text("select pg_advisory_xact_lock(4711)")
    async with db.begin() as session:
        shown = await session.scalar(text("show idle_in_transaction_session_timeout"))
    assert shown == f"{network.ABANDONED_SECONDS}s"
    monkeypatch.setitem(network.SERVER_SETTINGS, "idle_in_transaction_session_timeout", "1s")
    database = Database(path.settings.sqlalchemy_url, command_seconds=0.5)
    try:
        with pytest.raises(TimeoutError):
            async with database.begin() as session:
                await session.execute(lock)
                path.cut("database")
                await session.execute(text("select 1"))
        path.heal("database")
        async with asyncio.timeout(10), db.begin() as session:
            await session.execute(lock)
    finally:
        await database.close()


async def test_a_run_goes_on_by_itself(path: Path, world: World, db: Database) -> None:
    """`db` looks on without the proxy."""
    with ModelServer(latency=0.2) as model:
        settings = path.settings.model_copy(
            update={
                "llm_provider": "custom",
                "llm_base_url": model.url,
                "llm_model": "stub",
                "max_parallel_workers": 4,
            }
        )
        database = Database(settings.sqlalchemy_url)
        bus = Bus(settings.redis_url.get_secret_value())
        worker = Worker(settings, database, bus, Storage(settings.uploads, settings.var_dir / "spool"))
        await worker.start()
        try:
            async with db.begin() as session:
                assignment, _ = await graded.assignment(session, world.klass, 6, 4, "model")
                fresh = await claims.assignment_of(session, assignment.id)
                assert fresh is not None
                run = await runs.start(session, fresh, world.alice, model="stub")

            async def some() -> bool:
                return (await graded.progress_of(db, run.id)).done >= 4

            async def finished() -> bool:
                return (await graded.run_of(db, run.id)).state == RunState.FINISHED

            await graded.until(some, 30)
            path.cut("database", "redis")
            await asyncio.sleep(3)
            path.heal("database", "redis")
            await graded.until(finished, 60)
            assert (await graded.progress_of(db, run.id)).done == 24
            assert model.paid_again() == []
        finally:
            await worker.stop()
            await bus.close()
            await database.close()


async def test_open_streams_take_a_snapshot_when_redis_is_back(path: Path) -> None:
    bus = Bus(path.settings.redis_url.get_secret_value())
    await bus.start()
    try:
        async with bus.subscribe(1, "0-0") as page:
            await asyncio.sleep(0.2)
            path.cut("redis")
            await asyncio.sleep(1)
            path.heal("redis")
            entries = await page.next(20)
            assert entries is not None and entries[-1].event is None
    finally:
        await bus.close()
