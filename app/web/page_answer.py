"""What a form about a page is answered with: the parts of the review page that changed, or the page to look at next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from app.i18n import ProblemError, Text
from app.keys import DATABASE
from app.papers.models import Paper, PaperPage
from app.web.access import assignment_by_id, the_page
from app.web.page_view import page_context, shown
from app.web.pages import flash, is_partial, render, url
from app.web.paper import head_context, order_of, questions_context

Told = Sequence[tuple[Text, str]]


async def answered(
    request: web.Request, of: PaperPage | Paper, changed: Sequence[int], told: Told
) -> web.StreamResponse:
    """The questions that changed and what stands around them, for htmx on the review page; else a redirect."""
    paper_id = of.id if isinstance(of, Paper) else of.paper_id
    if paper_id is None or not is_partial(request):
        for text, tone in told:
            await flash(request, text, tone)
        location = _after(request, of, paper_id)
        if is_partial(request):
            return web.Response(headers={"HX-Redirect": location})
        raise web.HTTPSeeOther(location)
    async with request.app[DATABASE].begin() as db:
        paper = await db.get(Paper, paper_id)
        if paper is None:
            raise web.HTTPNotFound
        assignment, klass = await assignment_by_id(request, db, paper.assignment_id)
        pages = await shown(db, paper)
        context = {
            **await questions_context(request, db, paper, assignment, None, pages),
            **await head_context(request, db, paper, assignment, klass, pages),
        }
    return await render(request, "partials/page_changes.html", {**context, "changed": changed, "told": told})


async def shown_again(request: web.Request, typed: str, problem: ProblemError) -> web.StreamResponse:
    """The page's form with what was typed, beside it the text as it is now, and the sentence why."""
    async with request.app[DATABASE].begin() as db:
        page = await the_page(request, db)
        context = await page_context(request, db, page)
    status = int(getattr(problem, "status", 422))
    values: dict[str, Any] = {**context, "typed": typed.replace("\0", ""), "problem": problem.text}
    template = "partials/page_form_again.html" if is_partial(request) else "pages/page.html"
    return await render(request, template, values, status=status)


def _after(request: web.Request, of: PaperPage | Paper, paper_id: int | None) -> str:
    if paper_id is None:
        return url(request, "page", id=of.id)
    place = f"#page-{of.id}" if isinstance(of, PaperPage) else ""
    return url(request, "paper", id=paper_id) + order_of(request)[1] + place
