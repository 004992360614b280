"""One paper of one run: the engine's ports over the stores."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from app import metrics
from app.assignments import convert
from app.assignments.models import Assignment
from app.db import Database, JsonList
from app.document import Document
from app.grading.model import EarlierMark, GradeOptions, Stopped
from app.grading.packing import pack_located
from app.grading.state import Answer, Located, MarkState, QuestionMark
from app.marks import earlier
from app.marks.models import Run
from app.marks.proposals import Proposal, Started
from app.papers import answers
from app.scheme.types import Question, Scheme
from app.worker.legible import Legibility
from app.worker.patience import is_away, patiently
from app.worker.recorder import Recorder

# The teacher's marks of one question are looked up at most this often: a decision made meanwhile counts a little later.
MARKS_SECONDS = 5.0
QUESTIONS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """What grading a run's papers needs to know, read once a version of the scheme."""

    run_id: int
    assignment_id: int
    class_id: int
    scheme_version: int
    scheme: Scheme
    question_ids: dict[str, int]
    options: GradeOptions

    @classmethod
    def of(cls, run: Run, assignment: Assignment) -> Plan:
        """The plan of a run; the assignment's questions are loaded."""
        return cls(
            run_id=run.id,
            assignment_id=assignment.id,
            class_id=assignment.class_id,
            scheme_version=assignment.scheme_version,
            scheme=convert.to_scheme(assignment.title, assignment.questions),
            question_ids={row.label: row.id for row in assignment.questions},
            options=GradeOptions(
                strictness=assignment.strictness,
                feedback_language=assignment.feedback_language,
                use_model=run.grader != "local",
            ),
        )


class DecidedMarks:
    """The engine's Marks port: what teachers decided for the questions of one scheme."""

    def __init__(self, database: Database, question_ids: dict[str, int], stopping: asyncio.Event) -> None:
        self._database, self._ids, self._stopping = database, question_ids, stopping
        self._known: OrderedDict[int, tuple[float, tuple[EarlierMark, ...]]] = OrderedDict()

    async def earlier(self, question: Question) -> Sequence[EarlierMark]:
        """The decided marks of a question, newest first; not older than MARKS_SECONDS.

        A database that is away is waited for: that is no fault of the answer, which would go to the teacher. Raises
        Stopped when the process ends meanwhile.
        """
        question_id = self._ids.get(question.label)
        if question_id is None:
            return ()
        known = self._known.get(question_id)
        if known is not None and time.monotonic() - known[0] < MARKS_SECONDS:
            return known[1]
        try:
            marks = await patiently(lambda: self._decided(question_id), self._stopping)
        except Exception as error:
            if self._stopping.is_set() and is_away(error):
                raise Stopped from error
            raise
        self._known[question_id] = (time.monotonic(), marks)
        self._known.move_to_end(question_id)
        while len(self._known) > QUESTIONS_KEPT:
            self._known.popitem(last=False)
        return marks

    async def _decided(self, question_id: int) -> tuple[EarlierMark, ...]:
        async with self._database.begin() as db:
            found = await earlier.decided(db, question_id)
        return tuple(EarlierMark(answer, points) for answer, points in found)


@dataclass(frozen=True, slots=True)
class StoringSink:
    """The engine's Sink: what was located goes to the paper, marks go through the recorder.

    `patient` repeats a transaction while the database is away; `begun` is told when the questions' turn comes;
    `legibility` knows how surely the paper was read.
    """

    database: Database
    recorder: Recorder
    plan: Plan
    paper_id: int
    patient: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]
    begun: Callable[[], None]
    legibility: Legibility

    async def located(self, document: Document, located: Located) -> None:
        """Keep the answers that were found."""
        packed = pack_located(located)
        rows = [
            {
                "question_id": self.plan.question_ids[answer["label"]],
                "text": answer["text"],
                "spans": answer["spans"],
                "found": answer["found"],
            }
            for answer in packed["answers"]
        ]

        async def keep() -> None:
            async with self.database.begin() as db:
                await answers.keep(db, self.paper_id, rows, packed["unmatched"])

        await self.patient(keep)
        self.begun()

    async def grading(self, label: str) -> None:
        """Note that a question is being graded."""
        self.recorder.started(
            self.plan.assignment_id,
            Started(self.plan.run_id, self.paper_id, self.plan.question_ids[label]),
        )

    async def marked(self, answer: Answer, mark: QuestionMark) -> None:
        """Store a mark; returns when it is safe. One that stands on doubtful writing becomes the teacher's."""
        mark = await self.legibility.judged(answer, mark)
        question = next(each for each in self.plan.scheme.questions if each.label == mark.label)
        await self.recorder.proposed(
            self.plan.assignment_id,
            Proposal(
                run_id=self.plan.run_id,
                paper_id=self.paper_id,
                question_id=self.plan.question_ids[mark.label],
                scheme_version=self.plan.scheme_version,
                state=mark.state.value,
                points=mark.points,
                reason=mark.reason.to_json() if mark.reason else None,
                confidence=mark.confidence,
                criteria=criteria_of(question, mark),
                feedback=mark.feedback,
                grader=mark.grader,
                tokens_in=mark.tokens_in,
                tokens_out=mark.tokens_out,
                cost=mark.cost,
            ),
        )
        metrics.graded(mark.kind, mark.state.value)


def criteria_of(question: Question, mark: QuestionMark) -> JsonList:
    """A mark's criteria as `Mark.criteria` keeps them: one entry a criterion of the question, in order.

    `points` is what counts: the proposal's of a graded mark, null while the teacher is needed.
    """
    by_position = {entry.position: entry for entry in mark.criteria}
    graded = mark.state is MarkState.GRADED
    rows: JsonList = []
    for position in range(len(question.criteria)):
        entry = by_position.get(position)
        rows.append(
            {
                "points": entry.points if entry and graded else None,
                "proposed": entry.points if entry else None,
                "quote": entry.quote if entry else "",
                "start": entry.start if entry else 0,
                "end": entry.end if entry else 0,
                "comment": entry.comment if entry else "",
            }
        )
    return rows
