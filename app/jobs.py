"""Jobs: PgQueuer in our own database.

A job is enqueued in the transaction that makes it necessary, so that neither is there without the other. A consumer
takes jobs of one kind, several at a time; a heartbeat gives a dead process's jobs to another. PostgreSQL may go away
and come back meanwhile: the consumer's one connection is made anew and what was asked is asked again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

import asyncpg
import orjson
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app import network

if TYPE_CHECKING:
    from pgqueuer.core.tm import TaskManager
    from pgqueuer.models import Job as QueuedJob
    from pgqueuer.qm import QueueManager

log = structlog.get_logger(__name__)
T = TypeVar("T")

GRADE, READ, PAGE = "grade", "read", "page"

# A dead process's job is stale after the first, and found by the next look at the queue after that.
HEARTBEAT = timedelta(seconds=10)
LOOK = timedelta(seconds=3)
# A query of the queue takes milliseconds; one that takes so long has lost its server without a word. Shorter than
# HEARTBEAT: a process that is only cut off for a moment keeps its jobs.
QUERY_SECONDS = 8.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

# What a restarting, overloaded or unreachable PostgreSQL answers. OSError holds ConnectionError and TimeoutError.
AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a session that was just ended, see db.ENDED
    OSError,
)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do. While a job of the same `key` waits or runs, no second one is enqueued."""

    payload: dict[str, Any]
    key: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A job in a handler's hands: its id in the queue, its payload, and how often it was put back before."""

    id: int
    payload: dict[str, Any]
    attempts: int


class Again(Exception):  # noqa: N818 - not an error: the handler's way to give a job back
    """Raised by a handler: the job goes back to the queue and is due in `seconds`."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(seconds)
        self.seconds = seconds


Handler = Callable[[Taken], Awaitable[None]]


async def enqueue(session: AsyncSession, kind: str, jobs: Sequence[Job]) -> None:
    """Add jobs in the session's transaction: they exist when it commits, and not when it does not."""
    from pgqueuer.queries import Queries

    if not jobs:
        return
    await session.flush()
    connection = await session.connection()
    # SQLAlchemy begins the transaction with its first statement: without one the jobs would stand alone.
    await connection.execute(text("select 1"))
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None
    count = len(jobs)
    await Queries.from_asyncpg_connection(raw).enqueue(
        [kind] * count,
        [orjson.dumps(job.payload) for job in jobs],
        [0] * count,
        dedupe_key=[job.key for job in jobs],
        on_conflict="skip",
    )


async def enqueue_read(session: AsyncSession, *paper_ids: int) -> None:
    """Have papers read."""
    await enqueue(session, READ, [Job({"paper_id": each}, f"read:{each}") for each in paper_ids])


async def enqueue_page(session: AsyncSession, *page_ids: int) -> None:
    """Have pages of a pile read, each by itself. A kind of its own: no text waits behind hundreds of pictures."""
    await enqueue(session, PAGE, [Job({"page_id": each}, f"page:{each}") for each in page_ids])


async def enqueue_split(session: AsyncSession, pile_id: int, version: int) -> None:
    """Have a pile split into papers to be. `version` is the pile's: a newer one is a job of its own."""
    await enqueue(session, PAGE, [Job({"pile_id": pile_id}, f"pile:{pile_id}:{version}")])


async def enqueue_grading(session: AsyncSession, run_id: int, epoch: int, paper_ids: Sequence[int]) -> None:
    """Have papers graded in a run.

    `epoch` differs each time the run goes on after a pause: a job that is just ending because of the pause must not
    stand in the way of the one that goes on.
    """
    await enqueue(
        session,
        GRADE,
        [Job({"run_id": run_id, "paper_id": each}, f"grade:{run_id}:{each}:{epoch}") for each in paper_ids],
    )


async def forget_finished(session: AsyncSession, days: int = 7) -> None:
    """Remove the queue's own log of jobs that ended so long ago."""
    await session.execute(
        text("delete from pgqueuer_log where created < now() - make_interval(days => :days)"), {"days": days}
    )


