"""What splitting a pile takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from app.document import Page
from app.i18n import Text
from app.intake.matching import State
from app.intake.roster import Enrolled

How = Literal["cover", "field", "likeness", "count", "file"]


@dataclass(frozen=True, slots=True)
class PileView:
    """One page of a pile, as it was read.

    `codes` are the texts of its QR codes; `source` is the file's name and `source_page` the page's number in it, from
    1; `quality` 0 to 1; `width` and `height` in pixels (0 without a picture).
    """

    id: int
    page: Page
    codes: tuple[str, ...] = ()
    blank: bool = False
    failed: bool = False
    source: str = ""
    source_page: int = 1
    quality: float = 1.0
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Bundle:
    """Pages that are proposed as one paper, by their ids and in their order.

    `student` is set when `match` is "matched" only; `candidates` are then that one, else the likeliest first.
    `match_reason` says why it is not matched, `doubt` what is strange about the pages. `how` tells what began it: a
    cover sheet, a name or number field, likeness to other first pages, a count of pages, or the names of files.
    """

    pages: tuple[int, ...]
    student: Enrolled | None
    match: State
    candidates: tuple[Enrolled, ...]
    match_reason: Text | None
    doubt: Text | None
    how: How

    def doubted(self, doubt: Text) -> Bundle:
        """This bundle with a doubt; the first one stays."""
        return self if self.doubt is not None else replace(self, doubt=doubt)


@dataclass(frozen=True, slots=True)
class Split:
    """A proposed split. `left_out` are ids of pages of no bundle, `left_reasons` why, one each.

    `missing` are the students of whom no page was found for certain.
    """

    bundles: tuple[Bundle, ...]
    left_out: tuple[int, ...] = ()
    left_reasons: tuple[Text, ...] = ()
    missing: tuple[Enrolled, ...] = ()

    def certain(self) -> bool:
        """Whether nothing needs the teacher: every bundle is matched, none is in doubt, and not all was left out."""
        if self.left_out and not self.bundles:
            return False
        return all(bundle.match == "matched" and bundle.doubt is None for bundle in self.bundles)
