"""What the computed graders share: turning a verdict into a mark that keeps `QuestionMark`'s promises."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.grading.normalise import comparable
from app.grading.state import Answer, CriterionMark, MarkState, QuestionMark, needs_teacher
from app.i18n import N_, Text
from app.scheme.types import Question

Span = tuple[int, int]
NOWHERE: Span = (0, 0)

EXACT = 1.0
"""Confidence of a verdict that follows from the scheme alone: the same, or another letter or value."""

STEP = 0.5
"""The smallest part of a mark that a split may give: half marks are the finest that schemes commonly use."""

NO_REFERENCE = N_("The scheme has no reference answer for this question")


def criterion_mark(position: int, points: float, answer: Answer, span: Span) -> CriterionMark:
    """Points for one criterion, quoting the answer's own words at `span` (original offsets)."""
    start, end = span
    if not 0 <= start < end <= len(answer.text):
        return CriterionMark(position, points)
    return CriterionMark(position, points, answer.text[start:end], start, end)


def graded(
    question: Question,
    answer: Answer,
    given: Sequence[tuple[float, Span]],
    grader: str,
    confidence: float = EXACT,
) -> QuestionMark:
    """A mark from (points, span) for every criterion in order; the sum never passes the question's points."""
    criteria = tuple(criterion_mark(i, points, answer, span) for i, (points, span) in enumerate(given))
    total = sum(mark.points for mark in criteria)
    return QuestionMark(
        label=question.label,
        kind=str(question.kind),
        max=question.points,
        state=MarkState.GRADED,
        # Binary fractions: 0.1 + 0.2 must not exceed a maximum of 0.3.
        points=min(total, question.points),
        confidence=confidence,
        criteria=criteria,
        grader=grader,
    )


def all_points(
    question: Question, answer: Answer, span: Span, grader: str, confidence: float = EXACT
) -> QuestionMark:
    """Everything right: each criterion in full."""
    return graded(question, answer, [(c.points, span) for c in question.criteria], grader, confidence)


def no_points(
    question: Question, answer: Answer, span: Span, grader: str, confidence: float = EXACT
) -> QuestionMark:
    """Understood and wrong: each criterion 0, quoting what is wrong."""
    return graded(question, answer, [(0.0, span)] * len(question.criteria), grader, confidence)


def doubt(
    question: Question, grader: str, reason: Text, criteria: tuple[CriterionMark, ...] = ()
) -> QuestionMark:
    """Hand the question to the teacher; `criteria` may hold what was sure before the doubt."""
    return needs_teacher(question.label, str(question.kind), question.points, reason, criteria, grader=grader)


_GIVES_UP = re.compile(
    r"(?:我|本题|这题|这道题)?(?:真的|完全|也|还)?"
    r"(?:不会|不知道|不懂|不清楚|不明白|没学过|想不出来?|忘了|忘记了?)(?:做|写|答|了|啊|呀)*"
    r"|(?:sorry,? )?(?:i )?(?:really )?(?:don't|dont|do not|didn't) (?:know|understand|remember)"
    r"(?: (?:this|it|how))?(?: sorry)?"
    r"|(?:i have )?no idea|idk|dunno|(?:ich )?weiß (?:ich )?(?:es )?nicht|keine ahnung",
    re.IGNORECASE,
)


def gives_up(question: Question, answer: Answer) -> bool:
    """Whether an answer says only that the student does not know (不会, idk), and so is worth nothing.

    Never when the question or a reference has the same words: "会不会…？不会" is an answer.
    """
    said = comparable(answer.text)
    if not _GIVES_UP.fullmatch(said):
        return False
    return not any(said in comparable(text) for text in (question.prompt, *question.references))


def splits_evenly(points: float, parts: int) -> bool:
    """Whether `points` divided by `parts` is a whole number of half marks."""
    steps = points / parts / STEP
    return abs(steps - round(steps)) < 1e-9
