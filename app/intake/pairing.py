"""Which lines of two readings of one page are the same line, in order."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

NEAR = 0.25  # likeness from which two lines can be the same one at all
WHOLE = 0.5  # likeness from which two lines together can be one of the other reading
JOINED = 0.1  # by how much they must then be more alike to it than each alone
SIGNS = "+-*/=<>%"  # of arithmetic, which are compared as letters are


@dataclass(frozen=True, slots=True)
class Pair:
    """Lines `first` up to `last` of one reading are lines `begin` up to `end` of the other; either may be none.

    `likeness` is 0 to 1, 0 where either is none.
    """

    first: int
    last: int
    begin: int
    end: int
    likeness: float


def paired(own: Sequence[str], said: Sequence[str]) -> list[Pair]:
    """The alignment in order that pairs the most letters: one line with one, or with two that the other side split.

    Every line of both stands in exactly one pair. Dynamic programming over all pairs of lines.
    """
    mine, theirs = [_key(line) for line in own], [_key(line) for line in said]
    rows, columns = len(mine), len(theirs)
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    step: list[list[Pair | None]] = [[None] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows + 1):
        for column in range(columns + 1):
            for pair in _steps(mine, theirs, row, column):
                size = sum(map(len, mine[pair.first : row])) + sum(map(len, theirs[pair.begin : column]))
                # Lines of other signs alone count a little, so that they are paired at all.
                score = best[pair.first][pair.begin] + pair.likeness * (size + 0.5)
                if step[row][column] is None or score > best[row][column]:
                    best[row][column], step[row][column] = score, pair
    found: list[Pair] = []
    row, column = rows, columns
    while (last := step[row][column]) is not None:
        found.append(last)
        row, column = last.first, last.begin
    return found[::-1]


def weight(text: str) -> int:
    """How many characters of a line are compared."""
    return len(_key(text))


def _steps(mine: Sequence[str], theirs: Sequence[str], row: int, column: int) -> Iterator[Pair]:
    """The last steps that may lead to the first `row` lines against the first `column`; the plainest first."""
    if row and column:
        one, other = mine[row - 1], theirs[column - 1]
        alone = _likeness(one, other)
        if alone >= NEAR:
            yield Pair(row - 1, row, column - 1, column, alone)
        # Two against one only where both of the two are in the one.
        if column > 1:
            both = _likeness(one, theirs[column - 2] + other)
            if both >= max(WHOLE, JOINED + alone, JOINED + _likeness(one, theirs[column - 2])):
                yield Pair(row - 1, row, column - 2, column, both)
        if row > 1:
            both = _likeness(mine[row - 2] + one, other)
            if both >= max(WHOLE, JOINED + alone, JOINED + _likeness(mine[row - 2], other)):
                yield Pair(row - 2, row, column - 1, column, both)
    if row:
        yield Pair(row - 1, row, column, column, 0.0)
    if column:
        yield Pair(row, row, column - 1, column, 0.0)


@lru_cache(maxsize=2048)
def _key(text: str) -> str:
    """A line as it is compared: letters, digits and SIGNS in one spelling, without blanks."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(mark for mark in plain if mark.isalnum() or mark in SIGNS)


@lru_cache(maxsize=65536)
def _likeness(one: str, other: str) -> float:
    """The share of characters that need not be changed (Levenshtein), 0 to 1."""
    return Levenshtein.normalized_similarity(one, other) if one or other else 1.0