class Consumer:
    """Takes jobs of one kind from the queue, at most `at_once` at a time, until it is stopped.

    `handler` does the work. It returns when the job is done, and raises Again to give it back; any other exception is
    logged and ends the job. The consumer itself never gives up.
    """

    def __init__(self, url: str, kind: str, handler: Handler, at_once: int) -> None:
        self._url, self._kind, self._handler = url, kind, handler
        self._at_once = max(2, at_once)
        self._manager: QueueManager | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Take no more jobs; `run` returns when those under way have ended."""
        self._stopping.set()
        if self._manager is not None:
            self._manager.shutdown.set()

    async def run(self) -> None:
        """Take jobs until `stop`."""
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            try:
                await self._run_once()
            except Exception as error:
                if self._stopping.is_set():
                    return
                log.exception("queue failed; starting again", kind=self._kind, error=type(error).__name__)
            if asyncio.get_running_loop().time() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            await _wait(self._stopping, pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _run_once(self) -> None:
        from pgqueuer.qm import QueueManager
        from pgqueuer.queries import Queries

        connection = Connection(self._url, self._stopping)
        manager = QueueManager(Queries(connection))
        manager.entrypoint(self._kind, accepts_context=False)(self._handle)
        self._manager = manager
        if self._stopping.is_set():
            return
        try:
            await manager.run(
                dequeue_timeout=LOOK,
                batch_size=max(1, self._at_once // 2),
                max_concurrent_tasks=self._at_once,
                heartbeat_timeout=HEARTBEAT,
            )
        finally:
            self._manager = None
            connection.close()

    async def _handle(self, job: QueuedJob) -> None:
        from pgqueuer.errors import RetryRequested

        try:
            await self._handler(Taken(job.id, orjson.loads(job.payload or b"{}"), job.attempts))
        except Again as again:
            raise RetryRequested(timedelta(seconds=again.seconds)) from None


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Sleep, or less when the event is set meanwhile."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


class Connection:
    """A PgQueuer driver over one connection that is made anew when it is lost.

    Every call is repeated until it succeeds or the consumer stops. The queue's own statements bear that: a claim
    whose answer got lost goes stale and is claimed again, and what was logged twice is logged once.
    """

    def __init__(self, url: str, stopping: asyncio.Event) -> None:
        from pgqueuer.core.tm import TaskManager

        self._url, self._stopping = url, stopping
        self._connection: asyncpg.Connection | None = None
        self._listeners: list[tuple[str, Callable[..., None]]] = []
        self._lock = asyncio.Lock()
        self._shutdown = asyncio.Event()
        self._tasks = TaskManager()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        rows = await self._repeat(lambda connection: connection.fetch(query, *args))
        return [dict(row) for row in rows]

    async def execute(self, query: str, *args: object) -> str:
        return str(await self._repeat(lambda connection: connection.execute(query, *args)))

    async def notify(self, channel: str, payload: str) -> None:
        await self.execute("select pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: Callable[[str | bytes | bytearray], None]) -> None:
        def relay(_connection: object, _pid: object, _channel: object, payload: object) -> None:
            callback(str(payload))

        await self._repeat(lambda connection: connection.add_listener(channel, relay))
        self._listeners.append((channel, relay))

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return self._tasks

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing: the queue's last notes are written after it leaves; `close` follows."""

    async def _repeat(self, call: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        pause, told = FIRST_PAUSE, False
        async with self._lock:
            while True:
                try:
                    return await call(await self._connected())
                except AWAY as error:
                    self.close()
                    if self._stopping.is_set():
                        raise
                    if not told:
                        log.warning("the queue's database is away", error=type(error).__name__)
                        told = True
                await _wait(self._stopping, pause * (0.8 + 0.4 * random.random()))  # noqa: S311 - jitter
                pause = min(LONGEST_PAUSE, pause * 2)

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await network.postgres(self._url, QUERY_SECONDS)
            for channel, relay in self._listeners:
                await self._connection.add_listener(channel, relay)
        return self._connection

    def close(self) -> None:
        """Drop the connection; a later call would open a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
