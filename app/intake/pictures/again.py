"""Which parts of a line the better model reads again, and how its reading gets into the line. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.intake.pictures.recogniser import HEIGHT, Glyph, Reading, is_wide

SURE = (
    0.75  # confidence below which the tiny model is not believed about a character; measured on drawn pages
)
NEIGHBOURS = 2  # characters on either side that are read along: models read in context
MOSTLY = 0.6  # of a line's length in doubt: the whole line is read again
LEAST = HEIGHT  # pixels; a shorter piece is read with what stands beside it
MOST = 150_000  # pixels of lines' lengths that are read again for one page: some 15 s


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line: its glyphs (first, behind the last) and its pixels; `confidence` of the least sure glyph."""

    first: int
    last: int
    left: int
    right: int
    confidence: float


def doubtful(reading: Reading, width: int) -> list[Span]:
    """The pieces of a line of `width` pixels that are to be read again, from the left; the whole of an empty one."""
    glyphs = reading.glyphs
    if not glyphs:
        return [Span(0, 0, 0, width, 0.0)]
    unsure = [index for index, glyph in enumerate(glyphs) if glyph.confidence < SURE]
    runs: list[tuple[int, int]] = []
    for index in unsure:
        first, last = _around(glyphs, index)
        if runs and first <= runs[-1][1]:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    spans = [_span(glyphs, first, last, width) for first, last in runs]
    if sum(span.right - span.left for span in spans) > MOSTLY * width or any(
        span.right - span.left < LEAST for span in spans
    ):
        return [Span(0, len(glyphs), 0, width, min(span.confidence for span in spans))]
    return spans


def affordable(doubts: Sequence[tuple[int, Span]]) -> list[tuple[int, Span]]:
    """The pieces (a line's index, a piece of it) that are read again: the least sure first, up to MOST pixels."""
    chosen, total = [], 0
    for index, span in sorted(doubts, key=lambda each: each[1].confidence):
        total += span.right - span.left
        if total > MOST:
            break
        chosen.append((index, span))
    return chosen


def spliced(reading: Reading, span: Span, again: Reading, width: int) -> Reading:
    """A line with a piece replaced by its second reading, if that is the surer one."""
    old = Reading(reading.glyphs[span.first : span.last])
    if not again.text.strip() or again.confidence < old.confidence:
        return reading
    share, left = (span.right - span.left) / width, span.left / width
    new = [replace(glyph, at=left + glyph.at * share) for glyph in _trimmed(again.glyphs)]
    # A piece begins with the blank before it, if there is one, and ends before the blank behind it.
    if old.glyphs and old.glyphs[0].text.isspace():
        new.insert(0, old.glyphs[0])
    return Reading((*reading.glyphs[: span.first], *new, *reading.glyphs[span.last :]))


def _around(glyphs: Sequence[Glyph], index: int) -> tuple[int, int]:
    """A glyph with its neighbours; Latin words are not cut, as half a word is read worse than the whole."""
    first, last = max(0, index - NEIGHBOURS), min(len(glyphs), index + NEIGHBOURS + 1)
    while first and not _parts(glyphs[first - 1], glyphs[first]):
        first -= 1
    while last < len(glyphs) and not _parts(glyphs[last - 1], glyphs[last]):
        last += 1
    return first, last


def _parts(left: Glyph, right: Glyph) -> bool:
    """Whether a line may be cut between two glyphs."""
    return right.text.isspace() or (is_wide(left.text) and is_wide(right.text))


def _span(glyphs: Sequence[Glyph], first: int, last: int, width: int) -> Span:
    """The glyphs' pixels: to halfway to the neighbours on both sides."""
    left = (glyphs[first - 1].at + glyphs[first].at) / 2 if first else 0.0
    right = (glyphs[last - 1].at + glyphs[last].at) / 2 if last < len(glyphs) else 1.0
    least = min(glyph.confidence for glyph in glyphs[first:last])
    return Span(first, last, int(left * width), max(int(left * width) + 1, round(right * width)), least)


def _trimmed(glyphs: tuple[Glyph, ...]) -> list[Glyph]:
    """The glyphs without blanks at both ends."""
    visible = [index for index, glyph in enumerate(glyphs) if not glyph.text.isspace()]
    return list(glyphs[visible[0] : visible[-1] + 1]) if visible else []
