"""Name and number fields of a page as it was read: 姓名：王小明 学号：20240306, Name: Ann Lee, and their misreadings.

`app.intake.claims` knows the labels of typed texts. Here a label may have blanks inside or one wrong character, its
colon may be lost or another mark, and everything keeps its place in the page's text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from rapidfuzz.distance import OSA

from app.intake.claims import NAME_LABELS, NUMBER_LABELS, OTHER_LABELS
from app.intake.lookalikes import GROUPS
from app.intake.normal import CJK

NAME, NUMBER, CLASS, OTHER = "name", "number", "class", "other"
# What tells of a person as well, but is no claim of whose the page is.
CLASS_LABELS = (
    "班级",
    "班别",
    "座位号",
    "座号",
    "class/no",
    "class no",
    "class",
    "form",
    "seat",
    "section",
    "group",
)
MAX_LINE = 400  # characters of a line that may hold fields
MAX_BELOW = 40  # characters of a line that holds nothing but what the labels above it ask for
FUZZY_LABEL = 4  # letters of a label from which one may be wrong
LONGEST_LABEL = 24
MARKS = ":;=：；﹕꞉"
BLANKS = " \t_＿—-─.·…"


@dataclass(frozen=True, slots=True)
class Field:
    """One label with what was filled in behind it; all places are offsets into the page's text.

    `kind` is NAME, NUMBER, CLASS or OTHER; `line` counts the page's lines that are not empty from 0. The value ends
    before the next label of the line; it is empty (`start == end`) where nothing was read. `below`: it stands in the
    line under the label.
    """

    kind: str
    line: int
    label_start: int
    label_end: int
    start: int
    end: int
    below: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank: its offsets in the page's text."""

    number: int
    start: int
    end: int


def lines_of(text: str) -> list[Line]:
    """The lines of a text that are not blank, in order."""
    found = re.finditer(r"[^\n]*\S[^\n]*", text)
    return [Line(number, match.start(), match.end()) for number, match in enumerate(found)]


def folded(text: str) -> str:
    """A text in plain width and small letters, every character in its place."""
    return "".join(map(_plain, text))


@lru_cache(maxsize=32768)
def _plain(mark: str) -> str:
    plain = unicodedata.normalize("NFKC", mark).casefold()
    return plain if len(plain) == 1 else mark


def fields(text: str) -> list[Field]:
    """All fields of a page's text, in order. Never raises."""
    lines = lines_of(text)
    found: list[Field] = []
    for place, line in enumerate(lines):
        mine = _fields_of(text, line)
        after = lines[place + 1] if place + 1 < len(lines) else None
        if after is not None and mine and all(field.start == field.end for field in mine):
            mine = _filled_below(text, mine, after)
        found += mine
    return found


def _fields_of(text: str, line: Line) -> list[Field]:
    raw = text[line.start : min(line.end, line.start + MAX_LINE)]
    plain = folded(raw)
    labels = list(_labels(plain))
    labels = _unmarked(raw, plain, labels[0][1] if labels else len(raw)) + labels
    found = []
    for (kind, start, end), after in zip(labels, [*labels[1:], None], strict=False):
        first, last = _trimmed(plain, end, after[1] if after else len(plain))
        at = line.start
        found.append(Field(kind, line.number, at + start, at + end, at + first, at + last))
    return found


def _unmarked(raw: str, plain: str, end: int) -> list[tuple[str, int, int]]:
    """ "Name Ann Lee" at a line's head, its colon lost or misread; "Name the capital" is a question."""
    match = re.match(r"\s*((?:student |full )?name|student)[^\s]?\s+(?=\S)", plain[:end])
    if match and TITLE.fullmatch(raw[match.end() : end].strip()):
        return [(NAME, match.start(1), match.end())]
    return []


