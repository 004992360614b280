"""The marking scheme's page, and the scheme as text: shown, downloaded, replaced."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from app.assignments import edits, service, store
from app.assignments.models import Assignment
from app.classes.models import Class
from app.i18n import N_, Text
from app.keys import DATABASE
from app.scheme.canonical import to_text
from app.web import scheme_upload, scheme_view
from app.web.access import the_assignment
from app.web.forms import to_int
from app.web.pages import flash, go, is_partial, render


async def show(request: web.Request) -> web.StreamResponse:
    """What was understood of the scheme, to be corrected."""
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        values = await scheme_view.context(request, db, assignment, klass)
    return await scheme_view.page(request, values)


async def download(request: web.Request) -> web.StreamResponse:
    """The scheme in its canonical form, as a text file."""
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
    name = quote(f"{assignment.title}.txt", safe="")
    return web.Response(
        text=to_text(service.scheme_of(assignment)),
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "Cache-Control": "no-store"},
    )


async def text_page(request: web.Request) -> web.StreamResponse:
    """The whole scheme as text, to be edited or pasted over."""
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
    return await _text_page(request, assignment, klass, to_text(service.scheme_of(assignment)))


async def save_text(request: web.Request) -> web.StreamResponse:
    """Take over a scheme from text; marks that would be lost are named first, and the text always comes back."""
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)  # a stranger's upload is not read
    sent = await scheme_upload.receive(request)
    version = to_int(sent.field("scheme_version", 30))
    if sent.problem is not None:
        return await _text_page(
            request, assignment, klass, sent.text, version=version, problem=sent.problem, status=422
        )
    parsed = await scheme_upload.parse(sent.text)
    confirmed = sent.field("confirm") == "marks"
    try:
        async with request.app[DATABASE].begin() as db:
            assignment, klass = await the_assignment(request, db)
            await edits.replace_scheme(db, assignment, parsed, sent.text, version, confirmed=confirmed)
    except service.AssignmentError as error:
        # Read anew: what the transaction had begun to change is not so.
        async with request.app[DATABASE].begin() as db:
            assignment, klass = await the_assignment(request, db)
        if isinstance(error, service.StaleError):
            version = assignment.scheme_version
        return await _text_page(
            request,
            assignment,
            klass,
            sent.text,
            version=version,
            problem=error.text,
            loss=isinstance(error, service.LossError),
            stale=isinstance(error, service.StaleError),
            status=getattr(error, "status", 422),
        )
    await flash(request, Text(N_("The scheme was read again from the text. Check what was understood.")))
    return go(request, "scheme", id=assignment.id)


async def notes_seen(request: web.Request) -> web.StreamResponse:
    """Put the remarks on the pasted text away."""
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        await store.load_texts(db, assignment)
        assignment.scheme_notes = []
    if is_partial(request):
        return web.Response(text="", content_type="text/html")
    return go(request, "scheme", id=assignment.id)


async def _text_page(
    request: web.Request,
    assignment: Assignment,
    klass: Class,
    text: str,
    *,
    version: int | None = None,
    problem: Text | None = None,
    loss: bool = False,
    stale: bool = False,
    status: int = 200,
) -> web.Response:
    values = {
        "assignment": assignment,
        "klass": klass,
        "tab": "scheme",
        "text": text,
        "version": assignment.scheme_version if version is None else version,
        "problem": problem,
        "loss": loss,
        "stale": stale,
        "unfinished": bool(assignment.questions and service.ready_to_grade(assignment)),
    }
    template = "partials/scheme_text_form.html" if is_partial(request) else "pages/scheme_text.html"
    return await render(request, template, values, status=status)
