"""Cutting a text where quotes begin and end, so that a page can show each piece with what it belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Span:
    """Characters start..end of a text that belong to something: a criterion's number, or 0."""

    start: int
    end: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text. `numbers` are the spans it lies in, `ends` those of them that end with it."""

    text: str
    numbers: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()


def segments(text: str, spans: Iterable[Span]) -> tuple[Segment, ...]:
    """The text cut at every edge of the spans; joined, the pieces are the text again.

    Spans may overlap, touch, repeat or reach past the text; empty ones are left out.
    """
    length = len(text)
    clipped = {Span(max(0, s.start), min(length, s.end), s.number) for s in spans}
    whole = [span for span in clipped if span.start < span.end]
    edges = sorted({0, length, *(s.start for s in whole), *(s.end for s in whole)})
    pieces = []
    for start, end in pairwise(edges):
        inside = [s for s in whole if s.start <= start and end <= s.end]
        pieces.append(
            Segment(
                text[start:end],
                tuple(sorted({s.number for s in inside})),
                tuple(sorted({s.number for s in inside if s.end == end})),
            )
        )
    return tuple(pieces)


def place(text: str, quote: str, start: int) -> tuple[int, int] | None:
    """Where a quote stands in a text: at its stored place, else where it is first found, else nowhere.

    An answer may have been read anew since it was quoted.
    """
    if not quote:
        return None
    found = start if start >= 0 and text.startswith(quote, start) else text.find(quote)
    return (found, found + len(quote)) if found >= 0 else None


def differing(before: str, after: str, around: int = 20, most: int = 300) -> tuple[str, str]:
    """The parts in which two texts differ, with `around` characters on either side, each cut to `most`."""
    shorter = min(len(before), len(after))
    same = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    rest = shorter - same
    back = next((at for at in range(rest) if before[-1 - at] != after[-1 - at]), rest)
    start, behind = max(0, same - around), max(0, back - around)

    def part(text: str) -> str:
        piece = text[start : len(text) - behind]
        more = "…" if behind or len(piece) > most else ""
        return f"{'…' if start else ''}{piece[:most]}{more}" or "–"

    return part(before), part(after)
