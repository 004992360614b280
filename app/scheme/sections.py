"""Section headings: 一、选择题（每题4分，共20分）, Section A: Multiple choice (2 marks each)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.scheme.points import SectionPoints, on_section
from app.scheme.types import Kind
from app.scheme.words import kind_named, names_open_section

_PREFIX = re.compile(
    r"(?:(?P<han>[一二三四五六七八九十]{1,3})\s?[、.．:：]|[(（](?P<par>[一二三四五六七八九十]{1,3})[)）]"
    r"|第(?P<part>[一二三四五六七八九十ⅠⅡⅢIVX\d]{1,3})(?:部分|大题|卷)|(?P<roman>[IVX]{1,4})\s?[.、]"
    r"|(?:section|part)\s(?P<word>[A-Z]|\d{1,2}|[IVX]{1,4})(?![A-Za-z]))\s*[.:：、\-–—]?\s*",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"[(（\[【][^()（）\[\]【】]{0,120}[)）\]】]")
_COUNTED = re.compile(r"每小?题|共\s?\d{1,3}\s?小?题|每空|each|per question", re.IGNORECASE)
_AFTER = re.compile(r"[:：,，。.]\s*(?:本大?题|共|每|each|this).{0,80}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its own number ("一", "A", empty when it has none), where it stands, its kind and its points."""

    label: str
    line: int
    kind: Kind | None
    points: SectionPoints


def read_section(text: str, line: int, *, heading: bool) -> Section | None:
    """The section that a line opens; None when it opens none. `heading` says that it is a Markdown heading."""
    if len(text) > 200:
        return None
    prefix = _PREFIX.match(text)
    label = next((group for group in prefix.groups() if group), "") if prefix else ""
    rest = text[prefix.end() :] if prefix else text
    name = _AFTER.sub("", _BRACKETS.sub("", rest)).strip(" :：.。-—")
    kind = kind_named(name)
    certain = prefix is not None and prefix.lastgroup in ("part", "word") and len(name) <= 40
    known = kind is not None or (bool(name) and names_open_section(name))
    if known or certain or (prefix and _COUNTED.search(rest)) or (heading and name and _COUNTED.search(rest)):
        return Section(label, line, kind, on_section(rest))
    return None
