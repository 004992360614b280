"""Stores marks in groups: while one transaction is under way, the marks that come meanwhile wait for the next.

One transaction a mark would make each wait for the run's row and for the disk; thirty answers that come together take
hardly longer than one. A mark is told to open pages after its transaction has committed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy.exc
import structlog

from app.db import Database
from app.events.bus import Bus
from app.events.schema import Event, GradingStarted, MarkChanged, RunChanged
from app.marks import proposals
from app.marks.proposals import Proposal, Started
from app.worker.patience import patiently

log = structlog.get_logger(__name__)

LARGEST_GROUP = 200
# How often at most the progress of one run is published.
PROGRESS_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class _Item:
    assignment_id: int
    what: Proposal | Started
    stored: asyncio.Future[None] | None = None


class Recorder:
    """One a process. `stopping` ends its waiting for an absent database."""

    def __init__(self, database: Database, bus: Bus, stopping: asyncio.Event) -> None:
        self._database, self._bus, self._stopping = database, bus, stopping
        self._queue: asyncio.Queue[_Item] = asyncio.Queue()
        self._moved: dict[int, int] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to store and to publish."""
        self._tasks = [
            asyncio.create_task(self._store_forever(), name="recorder"),
            asyncio.create_task(self._publish_progress(), name="progress"),
        ]

    async def close(self) -> None:
        """Stop; whoever still waits for a mark to be stored gets an error."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        while not self._queue.empty():
            item = self._queue.get_nowait()
            if item.stored and not item.stored.done():
                item.stored.set_exception(ConnectionError("the worker has stopped"))
        await self._tell_progress()

    def started(self, assignment_id: int, started: Started) -> None:
        """A question is being graded; stored and told with the next group."""
        self._queue.put_nowait(_Item(assignment_id, started))

    async def proposed(self, assignment_id: int, proposal: Proposal) -> None:
        """Store a proposal; returns when it is safe. Waits as long as the database is away."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Item(assignment_id, proposal, stored))
        await stored

    def moved(self, run_id: int, assignment_id: int) -> None:
        """A run's progress or state changed; told within PROGRESS_SECONDS."""
        self._moved[run_id] = assignment_id

    async def _store_forever(self) -> None:
        while True:
            group = [await self._queue.get()]
            while not self._queue.empty() and len(group) < LARGEST_GROUP:
                group.append(self._queue.get_nowait())
            try:
                await self._store(group)
            except asyncio.CancelledError:
                _fail(group, ConnectionError("the worker has stopped"))
                raise

    async def _store(self, group: list[_Item]) -> None:
        try:
            fresh = await patiently(lambda: self._write(group), self._stopping)
        except sqlalchemy.exc.DBAPIError as error:
            # A paper removed at this very moment fails its own mark, not those beside it.
            if len(group) > 1:
                for item in group:
                    await self._store([item])
                return
            _fail(group, error)
            return
        except Exception as error:
            _fail(group, error)
            return
        for item in group:
            if item.stored and not item.stored.done():
                item.stored.set_result(None)
        await self._bus.publish(*self._news(group, fresh))

    async def _write(self, group: list[_Item]) -> list[Proposal]:
        async with self._database.begin() as db:
            await proposals.start(db, [item.what for item in group if isinstance(item.what, Started)])
            return await proposals.store(db, [item.what for item in group if isinstance(item.what, Proposal)])

    def _news(self, group: list[_Item], fresh: list[Proposal]) -> list[Event]:
        news: list[Event] = []
        assignments = {item.what.run_id: item.assignment_id for item in group}
        done = {proposal.place for proposal in fresh}
        for item in group:
            if isinstance(item.what, Started) and item.what.place not in done:
                news.append(GradingStarted(item.assignment_id, item.what.paper_id, item.what.question_id))
        for proposal in fresh:
            assignment_id = assignments[proposal.run_id]
            news.append(MarkChanged(assignment_id, proposal.paper_id, proposal.question_id))
            self.moved(proposal.run_id, assignment_id)
        return news

    async def _publish_progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            await self._tell_progress()

    async def _tell_progress(self) -> None:
        moved, self._moved = self._moved, {}
        await self._bus.publish(*(RunChanged(assignment, run) for run, assignment in moved.items()))


def _fail(group: list[_Item], error: Exception) -> None:
    for item in group:
        if item.stored and not item.stored.done():
            item.stored.set_exception(error)
        elif item.stored is None:
            log.warning("a started question was not noted", error=type(error).__name__)
