"""Pieces of text as found on a picture, and the rows that they stand in. Pure: boxes and words, no pixels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from app.intake.pictures.words import Placed

SHARED = 0.5  # of the lower one's height: two pieces that overlap this much may stand in one row
BESIDE = 0.3  # of the narrower one's width: pieces of one row overlap less than this
LOOK_BACK = 8  # rows above in which a piece may still belong; rows are built from the top
# A question's number by itself: 1. (1) ① 第1题 Q1 1a 一、. What it means is decided elsewhere (app/grading/labels.py).
LABEL = re.compile(
    r"(?:第\s*[\d一二三四五六七八九十]{1,3}\s*[题问]?|(?:Q|No\.?|Question)\s*\d{1,3}|[(（\[]\s*[\da-zA-Z一二三四五六七八九十]{1,3}\s*[)）\]]"
    r"|\d{1,3}\s*[a-z]?|[一二三四五六七八九十]{1,3}|[a-zA-Z]|[①-⑳])\s*[.．、:：)）。,，]?",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?:第|Q|No\.?|Question|[(（\[])?\s*(\d{1,3}|[①-⑳])\s*(?:[.．、:：)）\]题问]|[a-z](?![a-z])|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text in one line, with its rectangle in pixels of the straightened page."""

    words: tuple[Placed, ...]
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """In pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """In pixels."""
        return self.y1 - self.y0

    @property
    def middle(self) -> float:
        """Where it stands from above, in pixels."""
        return (self.y0 + self.y1) / 2

    @property
    def text(self) -> str:
        """Its words with the blanks between them."""
        return "".join(
            (" " if word.spaced and index else "") + word.text for index, word in enumerate(self.words)
        )

    @property
    def is_label(self) -> bool:
        """Whether it is nothing but a question's number."""
        return LABEL.fullmatch(self.text.strip()) is not None

    @property
    def number(self) -> int | None:
        """The question's number that it begins with."""
        found = _NUMBER.match(self.text.strip())
        if found is None:
            return None
        digits = found[1]
        return int(digits) if digits.isdecimal() else ord(digits) - ord("①") + 1


Row = list[Segment]


def rows_of(segments: Iterable[Segment]) -> list[Row]:
    """The rows from the top down, each from left to right."""
    rows: list[Row] = []
    for segment in sorted(segments, key=lambda each: each.middle):
        fitting = [row for row in rows[-LOOK_BACK:] if _fits(segment, row)]
        if fitting:
            max(fitting, key=lambda row: _overlap(segment, row)).append(segment)
        else:
            rows.append([segment])
    for row in rows:
        row.sort(key=lambda each: each.x0)
    return sorted(rows, key=middle_of)


def middle_of(row: Row) -> float:
    """Where a row stands from above, in pixels; its longest piece says so."""
    return max(row, key=lambda each: each.width).middle


def usual_height(segments: Sequence[Segment]) -> float:
    """The median height of pieces in pixels, 1 for none."""
    return max(1.0, median(each.height for each in segments)) if segments else 1.0


def _overlap(segment: Segment, row: Row) -> float:
    """How much of the lower one's height a piece shares with a row's nearest piece, 0 to 1."""
    near = min(row, key=lambda each: max(each.x0 - segment.x1, segment.x0 - each.x1))
    shared = min(near.y1, segment.y1) - max(near.y0, segment.y0)
    return shared / max(1.0, min(near.height, segment.height))


def _fits(segment: Segment, row: Row) -> bool:
    for each in row:
        beside = min(each.x1, segment.x1) - max(each.x0, segment.x0)
        if beside > BESIDE * min(each.width, segment.width):
            return False
    return _overlap(segment, row) >= SHARED
