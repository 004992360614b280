"""The pages of papers and piles: planned, read, failed, and put together as a paper's text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from app.assignments.models import Assignment
from app.classes.models import ClassTeacher
from app.document import Document, Page
from app.i18n import Text
from app.papers import files
from app.papers.models import PageState, Paper, PaperPage, Pile

# Between the positions of two pages, so that a photo of two pages has room for its second.
STEP = 10
RECOGNISED = ("ocr", "model")  # of intake.page.By: characters may be wrong
READINGS_KEPT = 5  # earlier texts of a page


async def of_paper(session: AsyncSession, paper_id: int) -> Sequence[PaperPage]:
    """A paper's pages in order; none for a paper that was read before pages were kept."""
    found = select(PaperPage).where(PaperPage.paper_id == paper_id)
    return (await session.scalars(found.order_by(PaperPage.position, PaperPage.id))).all()


async def of_pile(session: AsyncSession, pile_id: int) -> Sequence[PaperPage]:
    """A pile's pages in order, those included that papers have meanwhile."""
    found = select(PaperPage).where(PaperPage.pile_id == pile_id)
    return (await session.scalars(found.order_by(PaperPage.position, PaperPage.id))).all()


async def outline(session: AsyncSession, pile_id: int) -> Sequence[PaperPage]:
    """A pile's pages in order without their words, which are most of a page: what arranging and showing a pile needs.

    Using what was not loaded (`words`, `readings`, `struck`) raises InvalidRequestError.
    """
    heavy = (PaperPage.words, PaperPage.readings, PaperPage.struck)
    found = (
        select(PaperPage)
        .where(PaperPage.pile_id == pile_id)
        .options(*(defer(each, raiseload=True) for each in heavy))
    )
    return (await session.scalars(found.order_by(PaperPage.position, PaperPage.id))).all()


async def for_teacher(session: AsyncSession, page_id: int, user_id: int) -> PaperPage | None:
    """A page, if this teacher works with the class of its paper or pile."""
    return await session.scalar(
        select(PaperPage)
        .outerjoin(Paper, Paper.id == PaperPage.paper_id)
        .outerjoin(Pile, Pile.id == PaperPage.pile_id)
        .where(
            PaperPage.id == page_id,
            exists()
            .where(or_(Assignment.id == Paper.assignment_id, Assignment.id == Pile.assignment_id))
            .where(ClassTeacher.class_id == Assignment.class_id, ClassTeacher.user_id == user_id),
        )
    )


async def locked(session: AsyncSession, page_id: int) -> PaperPage | None:
    """A page as it is now, held until the transaction ends; None when it is gone."""
    return await session.scalar(
        select(PaperPage)
        .where(PaperPage.id == page_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def recognised(session: AsyncSession, paper_ids: Collection[int]) -> set[int]:
    """Which of these papers have a page that text recognition or a model has read."""
    found = select(PaperPage.paper_id).where(PaperPage.paper_id.in_(paper_ids), PaperPage.by.in_(RECOGNISED))
    return {each for each in await session.scalars(found) if each is not None}


async def plan(session: AsyncSession, paper: Paper, count: int) -> Sequence[PaperPage]:
    """A paper's pages to be read: `count` rows of its file, made once."""
    known = await of_paper(session, paper.id)
    if known:
        return known
    session.add_all(
        PaperPage(
            paper_id=paper.id,
            position=number * STEP,
            source_key=paper.storage_key,
            source_name=paper.file_name,
            source_page=number,
        )
        for number in range(1, count + 1)
    )
    await session.flush()
    return await of_paper(session, paper.id)


async def begin_again(session: AsyncSession, paper_id: int) -> None:
    """Have all pages of a paper read once more. Until then they show what they showed."""
    await session.execute(
        update(PaperPage)
        .where(PaperPage.paper_id == paper_id)
        .values(state=PageState.WAITING, problem=None, version=PaperPage.version + 1)
    )


async def keep(
    session: AsyncSession, page_id: int, readings: Sequence[Mapping[str, Any]]
) -> PaperPage | None:
    """Keep what was read of a page: the columns of PaperPage for it, and for a second page in the same picture.

    The row is locked first, so that two processes that read the same page leave one result. None when it is gone.
    """
    page = await locked(session, page_id)
    if page is None:
        return None
    before = {page.image_key, page.thumb_key}
    if page.source_part:
        # One of two pages in a picture, found before: the other is a row of its own.
        same = [each for each in readings if each["source_part"] == page.source_part]
        _fill(page, (same or readings)[0])
    else:
        first, *others = readings
        if page.state != PageState.READ:
            session.add_all(_beside(page, place, values) for place, values in enumerate(others, 1))
        _fill(page, first)
    # Pictures of an earlier reading; deletions are noted by a trigger, a change is not.
    for key in before - {page.image_key, page.thumb_key}:
        if key is not None:
            files.note(session, key)
    await session.flush()
    return page


async def fail(session: AsyncSession, page_id: int, problem: Text) -> PaperPage | None:
    """Keep why a page could not be read. None when it is gone."""
    page = await locked(session, page_id)
    if page is None:
        return None
    page.state = PageState.FAILED
    page.problem = problem.to_json()
    return page


def document(pages: Sequence[PaperPage]) -> Document:
    """The text of pages, numbered from 1; a page that could not be read is an empty one."""
    return Document(tuple(Page(number, page.text) for number, page in enumerate(pages, 1)))


async def refresh_text(session: AsyncSession, paper: Paper) -> Document:
    """Write what grading reads (`Paper.pages`) anew from the paper's pages."""
    found = document(await of_paper(session, paper.id))
    paper.pages = found.to_json()
    return found


def _fill(page: PaperPage, values: Mapping[str, Any]) -> None:
    if page.by:
        before = {"by": page.by, "text": page.text, "confidence": page.confidence}
        page.readings = [*page.readings, before][-READINGS_KEPT:]
    for name, value in values.items():
        setattr(page, name, value)
    page.state = PageState.READ
    page.problem = None


def _beside(page: PaperPage, place: int, values: Mapping[str, Any]) -> PaperPage:
    other = PaperPage(
        paper_id=page.paper_id,
        pile_id=page.pile_id,
        position=page.position + place,
        source_key=page.source_key,
        source_name=page.source_name,
        source_page=page.source_page,
    )
    _fill(other, values)
    return other
