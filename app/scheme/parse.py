"""A marking scheme as people write it -> what was understood, and a remark on every line that needs a look.

`parse_scheme` never raises. A text with a canonical question head ("## 1. [choice] (4)") is read strictly (strict.py),
every other one leniently (lenient.py).
"""

from __future__ import annotations

from app.i18n import Text
from app.scheme.canonical import HEAD
from app.scheme.check import MAX_QUESTIONS, problems
from app.scheme.clean import clean
from app.scheme.lenient import read_lenient
from app.scheme.notes import Note, ParsedScheme, error
from app.scheme.read import Reading
from app.scheme.strict import read_strict
from app.scheme.types import Scheme

__all__ = ["Note", "ParsedScheme", "parse_scheme"]

# A scheme of an evening's work has a few hundred lines. The limits keep a wrong file from blocking the server.
MAX_LINES = 20_000
MAX_CHARACTERS = 2_000_000
MAX_NOTES = 1_000  # nobody reads more, and a page must show them


def parse_scheme(text: str) -> ParsedScheme:
    """What a text says as a marking scheme. Never raises on text: what is wrong is said in the notes.

    Everything understood is returned, also beside errors; only when `usable` may it be graded with.
    """
    notes: list[Note] = []
    cut = text[:MAX_CHARACTERS]
    lines = clean(cut).split("\n")
    if len(text) > MAX_CHARACTERS or len(lines) > MAX_LINES:
        notes.append(
            error(
                MAX_LINES,
                Text(
                    "The text is too long for a marking scheme: only its first {lines} lines were read.",
                    {"lines": MAX_LINES},
                ),
            )
        )
        lines = lines[:MAX_LINES]
    strict = any(line.startswith("## ") and HEAD.fullmatch(line.rstrip()) for line in lines)
    reading = (read_strict if strict else read_lenient)(lines, notes)
    return _finished(reading, notes)


def _finished(reading: Reading, notes: list[Note]) -> ParsedScheme:
    """Labels made unique, rules checked, notes in the order of lines."""
    if len(reading.questions) > MAX_QUESTIONS:
        notes.append(
            error(
                reading.lines[MAX_QUESTIONS],
                Text("A scheme may have at most {most} questions.", {"most": MAX_QUESTIONS}),
            )
        )
        reading.cut(MAX_QUESTIONS)
    reading.make_labels_unique(notes)
    scheme = Scheme(reading.title, tuple(reading.questions))
    notes += [
        Note(reading.lines[note.line - 1] if note.line else 0, note.text, note.severity)
        for note in problems(scheme)
    ]
    if scheme.questions:
        reading.check_totals(notes)
    return ParsedScheme(scheme, _ordered(notes))


def _ordered(notes: list[Note]) -> tuple[Note, ...]:
    """The notes in the order of lines; of more than MAX_NOTES the errors are kept before the warnings."""
    if len(notes) > MAX_NOTES:
        notes = sorted(notes, key=lambda note: note.severity)[:MAX_NOTES]  # "error" < "warning"
    return tuple(sorted(notes, key=lambda note: note.line))
