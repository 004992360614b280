"""A run over thirty papers with open pages beside it, and what must be true of it whatever happened meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests import graded
from tests.compose.stack import CommandError, Stack
from tests.compose.teacher import Listener, Teacher, place

PAPERS, QUESTIONS = 30, 8
MARKS = PAPERS * QUESTIONS
LATENCY = 0.5  # seconds that the stub model takes for an answer
RUN_SECONDS = 180.0
Events = list[tuple[str, str, dict[str, Any]]]
ENDED = {"graded", "needs_teacher"}


@dataclass
class GradingRun:
    """One assignment of thirty papers that is being graded; `listeners` have its page open."""

    stack: Stack
    teacher: Teacher
    assignment: int
    listeners: list[Listener]
    first: str = "0-0"
    kills: list[float] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def reached(self, done: int) -> None:
        """Wait until the run's page says that so many questions are done."""

        async def enough() -> bool:
            return await self.teacher.done(self.assignment) >= done

        await graded.until(enough, RUN_SECONDS)

    async def finished(self) -> float:
        """Wait for the run's end as the database has it; the seconds that took."""
        began = time.monotonic()

        async def over() -> bool:
            try:
                rows = await asyncio.to_thread(
                    self.stack.sql, f"select state from runs where assignment_id = {self.assignment}"
                )
            except CommandError:  # the database is away
                return False
            return rows == [["finished"]]

        await graded.until(over, RUN_SECONDS)
        return time.monotonic() - began

    async def page_back(self, seconds: float = 60.0) -> float:
        """Wait until the run's page is served again; the seconds that took."""
        began = time.monotonic()

        async def there() -> bool:
            return await self.teacher.done(self.assignment) > 0

        await graded.until(there, seconds)
        return time.monotonic() - began

    def check_marks(self) -> None:
        """Nothing is lost and no mark is doubled: each question of each paper has one mark, made once, by the model.

        The model is there all the time, so an outage of ours must not have made a mark the teacher's.
        """
        of_this = f"from papers p join marks m on m.paper_id = p.id where p.assignment_id = {self.assignment}"
        assert self.stack.number(f"select count(*) {of_this}") == MARKS
        assert self.stack.number(f"select count(distinct (m.paper_id, m.question_id)) {of_this}") == MARKS
        assert self.stack.number(f"select max(m.version) {of_this}") == 1
        others = self.stack.sql(f"select m.state, m.reason {of_this} and m.state <> 'graded'")
        assert not others
        states = self.stack.sql(
            "select rp.state, count(*) from run_papers rp join runs r on r.id = rp.run_id"
            f" where r.assignment_id = {self.assignment} group by 1"
        )
        assert states == [["done", str(PAPERS)]]

    def check_calls(self, at_once: int) -> None:
        """Every question was asked, and no answered call again but those in flight at a kill."""
        assert len(self.stack.model.counters()["by_key"]) == MARKS
        assert self.stack.model.paid_again(self.kills, at_once) == []

    async def check_pages(self, resynced: bool = False) -> None:
        """All open pages show what the server shows, and heard every event; `resynced` allows a snapshot instead.

        Redis that dies forgets up to its last second: its streams cannot be read in full afterwards.
        """
        truth = await self.teacher.cells(self.assignment)
        assert len(truth) == MARKS
        assert {state.split()[0] for state in truth.values()} <= ENDED, truth

        async def same() -> bool:
            return all(listener.cells == truth for listener in self.listeners)

        try:
            await graded.until(same, 20)
        except AssertionError:
            for number, listener in enumerate(self.listeners):
                unlike = {cell for cell in truth if listener.cells.get(cell) != truth[cell]}
                assert not unlike, f"page {number} ({listener.opened} times opened) shows otherwise: {unlike}"
        if not resynced:
            entries = await asyncio.to_thread(self.stack.events, self.assignment)
            with suppress(AssertionError):  # the last event may still be on its way
                await graded.until(partial(self._heard, entries), 10)
            for number, listener in enumerate(self.listeners):
                lost = listener.lost(entries, self.first)
                assert not lost, f"page {number} did not hear {len(lost)} of {len(entries)}: {lost[:10]}"

    async def _heard(self, entries: Events) -> bool:
        return not any(listener.lost(entries, self.first) for listener in self.listeners)

    @property
    def longest_away(self) -> float:
        """The longest that an open page was without its stream, in seconds; AssertionError when one still is."""
        for listener in self.listeners:
            assert len(listener.away) == len(listener.broken), "a page's stream never came back"
        return max((away for listener in self.listeners for away in listener.away), default=0.0)


@asynccontextmanager
async def grading(
    teacher: Teacher, title: str, pages: int = 3, started: bool = True, pupils: int = 0
) -> AsyncIterator[GradingRun]:
    """Thirty papers handed in, their run begun, and so many pages open on it; `pupils` on the class's roster."""
    stack = teacher.stack
    await asyncio.to_thread(stack.model.control, reset=True, latency=LATENCY)
    klass = await teacher.new_class(title, pupils)
    assignment = await teacher.new_assignment(klass, title, QUESTIONS)
    await teacher.hand_in(assignment, PAPERS, QUESTIONS)
    going = GradingRun(stack, teacher, assignment, [Listener(teacher, assignment) for _ in range(pages)])
    going.tasks = [asyncio.create_task(listener.run()) for listener in going.listeners]

    async def open_() -> bool:
        return all(listener.opened for listener in going.listeners)

    try:
        await graded.until(open_)
        going.first = max((listener.last for listener in going.listeners), key=place, default="0-0")
        if started:
            await teacher.start(assignment)
        yield going
    finally:
        await ended(going.tasks)


async def ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks; one that had failed says so."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
