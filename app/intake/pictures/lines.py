"""The words of a page to its text: rows and columns in reading order, line breaks kept, cells parted by tabs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from app.document import Word
from app.intake.pictures.columns import in_order
from app.intake.pictures.crops import size
from app.intake.pictures.ocr import Line
from app.intake.pictures.recogniser import is_wide
from app.intake.pictures.rows import Row, Segment, middle_of, usual_height
from app.intake.pictures.words import Placed

CELL = 1.5  # of the row's height: a wider gap parts cells, a narrower one words
EMPTY = 1.7  # of the usual distance of rows: from here on an empty line stands between
LONG = 8  # times as long as high: running text rather than a table's cell
SLANT_LENGTH = 4  # times as long as high: lines that tell how the page slants


@dataclass(slots=True)
class _Page:
    """Text that grows, and its words."""

    parts: list[str] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    length: int = 0

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def add_word(self, placed: Placed) -> None:
        start = self.length
        self.add(placed.text)
        self.words.append(Word(start, self.length, placed.box, placed.confidence))


def join(segments: Sequence[Segment]) -> tuple[str, tuple[Word, ...]]:
    """The text of a page from its pieces in any order, and its words with their offsets."""
    page = _Page()
    rows = [row for part in in_order(segments) for row in part]
    usual = _usual_distance(rows)
    height = usual_height(segments)
    before: Row | None = None
    for row in rows:
        if before is not None:
            distance = middle_of(row) - middle_of(before)
            space = min(each.y0 for each in row) - max(each.y1 for each in before)
            page.add("\n\n" if distance > EMPTY * usual and space > height else "\n")
        _add_row(page, row)
        before = row
    return "".join(page.parts), tuple(page.words)


def segment_of(line: Line, words: Sequence[Placed], slope: float) -> Segment:
    """A line's words as a piece of the page, its rectangle straightened by the page's slope (`slope_of`)."""
    width, height = size(line.quad)
    x, y = map(float, line.quad.mean(axis=0))
    x, y = x + y * slope, y - x * slope
    return Segment(tuple(words), x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def slope_of(lines: Sequence[Line]) -> float:
    """How far the lines of a page go down for each pixel to the right; 0 where no line is long enough to tell."""
    slopes = []
    for line in lines:
        width, height = size(line.quad)
        if not line.upright and width >= SLANT_LENGTH * height:
            (x0, y0), (x1, y1) = line.quad[0], line.quad[1]
            slopes.append(float((y1 - y0) / max(1.0, x1 - x0)))
    found = median(slopes) if slopes else 0.0
    return found if math.isfinite(found) else 0.0


def _usual_distance(rows: Sequence[Row]) -> float:
    """The distance of neighbouring rows' middles in pixels; infinite for fewer than three distances."""
    distances = [middle_of(two) - middle_of(one) for one, two in pairwise(rows)]
    down = [each for each in distances if each > 0]
    return median(down) if len(down) >= 3 else math.inf


def _add_row(page: _Page, row: Row) -> None:
    for index, segment in enumerate(row):
        if index:
            page.add(_between(row, index))
        for number, word in enumerate(segment.words):
            if number and word.spaced:
                page.add(" ")
            page.add_word(word)


def _between(row: Row, index: int) -> str:
    """What parts a piece from the one before it: a tab between cells, a blank after a question's number."""
    left, right = row[index - 1], row[index]
    gap, height = right.x0 - left.x1, min(left.height, right.height)
    if index == 1 and _begins_question(row):
        return " "
    if gap > CELL * height:
        return "\t"
    one_text = bool(
        left.words and right.words and is_wide(left.words[-1].text[-1]) and is_wide(right.words[0].text[0])
    )
    return "" if one_text and gap < height / 2 else " "


def _begins_question(row: Row) -> bool:
    """Whether a row is a question's number in the margin and its text; a bare number may be a table's first cell."""
    label, text = row[0], row[1]
    if not label.is_label:
        return False
    return not label.text.strip().isdecimal() or (len(row) == 2 and text.width > LONG * text.height)
