"""What of a paper lies outside our own tables: jobs, checkpoints, a model's kept answers, events, roster drafts.

All of it is found by the paper's id. It may come anew while a worker still has the paper in its hands; who wants it
gone asks `at_work` and removes it again afterwards.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress
from typing import Any

import orjson
import psycopg
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app import network
from app.events.bus import key_of
from app.events.schema import unpack

BATCH = 500
# Threads are called "run:paper" (app.worker.service.thread_of).
_THREADS = ("checkpoint_writes", "checkpoint_blobs", "checkpoints")

_PAPER = "(convert_from(payload, 'UTF8')::jsonb ->> 'paper_id')::bigint"
_JOBS = f"entrypoint in ('grade', 'read') and {_PAPER} = any(cast(:papers as bigint[]))"
_WITHDRAW = text(f"delete from pgqueuer where {_JOBS} and status <> 'picked' returning id")  # noqa: S608 - constants
# A living worker's heart beats every few seconds (app.jobs.HEARTBEAT).
_ALIVE = "heartbeat > now() - interval '30 seconds'"
_AT_WORK = text(f"select id from pgqueuer where {_JOBS} and status = 'picked' and {_ALIVE}")  # noqa: S608 - constants


async def withdraw_jobs(session: AsyncSession, papers: Collection[int]) -> int:
    """Take jobs about papers out of the queue that nobody has begun; how many."""
    return len((await session.execute(_WITHDRAW, {"papers": list(papers)})).all())


async def at_work(session: AsyncSession, papers: Collection[int]) -> int:
    """How many jobs about papers are in the hands of a worker that lives."""
    return len((await session.execute(_AT_WORK, {"papers": list(papers)})).all())


async def forget_job_log(session: AsyncSession, jobs: Collection[int]) -> None:
    """Remove the queue's own log of jobs: it can hold the text of an error."""
    await session.execute(
        text("delete from pgqueuer_log where job_id = any(cast(:jobs as bigint[]))"), {"jobs": list(jobs)}
    )


async def threads(url: str, papers: Collection[int] | None = None) -> list[str]:
    """The names of checkpoint threads, of some papers or all. `url` is the checkpoints' database (psycopg)."""
    condition = "" if papers is None else " where split_part(thread_id, ':', 2) = any(%s)"
    query = " union ".join(f"select thread_id from {table}{condition}" for table in _THREADS)  # noqa: S608
    values = [] if papers is None else [[str(each) for each in papers]] * len(_THREADS)
    async with await psycopg.AsyncConnection.connect(url, **network.LIBPQ) as connection:
        cursor = await connection.execute(query.encode(), values)
        return [str(row[0]) for row in await cursor.fetchall()]


async def forget_threads(url: str, names: Sequence[str]) -> None:
    """Remove checkpoint threads."""
    async with await psycopg.AsyncConnection.connect(url, **network.LIBPQ) as connection:
        for table in _THREADS:
            query = f"delete from {table} where thread_id = any(%s)"  # noqa: S608 - constants
            await connection.execute(query.encode(), [list(names)])


async def kept_answers(redis: Redis, papers: Collection[int]) -> dict[bytes, tuple[int, str]]:
    """A model's answers in the cache that were made for papers: key -> (paper, answer). See app.worker.cache."""
    found: dict[bytes, tuple[int, str]] = {}
    async for keys in _batches(redis, "model:*"):
        for key, value in zip(keys, await redis.mget(keys), strict=True):
            paper, content = _answer(value)
            if paper in papers:
                found[key] = paper, content
    return found


async def forget_answers(redis: Redis, papers: Collection[int]) -> int:
    """Remove a model's kept answers that were made for papers; how many."""
    keys = list(await kept_answers(redis, papers))
    return int(await redis.delete(*keys)) if keys else 0


async def forget_rosters(redis: Redis, class_id: int) -> int:
    """Remove drafts of a class's roster that were read and not taken over; how many."""
    gone = 0
    async for keys in _batches(redis, f"roster:{class_id}:*"):
        gone += int(await redis.delete(*keys))
    return gone


async def forget_events(redis: Redis, assignment_id: int, papers: Collection[int]) -> int:
    """Remove events about papers from an assignment's stream; how many. They hold ids only."""
    # Untyped: redis-py types every answer as bytes, str or None alike.
    store: Any = redis
    key = key_of(assignment_id)
    found = [
        entry_id
        for entry_id, fields in await store.xrange(key)
        if getattr(unpack(fields), "paper_id", 0) in papers
    ]
    return int(await store.xdel(key, *found)) if found else 0


async def rewrite_log(redis: Redis) -> None:
    """Have Redis write its append-only file anew: what was removed stands in the old one until then."""
    # Where there is no such file, the command is not allowed, or one is being written already: nothing to do.
    with suppress(RedisError, OSError):
        await redis.bgrewriteaof()


def _answer(value: Any) -> tuple[int, str]:
    """(paper, answer) of a cache entry; paper 0, which there is none, for what is not one."""
    try:
        place, content, *_ = orjson.loads(value or b"[]")
        return int(str(place).partition(":")[2]), str(content)
    except (ValueError, TypeError):
        return 0, ""


async def _batches(redis: Redis, pattern: str) -> AsyncIterator[list[bytes]]:
    """The keys of a pattern, some at a time; deleting those that were handed out is allowed meanwhile."""
    batch: list[bytes] = []
    async for key in redis.scan_iter(match=pattern, count=BATCH):
        batch.append(key)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
