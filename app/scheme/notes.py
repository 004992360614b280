"""What the parser and the checks say about a marking scheme, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.i18n import Text
from app.scheme.types import Scheme

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Note:
    """One remark. `line` counts from 1; 0 is the whole scheme.

    From the parser, `line` is a line of the text; from `check.problems` it is the question's place in the scheme.
    An error must be mended before anything is graded; a warning asks the teacher to look.
    """

    line: int
    text: Text
    severity: Severity


@dataclass(frozen=True, slots=True)
class ParsedScheme:
    """What was understood of a text, and every remark about it in the order of its lines."""

    scheme: Scheme
    notes: tuple[Note, ...]

    @property
    def usable(self) -> bool:
        """No error note: the scheme can be graded with."""
        return all(note.severity != "error" for note in self.notes)


def error(line: int, text: Text) -> Note:
    """A note that must be mended."""
    return Note(line, text, "error")


def warning(line: int, text: Text) -> Note:
    """A note to look at."""
    return Note(line, text, "warning")
