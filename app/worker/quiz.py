"""The quiz's graders: those that need no network, off the event loop. Numbers and words are computed in a thread,
mathematics in a process of its own, sentences compared with the references and the teacher's earlier marks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from app.classroom.models import Verdict
from app.classroom.quiz_live import Judged
from app.db import Database
from app.grading.graders import Graders, make_graders
from app.grading.model import EarlierMark, GradeOptions, Grader
from app.grading.pool import ProcessPool
from app.grading.state import Answer, MarkState, QuestionMark
from app.marks import earlier
from app.scheme.types import Kind, Question

MATHS_SECONDS = 5.0  # for one answer; usually it takes milliseconds
MATHS_BATCH_SECONDS = (
    60.0  # for all that arrived together: a class that sends formulas to hold us up is not judged
)
SENTENCES = frozenset((Kind.TEXT, Kind.ESSAY))

RIGHT_SHARE, WRONG_SHARE = 0.75, 0.2
"""Shares of a question's points from and up to which a sentence counts as right or wrong: the local grader gives half
marks, and a room is told more roughly than a student. Chosen, not measured."""

LEAST_CONFIDENCE = 0.25
"""Below it a sentence is not judged. Without the teacher's earlier marks the local grader says 0.35 to 0.5. Chosen."""

_EPSILON = 1e-9


class NoMarks:
    """The graders' Marks port where the earlier marks are handed over directly."""

    async def earlier(self, question: Question) -> Sequence[EarlierMark]:
        """None."""
        return ()


class QuizGrader:
    """Implements `app.classroom.quiz_live.Grader`. The graders are loaded when the first answer comes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._graders: Graders | None = None
        self._pool = ProcessPool(1, MATHS_SECONDS)

    async def judge(
        self, question: Question, question_id: int | None, texts: Sequence[str]
    ) -> Sequence[Judged]:
        """One verdict for each text. A question without a reference, and whatever a grader leaves to the teacher, is
        UNSURE. Raises what the database raises."""
        if not question.references and question.kind not in SENTENCES:
            return [Judged(Verdict.UNSURE)] * len(texts)
        if self._graders is None:
            self._graders = await asyncio.to_thread(make_graders, None, NoMarks(), self._pool)
        answers = [Answer(question.label, text) for text in texts]
        if question.kind in SENTENCES:
            return await self._sentences(self._graders, question, question_id, answers)
        grader = self._graders.computed[question.kind]
        if question.kind is Kind.MATHS:
            return await _in_time(grader, question, answers)
        marks = await asyncio.to_thread(_apart, lambda: _each(grader, question, answers))
        return [verdict_of(question, mark) for mark in marks]

    async def close(self) -> None:
        """End the process for mathematics."""
        await self._pool.close()

    async def _sentences(
        self, graders: Graders, question: Question, question_id: int | None, answers: Sequence[Answer]
    ) -> Sequence[Judged]:
        marks: Sequence[tuple[str, float]] = ()
        if question_id is not None:
            async with self._database.begin() as db:
                marks = await earlier.decided(db, question_id)
        known = [EarlierMark(text, points) for text, points in marks if points <= question.points]
        if not known and not any(reference.strip() for reference in question.references):
            return [Judged(Verdict.UNSURE)] * len(answers)
        from app.grading.graders.local import LocalGrader

        local = graders.local
        assert isinstance(local, LocalGrader)

        def all_of_them() -> list[Judged]:
            options = GradeOptions()
            return [verdict_of(question, local.mark(question, each, known, options)) for each in answers]

        return await asyncio.to_thread(all_of_them)


async def _each(grader: Grader, question: Question, answers: Sequence[Answer]) -> list[QuestionMark]:
    return [await grader.grade(question, answer, GradeOptions()) for answer in answers]


async def _in_time(grader: Grader, question: Question, answers: Sequence[Answer]) -> list[Judged]:
    """Verdicts for formulas; those whose turn does not come in MATHS_BATCH_SECONDS are not judged."""
    loop = asyncio.get_running_loop()
    end, judged = loop.time() + MATHS_BATCH_SECONDS, []
    for answer in answers:
        if loop.time() > end:
            judged.append(Judged(Verdict.UNSURE))
        else:
            judged.append(verdict_of(question, await grader.grade(question, answer, GradeOptions())))
    return judged


def _apart(work: Callable[[], Coroutine[Any, Any, list[QuestionMark]]]) -> list[QuestionMark]:
    """Run a grader in this thread, on a loop of its own: the server's is for pages."""
    return asyncio.run(work())


def verdict_of(question: Question, mark: QuestionMark) -> Judged:
    """A mark as the room is told it."""
    if mark.state is not MarkState.GRADED or mark.points is None or question.points <= 0:
        return Judged(Verdict.UNSURE)
    share = mark.points / question.points
    sentence = question.kind in SENTENCES
    if sentence and (mark.confidence or 0.0) < LEAST_CONFIDENCE:
        return Judged(Verdict.UNSURE)
    if share >= (RIGHT_SHARE if sentence else 1.0) - _EPSILON:
        return Judged(Verdict.RIGHT, mark.points)
    if share <= (WRONG_SHARE if sentence else 0.0) + _EPSILON:
        return Judged(Verdict.WRONG, mark.points)
    return Judged(Verdict.PARTLY, mark.points)
