"""Splitting a pile into papers: cover sheets, then files' names, then name and number fields, likeness and counts.

Pure and deterministic: 600 pages of a class of 60 take about a second. Whatever is not certain carries a doubt or a
match that asks the teacher; nothing is decided silently.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.intake.piles.by_covers import by_covers
from app.intake.piles.by_fields import by_fields
from app.intake.piles.by_files import by_files
from app.intake.piles.checks import (
    OrderCheck,
    check_counts,
    check_students,
    cut_by_count,
    join_by_count,
)
from app.intake.piles.settling import settle
from app.intake.piles.sheets import Draft, Heap, Sheet, sheets_of
from app.intake.piles.types import Bundle, How, PileView, Split
from app.intake.roster import Enrolled

__all__ = ["Bundle", "How", "PileView", "Split", "split"]


def split(pages: Sequence[PileView], roster: Sequence[Enrolled], assignment_id: int) -> Split:
    """The papers that a pile seems to hold, in the order in which they lie. Never raises for what stands on a page.

    Every page is in exactly one bundle or left out with a reason. Cover sheets win over everything; without
    any, files named by students, and then what is read on the pages.
    """
    sheets = sheets_of(pages, roster)
    students = {student.id: student for student in roster}
    heap = Heap()
    if any(sheet.covers or sheet.spoilt_code for sheet in sheets):
        heap = by_covers(sheets, students, assignment_id)
    else:
        named, rest = by_files(sheets, roster)
        heap.drafts += named
        for run in _runs(rest):
            heap.join(by_fields(run))
        cut_by_count(heap)
        join_by_count(heap)
        settle(heap.drafts)
    order = OrderCheck(heap.drafts)
    for draft in heap.drafts:
        order.check(draft)
    check_students(heap.drafts)
    check_counts(heap.drafts)
    return _split(heap, pages, roster)


def _runs(sheets: Sequence[Sheet]) -> list[list[Sheet]]:
    """Pages that may continue one another: a file of many pages is a run, and so are pictures in a row."""
    many = {sheet.view.source for sheet in sheets if sheet.view.source_page > 1}
    runs: list[list[Sheet]] = []
    for sheet in sheets:
        last = runs[-1][-1].view.source if runs else None
        joined = last == sheet.view.source or (last not in many and sheet.view.source not in many)
        if last is not None and joined:
            runs[-1].append(sheet)
        else:
            runs.append([sheet])
    return runs


def _split(heap: Heap, pages: Sequence[PileView], roster: Sequence[Enrolled]) -> Split:
    place = {view.id: number for number, view in enumerate(pages)}
    drafts = sorted(heap.drafts, key=lambda draft: min(place[sheet.view.id] for sheet in draft.sheets))
    bundles = tuple(map(_bundle, drafts))
    left = sorted(heap.left_out, key=lambda each: place[each[0]])
    found = {bundle.student.id for bundle in bundles if bundle.student is not None}
    return Split(
        bundles,
        tuple(page for page, _ in left),
        tuple(why for _, why in left),
        tuple(student for student in roster if student.id not in found),
    )


def _bundle(draft: Draft) -> Bundle:
    match = draft.match
    ids = tuple(sheet.view.id for sheet in draft.sheets)
    return Bundle(ids, match.entry, match.state, match.candidates, match.reason, draft.doubt, draft.how)
