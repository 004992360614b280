"""One page of a pile with everything that it says about where it belongs; and the papers that pages are put into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from app.i18n import Text
from app.intake.covers import Cover, parse
from app.intake.matching import Match
from app.intake.piles.likeness import Shingles, shingles
from app.intake.piles.numbers import PageNumber, page_number
from app.intake.piles.types import How, PileView
from app.intake.read_matching import Class, Finding
from app.intake.roster import Enrolled
from app.intake.said import Said, said

COVER_TEXT = (
    600  # characters from which a page with a cover's code is more than a cover sheet and stays in its paper
)
CODE_HEAD = "ZHUPI/"


@dataclass(frozen=True)
class Sheet:
    """A page with what it says. `finding` is whose it is by its fields alone."""

    view: PileView
    said: Said
    finding: Finding[Enrolled]
    covers: tuple[Cover, ...]

    @property
    def match(self) -> Match[Enrolled]:
        """Whose page it is by its fields."""
        return self.finding.match

    @cached_property
    def shingles(self) -> Shingles:
        """The page's shingles, for likeness."""
        return shingles(self.view.page.text)

    @cached_property
    def number(self) -> PageNumber | None:
        """The page number that stands on it."""
        return page_number(self.view.page.text)

    @property
    def student(self) -> Enrolled | None:
        """Whose page it is for certain, by its fields."""
        return self.match.entry

    @property
    def told(self) -> bool:
        """Whether there is a field, or a name or number without one that points at somebody."""
        return self.said.labels or self.match.state != "unknown"

    @property
    def empty(self) -> bool:
        """Whether nothing is on the page."""
        return self.view.blank

    @property
    def spoilt_code(self) -> bool:
        """Whether there is a code of ours that cannot be read as a cover sheet's."""
        return not self.covers and any(code.strip().startswith(CODE_HEAD) for code in self.view.codes)

    @property
    def back(self) -> bool:
        """Whether it is the back of a sheet that was scanned on both sides."""
        return self.view.source_page % 2 == 0


def sheets_of(pages: Iterable[PileView], roster: Sequence[Enrolled]) -> list[Sheet]:
    """The pages with what they say, in their order."""
    known = Class(roster)
    return [_sheet(view, known) for view in pages]


def _sheet(view: PileView, known: Class[Enrolled]) -> Sheet:
    claims = Said() if view.blank or view.failed else said(view.page.text)
    typed = bool(view.page.words) and all(word.confidence >= 1 for word in view.page.words)
    covers = dict.fromkeys(cover for code in view.codes if (cover := parse(code)) is not None)
    return Sheet(view, claims, known.find(claims, typed), tuple(covers))


@dataclass
class Draft:
    """A paper to be. `given`: whose it is by a cover sheet or its files' names, whatever its fields say.

    `unsure` is a doubt that a usual number of pages dispels; `blanks` the blank backs of it that were left out.
    `behind` is the paper before it, whose page its first one may be: a usual number of pages of both dispels that.
    """

    how: How
    sheets: list[Sheet] = field(default_factory=list)
    doubt: Text | None = None
    given: Match[Enrolled] | None = None
    unsure: Text | None = None
    blanks: int = 0
    behind: Draft | None = None

    def add(self, sheet: Sheet, doubt: Text | None = None) -> None:
        """One more page, perhaps with a doubt about it."""
        self.sheets.append(sheet)
        self.note(doubt)

    def note(self, doubt: Text | None) -> None:
        """A doubt; the first one stays."""
        self.doubt = self.doubt or doubt

    @property
    def filled(self) -> list[Sheet]:
        """The pages on which something is."""
        return [sheet for sheet in self.sheets if not sheet.empty]

    @property
    def named(self) -> list[Enrolled]:
        """All students that its pages name for certain."""
        return list(
            {sheet.student.id: sheet.student for sheet in self.sheets if sheet.student is not None}.values()
        )

    @property
    def match(self) -> Match[Enrolled]:
        """Whose it is: as given, else by the one student that its pages name, else as its first field has it."""
        if self.given is not None:
            return self.given
        named = self.named
        if len(named) == 1:
            return Match("matched", named[0], (named[0],), None)
        if named:
            names = ", ".join(f"{each.name} ({each.number})" for each in named)
            text = Text("The pages of this paper name different students: {students}.", {"students": names})
            return Match("doubtful", None, tuple(named), text)
        told = [sheet.match for sheet in self.sheets if sheet.told]
        asked = next((match for match in told if match.state == "doubtful"), told[0] if told else None)
        return asked or Match("unknown", None, (), Text("No name and no number was read on the page."))

    @property
    def student(self) -> Enrolled | None:
        """Whose it is for certain."""
        return self.match.entry


@dataclass
class Heap:
    """What splitting has made so far: papers to be, and pages that are in none, with the reason."""

    drafts: list[Draft] = field(default_factory=list)
    left_out: list[tuple[int, Text]] = field(default_factory=list)

    def leave_out(self, sheet: Sheet, why: Text) -> None:
        """One page that is in no paper."""
        self.left_out.append((sheet.view.id, why))

    def join(self, other: Heap) -> None:
        """Everything of another heap, after this one's."""
        self.drafts += other.drafts
        self.left_out += other.left_out


BLANK_BACK = Text("A blank back.")
COVER_SHEET = Text("A cover sheet.")
UNREAD = Text("A page of this paper could not be read; it may be another paper's.")
