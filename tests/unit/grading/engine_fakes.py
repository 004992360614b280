"""Fakes of the engine's ports that remember what happened to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from app.document import Document, Page
from app.grading.engine import Engine
from app.grading.graders import Graders
from app.grading.model import GradeOptions, Stopped
from app.grading.state import Answer, CriterionMark, Located, MarkState, QuestionMark, needs_teacher
from app.i18n import Text
from app.scheme.types import Criterion, Kind, Question, Scheme


def question(label: str, kind: Kind = Kind.TEXT, points: float = 2.0) -> Question:
    return Question(label, kind, "", points, ("x",), (Criterion("names it", points),))


def scheme(count: int = 4, kind: Kind = Kind.TEXT) -> Scheme:
    return Scheme("", tuple(question(str(i + 1), kind) for i in range(count)))


def paper(count: int = 4) -> Document:
    return Document((Page(1, "\n".join(f"{i + 1}. answer {i + 1}" for i in range(count))),))


def right(asked: Question, answer: Answer, **fields: object) -> QuestionMark:
    """Full points for the first word."""
    end = len(answer.text.split()[0])
    criteria = (CriterionMark(0, asked.points, answer.text[:end], 0, end),)
    return QuestionMark(
        asked.label, str(asked.kind), asked.points, MarkState.GRADED, asked.points, criteria=criteria,
        grader="fake", **fields,  # type: ignore[arg-type]
    )  # fmt: skip


class FakeGrader:
    """Gives full points; `act` may do something else first, `mark` replaces the mark."""

    def __init__(
        self,
        act: Callable[[str], object] | None = None,
        mark: Callable[[Question, Answer], QuestionMark] = right,
    ) -> None:
        self.act, self.mark = act, mark
        self.calls: list[str] = []
        self.facts: list[Text | None] = []

    async def grade(
        self, question: Question, answer: Answer, options: GradeOptions, facts: Text | None = None
    ) -> QuestionMark:
        self.calls.append(answer.label)
        self.facts.append(facts)
        if self.act is not None:
            result = self.act(answer.label)
            if asyncio.iscoroutine(result):
                await result
        return self.mark(question, answer)


def doubtful(question: Question, answer: Answer) -> QuestionMark:
    reason = Text("Cannot tell.")
    return needs_teacher(question.label, str(question.kind), question.points, reason, grader="fake")


class FakeSink:
    """Keeps what it was told; refuses the first `refusals` marks."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.events: list[str] = []
        self.marks: list[QuestionMark] = []

    async def located(self, document: Document, located: Located) -> None:
        self.events.append("located")

    async def grading(self, label: str) -> None:
        self.events.append(f"grading {label}")

    async def marked(self, answer: Answer, mark: QuestionMark) -> None:
        if self.refusals > 0:
            self.refusals -= 1
            raise ConnectionError("the database is away")
        self.events.append(f"marked {mark.label}")
        self.marks.append(mark)


class FakeGate:
    """Lets `passes` checks through, then stops the run; None lets all through."""

    def __init__(self, passes: int | None = None) -> None:
        self.passes = passes

    async def check(self) -> None:
        if self.passes is not None:
            if self.passes <= 0:
                raise Stopped("paused")
            self.passes -= 1


def engine(
    *,
    local: FakeGrader | None = None,
    model: FakeGrader | None = None,
    computed: dict[Kind, FakeGrader] | None = None,
    sink: FakeSink | None = None,
    gate: FakeGate | None = None,
    document: Document | None = None,
    asked: Scheme | None = None,
    options: GradeOptions | None = None,
    limit: int = 8,
    scope: Iterable[str] | None = None,
) -> Engine:
    """An engine over fakes; four text questions and a paper that answers them unless told otherwise."""
    text = document or paper()
    reads: list[int] = []

    async def read() -> Document:
        reads.append(1)
        return text

    made = Engine(
        read=read,
        scheme=asked or scheme(),
        graders=Graders(computed=dict(computed or {}), local=local or FakeGrader(), model=model),
        sink=sink or FakeSink(),
        gate=gate or FakeGate(),
        options=options
        or GradeOptions(use_model=model is not None, scope=None if scope is None else frozenset(scope)),
        limit=asyncio.Semaphore(limit),
    )
    made.reads = reads  # type: ignore[attr-defined]
    return made
