"""The reader of the canonical form: marks count only at the start of a line, a backslash takes their meaning away."""

from __future__ import annotations

from app.i18n import Text
from app.scheme.body import BodyReader, Draft
from app.scheme.build import Around, build
from app.scheme.canonical import HEAD
from app.scheme.check import MAX_QUESTIONS
from app.scheme.clean import one_line
from app.scheme.labels import read_head
from app.scheme.notes import Note, error, warning
from app.scheme.read import Reading
from app.scheme.types import Kind
from app.scheme.words import Mark, marker


def read_strict(lines: list[str], notes: list[Note]) -> Reading:
    """The questions of a text in the canonical form, given as its cleaned lines."""
    reading = Reading()
    readers: list[BodyReader] = []
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip()
        if line.startswith("## "):
            if len(readers) > MAX_QUESTIONS:
                break
            readers.append(_open(number, line, notes, reading))
        elif readers:
            readers[-1].read(number, line)
        elif line.startswith("# ") and not reading.title:
            reading.title = one_line(line[2:])
        elif line:
            _before(number, line, notes, reading)
    for reader in readers:
        draft = reader.draft
        reading.add(build(draft, Around(reading.title), notes), draft.line)
    return reading


def _before(number: int, line: str, notes: list[Note], reading: Reading) -> None:
    """A line before the first question: a total, or nothing that this form knows."""
    mark = marker(line)
    if mark and mark.mark == Mark.TOTAL:
        reading.totals.append((number, float(mark.rest), mark.aside))
    else:
        notes.append(warning(number, Text("This line stands before the first question and was left out.")))


def _open(number: int, line: str, notes: list[Note], reading: Reading) -> BodyReader:
    found = HEAD.fullmatch(line)
    if found:
        draft = Draft(
            one_line(found["label"]), number, Kind(found["kind"]), float(found["points"]), strict=True
        )
        return BodyReader(draft, notes, reading.totals)
    text = line[3:].strip()
    head = read_head(text)
    label, rest = (head.label, head.rest) if head else (one_line(text)[:40], "")
    draft = Draft(label, number)
    reader = BodyReader(draft, notes, reading.totals)
    reader.head(number, rest)
    draft.strict = True
    if draft.kind is None:
        notes.append(
            error(
                number,
                Text(
                    "The head of question {label} names no kind. Write “## {label}. [text] (4)”; kinds are {kinds}.",
                    {"label": label, "kinds": ", ".join(Kind)},
                ),
            )
        )
    return reader
