"""Which questions to grade, as a teacher writes it: "3, 5-8"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from app.i18n import N_, ProblemError

_PARTS = re.compile(r"[,;、；\s]+")
_RANGE = re.compile(r"(.+?)\s*(?:-|~|–|—|至|到|\.\.)\s*(.+)")
_SPACED_RANGE = re.compile(r"\s*(-|~|–|—|至|到|\.\.)\s*")
_DRESS = re.compile(r"^(?:第|question|q\.?|no\.?|#)?\s*(.*?)\s*(?:题|小题)?$")
LONGEST = 500  # characters of a scope that are read


class ScopeError(ProblemError):
    """A scope that names questions which the scheme does not have."""


def parse_scope(text: str, labels: Sequence[str]) -> tuple[str, ...] | None:
    """The labels that a text names, in the scheme's order; None for an empty text (all questions).

    Understands labels, ranges by the scheme's order, and the number of a question with parts for all of its parts
    ("6" for 6(a) and 6(b)). Raises ScopeError that names every part it does not understand.
    """
    plain = unicodedata.normalize("NFKC", text)[:LONGEST].strip()
    if not plain:
        return None
    known = [_undressed(label) for label in labels]
    chosen: set[int] = set()
    unknown: list[str] = []
    # Spaces around a dash belong to the range, other spaces part.
    for part in _PARTS.split(_SPACED_RANGE.sub(r"\1", plain)):
        if part:
            found = _places(part, known)
            chosen.update(found)
            if not found:
                unknown.append(part)
    if unknown:
        raise ScopeError(
            N_("There is no question {parts}. This marking scheme has: {labels}."),
            parts=", ".join(unknown),
            labels=", ".join(labels),
        )
    return tuple(label for place, label in enumerate(labels) if place in chosen)


def _undressed(label: str) -> str:
    """第6题, Question 6, Q6 and 6 are the same."""
    plain = unicodedata.normalize("NFKC", label).casefold().replace(" ", "")
    match = _DRESS.match(plain)
    return (match[1] if match else "") or plain


def _places(part: str, known: Sequence[str]) -> range | list[int]:
    exact = _named(_undressed(part), known)
    if exact:
        return exact
    span = _RANGE.fullmatch(part)
    if span is None:
        return []
    first, last = _named(_undressed(span[1]), known), _named(_undressed(span[2]), known)
    if not first or not last or first[0] > last[-1]:
        return []
    return range(first[0], last[-1] + 1)


def _named(name: str, known: Sequence[str]) -> list[int]:
    """The question of a name, or else the parts of the question of that number."""
    if name in known:
        return [known.index(name)]
    return [
        place
        for place, label in enumerate(known)
        if label.startswith(name) and not label[len(name)].isalnum() and name[-1:].isalnum()
    ]
