"""Jobs: in the caller's transaction, once, and taken by a consumer that does not give up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from app import jobs
from app.db import Database
from app.jobs import Again, Consumer, Job, Taken
from app.settings import Settings
from tests import graded


async def waiting(db: Database) -> int:
    async with db.begin() as session:
        return int(await session.scalar(text("select count(*) from pgqueuer")) or 0)


async def empty(db: Database) -> bool:
    return await waiting(db) == 0


@asynccontextmanager
async def consuming(settings: Settings, handler: jobs.Handler, at_once: int = 4) -> AsyncIterator[Consumer]:
    consumer = Consumer(settings.postgres_url, "test", handler, at_once)
    task = asyncio.create_task(consumer.run())
    try:
        yield consumer
    finally:
        consumer.stop()
        await asyncio.wait_for(task, 10)


async def test_a_rollback_takes_its_jobs_along(db: Database) -> None:
    class OopsError(Exception):
        pass

    with pytest.raises(OopsError):
        async with db.begin() as session:
            await jobs.enqueue(session, "test", [Job({"a": 1}, "a")])
            raise OopsError
    assert await waiting(db) == 0
    async with db.begin() as session:
        await jobs.enqueue(session, "test", [Job({"a": 1}, "a")])
        assert await waiting(db) == 0
    assert await waiting(db) == 1


async def test_a_double_click_enqueues_once(db: Database) -> None:
    for _ in range(2):
        async with db.begin() as session:
            await jobs.enqueue_read(session, 1, 2)
            await jobs.enqueue_grading(session, 5, 0, [1, 2])
    assert await waiting(db) == 4
    async with db.begin() as session:
        await jobs.enqueue_grading(session, 5, 1, [1])
        await jobs.enqueue(session, "test", [])
    assert await waiting(db) == 5


async def test_jobs_are_done_several_at_once_and_leave_the_queue(db: Database, settings: Settings) -> None:
    seen: list[int] = []
    together = 0
    most = 0

    async def handle(taken: Taken) -> None:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await asyncio.sleep(0.05)
        together -= 1
        seen.append(taken.payload["n"])

    async with consuming(settings, handle):
        async with db.begin() as session:
            await jobs.enqueue(session, "test", [Job({"n": n}, f"k{n}") for n in range(12)])
            await jobs.enqueue(session, "other", [Job({}, "other")])
        await graded.until(lambda: _only_one_left(db))
    assert sorted(seen) == list(range(12)) and 2 <= most <= 4


async def _only_one_left(db: Database) -> bool:
    return await waiting(db) == 1


async def test_again_puts_a_job_back_at_once(db: Database, settings: Settings) -> None:
    attempts: list[int] = []

    async def handle(taken: Taken) -> None:
        attempts.append(taken.attempts)
        if len(attempts) < 3:
            raise Again

    async with db.begin() as session:
        await jobs.enqueue(session, "test", [Job({}, "k")])
    async with consuming(settings, handle):
        await graded.until(lambda: empty(db))
    assert attempts == [0, 1, 2]


async def test_a_handler_that_fails_ends_its_job_only(db: Database, settings: Settings) -> None:
    done: list[int] = []

    async def handle(taken: Taken) -> None:
        if taken.payload["n"] == 0:
            raise ValueError("a fault")
        done.append(taken.payload["n"])

    async with db.begin() as session:
        await jobs.enqueue(session, "test", [Job({"n": n}, f"k{n}") for n in range(3)])
    async with consuming(settings, handle):
        await graded.until(lambda: empty(db))
    assert sorted(done) == [1, 2]


async def test_a_lost_connection_is_made_anew(db: Database, settings: Settings) -> None:
    done: list[int] = []
    slow = asyncio.Event()

    async def handle(taken: Taken) -> None:
        if taken.payload["n"] == 0:
            await slow.wait()
        done.append(taken.payload["n"])

    async with consuming(settings, handle):
        for number in range(4):
            async with db.begin() as session:
                await jobs.enqueue(session, "test", [Job({"n": number}, f"k{number}")])
            await asyncio.sleep(0.1)
            await _cut(db)
        slow.set()
        await graded.until(lambda: empty(db))
    assert sorted(done) == [0, 1, 2, 3]


async def _cut(db: Database) -> None:
    """End every other connection to the database, as a restart does."""
    async with db.begin() as session:
        await session.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where pid <> pg_backend_pid() and backend_type = 'client backend' and application_name = ''"
            )
        )


async def test_stopping_waits_for_what_is_under_way(db: Database, settings: Settings) -> None:
    began, done = asyncio.Event(), asyncio.Event()

    async def handle(taken: Taken) -> None:
        began.set()
        await asyncio.sleep(0.3)
        done.set()

    async with db.begin() as session:
        await jobs.enqueue(session, "test", [Job({}, "k")])
    async with consuming(settings, handle):
        await asyncio.wait_for(began.wait(), 10)
    assert done.is_set() and await waiting(db) == 0


@pytest.mark.parametrize("seconds", [0.0, 0.1])
async def test_a_consumer_without_database_stops_at_once(seconds: float) -> None:
    async def handle(taken: Taken) -> None:
        raise AssertionError

    consumer = Consumer("postgresql://nobody@127.0.0.1:1/none", "test", handle, 2)
    task = asyncio.create_task(consumer.run())
    await asyncio.sleep(seconds)
    consumer.stop()
    await asyncio.wait_for(task, 5)
