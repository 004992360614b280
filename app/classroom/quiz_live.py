"""Behind an open round: answers are graded in batches, clocks run out, changes are told a few times a second.

One a process. It grades the answers that its own process stored; what a process that died left behind, another finds a
little later. Two that grade the same answer write the same verdict, so nothing is locked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from sqlalchemy import Row

from app.classroom import quiz, quiz_store
from app.classroom.models import QuizRound, Verdict
from app.classroom.quiz_store import Graded
from app.db import Database
from app.scheme.types import Kind, Question

log = structlog.get_logger(__name__)

BATCH = 200  # answers graded at once: some tenths of a second for sentences
GATHER_SECONDS = 0.1  # answers that arrive together are graded together
TELL_SECONDS = 0.2  # between two events of one round
CLOCK_SECONDS = 1.0
CLOCK_TOLD_SECONDS = 5.0  # a screen that comes late sees a countdown that is at most so old
LEFT_SECONDS = 10.0  # an answer that waits for so long was left behind
AWAY_SECONDS = 2.0  # before the next try, when the database is away


@dataclass(frozen=True, slots=True)
class Judged:
    """What a grader says of one answer."""

    verdict: Verdict
    points: float | None = None


class Grader(Protocol):
    """The port to the graders."""

    async def judge(
        self, question: Question, question_id: int | None, texts: Sequence[str]
    ) -> Sequence[Judged]:
        """One verdict for each text, off the event loop. Never fails for a strange answer."""
        ...

    async def close(self) -> None:
        """Give processes back."""
        ...


Tell = Callable[[int, int], Awaitable[None]]  # of an assignment's round, to all open pages


class Live:
    """The quiz's part of a process: `took` an answer, `changed` a round; `start` and `close` around it."""

    def __init__(self, database: Database, grader: Grader, tell: Tell) -> None:
        self._database, self._grader, self._tell = database, grader, tell
        self._new: set[int] = set()
        self._slow: set[tuple[int, int]] = set()  # (answer, version) of formulas that are being compared
        self._arrived = asyncio.Event()
        self._telling: dict[int, asyncio.TimerHandle | None] = {}
        self._again: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to grade and to look at the clocks."""
        for work in (self._grade_forever, self._clocks_forever):
            self._tasks.add(asyncio.create_task(work(), name="quiz"))

    async def close(self) -> None:
        """Stop; what is not graded yet is found by another process, or after the next start."""
        for handle in self._telling.values():
            if handle is not None:
                handle.cancel()
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._grader.close()

    def took(self, asked: QuizRound, answer_id: int) -> None:
        """An answer is stored: it will be graded, and the open pages told."""
        self._new.add(answer_id)
        self._arrived.set()
        self.changed(asked.assignment_id, asked.id)

    def changed(self, assignment_id: int, round_id: int) -> None:
        """Tell the open pages, at once and then at most every TELL_SECONDS; the last change is always told."""
        if round_id in self._telling:
            self._again.add(round_id)
            return
        self._say(assignment_id, round_id)

    def _say(self, assignment_id: int, round_id: int) -> None:
        self._again.discard(round_id)
        task = asyncio.ensure_future(self._tell(assignment_id, round_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        loop = asyncio.get_running_loop()
        self._telling[round_id] = loop.call_later(TELL_SECONDS, self._rested, assignment_id, round_id)

    def _rested(self, assignment_id: int, round_id: int) -> None:
        del self._telling[round_id]
        if round_id in self._again:
            self._say(assignment_id, round_id)

    async def _grade_forever(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), LEFT_SECONDS)
            try:
                if self._arrived.is_set():
                    await asyncio.sleep(GATHER_SECONDS)
                    await self.grade_new()
                else:
                    await self._pick_up()
            except Exception as error:
                # Nothing is lost: the answers are stored, and wait.
                log.warning("quiz answers not graded yet", error=type(error).__name__)
                await asyncio.sleep(AWAY_SECONDS)

    async def grade_new(self) -> None:
        """Grade what arrived here, batch by batch, until nothing waits."""
        self._arrived.clear()
        while self._new:
            batch = sorted(self._new)[:BATCH]
            # Before they are read: one that is replaced from now on is new again.
            self._new.difference_update(batch)
            try:
                await self._grade(batch)
            except BaseException:
                self._new.update(batch)
                self._arrived.set()
                raise

    async def _pick_up(self) -> None:
        async with self._database.begin() as db:
            left = await quiz_store.left_waiting(db, LEFT_SECONDS, BATCH)
        if left:
            await self._grade(left)

    async def _grade(self, ids: Sequence[int]) -> None:
        async with self._database.begin() as db:
            rows = await quiz_store.waiting(db, ids)
            rounds = {each: await quiz_store.by_id(db, each) for each in {row.round_id for row in rows}}
        for round_id, asked in rounds.items():
            if asked is None:
                continue
            mine = [
                row for row in rows if row.round_id == round_id and (row.id, row.version) not in self._slow
            ]
            if not mine:
                continue
            work = self._grade_round(asked, mine)
            if asked.kind == Kind.MATHS:
                # A formula may take seconds, on purpose too: no other round waits for it.
                taken = {(row.id, row.version) for row in mine}
                self._slow |= taken
                task = asyncio.create_task(self._quietly(work, taken), name="quiz maths")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                await work

    async def _grade_round(self, asked: QuizRound, rows: Sequence[Row[int, int, int, str]]) -> None:
        graded = await self._judged(asked, rows)
        async with self._database.begin() as db:
            await quiz_store.grade(db, graded)
        self.changed(asked.assignment_id, asked.id)

    async def _quietly(self, work: Coroutine[Any, Any, None], taken: set[tuple[int, int]]) -> None:
        try:
            await work
        except Exception as error:
            # They wait, and are found again (_pick_up).
            log.warning("quiz answers not graded yet", error=type(error).__name__)
        finally:
            self._slow -= taken

    async def _judged(self, asked: QuizRound, rows: Iterable[Row[int, int, int, str]]) -> list[Graded]:
        """Verdicts for rows; what is written alike is graded once."""
        rows = list(rows)
        texts = sorted({row.text for row in rows})
        try:
            said = await self._grader.judge(quiz.question_of(asked), asked.question_id, texts)
        except Exception:
            log.exception("quiz grader failed")
            said = [Judged(Verdict.UNSURE)] * len(texts)
        verdicts = dict(zip(texts, said, strict=True))
        return [
            Graded(row.id, row.version, verdicts[row.text].verdict, verdicts[row.text].points) for row in rows
        ]

    async def _clocks_forever(self) -> None:
        told = 0.0
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CLOCK_SECONDS)
            try:
                async with self._database.begin() as db:
                    over = await quiz_store.close_due(db)
                    running = await quiz_store.running_clocks(db)
            except Exception as error:
                log.warning("quiz clocks stand still", error=type(error).__name__)
                await asyncio.sleep(AWAY_SECONDS)
                continue
            if loop.time() - told < CLOCK_TOLD_SECONDS:
                running = []
            elif running:
                told = loop.time()
            for assignment_id, round_id in {*over, *running}:
                self.changed(assignment_id, round_id)
