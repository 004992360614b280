"""What a paper's page does not show yet: the marks that others changed, without touching what is being typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.keys import DATABASE
from app.marks import review, store
from app.papers.models import Paper
from app.web.access import assignment_by_id, the_paper
from app.web.forms import to_int
from app.web.middleware.sign_in import user_of
from app.web.pages import is_partial, render, url
from app.web.paper import head_context, order_of, questions_context


@dataclass(frozen=True, slots=True)
class Change:
    """A mark that is another than the page shows. `who` None is a run; `mine`: this teacher, in another window."""

    question: review.QuestionView
    who: str | None
    mine: bool


async def show(request: web.Request) -> web.StreamResponse:
    """The questions of a paper whose marks are others than the page has.

    `have` are the versions that the page shows ("5:12,7:3"); `busy` are questions in which the teacher is typing: for
    those comes only a line that says what happened. With `head` also what stands above the questions. 204: nothing.
    """
    have, busy = _pairs(request.query.get("have", "")), _pairs(request.query.get("busy", ""))
    async with request.app[DATABASE].begin() as db:
        paper = await the_paper(request, db)
        if not is_partial(request):
            raise web.HTTPSeeOther(url(request, "paper", id=paper.id) + order_of(request)[1])
        versions = await store.versions(db, paper.id)
        stale = [each for each, version in have.items() if versions.get(each, 0) != version]
        head = "head" in request.query
        if not stale and not head:
            return web.Response(status=204)
        assignment, klass = await assignment_by_id(request, db, paper.assignment_id)
        context = await questions_context(request, db, paper, assignment)
        changes = await _changes(request, db, paper, context["questions"], stale)
        if head:
            context.update(await head_context(request, db, paper, assignment, klass))
    context["fresh"] = [change for change in changes if change.question.id not in busy]
    context["held"] = [change for change in changes if change.question.id in busy]
    return await render(request, "partials/paper_changes_live.html", {**context, "head": head})


async def _changes(
    request: web.Request,
    db: AsyncSession,
    paper: Paper,
    views: Sequence[review.QuestionView],
    stale: Sequence[int],
) -> list[Change]:
    last = await store.last_changes(db, paper.id, stale)
    me = user_of(request).id
    found = []
    for view in views:
        if view.id in stale:
            user_id, name = last.get(view.id, (None, None))
            found.append(Change(view, name, user_id == me))
    return found


def _pairs(text: str) -> dict[int, int]:
    """ "5:12,7" as {5: 12, 7: 0}; what is no number is left out."""
    pairs = (part.partition(":") for part in text.split(","))
    return {
        key: to_int(version) or 0 for question, _, version in pairs if (key := to_int(question)) is not None
    }
