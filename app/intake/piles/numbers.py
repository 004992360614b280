"""Page numbers that stand on pages: 第2页, 第 2 页 共 4 页, 2/4, Page 2 of 4, - 2 -."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.intake.fields import folded, lines_of

EDGE_LINES = 3  # at a page's head and foot
MAX_LINE = 80  # characters of a line with a page number and perhaps a title
MOST = 99
CHINESE = "一二三四五六七八九十"
FORMS = re.compile(
    rf"第\s*(?P<a>\d{{1,2}}|[{CHINESE}])\s*页(?:\W{{0,3}}[共总/]\s*(?P<at>\d{{1,2}}|[{CHINESE}])\s*页?)?"
    r"|(?<![a-z])page\s*(?P<b>\d{1,2})(?!\d)(?:\s*(?:of|/)\s*(?P<bt>\d{1,2})(?!\d))?"
    r"|^\s*(?P<c>\d{1,2})\s*/\s*(?P<ct>\d{1,2})\s*$"
    r"|^\s*[-–—]\s*(?P<d>\d{1,2})\s*[-–—]\s*$"
)


@dataclass(frozen=True, slots=True)
class PageNumber:
    """What a page says of its place: its number, and how many there are (None: not said)."""

    number: int
    total: int | None = None


def page_number(text: str) -> PageNumber | None:
    """The page number in the first or last lines of a page; None without one, with an impossible one, or with two."""
    lines = lines_of(text)
    edges = lines[:EDGE_LINES] + lines[EDGE_LINES:][-EDGE_LINES:]
    found = {
        number
        for line in edges
        if line.end - line.start <= MAX_LINE
        for match in FORMS.finditer(folded(text[line.start : line.end]))
        if (number := _number(match)) is not None
    }
    return found.pop() if len(found) == 1 else None


def _number(match: re.Match[str]) -> PageNumber | None:
    said = next(match[name] for name in "abcd" if match[name])
    total = match["at"] or match["bt"] or match["ct"]
    number, most = _value(said), _value(total) if total else None
    if not 1 <= number <= (most or MOST) <= MOST:
        return None
    return PageNumber(number, most)


def _value(text: str) -> int:
    return CHINESE.index(text) + 1 if text in CHINESE else int(text)
