"""Pages as they are shown: one large page with its text, and all of a paper's for the review page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classes.models import Class, Student
from app.keys import DATABASE
from app.marks import review, transcript
from app.marks.picture import Pictures
from app.marks.transcript import PageView
from app.papers import pages
from app.papers.models import Paper, PaperPage, Pile
from app.web.access import assignment_by_id, the_page
from app.web.pages import is_partial, render


@dataclass(frozen=True, slots=True)
class Shown:
    """A paper's pages, and their pictures where the text that answers were found in is the pages' own."""

    rows: Sequence[PaperPage]
    pictures: Pictures | None


async def shown(db: AsyncSession, paper: Paper) -> Shown:
    """What can be shown of a paper's pages."""
    rows = await pages.of_paper(db, paper.id)
    fits = bool(rows) and transcript.is_text_of(paper, rows)
    # Of a long paper this takes a good part of a second, beside the loop.
    return Shown(rows, await asyncio.to_thread(Pictures, rows, paper.unmatched) if fits else None)


async def show(request: web.Request) -> web.StreamResponse:
    """One page, large, with what was read of it; for htmx only its picture with all that is drawn on it."""
    async with request.app[DATABASE].begin() as db:
        page = await the_page(request, db)
        context = await page_context(request, db, page)
    template = "partials/page_large.html" if is_partial(request) else "pages/page.html"
    return await render(request, template, context)


async def page_context(request: web.Request, db: AsyncSession, page: PaperPage) -> dict[str, Any]:
    """All values of pages/page.html."""
    paper = await db.get(Paper, page.paper_id) if page.paper_id is not None else None
    assignment, klass = await assignment_of(request, db, page)
    student = await db.get(Student, paper.student_id) if paper is not None and paper.student_id else None
    view, around = await _view(db, page, paper, assignment)
    return {
        "paper": paper,
        "assignment": assignment,
        "klass": klass,
        "page": view,
        "around": around,
        "title": student.name if student else (paper.file_name if paper else page.source_name),
        "tab": "results" if paper else "papers",
        "typed": None,
        "reread": None,
        "problem": None,
        "alone": not is_partial(request),
    }


async def assignment_of(request: web.Request, db: AsyncSession, page: PaperPage) -> tuple[Assignment, Class]:
    """The assignment of a page's paper or pile, its questions loaded, and its class."""
    owner: Paper | Pile | None
    if page.paper_id is not None:
        owner = await db.get(Paper, page.paper_id)
    else:
        owner = await db.get(Pile, page.pile_id)
    if owner is None:
        raise web.HTTPNotFound
    return await assignment_by_id(request, db, owner.assignment_id)


async def _view(
    db: AsyncSession, page: PaperPage, paper: Paper | None, assignment: Assignment
) -> tuple[PageView, Sequence[int]]:
    """The page, and the ids of all pages that one may turn to from it."""
    if paper is None:
        alone = Paper(pages=None, unmatched=[])
        return transcript.pages(alone, [page], Pictures([page], []))[0], [page.id]
    found = await shown(db, paper)
    located = await review.located(db, paper, assignment.questions) if found.pictures else ()
    pictures = found.pictures or Pictures(found.rows, [])
    views = await asyncio.to_thread(transcript.pages, paper, found.rows, pictures, located, page.id)
    return views[0], [row.id for row in found.rows]
