"""What passes through the engine: answers in, marks out. Plain frozen values, safe to checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from app.i18n import Text


class MarkState(StrEnum):
    """Whether the engine proposes points, or hands the question to the teacher."""

    GRADED = "graded"
    NEEDS_TEACHER = "needs_teacher"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a paper answers to one question.

    `text` is the answer; `spans` are its (start, end) character offsets in the document's text, in reading order
    (an answer may continue elsewhere; its parts are joined by a line break in `text`). `found` is False when the
    question's label does not occur in the paper; a label with nothing after it is found and blank.
    """

    label: str
    text: str
    spans: tuple[tuple[int, int], ...] = ()
    found: bool = True

    @property
    def blank(self) -> bool:
        """The question was reached and nothing was written."""
        return self.found and not self.text.strip()


@dataclass(frozen=True, slots=True)
class Located:
    """Every question's answer, and the (start, end) spans of the document that belong to none."""

    answers: tuple[Answer, ...]
    unmatched: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CriterionMark:
    """Points for one criterion, with the words of the answer that carry them.

    `position` is the criterion's index in its question. `quote` is `answer.text[start:end]`, or "" with
    start = end = 0 when the points rest on nothing being there.
    """

    position: int
    points: float
    quote: str = ""
    start: int = 0
    end: int = 0
    comment: str = ""


@dataclass(frozen=True, slots=True)
class QuestionMark:
    """The engine's proposal for one question of one paper.

    state graded: `points` is the sum of `criteria`'s points, 0 <= points <= max, one entry for every criterion.
    state needs_teacher: `points` is None, `reason` says why; `criteria` may hold what was proposed before the doubt.
    `confidence` is in 0..1, None when nothing supports a figure. `cost` is in US dollars.
    """

    label: str
    kind: str
    max: float
    state: MarkState
    points: float | None = None
    reason: Text | None = None
    confidence: float | None = None
    criteria: tuple[CriterionMark, ...] = ()
    feedback: str = ""
    grader: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class PaperResult:
    """One graded paper: the text's answers and a mark for every question of the scheme, in its order."""

    located: Located
    marks: tuple[QuestionMark, ...] = field(default_factory=tuple)

    @property
    def total(self) -> float:
        """Sum of the points proposed so far; questions that need the teacher add nothing."""
        return sum(mark.points for mark in self.marks if mark.points is not None)


def needs_teacher(
    label: str,
    kind: str,
    maximum: float,
    reason: Text,
    criteria: tuple[CriterionMark, ...] = (),
    **facts: object,
) -> QuestionMark:
    """The one way to hand a question to the teacher; `facts` are further fields of QuestionMark."""
    return QuestionMark(
        label=label,
        kind=kind,
        max=maximum,
        state=MarkState.NEEDS_TEACHER,
        reason=reason,
        criteria=criteria,
        **facts,  # type: ignore[arg-type]  # field names checked by the dataclass itself
    )
