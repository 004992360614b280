"""What a page that was read says of whose it is: the values in its fields, and lines that are nothing but a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from app.intake.claims import FIRST_LINES, LOOSE_NUMBER, MAX_VALUE, TOP_LINES, number_tokens, tells_itself
from app.intake.fields import NAME, NUMBER, Field, fields, lines_of
from app.intake.normal import normal_name, normal_text

LONGEST_BARE = 24  # characters of a line that may be a name without a label
CELLS = re.compile(r"\t| {3,}|_{2,}|＿{2,}|[|丨]{1}(?=\s)|\s+(?=\d)|\d{2,}")


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
        value for field, raw in values if field.kind == NAME and _counts(field) for value in name_values(raw)
    ]
    below = [
        value for field, raw in values if field.kind == NAME and field.below for value in name_values(raw)
    ]
    return Said(
        names=_unique(names),
        numbers=_unique(
            [value for field, raw in values if field.kind == NUMBER for value in number_values(raw)]
        ),
        bare_names=_unique([*below, *(value for line in tops for value in _bare(line))]),
        loose_numbers=_unique([token for token in loose if tells_itself(token)]),
        labels=bool(mine),
    )


def _counts(field: Field) -> bool:
    return not field.below


def name_values(raw: str) -> list[str]:
    """How a value behind a name's label may be meant: all of it, and what stands before a gap."""
    plain = normal_text(raw.replace("\t", "   ")) if "\t" not in raw else normal_text(raw.split("\t")[0])
    first = CELLS.split(raw, maxsplit=1)[0]
    values = [normal_name(each.strip(" _-—.…。,，、:：;；()（）[]【】\"'“”")) for each in (first, plain)]
    return [value for value in dict.fromkeys(values) if value and len(value) <= MAX_VALUE]


def number_values(raw: str) -> list[str]:
    """How a value behind a number's label may be meant: all of it, and its first run without blanks."""
    plain = normal_text(raw).casefold()
    values = [plain.replace(" ", ""), *plain.split(" ")[:1]]
    return [value for value in dict.fromkeys(values) if value and len(value) <= MAX_VALUE]


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
