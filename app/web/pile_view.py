"""Piles as values ready to be shown: a line of the papers page, and the page of one pile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.classes import store as classes
from app.db import Json
from app.marks.picture import PDF, VERSION, version_of
from app.papers import piles
from app.papers.listing import Person
from app.papers.models import MatchState, PageState, PaperPage, Pile, PileState

PICKERS = 30  # doubtful papers that show the list of all students at once; the others open it on demand
SETTLED_SHOWN = 5  # settled piles on the papers page, newest first


@dataclass(frozen=True, slots=True)
class PileLine:
    """A pile on the papers page.

    `state` is a PileState, `closed` says that no more pictures come. `read` of `pages` are done with; `left` are the
    seconds until the rest is, None when that cannot be told. `papers` to be (or made), `doubts` of them wait for the
    teacher. `problem` is a Text as JSON.
    """

    id: int
    name: str
    state: str
    closed: bool
    read: int
    pages: int
    left: float | None
    papers: int
    doubts: int
    problem: Json | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page in the strip: `number` in the pile's order from 1, where it comes from, and what is wrong with it.

    `shown`: there is a picture to be asked for; `version` and `small` are the beginnings of the hashes of the picture
    and of the small one, for their addresses. `problem` and `warnings` are Texts as JSON.
    """

    id: int
    number: int
    source: str
    source_page: int
    state: str
    shown: bool
    version: str
    small: str
    blank: bool
    problem: Json | None
    warnings: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class BundleView:
    """A paper to be.

    `open`: it waits for the teacher. `student` is whose it is, or, while it is open, only proposed; `nobody`: the
    teacher said that it is nobody's of the class. `doubt` and `reason` are Texts as JSON. `candidates` are offered as
    buttons, `picking` says whether the list of all is. `twice`: another paper to be has the same student.
    """

    index: int
    leaves: tuple[Leaf, ...]
    open: bool
    student: Person | None
    nobody: bool
    confirmed: bool
    doubt: Json | None
    reason: Json | None
    candidates: tuple[Person, ...]
    picking: bool
    twice: bool

    @property
    def said(self) -> str:
        """Whose it is for sure, as the page's script sends it back: a student's id, "none", or nothing."""
        if self.open:
            return ""
        return "none" if self.student is None else str(self.student.id)


@dataclass(frozen=True, slots=True)
class Board:
    """The page of one pile: the papers to be, the pages left out, and the roster."""

    line: PileLine
    version: int
    bundles: tuple[BundleView, ...]
    out: tuple[Leaf, ...]
    roster: tuple[Person, ...]

    @property
    def editable(self) -> bool:
        """Whether the split can be changed: it is proposed, and not made yet."""
        return self.line.state == PileState.ASKS


async def lines(session: AsyncSession, assignment_id: int) -> tuple[PileLine, ...]:
    """The piles that the papers page shows: the open ones, oldest first, then the last settled ones."""
    found = [
        *await piles.open_ones(session, assignment_id),
        *(await piles.settled_ones(session, assignment_id))[:SETTLED_SHOWN],
    ]
    progress = await piles.progress(session, [pile.id for pile in found]) if found else {}
    return tuple(line_of(pile, progress) for pile in found)


def line_of(pile: Pile, progress: Mapping[int, tuple[int, int]], now: datetime | None = None) -> PileLine:
    """One pile as a line."""
    read, pages = progress.get(pile.id, (0, 0))
    passed = ((now or datetime.now(UTC)) - pile.created_at).total_seconds()
    return PileLine(
        id=pile.id,
        name=pile.name,
        state=pile.state,
        closed=pile.closed,
        read=read,
        pages=pages,
        left=max(1.0, passed / read * (pages - read)) if 0 < read < pages else None,
        papers=len(pile.bundles),
        doubts=sum(piles.open_(each) for each in pile.bundles),
        problem=pile.problem,
    )


async def board(session: AsyncSession, pile: Pile, class_id: int, change: int | None = None) -> Board:
    """The page of a pile; `change` is the paper to be whose student is being chosen anew."""
    rows = await piles.outline(session, pile.id)
    progress = await piles.progress(session, [pile.id])
    roster = {
        each.id: Person(each.id, each.number, each.name) for each in await classes.students(session, class_id)
    }
    leaves = [_leaf(number, row) for number, row in enumerate(rows, 1)]
    held = _held(rows, leaves, len(pile.bundles))
    owners = [entry["student_id"] for entry in pile.bundles if entry["student_id"] is not None]
    bundles, pickers = [], 0
    for index, entry in enumerate(pile.bundles):
        waiting = piles.open_(entry)
        pickers += waiting
        picking = change == index or (waiting and pickers <= PICKERS)
        twice = entry["student_id"] is not None and owners.count(entry["student_id"]) > 1
        bundles.append(_bundle(index, entry, held[index], roster, picking=picking, twice=twice))
    out = tuple(
        leaf for leaf, row in zip(leaves, rows, strict=True) if row.bundle is None or row.bundle >= len(held)
    )
    return Board(line_of(pile, progress), pile.version, tuple(bundles), out, tuple(roster.values()))


def _held(rows: Sequence[PaperPage], leaves: Sequence[Leaf], count: int) -> list[list[Leaf]]:
    held: list[list[Leaf]] = [[] for _ in range(count)]
    for leaf, row in zip(leaves, rows, strict=True):
        if row.bundle is not None and row.bundle < count:
            held[row.bundle].append(leaf)
    return held


def _bundle(
    index: int,
    entry: Json,
    leaves: Sequence[Leaf],
    roster: Mapping[int, Person],
    *,
    picking: bool,
    twice: bool,
) -> BundleView:
    # A student may have left the roster since the pile was split.
    student = roster.get(entry["student_id"])
    offered = [each for each in (entry["student_id"], *entry["candidates"]) if each in roster]
    waiting = piles.open_(entry)
    return BundleView(
        index=index,
        leaves=tuple(leaves),
        open=waiting,
        student=student,
        nobody=not waiting and student is None,
        confirmed=entry["match"] == MatchState.CONFIRMED,
        doubt=entry["doubt"],
        reason=entry["match_reason"],
        candidates=tuple(roster[each] for each in dict.fromkeys(offered)),
        picking=picking,
        twice=twice,
    )


def _leaf(number: int, row: PaperPage) -> Leaf:
    return Leaf(
        id=row.id,
        number=number,
        source=row.source_name,
        source_page=row.source_page,
        state=row.state,
        # A PDF with a text layer has no picture until somebody looks at it; then one is made.
        shown=row.image_key is not None or (row.state == PageState.READ and row.by == PDF),
        version=version_of(row),
        small=(row.thumb_key or row.image_key or "").rpartition("/")[2][:VERSION],
        blank=row.blank,
        problem=row.problem,
        warnings=tuple(row.warnings),
    )
