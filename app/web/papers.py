"""The papers of an assignment: what came in, what was read, and whose each paper is."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from app.audit.models import Action
from app.events.schema import PaperChanged
from app.i18n import N_, Text
from app.intake.limits import MEGABYTE
from app.intake.matching import match_paper
from app.intake.whose import match_scan
from app.keys import BUS, DATABASE, SETTINGS
from app.papers import service
from app.web import pile_view
from app.web.access import assignment_by_id, the_assignment, the_paper
from app.web.audit import note
from app.web.forms import form_of, text_of, to_int
from app.web.pages import flash, go, is_partial, render, url
from app.web.presence_view import colleagues

NOBODY = "none"


async def show(request: web.Request) -> web.StreamResponse:
    """The page; for htmx (`?part=list`) only its list, which the upload and the stream renew."""
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        # Taken before the rows are read: what happens after it comes over the stream.
        cursor = await request.app[BUS].last_id(assignment.id)
        overview = await service.overview(db, assignment)
        piles = await pile_view.lines(db, assignment.id)
    settings = request.app[SETTINGS]
    context = {
        "assignment": assignment,
        "klass": klass,
        "tab": "papers",
        "overview": overview,
        "piles": piles,
        "change": to_int(request.query.get("whose", "")),
        "marking": await colleagues(request, assignment.id),
        "cursor": cursor,
        "stream": "events" in request.app.router.named_resources(),
        "endings": settings.allowed_extensions,
        "limit": settings.max_file_size,
        "limit_mb": f"{settings.max_file_size / MEGABYTE:.3g} MB",
        "most": settings.max_files,
    }
    part = request.query.get("part") if is_partial(request) else None
    template = {"list": "partials/paper_list_live.html", "summary": "partials/paper_summary.html"}.get(
        part or ""
    )
    return await render(request, template or "pages/papers.html", context)


async def row(request: web.Request) -> web.StreamResponse:
    """One line of the list; with `?whose` the choice of a student opened in it."""
    async with request.app[DATABASE].begin() as db:
        paper = await the_paper(request, db)
        found = await service.row(db, paper.id)
    if not is_partial(request):
        raise web.HTTPSeeOther(
            f"{url(request, 'papers', id=paper.assignment_id)}?whose={paper.id}#paper-{paper.id}"
        )
    change = paper.id if "whose" in request.query else None
    return await render(request, "partials/paper_row.html", {"paper": found, "change": change})


async def confirm(request: web.Request) -> web.StreamResponse:
    """The teacher says whose a paper is. A candidate's button counts before the list of all."""
    form = await form_of(request)
    chosen = text_of(form, "student", 30) or text_of(form, "other", 30)
    student_id = to_int(chosen)
    if student_id is None and chosen != NOBODY:
        raise service.StudentError(N_("Choose a student, or “none of them”."))
    async with request.app[DATABASE].begin() as db:
        paper = await the_paper(request, db)
        touched = await service.confirm(db, paper, student_id)
    return await _changed(request, paper.assignment_id, touched)


async def read_again(request: web.Request) -> web.StreamResponse:
    """Have a paper read once more."""
    async with request.app[DATABASE].begin() as db:
        paper = await the_paper(request, db)
        await service.read_again(db, paper)
    return await _changed(request, paper.assignment_id, [paper.id])


async def remove(request: web.Request) -> web.StreamResponse:
    """Remove a paper with its answers and marks."""
    async with request.app[DATABASE].begin() as db:
        paper = await the_paper(request, db)
        others = await service.remove(db, paper)
        await note(request, db, Action.PAPER_DELETED, "paper", paper.id, assignment_id=paper.assignment_id)
    if not is_partial(request):
        await flash(request, Text(N_("“{name}” was removed."), {"name": paper.file_name}))
    return await _changed(request, paper.assignment_id, others, gone=paper.id)


async def match_again(request: web.Request) -> web.StreamResponse:
    """Look again whose the open papers are, after the roster has changed."""
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        changed = await service.match_again(db, assignment, match_paper, match_scan)
    if not is_partial(request):
        await flash(
            request, Text(N_("Looked again; papers with something new: {count}."), {"count": len(changed)})
        )
    return await _changed(request, assignment.id, changed)


async def _changed(
    request: web.Request, assignment_id: int, paper_ids: Iterable[int], gone: int | None = None
) -> web.StreamResponse:
    """Tell the open pages; then the changed lines and the summary for htmx, or the page again."""
    ids = sorted(paper_ids)
    told = ids if gone is None else [*ids, gone]
    await request.app[BUS].publish(*(PaperChanged(assignment_id, each) for each in told))
    if not is_partial(request):
        return go(request, "papers", id=assignment_id)
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await assignment_by_id(request, db, assignment_id)
        overview = await service.overview(db, assignment)
    context = {
        "assignment": assignment,
        "overview": overview,
        "rows": [each for each in overview.rows if each.id in ids],
        "gone": gone,
        "change": None,
    }
    return await render(request, "partials/paper_changes.html", context)
