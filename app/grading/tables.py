"""Answer tables: a row of question numbers over a row of answers, and which rows of a table begin with a label.

    题号   1  2  3            | 1 | C   |
    答案   B  C  A            | 2 | ABD |

Works on narrowed text (`labels.narrow`). Cells are parted by tabs or strokes; by spaces only where the upper row says
what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.grading.rows import Range

Span = tuple[int, int]

# Longer lines are prose; the limit also bounds the work.
LONGEST_ROW = 600
_HEAD = re.compile(
    r"(?:题\s?[号目]|序\s?号|问题|第?\s?题|questions?(?:\s?(?:no\.?|number))?|q\s?(?:no)?\.?|no\.?|nr\.?|#|items?|aufgaben?)\s?:?",
    re.I,
)
_LABEL = re.compile(r"(?:第|q)?\s?(\d{1,3})\s?(?:题|[.、)])?", re.I)
_RULE = re.compile(r"[\s|:+-]*")
_SPACED = re.compile(r"\S+")


def grids(text: str, lines: Sequence[Span]) -> list[tuple[Range, tuple[Span, ...]]]:
    """Every row of rising question numbers with the row of answers below it, and the lines that the two take.

    `lines` are (start, end) offsets in order, none empty. The numbers must go on by ones; an empty cell is an empty
    answer.
    """
    found = []
    for index, line in enumerate(lines[:-1]):
        numbers = _numbers(text, line)
        if numbers is None:
            continue
        following = index + 1
        if following + 1 < len(lines) and _RULE.fullmatch(text, *lines[following]):
            following += 1  # |---|---|
        answers = _answers(text, lines[following], len(numbers[1]), numbers[0])
        if answers is None:
            continue
        first, last = numbers[1][0], numbers[1][-1]
        place = Range(line[0], answers[0], first, last, tuple(answers[1]))
        found.append((place, tuple(lines[index : following + 1])))
    return found


def _numbers(text: str, line: Span) -> tuple[bool, list[int]] | None:
    """Whether the first cell only names the row, and the numbers of the others; None when it is no such row."""
    cells, spaced = _cells(text, line)
    if len(cells) < 2:
        return None
    first = text[slice(*cells[0])].strip()
    headed = first == "" or _HEAD.fullmatch(first) is not None
    if spaced and not (headed and first):
        return None
    numbers = [_LABEL.fullmatch(text[slice(*cell)].strip()) for cell in cells[headed:]]
    if len(numbers) < 2 or not all(numbers):
        return None
    values = [int(match[1]) for match in numbers if match]
    return (headed, values) if values == list(range(values[0], values[0] + len(values))) else None


def _answers(text: str, line: Span, count: int, headed: bool) -> tuple[int, list[Span]] | None:
    """Where the answers' row begins after its own name, and the answers; None when the cells do not match."""
    cells, _ = _cells(text, line)
    if len(cells) < count + headed:
        # A spread-sheet's last cells may be missing when they are empty.
        if "\t" not in text[slice(*line)]:
            return None
        cells += [(line[1], line[1])] * (count + headed - len(cells))
    if len(cells) != count + headed or not any(text[slice(*cell)].strip() for cell in cells[headed:]):
        return None
    if all(_LABEL.fullmatch(text[slice(*cell)].strip()) for cell in cells[headed:]) and not headed:
        return None  # a table of numbers, without a word that these are questions
    return cells[headed][0], cells[headed:]


def _cells(text: str, line: Span) -> tuple[list[Span], bool]:
    """The cells of a line, and whether only spaces part them."""
    start, end = line
    if end - start > LONGEST_ROW:
        return [], False
    row = text[start:end]
    sign = "\t" if "\t" in row else "|" if row.count("|") > 1 else ""
    if not sign:
        return [match.span() for match in _SPACED.finditer(text, start, end)], True
    if sign == "|":
        left, right = len(row) - len(row.lstrip(" |")), len(row.rstrip())
        start, end = start + min(left, row.find("|") + 1 if row.lstrip()[:1] == "|" else 0), start + right
        end -= text[end - 1] == "|"
    cells, at = [], start
    for match in re.finditer(re.escape(sign), text[start:end]):
        cells.append((at, start + match.start()))
        at = start + match.end()
    return [*cells, (at, end)], False
