"""Answer keys without a word around them: Markdown tables, "1-5 ABCDA", "1. B 2. C 3. AD"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.scheme.labels import read_head
from app.scheme.words import Mark, kind_named

_RULE = re.compile(r"\|?[\s:|\-]{3,}\|?")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_COLUMNS: tuple[tuple[Mark | None, re.Pattern[str]], ...] = (
    (None, re.compile(r"题号|序号|编号|no\.?|#|nr\.?|number|questions?|q|label|题目编号", re.I)),
    (Mark.ANSWER, re.compile(r"(?:参考|标准|正确)?答案|(?:model )?answers?|key|reference(?: answer)?|solution", re.I)),
    (Mark.POINTS, re.compile(r"分值|分数|得分|满分|points?|marks?|score|pts", re.I)),
    (Mark.PROMPT, re.compile(r"题目|题干|问题|内容|prompt|questions?|question text|text|task", re.I)),
    (Mark.KIND, re.compile(r"题型|类型|kind|type", re.I)),
    (Mark.CRITERIA, re.compile(r"评分标准|评分细则|评分要点|criteria|marking|rubric|mark scheme|guidance|notes", re.I)),
    (Mark.TOLERANCE, re.compile(r"允许误差|误差|容差|tolerance", re.I)),
    (Mark.UNIT, re.compile(r"单位|units?", re.I)),
)  # fmt: skip
_RANGE = re.compile(
    r"(?:第)?(\d{1,3})\s?[-–—~～至到]{1,2}\s?(\d{1,3})\s?题?\s?[.:：、]?\s*([A-Ha-h](?:[\s,，、;；A-Ha-h]){0,300})(.{0,40})"
)
_PAIR = re.compile(r"\s*(\d{1,3})\s?[.．、:：)）\-]?\s?([A-H]{1,6})(?![A-Za-z])\s*[,，;；、|]?")


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One answer of a key: the question's label and its fields in the order they are read."""

    label: str
    fields: tuple[tuple[Mark, str], ...]


@dataclass(frozen=True, slots=True)
class Key:
    """The answers of one line or table; `rest` is what stands behind them, `missing` how many a range lacks."""

    entries: tuple[KeyEntry, ...]
    rest: str = ""
    missing: int = 0


def read_key_line(line: str) -> Key | None:
    """The answers of a line that is an answer key: "1-5 ABCDA (2 marks each)" or "1. B 2. C"; None when it is none."""
    if len(line) > 1000 or not (line[:1].isdigit() or line.startswith("第")):
        return None
    found = _RANGE.fullmatch(line.strip())
    if found and (not found[4].strip() or found[4].lstrip()[0] in "(（[【"):
        return _ranged(int(found[1]), int(found[2]), found[3].strip().upper(), found[4].strip())
    entries: list[KeyEntry] = []
    place = 0
    while pair := _PAIR.match(line, place):
        entries.append(KeyEntry(str(int(pair[1])), ((Mark.ANSWER, pair[2]),)))
        place = pair.end()
    rest = line[place:].strip()
    if len(entries) < 2 or (rest and rest[0] not in "(（[【"):
        return None
    return Key(tuple(entries), rest)


def _ranged(first: int, last: int, letters: str, rest: str) -> Key | None:
    if not 0 < last - first < 100:
        return None
    count = last - first + 1
    groups = [group for group in re.split(r"[\s,，、;；]+", letters) if group]
    if len(groups) != count:
        groups = list("".join(groups))
    entries = tuple(
        KeyEntry(str(first + place), ((Mark.ANSWER, letter),)) for place, letter in enumerate(groups[:count])
    )
    return Key(entries, rest, count - len(groups))


def is_table_line(line: str) -> bool:
    """Whether a line is a row of a Markdown table."""
    return line.startswith("|") and line.count("|", 0, 2000) >= 3


def read_table(lines: list[str]) -> Key | None:
    """The questions of a Markdown table, one a row or one a column; None when its headings say nothing known."""
    rows = [_cells(line) for line in lines if not _RULE.fullmatch(line.strip()[:2000])]
    if len(rows) < 2:
        return None
    columns = _columns(rows[0])
    if columns is None:
        rows = [list(column) for column in zip(*_even(rows), strict=True)]
        columns = _columns(rows[0])
    if columns is None:
        return None
    return Key(tuple(entry for row in rows[1:] if (entry := _entry(columns, row))))


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|").replace(r"\|", "\0")
    return [cell.replace("\0", "|").strip().strip("*").strip() for cell in inner.split("|")]


def _even(rows: list[list[str]]) -> list[list[str]]:
    width = max(len(row) for row in rows)
    return [row + [""] * (width - len(row)) for row in rows]


def _columns(header: list[str]) -> list[Mark | str | None] | None:
    """What each column holds: a mark, "label", or None for an unknown one; None unless label and another are known."""
    found: list[Mark | str | None] = []
    for cell in header:
        # "Question" numbers the rows when it stands first, and holds the prompt behind a "No".
        names = (mark or "label" for mark, words in _COLUMNS if words.fullmatch(cell))
        found.append(next((name for name in names if name not in found), None))
    if "label" in found and Mark.ANSWER not in found and Mark.POINTS not in found:
        return None
    return found if "label" in found and len([name for name in found if name]) > 1 else None


def _entry(columns: list[Mark | str | None], row: list[str]) -> KeyEntry | None:
    cells = dict(zip(columns, row, strict=False))
    label = cells.get("label", "").rstrip(".、:： ")
    head = read_head(f"{label}.") or read_head(label)
    if not label or len(label) > 40 or kind_named(label):
        return None
    order = (Mark.PROMPT, Mark.KIND, Mark.POINTS, Mark.ANSWER, Mark.TOLERANCE, Mark.UNIT, Mark.CRITERIA)
    fields = tuple(
        (mark, _BREAK.sub("\n", cells[mark]))
        for mark in order
        if cells.get(mark) and cells[mark] not in "-–—/"
    )
    return KeyEntry(head.label if head and not head.rest.strip(". ") else label, fields)
