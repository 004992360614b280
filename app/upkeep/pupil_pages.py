"""A pupil's pages: of their papers, in piles that are not papers yet, and the pictures of them that left."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, cast, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.i18n import N_, Text
from app.intake import covers
from app.papers.models import MatchState, Paper, PaperPage, Pile, SentImage
from app.upkeep.pupils import Pupil

ASK = N_("A student was removed: whose is this?")


@dataclass(frozen=True, slots=True)
class Pages:
    """What is a pupil's: ids of pages and ledger entries, the storage keys of all their files.

    `shared` counts the files of these that pages or papers of others have as well: a scan of the whole class, say.
    `nameless` are pictures of the class that left and whose page is gone: whose they were is not known any more.
    """

    ids: tuple[int, ...]
    sent: tuple[int, ...]
    keys: frozenset[str]
    shared: int
    nameless: int


async def pages_of(
    session: AsyncSession, pupil: Pupil, papers: Collection[int], *, with_doubtful: bool = False
) -> Pages:
    """The pages of these papers, and those of open piles that are the pupil's: bundles with their name, cover sheets.

    `with_doubtful` also takes bundles of nobody for which they are a candidate.
    """
    rows = list(await session.scalars(select(PaperPage).where(PaperPage.paper_id.in_(list(papers)))))
    for pile in await _piles(session, pupil):
        rows += [page for page in await _loose(session, pile) if _theirs(page, pile, pupil, with_doubtful)]
    ids = [page.id for page in rows]
    sent = (await session.scalars(select(SentImage).where(SentImage.page_id.in_(ids)))).all()
    keys = {key for page in rows for key in (page.source_key, page.image_key, page.thumb_key) if key}
    keys |= {entry.image_key for entry in sent}
    return Pages(
        tuple(ids),
        tuple(entry.id for entry in sent),
        frozenset(keys),
        len(await held_by_others(session, keys, ids, papers)),
        await _nameless(session, pupil),
    )


async def hold_piles(session: AsyncSession, pupil: Pupil) -> None:
    """Wait until nobody splits a pile of the class, and hold them until the transaction ends.

    Before the pupil's own row: who makes papers of a pile holds the pile, then looks at the pupil's row.
    """
    found = select(Pile.id).join(Assignment, Assignment.id == Pile.assignment_id)
    found = found.where(Assignment.class_id == pupil.class_id).order_by(Pile.id).with_for_update(of=Pile)
    await session.execute(found)


async def forget_pages(session: AsyncSession, pages: Pages) -> None:
    """Delete a pupil's pages and what the ledger has of them; triggers note the files."""
    await session.execute(delete(SentImage).where(SentImage.id.in_(pages.sent)))
    await session.execute(delete(PaperPage).where(PaperPage.id.in_(pages.ids)))


async def forget_in_piles(session: AsyncSession, pupil: Pupil) -> None:
    """Take the pupil out of the splits of the class's piles; what stays of their bundles asks the teacher."""
    for pile in await _piles(session, pupil, open_only=False):
        bundles = [_without(bundle, pupil) for bundle in pile.bundles]
        if bundles != pile.bundles:
            pile.bundles = bundles
            pile.version += 1
    await session.flush()


def _theirs(page: PaperPage, pile: Pile, pupil: Pupil, with_doubtful: bool) -> bool:
    read = [cover for code in page.codes if (cover := covers.parse(str(code))) is not None]
    if any(cover.student_id == pupil.id and cover.assignment_id == pile.assignment_id for cover in read):
        return True
    if page.bundle is None or page.bundle >= len(pile.bundles):
        return False
    bundle = pile.bundles[page.bundle]
    if bundle["student_id"] is not None or not with_doubtful:
        return bool(bundle["student_id"] == pupil.id)
    return bundle["match"] != MatchState.CONFIRMED and pupil.id in bundle["candidates"]


def _without(bundle: Mapping[str, Any], pupil: Pupil) -> dict[str, Any]:
    """A bundle that says nothing of the pupil."""
    theirs = bundle["student_id"] == pupil.id
    named = pupil.id in bundle["candidates"] or _says(bundle, pupil)
    if not theirs and not named:
        return dict(bundle)
    left = {
        **bundle,
        "candidates": [each for each in bundle["candidates"] if each != pupil.id],
        "match_reason": None,
    }
    if theirs:
        left |= {"student_id": None, "match": MatchState.UNKNOWN}
    if theirs or _says(bundle, pupil):
        left["doubt"] = Text(ASK).to_json() if theirs or bundle["doubt"] is not None else None
    return left


def _says(bundle: Mapping[str, Any], pupil: Pupil) -> bool:
    """Whether a sentence of a bundle names the pupil."""
    texts = [bundle[key] for key in ("match_reason", "doubt") if bundle.get(key)]
    values = [str(value) for text in texts for value in (text.get("values") or {}).values()]
    return any(name and name in value for value in values for name in (pupil.name, pupil.number))


async def _piles(session: AsyncSession, pupil: Pupil, *, open_only: bool = True) -> Sequence[Pile]:
    """The piles of the pupil's class."""
    found = (
        select(Pile)
        .join(Assignment, Assignment.id == Pile.assignment_id)
        .where(Assignment.class_id == pupil.class_id)
        .order_by(Pile.id)
    )
    if open_only:
        found = found.where(_has_loose())
    return (await session.scalars(found.execution_options(populate_existing=True))).all()


def _has_loose() -> Any:
    return select(PaperPage.id).where(PaperPage.pile_id == Pile.id, PaperPage.paper_id.is_(None)).exists()


async def _loose(session: AsyncSession, pile: Pile) -> Sequence[PaperPage]:
    """The pages of a pile that are in no paper: all of an open one, covers and blank pages of a settled one."""
    found = select(PaperPage).where(PaperPage.pile_id == pile.id, PaperPage.paper_id.is_(None))
    return (await session.scalars(found.order_by(PaperPage.id))).all()


async def held_by_others(
    session: AsyncSession, keys: Collection[str], pages: Collection[int], papers: Collection[int]
) -> set[str]:
    """Which of these files other pages and papers than these have as well."""
    others = select(PaperPage.source_key).where(
        PaperPage.source_key.in_(list(keys)), PaperPage.id.not_in(list(pages))
    )
    whole = select(Paper.storage_key).where(Paper.storage_key.in_(list(keys)), Paper.id.not_in(list(papers)))
    return {*await session.scalars(others), *await session.scalars(whole)}


async def _nameless(session: AsyncSession, pupil: Pupil) -> int:
    found = (
        select(func.count())
        .select_from(SentImage)
        .join(Assignment, Assignment.id == SentImage.assignment_id)
        .where(Assignment.class_id == pupil.class_id, SentImage.page_id.is_(None))
    )
    return await session.scalar(found) or 0


async def naming(session: AsyncSession, pupil: Pupil, words: Sequence[str], without: Collection[int]) -> int:
    """How many loose pages of the class's piles hold one of these words, those `without` aside."""
    if not words:
        return 0
    said = func.lower(PaperPage.text + cast(PaperPage.struck, String) + PaperPage.source_name)
    found = (
        select(func.count())
        .select_from(PaperPage)
        .join(Pile, Pile.id == PaperPage.pile_id)
        .join(Assignment, Assignment.id == Pile.assignment_id)
        .where(
            Assignment.class_id == pupil.class_id,
            PaperPage.paper_id.is_(None),
            PaperPage.id.not_in(list(without)),
            or_(*(func.strpos(said, word.lower()) > 0 for word in words)),
        )
    )
    return await session.scalar(found) or 0
