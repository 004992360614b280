"""Short answers in a row: "1-5 BCADA", "1. B 2. C 3. A", "1.A2.B3.C".

Students write the answers to choice questions so, and a key is printed so. Works on narrowed text
(`labels.narrow`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

# 1-5 BCADA, 1~5: B C A D A, 第1-5题 BCADA. A separator must follow the range: "1-5" alone or "1-5x" is none.
_RANGE = re.compile(
    r"(?:第\s{0,4})?(\d{1,3})\s{0,4}(?:-|~|–|—|--|至|to)\s{0,4}(\d{1,3})\s{0,4}题?\s{0,4}(?::|\.|、|\)|\s)\s{0,4}(?=\S)",
    re.I,
)
_SEPARATORS = re.compile(r"[\s,;，；、/]+")
_TOKEN = re.compile(r"[^\s,;，；、/]+")
_LETTER = re.compile(r"[A-Ha-hTFtf√×✓✗对错]")
# One entry of a row: a number, a sign, a short word. Two or more of them make up the whole line.
_ENTRY = r"\d{1,3}\s?(?:[.](?!\d)|[、):])\s?(?:[^\s\d,;，；、.]{1,20}|-?\d+(?:\.\d+)?(?=[\s,;，；]))?"
_ROW = re.compile(rf"\s*(?:{_ENTRY}[\s,;，；]+)+{_ENTRY}[\s,;，；.。]*$")
_TIGHT = re.compile(r"\s*(?:\d{1,3}\s?[.、):]\s?[A-Ha-h]{1,6}\s?[,;，；]?\s?){2,}$")
# (1) B (2) C (3) A、C
_BRACKETS = re.compile(r"\s*(?:\(\s?\d{1,2}\s?\)\s?[^()\s][^()]{0,20}){2,}$")
_BRACKETED = re.compile(r"\(\s?(\d{1,2})\s?\)")
_NUMBER = re.compile(r"(?<![\d.])(\d{1,3})\s?(?:[.](?!\d)|[、):])")


@dataclass(frozen=True, slots=True)
class Range:
    """A run of numbers with one short answer each: where the label stands and where each answer does."""

    start: int
    end: int
    first: int
    last: int
    answers: tuple[tuple[int, int], ...]


def ranges(text: str, start: int, end: int) -> list[Range]:
    """The ranges of one line; a line holds several as "1-5 BCADA 6-10 CDABB". None when the counts differ."""
    heads = list(_RANGE.finditer(text, start, end))
    found = []
    for number, head in enumerate(heads):
        if number == 0 and text[start : head.start()].strip():
            return []
        stop = heads[number + 1].start() if number + 1 < len(heads) else end
        first, last = int(head[1]), int(head[2])
        if not 0 < last - first < 100:
            return []
        answers = _split(text, head.end(), stop, last - first + 1)
        if answers is None:
            return []
        found.append(Range(head.start(), head.end(), first, last, answers))
    return found


def _split(text: str, start: int, end: int, count: int) -> tuple[tuple[int, int], ...] | None:
    """`count` answers between two offsets: one a word, or one a letter; None when neither fits."""
    words = [match.span() for match in _TOKEN.finditer(text, start, end)]
    if len(words) == count and all(stop - begin <= 20 for begin, stop in words):
        return tuple(words)
    letters = [(i, i + 1) for begin, stop in words for i in range(begin, stop)]
    if len(letters) == count and all(_LETTER.match(text[begin]) for begin, _ in letters):
        return tuple(letters)
    return None


def row_numbers(text: str, start: int, end: int) -> list[int]:
    """Where the numbers of a row of short answers begin; empty when the line is no such row."""
    # Long lines are prose; the limit also bounds the pattern's work.
    if end - start > 400:
        return []
    line = text[start:end]
    if _BRACKETS.match(line):
        marks = list(_BRACKETED.finditer(line))
        rising = all(int(b[1]) == int(a[1]) + 1 for a, b in pairwise(marks))
        return [start + mark.start() for mark in marks] if rising else []
    if not (_ROW.match(line) or _TIGHT.match(line)):
        return []
    places = [start + match.start() for match in _NUMBER.finditer(line)]
    return places if len(places) > 1 else []
