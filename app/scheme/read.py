"""What a reader hands back: questions with their lines, and the totals that the text states."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from app.i18n import Text
from app.scheme.check import agree
from app.scheme.notes import Note, error
from app.scheme.numbers import plain_decimal
from app.scheme.sections import Section
from app.scheme.types import Question

MAX_TOTALS = (
    600  # more totals than questions are no scheme; comparing each with every question must stay cheap
)


@dataclass(slots=True)
class Reading:
    """Questions in order, the line each begins on, the section each stands in, and stated totals.

    `totals` are (line, points, label of the question they are for, empty for the paper).
    """

    title: str = ""
    questions: list[Question] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    sections: list[Section | None] = field(default_factory=list)
    totals: list[tuple[int, float, str]] = field(default_factory=list)

    def add(self, question: Question, line: int, section: Section | None = None) -> None:
        """One more question."""
        self.questions.append(question)
        self.lines.append(line)
        self.sections.append(section)

    def cut(self, most: int) -> None:
        """Leave out every question after the first `most`."""
        del self.questions[most:], self.lines[most:], self.sections[most:]

    def make_labels_unique(self, notes: list[Note]) -> None:
        """Give the second question of a label another one, so that nothing is lost, and say so."""
        first: dict[str, int] = {}
        taken = {question.label for question in self.questions}
        for place, question in enumerate(self.questions):
            label = question.label
            if label not in first:
                first[label] = self.lines[place]
                continue
            number = 2
            while f"{label}-{number}" in taken:
                number += 1
            unique = f"{label}-{number}"
            taken.add(unique)
            self.questions[place] = replace(question, label=unique)
            notes.append(
                error(
                    self.lines[place],
                    Text(
                        "Question {label} stands here and in line {first}. This one is called {unique} for now: "
                        "give it its own number.",
                        {"label": label, "first": first[label], "unique": unique},
                    ),
                )
            )

    def check_totals(self, notes: list[Note]) -> None:
        """Compare the totals that the text states with what its questions give."""
        self._check_sections(notes)
        if len(self.totals) > MAX_TOTALS:
            del self.totals[MAX_TOTALS:]
        whole = sum(question.points for question in self.questions)
        bare = [(line, points) for line, points, label in self.totals if not label]
        start = 0
        for line, points in bare:
            since = self._between(start, line)
            # "[Total: 8]" closes one question, "Total: 40" the paper: either may be meant.
            if agree(points, whole) or (len(bare) > 1 and since and agree(points, since)):
                start = line if not agree(points, whole) else start
                continue
            notes.append(_mismatch(line, points, since if len(bare) > 1 and since else whole))
            start = line
        for line, points, label in self.totals:
            own = sum(q.points for q in self.questions if _of(q.label, label)) if label else points
            if label and not agree(own, points):
                notes.append(_mismatch(line, points, own))

    def _between(self, start: int, end: int) -> float:
        return sum(
            q.points for q, line in zip(self.questions, self.lines, strict=True) if start < line <= end
        )

    def _check_sections(self, notes: list[Note]) -> None:
        for section in {id(found): found for found in self.sections if found}.values():
            stated = section.points.total
            own = sum(q.points for q, of in zip(self.questions, self.sections, strict=True) if of is section)
            if stated is not None and not agree(own, stated):
                notes.append(_mismatch(section.line, stated, own))


def _of(label: str, above: str) -> bool:
    rest = label.removeprefix(above)
    return label == above or (rest != label and not rest[0].isdigit())


def _mismatch(line: int, stated: float, counted: float) -> Note:
    return error(
        line,
        Text(
            "This line says {stated} points in all, but the questions add up to {counted}. Correct one of them.",
            {"stated": plain_decimal(stated), "counted": plain_decimal(round(counted, 3))},
        ),
    )
