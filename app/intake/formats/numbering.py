"""Word's automatic numbers. "1." before an answer is often not text at all, but it says which question it answers."""

from __future__ import annotations

import re
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
DIGITS = "零一二三四五六七八九"
LEVELS = 9  # ECMA-376 part 1, 17.9.6: levels 0 to 8
ROMAN = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
         (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))  # fmt: skip
CHINESE = frozenset({"chineseCounting", "chineseCountingThousand", "ideographDigital", "japaneseCounting",
                     "taiwaneseCounting", "taiwaneseCountingThousand"})  # fmt: skip


class Numbering:
    """The running numbers of one document (ECMA-376 part 1, 17.9). Ask for each paragraph once, in order."""

    def __init__(self, numbering: Any, styles: Any) -> None:
        """`numbering` and `styles`: the root elements of those parts, or None."""
        self._styles = _style_lists(styles)
        self._lists, self._starts = _lists(numbering)
        self._counts: dict[str, list[int | None]] = {}

    def label(self, paragraph: Any) -> str:
        """The number before a paragraph with a space after it: "1. ", "(二) ", "a) "; "" for bullets and none."""
        found = self._position(paragraph)
        if found is None:
            return ""
        list_id, level = found
        abstract, levels = self._lists.get(list_id, ("", {}))
        if level not in levels:
            return ""
        counts = self._counts.setdefault(abstract, [None] * LEVELS)
        self._advance(counts, list_id, level, levels)
        form, pattern, _ = levels[level]
        if form in ("bullet", "none") or not pattern:
            return ""

        def number(match: re.Match[str]) -> str:
            place = int(match[1]) - 1
            other_form, _, start = levels.get(place, ("decimal", "", 1))
            return write(counts[place] if counts[place] is not None else start, other_form)  # type: ignore[arg-type]

        return re.sub(r"%([1-9])", number, pattern) + " "

    def _advance(self, counts: list[int | None], list_id: str, level: int, levels: dict[int, Any]) -> None:
        override = self._starts.pop((list_id, level), None)
        current = counts[level]
        start = levels[level][2] if override is None else override
        counts[level] = start if current is None or override is not None else current + 1
        counts[level + 1 :] = [None] * (LEVELS - level - 1)

    def _position(self, paragraph: Any) -> tuple[str, int] | None:
        properties = paragraph.find(W + "pPr")
        if properties is None:
            return None
        style = properties.find(W + "pStyle")
        inherited = self._styles.get(style.get(W + "val")) if style is not None else None
        own = _num_pr(properties)
        list_id = own[0] or (inherited[0] if inherited else None)
        level = own[1] if own[1] is not None else (inherited[1] if inherited else None)
        if list_id in (None, "0"):  # 0 takes the style's number away
            return None
        level = level or 0
        return (str(list_id), level) if 0 <= level < LEVELS else None


def write(value: int, form: str) -> str:
    """A number in one of Word's number formats; formats that are not known read as decimal."""
    if form in ("lowerLetter", "upperLetter"):
        letter = (
            chr(ord("a") + (value - 1) % 26) * ((value - 1) // 26 + 1) if 0 < value <= 260 else str(value)
        )
        return letter.upper() if form == "upperLetter" else letter
    if form in ("lowerRoman", "upperRoman"):
        return _roman(value) if form == "upperRoman" else _roman(value).lower()
    if form in CHINESE:
        return _chinese(value)
    if form == "decimalEnclosedCircle" and 1 <= value <= 20:
        return chr(0x2460 + value - 1)
    return f"{value:02}" if form == "decimalZero" else str(value)


def _roman(value: int) -> str:
    if not 0 < value < 4000:
        return str(value)
    text = ""
    for size, letters in ROMAN:
        text += letters * (value // size)
        value %= size
    return text


def _chinese(value: int) -> str:
    """1 to 99 as 一, 十, 十一, 二十, 二十一."""
    if not 0 < value < 100:
        return str(value)
    tens, ones = divmod(value, 10)
    head = "" if not tens else ("十" if tens == 1 else DIGITS[tens] + "十")
    return head + (DIGITS[ones] if ones else "")


def _num_pr(properties: Any) -> tuple[str | None, int | None]:
    node = properties.find(W + "numPr")
    if node is None:
        return None, None
    list_id, level = node.find(W + "numId"), node.find(W + "ilvl")
    return (
        list_id.get(W + "val") if list_id is not None else None,
        _int(level.get(W + "val")) if level is not None else None,
    )


def _style_lists(styles: Any) -> dict[str, tuple[str | None, int | None]]:
    """Paragraph styles that carry a list: style id to (list, level). A style inherits its parent's."""
    if styles is None:
        return {}
    parents: dict[str, str] = {}
    found: dict[str, tuple[str | None, int | None]] = {}
    for style in styles.iterchildren(W + "style"):
        style_id = style.get(W + "styleId") or ""
        parent = style.find(W + "basedOn")
        if parent is not None:
            parents[style_id] = parent.get(W + "val") or ""
        properties = style.find(W + "pPr")
        if properties is not None and properties.find(W + "numPr") is not None:
            found[style_id] = _num_pr(properties)
    for style_id in parents:
        seen, ancestor = {style_id}, parents[style_id]
        while ancestor not in found and ancestor in parents and ancestor not in seen:
            seen.add(ancestor)
            ancestor = parents[ancestor]
        if style_id not in found and ancestor in found:
            found[style_id] = found[ancestor]
    return found


Levels = dict[int, tuple[str, str, int]]  # level: (format, pattern such as "%1.", first number)


def _lists(root: Any) -> tuple[dict[str, tuple[str, Levels]], dict[tuple[str, int], int]]:
    """Every list's abstract list and levels, and the numbers that a list starts anew at."""
    if root is None:
        return {}, {}
    abstract = {node.get(W + "abstractNumId"): _levels(node) for node in root.iterchildren(W + "abstractNum")}
    lists: dict[str, tuple[str, Levels]] = {}
    starts: dict[tuple[str, int], int] = {}
    for node in root.iterchildren(W + "num"):
        list_id, target = node.get(W + "numId"), node.find(W + "abstractNumId")
        key = target.get(W + "val") if target is not None else None
        if list_id is None or key is None or key not in abstract:
            continue
        levels = dict(abstract[key])
        for override in node.iterchildren(W + "lvlOverride"):
            levels.update(_levels(override))
            start = override.find(W + "startOverride")
            if start is not None:
                starts[list_id, _int(override.get(W + "ilvl")) or 0] = _int(start.get(W + "val")) or 0
        lists[list_id] = (key, levels)
    return lists, starts


def _levels(parent: Any) -> Levels:
    found: Levels = {}
    for node in parent.iterchildren(W + "lvl"):
        level = _int(node.get(W + "ilvl"))
        if level is None:
            continue
        values = {name: node.find(W + name) for name in ("numFmt", "lvlText", "start")}
        got = {name: item.get(W + "val") or "" if item is not None else "" for name, item in values.items()}
        first = _int(got["start"])
        found[level] = (got["numFmt"] or "decimal", got["lvlText"], 1 if first is None else first)
    return found


def _int(text: str | None) -> int | None:
    """A whole number of at most six digits; anything else is None."""
    return int(text) if text and re.fullmatch(r"\d{1,6}", text) else None
