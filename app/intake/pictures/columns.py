"""In which order the parts of a page are read: columns one after the other, tables row by row.

Both are text beside text with a gap between. What tells them apart: the questions' numbers, where there are some (1 to
5 on the left and 6 to 10 on the right are columns; 1 and 2 side by side, 3 and 4 below, are rows); else how full the
lines are (running text fills its column, a table's cells do not).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from app.intake.pictures.rows import Row, Segment, rows_of, usual_height

DEPTH = 4  # columns within parts of columns
GAP = 1.0  # of a line's height: the narrowest gap between columns
LINES = 3  # on either side, or it is no column
NARROWEST = 0.2  # of the text's width: what is narrower are labels in the margin
FULL = 0.6  # of its column's width that running text fills
SIDE_BY_SIDE = 0.4  # of the shorter one's height that two columns stand beside each other
ALIGNED = 2.2  # times as high as a line: a column's lines begin this near to each other, indented ones too
# What a paper asks for in its head.
FIELD = re.compile(
    r"\s*(?:姓\s*名|学\s*号|考\s*号|座\s*号|班\s*级|日\s*期|name|number|no\.|student|class|date|id)(?![a-z])",
    re.IGNORECASE,
)
CANDIDATES = 12  # places that are tried


def in_order(segments: Sequence[Segment], depth: int = DEPTH) -> list[list[Row]]:
    """The parts of a page in reading order, each as its rows."""
    rows = rows_of(segments)
    split = _split(rows) if depth else None
    if split is None:
        return [rows] if rows else []
    first, last, x = split
    left = [each for row in rows[first:last] for each in row if _center(each) < x]
    right = [each for row in rows[first:last] for each in row if _center(each) >= x]
    parts = [*in_order(left, depth - 1), *in_order(right, depth - 1)]
    above = [each for row in rows[:first] for each in row]
    below = [each for row in rows[last:] for each in row]
    return [*in_order(above, depth - 1), *parts, *in_order(below, depth - 1)]


def _center(segment: Segment) -> float:
    return (segment.x0 + segment.x1) / 2


def _split(rows: list[Row]) -> tuple[int, int, float] | None:
    """The rows (first, behind the last) that stand in two columns, and the x between them; the most rows win."""
    segments = [each for row in rows for each in row]
    if len(segments) < 2 * LINES:
        return None
    best: tuple[int, int, float] | None = None
    for x in _candidates(rows, usual_height(segments)):
        for begin, last in _runs(rows, x):
            first = _below_head(rows, begin, last, x)
            if (best is None or last - first > best[1] - best[0]) and _are_columns(rows[first:last], x):
                best = (first, last, x)
    return best


def _candidates(rows: list[Row], height: float) -> list[float]:
    """Places between pieces that stand side by side, those crossed by the fewest pieces first."""
    segments = [each for row in rows for each in row]
    places = {
        round((left.x1 + right.x0) / 2 / height)
        for left, right in [*_pairs(rows), *_offset_pairs(rows)]
        if right.x0 - left.x1 >= GAP * height
    }
    crossed = {place: sum(each.x0 < place * height < each.x1 for each in segments) for place in places}
    return [place * height for place in sorted(places, key=lambda each: crossed[each])[:CANDIDATES]]


def _pairs(rows: list[Row]) -> list[tuple[Segment, Segment]]:
    return [pair for row in rows for pair in pairwise(row)]


def _offset_pairs(rows: list[Row]) -> list[tuple[Segment, Segment]]:
    """Columns whose lines are not level make rows of one piece each: the rows that follow each other are paired."""
    return [
        (min(one[-1], two[0], key=lambda each: each.x0), max(one[-1], two[0], key=lambda each: each.x0))
        for one, two in pairwise(rows)
    ]


def _runs(rows: list[Row], x: float) -> list[tuple[int, int]]:
    """Stretches of rows that no piece crosses at x."""
    runs, begin = [], 0
    for index, row in enumerate([*rows, None]):
        if row is None or any(each.x0 < x < each.x1 for each in row):
            if index - begin >= LINES:
                runs.append((begin, index))
            begin = index + 1
    return runs


def _below_head(rows: list[Row], first: int, last: int, x: float) -> int:
    """The first row of a run that is not of the page's head: name and number side by side are no columns' first lines.

    Such a row has pieces on both sides; they are called name, number and so on, or those on the right begin elsewhere
    than the column below.
    """
    starts = [each.x0 for row in rows[first:last] for each in row if _center(each) >= x]
    if len(starts) <= LINES:
        return first
    usual, height = median(starts), usual_height([each for row in rows[first:last] for each in row])
    below = first
    for index in range(first, last):
        right = [each for each in rows[index] if _center(each) >= x]
        both = bool(right) and len(right) < len(rows[index])
        if both and any(FIELD.match(each.text) for each in rows[index]):
            below = index + 1
        elif right and abs(right[0].x0 - usual) <= ALIGNED * height:
            break
        elif both:
            below = index + 1
    return below


def _are_columns(rows: list[Row], x: float) -> bool:
    left = [[each for each in row if _center(each) < x] for row in rows]
    right = [[each for each in row if _center(each) >= x] for row in rows]
    left, right = [row for row in left if row], [row for row in right if row]
    if len(left) < LINES or len(right) < LINES or not _side_by_side(left, right):
        return False
    by_number = _numbers_say(rows, left, right, x)
    if by_number is not None:
        return by_number
    widths = _width(left), _width(right)
    whole = max(each.x1 for row in right for each in row) - min(each.x0 for row in left for each in row)
    if min(widths) < NARROWEST * whole:
        return False
    return _fullness(left) >= FULL and _fullness(right) >= FULL


def _side_by_side(left: list[Row], right: list[Row]) -> bool:
    tops = [min(each.y0 for row in side for each in row) for side in (left, right)]
    ends = [max(each.y1 for row in side for each in row) for side in (left, right)]
    shared = min(ends) - max(tops)
    return shared >= SIDE_BY_SIDE * min(ends[0] - tops[0], ends[1] - tops[1])


def _width(rows: list[Row]) -> float:
    return max(each.x1 for row in rows for each in row) - min(each.x0 for row in rows for each in row)


def _fullness(rows: list[Row]) -> float:
    """How much of its column's width the text of the middle one of its rows takes."""
    width = max(1.0, _width(rows))
    taken = sorted(sum(each.width for each in row) / width for row in rows)
    return taken[len(taken) // 2]


def _numbers_say(rows: list[Row], left: list[Row], right: list[Row], x: float) -> bool | None:
    """Whether the questions' numbers make these columns (True) or rows (False); None when they do not tell."""
    lefts = [row[0].number for row in left if row[0].number is not None]
    rights = [row[0].number for row in right if row[0].number is not None]
    if not lefts or not rights or len(lefts) + len(rights) < LINES:
        return None
    if _goes_up([*lefts, *rights]):
        return True
    across = [
        each.number
        for row in rows
        for each in (row[0], next((one for one in row if _center(one) >= x), row[0]))
        if each.number is not None
    ]
    across = [number for index, number in enumerate(across) if not index or number != across[index - 1]]
    return False if _goes_up(across) else None


def _goes_up(numbers: Sequence[int | None]) -> bool:
    return all(one is not None and two is not None and one < two for one, two in pairwise(numbers))
