"""The marking scheme: questions, their reference answers and the criteria that points are given for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of answer a question asks for; it picks the grader."""

    CHOICE = "choice"  # one or more option letters: A, BD
    BLANK = "blank"  # a word or short phrase, alternatives allowed
    NUMBER = "number"  # a number, with tolerance and unit
    MATHS = "maths"  # an expression, equation, set or interval; equivalent forms count
    TEXT = "text"  # sentences
    ESSAY = "essay"  # a longer piece


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that points are given for. `points` is the most it gives, in marks, > 0."""

    text: str
    points: float


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a scheme.

    `criteria` is never empty and its points add up to `points`. For `blank` with several gaps, `references` holds
    one entry a gap and an entry's alternatives are joined by " | "; for the other kinds each entry of `references`
    is one acceptable answer. `tolerance` (number only) is an absolute distance in the unit of the reference, or,
    when `relative`, a fraction of it (0.02 = 2 %).
    """

    label: str
    kind: Kind
    prompt: str
    points: float
    references: tuple[str, ...]
    criteria: tuple[Criterion, ...]
    tolerance: float | None = None
    relative: bool = False
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Scheme:
    """A marking scheme: its title (may be empty) and its questions in order, labels unique."""

    title: str
    questions: tuple[Question, ...]

    @property
    def points(self) -> float:
        """The most a paper can reach."""
        return sum(question.points for question in self.questions)
