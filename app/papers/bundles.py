"""Bundles: the papers to be of a pile, as they are kept, arranged and made."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Json
from app.i18n import Text
from app.papers import pages as all_pages
from app.papers.models import MatchState, PageState, Paper, PaperPage, PaperState, Pile, PileState


@dataclass(frozen=True, slots=True)
class Arranged:
    """A paper to be, as the teacher puts it together. `nobody`: of nobody in the class; else None is not said yet."""

    pages: tuple[int, ...]
    student_id: int | None = None
    nobody: bool = False


@dataclass(frozen=True, slots=True)
class Proposed:
    """A paper to be, as it was split by itself (`app.intake.splitting.Bundle` in this room's words)."""

    pages: tuple[int, ...]
    student_id: int | None
    match: str
    match_reason: Text | None
    candidates: tuple[int, ...]
    doubt: Text | None


def open_(bundle: Json) -> bool:
    """Whether a bundle of Pile.bundles waits for the teacher."""
    return bundle["doubt"] is not None or bundle["match"] not in (MatchState.MATCHED, MatchState.CONFIRMED)


def entry(bundle: Proposed) -> Json:
    """A proposal as Pile.bundles keeps it."""
    return {
        "student_id": bundle.student_id,
        "match": bundle.match,
        "match_reason": bundle.match_reason.to_json() if bundle.match_reason else None,
        "candidates": list(bundle.candidates),
        "doubt": bundle.doubt.to_json() if bundle.doubt else None,
    }


def known_ones(pile: Pile, rows: Sequence[PaperPage]) -> dict[tuple[int, ...], Json]:
    """Bundles as they are, by their pages."""
    held: dict[int, list[int]] = {}
    for row in rows:
        if row.bundle is not None:
            held.setdefault(row.bundle, []).append(row.id)
    return {tuple(ids): pile.bundles[number] for number, ids in held.items() if number < len(pile.bundles)}


def arranged(bundle: Arranged, before: dict[tuple[int, ...], Json]) -> Json:
    """The teacher's bundle as Pile.bundles keeps it; `before` are the bundles as they were (`known_ones`)."""
    known = before.get(bundle.pages)
    if known is not None and not bundle.nobody and bundle.student_id in (None, known["student_id"]):
        said = bundle.student_id is not None and bundle.student_id == known["student_id"]
        return {**known, "doubt": None, "match": MatchState.CONFIRMED} if said and open_(known) else known
    offered = _offered(bundle, before)
    if bundle.student_id is None and not bundle.nobody:
        match = MatchState.DOUBTFUL if offered else MatchState.UNKNOWN
        return entry(Proposed(bundle.pages, None, match, None, offered, None))
    return entry(Proposed(bundle.pages, bundle.student_id, MatchState.CONFIRMED, None, offered, None))


def _offered(bundle: Arranged, before: dict[tuple[int, ...], Json]) -> tuple[int, ...]:
    """Who was offered for these pages before: what is put together anew, or taken back, does not forget it."""
    found: list[int] = []
    for ids, known in before.items():
        if not set(ids).isdisjoint(bundle.pages):
            found += [known["student_id"]] if open_(known) and known["student_id"] is not None else []
            found += known["candidates"]
    return tuple(dict.fromkeys(found))


def place(rows: Sequence[PaperPage], bundles: Sequence[Sequence[int]]) -> None:
    """Number the pages by bundle, in the bundles' order; those left out keep their place among their neighbours."""
    by_id = {row.id: row for row in rows}
    for row in rows:
        row.bundle = None
    order = iter(sorted(row.position for row in rows))
    left_out = [row for row in rows if row.id not in {each for ids in bundles for each in ids}]
    for number, ids in enumerate(bundles):
        for each in ids:
            by_id[each].bundle = number
    # A page left out (a cover, a blank back) comes before the first page that came after it.
    placed: list[PaperPage] = []
    waiting = [(row.position, row) for row in left_out]
    for row in [by_id[each] for ids in bundles for each in ids]:
        while waiting and waiting[0][0] < row.position:
            placed.append(waiting.pop(0)[1])
        placed.append(row)
    placed += [row for _, row in waiting]
    for row, position in zip(placed, order, strict=True):
        row.position = position


async def make(session: AsyncSession, pile: Pile, rows: Sequence[PaperPage]) -> list[Paper]:
    """Make the papers of a pile's bundles; its pages go into them, and the pile is settled."""
    made: list[Paper] = []
    for number, bundle in enumerate(pile.bundles):
        held = [row for row in rows if row.bundle == number]
        if held:
            many = any(row.source_page > 1 for row in rows if row.source_key == held[0].source_key)
            made.append(await _paper(session, pile, bundle, held, many))
    pile.state = PileState.SETTLED
    pile.version += 1
    await session.flush()
    return made


async def _paper(
    session: AsyncSession, pile: Pile, bundle: Json, held: Sequence[PaperPage], many: bool
) -> Paper:
    ids = ",".join(str(row.id) for row in held)
    failed = all(row.state == PageState.FAILED for row in held)
    paper = Paper(
        assignment_id=pile.assignment_id,
        uploaded_by=pile.uploaded_by,
        file_name=_name(held, many),
        size=0,
        # No file is this paper alone; the pages name it.
        sha256=hashlib.sha256(f"pile {pile.id} pages {ids}".encode()).hexdigest(),
        storage_key=held[0].source_key,
        pile_id=pile.id,
        student_id=bundle["student_id"],
        match=bundle["match"],
        state=PaperState.UNREADABLE if failed else PaperState.READ,
        problem=held[0].problem if failed else None,
        pages=None if failed else all_pages.document(held).to_json(),
    )
    session.add(paper)
    await session.flush()
    for row in held:
        row.paper_id = paper.id
    return paper


def _name(held: Sequence[PaperPage], many: bool) -> str:
    """What a paper out of a pile is called: its pictures, or the file and its pages where that has several (`many`)."""
    first, last = held[0], held[-1]
    if first.source_key == last.source_key and many:
        numbers = {first.source_page, last.source_page}
        return f"{first.source_name} · {'–'.join(map(str, sorted(numbers)))}"
    return first.source_name if len(held) == 1 else f"{first.source_name} +{len(held) - 1}"
