"""Splitting a pile: the rows of its pages as intake sees them, and its proposal as the papers' room keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.classes.models import Student
from app.document import Page, Word
from app.intake.splitting import Bundle, PileView, Split, split
from app.papers.models import PageState, PaperPage
from app.papers.piles import Proposed

SEVERAL = ("cover", "field")


async def split_rows(rows: Sequence[PaperPage], roster: Sequence[Student], assignment_id: int) -> Split:
    """`app.intake.splitting.split` in a thread: hundreds of pages take longer than the loop may wait."""
    views = [view_of(number, row) for number, row in enumerate(rows, 1)]
    return await asyncio.to_thread(split, views, list(roster), assignment_id)


async def propose(rows: Sequence[PaperPage], roster: Sequence[Student], assignment_id: int) -> list[Proposed]:
    """The port `app.papers.piles.SplitBy`."""
    found = await split_rows(rows, roster, assignment_id)
    return [_proposed(each) for each in found.bundles]


def several(found: Split) -> bool:
    """Whether the pages of one file are those of several students, or come with cover sheets: then it is a pile."""
    told = [bundle for bundle in found.bundles if bundle.how in SEVERAL]
    return any(bundle.how == "cover" for bundle in told) or len(told) > 1


def view_of(number: int, row: PaperPage) -> PileView:
    """A page as the splitting sees it."""
    return PileView(
        id=row.id,
        page=Page(number, row.text, tuple(Word.from_json(word) for word in row.words)),
        codes=tuple(row.codes),
        blank=row.blank,
        failed=row.state == PageState.FAILED,
        source=row.source_name,
        source_page=row.source_page,
        quality=row.quality if row.quality is not None else 1.0,
        width=row.width,
        height=row.height,
    )


def _proposed(bundle: Bundle) -> Proposed:
    return Proposed(
        pages=tuple(bundle.pages),
        student_id=bundle.student.id if bundle.student is not None else None,
        match=bundle.match,
        match_reason=bundle.match_reason,
        candidates=tuple(each.id for each in bundle.candidates),
        doubt=bundle.doubt,
    )