def _filled_below(text: str, empty: list[Field], line: Line) -> list[Field]:
    """Fields of a line that holds labels only, with what stands in the line under it: a table's heading."""
    raw = folded(text[line.start : line.end])
    if len(raw) > MAX_BELOW or re.match(r"\s*[(]?\d{1,3}\s*[.)、]", raw) or list(_labels(raw)):
        return empty
    number = next((m for m in re.finditer(r"[a-z0-9|!-]+", raw) if re.search(r"\d", m[0])), None)
    name = re.search(r"[^\W\d_](?:[^\W\d_]|[ ·.'’-](?=[^\W\d_]))*", raw)
    spans = {NAME: name and name.span(), NUMBER: number and number.span()}
    return [
        replace(field, start=line.start + span[0], end=line.start + span[1], below=True)
        if (span := spans.get(field.kind))
        else field
        for field in empty
    ]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The part of a value that is more than rules and blanks."""
    edge = BLANKS + MARKS + "()[]{}（）【】《》<>|,，、。"
    while start < end and (text[start] in edge or text[start].isspace()):
        start += 1
    while end > start and (text[end - 1] in edge or text[end - 1].isspace()):
        end -= 1
    return start, end


def _labels(line: str) -> Iterator[tuple[str, int, int]]:
    """Labels of one folded line: kind, where they start, and where they end with their mark."""
    position = 0
    while position < len(line):
        found = min(
            (each for each in (_chinese(line, position), _english(line, position)) if each is not None),
            key=lambda each: each[1],
            default=None,
        )
        if found is None:
            return
        yield found
        position = max(found[2], position + 1)


def _chinese(line: str, position: int) -> tuple[str, int, int] | None:
    """The next Chinese label that stands where labels stand: at the head, after a mark, or after another field.

    你的姓名 in a sentence is none; 姓名王小明学号2024 holds two.
    """
    for match in CHINESE.finditer(line, position):
        kind, start = _kind(match), match.start()
        apart = start == 0 or not line[start - 1].isalnum() or (start <= 3 and match["mark"])
        if position or (apart and (kind in (NAME, NUMBER) or match["mark"] or start == 0)):
            return kind, start, match.end()
    return None


def _kind(match: re.Match[str]) -> str:
    return next(name for name in (NAME, NUMBER, CLASS, OTHER) if match[name] is not None)


def _chinese_pattern() -> re.Pattern[str]:
    groups: list[str] = []
    chinese = re.compile(f"[{CJK}]")
    every = [
        label
        for label in (*NAME_LABELS, *NUMBER_LABELS, *OTHER_LABELS, *CLASS_LABELS)
        if chinese.match(label)
    ]
    for kind in (NAME, NUMBER, CLASS, OTHER):
        mine = sorted({label for label in every if _kind_of(label) == kind}, key=len, reverse=True)
        spelled = [r"\s{0,4}".join(map(_shapes, label)) for label in mine]
        if kind == NAME:  # one of two characters misread, where a mark says that it is a label
            spelled += [
                rf"姓\s{{0,4}}[^\s{MARKS}]?(?=\s*[{MARKS}])",
                rf"(?<!\S){_any_name()}(?=\s*[{MARKS}])",
            ]
        if kind == NUMBER:
            spelled += [
                rf"学\s{{0,4}}[^\s{MARKS}]?(?=\s*[{MARKS}])",
                rf"(?<!\S)\S\s{{0,4}}号(?=\s*[{MARKS}])",
            ]
        if kind == CLASS:
            spelled += [rf"班\s{{0,4}}[^\s{MARKS}]?(?=\s*[{MARKS}])"]
        groups.append(f"(?P<{kind}>{'|'.join(spelled)})")
    return re.compile(rf"(?:{'|'.join(groups)})(?:\s*\([^)]{{0,12}}\))?(?P<mark>\s*[{MARKS}]+|)")


def _any_name() -> str:
    """X名 at a field's place, but for the words in which 名 names something else than a person."""
    return r"(?![书地题品别笔署片剧曲人校课组报])\S\s{0,4}名"


def _shapes(mark: str) -> str:
    group = next((group for group in GROUPS if mark in group), mark)
    return f"[{re.escape(group)}]"


def _kind_of(label: str) -> str:
    if label in NAME_LABELS:
        return NAME
    if label in NUMBER_LABELS:
        return NUMBER
    return CLASS if label in CLASS_LABELS else OTHER


ENGLISH_LABELS = {
    label: _kind_of(label)
    for label in (
        *NAME_LABELS,
        *NUMBER_LABELS,
        *OTHER_LABELS,
        *CLASS_LABELS,
        "no",
        "student name",
        "index no",
    )
    if label.isascii()
} | {"no": NUMBER, "index no": NUMBER, "number": NUMBER}
WORD = re.compile(r"(?<![^\W_])[a-z0-9|!'/]+")
MARK = re.compile(rf"\s*[{MARKS}]+|\s*_{{2,}}|\s*\t\s*|[. ]+(?P<digit>(?=\d))|\s*$")
TITLE = re.compile(r"[A-Z][\w'’.-]*(?: [A-Z][\w'’.-]*){1,3}")


def _english(line: str, position: int) -> tuple[str, int, int] | None:
    """The next label in Latin letters: before a mark or a rule, alone in its line, or a number's before digits."""
    for mark in MARK.finditer(line, position):
        real = mark[0].strip(" ") != ""
        words = list(WORD.finditer(line, position, mark.start()))[-3:]
        for count in range(len(words), 0, -1):
            start = words[-count].start()
            if not real and not position and line[:start].strip():
                continue  # a sentence that ends with "name"
            kind = label_kind(line[start : mark.start()], marked=real)
            if kind is not None and (mark["digit"] is None or (kind == NUMBER and (position or real))):
                return kind, start, mark.end()
    return None


CHINESE = _chinese_pattern()


@lru_cache(maxsize=8192)
def label_kind(text: str, marked: bool = True) -> str | None:
    """What a label in Latin letters asks for; one letter may be wrong where a mark follows. None: it is no label."""
    plain = re.sub(r"[\s.]+", " ", text).strip()
    if plain in ENGLISH_LABELS:
        return ENGLISH_LABELS[plain]
    clean = plain.replace("rn", "m").translate(str.maketrans("0|!1", "olll"))
    if clean in ENGLISH_LABELS:
        return ENGLISH_LABELS[clean]
    if not marked or not FUZZY_LABEL <= len(clean) + 1 <= LONGEST_LABEL:
        return None
    squeezed = clean.replace(" ", "")
    near = [
        (OSA.distance(squeezed, label.replace(" ", ""), score_cutoff=1), label)
        for label in ENGLISH_LABELS
        if len(label) >= FUZZY_LABEL and abs(len(label.replace(" ", "")) - len(squeezed)) <= 1
    ]
    best = min(near, default=(9, ""))
    return ENGLISH_LABELS[best[1]] if best[0] <= 1 else None
