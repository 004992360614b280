"""What a page that was read says of whose it is: the values in its fields, and lines that are nothing but a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from app.intake.claims import FIRST_LINES, LOOSE_NUMBER, MAX_VALUE, TOP_LINES, number_tokens, tells_itself
from app.intake.fields import NAME, NUMBER, OTHER, Field, fields, lines_of
from app.intake.normal import CJK, normal_name, normal_text

LONGEST_BARE = 24  # characters of a line that may be a name without a label
CELL = re.compile(r"\t|\s{3,}|_{2,}|＿{2,}|\s+(?=\d)|\d{2,}")
GAP = re.compile(r"\s{2,}")
RUN = re.compile(f"[{CJK}·]{{2,}}")
EDGES = " _-—.…。,，、:：;；()（）[]【】\"'“”"
LOST_LABEL = 3  # characters before a name that may be a label which was misread altogether


@dataclass(frozen=True, slots=True)
class Said:
    """The claims of one page.

    `names` and `numbers` stand behind labels (their spelling is `normal`'s); `bare_names` and `loose_numbers` without
    one, in the first lines: they count only when they are a student's. `labels`: a name's or number's label is there.
    """

    names: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    bare_names: tuple[str, ...] = ()
    loose_numbers: tuple[str, ...] = ()
    labels: bool = False

    @property
    def empty(self) -> bool:
        """A field is there, and nothing was read in it."""
        return self.labels and not (self.names or self.numbers)


@lru_cache(maxsize=2048)
def said(text: str) -> Said:
    """The claims of a page's text; only its first FIRST_LINES lines count. Never raises."""
    lines = lines_of(text)[:FIRST_LINES]
    head = text[: lines[-1].end] if lines else ""
    found = fields(head)
    mine = [field for field in found if field.kind in (NAME, NUMBER)]
    values = [(field, text[field.start : field.end]) for field in mine if field.start < field.end]
    taken = {field.line for field in found} | {field.line + 1 for field in mine if field.below}
    tops = [text[line.start : line.end] for line in lines[:TOP_LINES] if line.number not in taken]
    loose = [token for line in lines for token in number_tokens(text[line.start : line.end][:300])]
    names = [
        value for field, raw in values if field.kind == NAME and not field.below for value in name_values(raw)
    ]
    below = [
        value for field, raw in values if field.kind == NAME and field.below for value in name_values(raw)
    ]
    return Said(
        names=_unique(names),
        numbers=_unique(
            [value for field, raw in values if field.kind == NUMBER for value in number_values(raw)]
        ),
        bare_names=_unique(
            [*below, *_before_fields(head, found), *(value for line in tops for value in _bare(line))]
        ),
        loose_numbers=_unique([token for token in loose if tells_itself(token)]),
        labels=bool(mine),
    )


def name_values(raw: str) -> list[str]:
    """How a value behind a name's label may be meant: all of it, what stands before a gap, its Chinese run."""
    whole = raw.split("\t", 1)[0]
    cells = [CELL.split(raw, maxsplit=1)[0], whole, *GAP.split(raw.strip(EDGES), maxsplit=1)[:1]]
    values = [normal_name(each.strip(EDGES)) for each in cells]
    if not RUN.fullmatch(values[0]):
        values += RUN.findall(values[0])[:1]
    return [value for value in dict.fromkeys(values) if _long_enough(value)]


def _long_enough(value: str) -> bool:
    """Whether a value may be a name: one Chinese character that is left of one is like too many."""
    return bool(value) and len(value) <= MAX_VALUE and (len(value) > 1 or not re.match(f"[{CJK}]", value))


def number_values(raw: str) -> list[str]:
    """How a value behind a number's label may be meant: all of it, its first run, both without marks inside."""
    plain = normal_text(raw).casefold()
    values = [plain.replace(" ", ""), *plain.split(" ")[:1]]
    values += ["".join(mark for mark in value if mark.isalnum()) for value in values]
    return [value for value in dict.fromkeys(values) if value and len(value) <= MAX_VALUE]


def _before_fields(text: str, found: list[Field]) -> list[str]:
    """What stands before the first field of a line, as names: the label before them may be unreadable."""
    values: list[str] = []
    firsts = {field.line: field for field in reversed(found) if field.kind != OTHER}
    for field in firsts.values():
        raw = text[text.rfind("\n", 0, field.label_start) + 1 : field.label_start].strip()
        if len(raw) > LONGEST_BARE:
            continue
        run = RUN.search(raw)
        if run is not None:
            values += [raw[at:].strip(EDGES) for at in range(min(LOST_LABEL, len(raw) - 2) + 1)]
        else:
            values += [raw, raw.partition(" ")[2]]
    return [name for value in values for name in name_values(value)]


def _bare(line: str) -> list[str]:
    if len(line) > LONGEST_BARE + LOOSE_NUMBER or re.match(r"\s*[(（]?\d{1,3}\s*[.)、．）]", line):
        return []
    plain = re.sub(r"[0-9a-z]*\d[0-9a-z]*", " ", normal_text(line), flags=re.IGNORECASE).strip(
        " ,，、-_/|()（）"
    )
    if not 2 <= len(plain) <= LONGEST_BARE or re.search(r"[^\w\s,，.'’·\-]", plain):
        return []
    return [normal_name(plain)]


def _unique(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
