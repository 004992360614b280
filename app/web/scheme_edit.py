"""Edits of single questions. For htmx the answer is the row, and out of band what depends on it; else the page."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments import edits, service, store
from app.assignments.models import Assignment, Question
from app.classes.models import Class
from app.i18n import Text
from app.keys import DATABASE
from app.web import scheme_view
from app.web.access import the_assignment
from app.web.forms import form_of, int_of, path_id, text_of
from app.web.pages import is_partial, render, url
from app.web.scheme_draft import Draft, draft_from, value_of


async def save(request: web.Request) -> web.StreamResponse:
    """Save one question. What cannot be read comes back as typed, what is stale as it is now; neither is saved."""
    form = await form_of(request)
    draft, version, question_id = (
        draft_from(form),
        int_of(form, "scheme_version"),
        path_id(request, "question"),
    )
    value, wrong = value_of(draft)
    try:
        async with request.app[DATABASE].begin() as db:
            assignment, klass = await the_assignment(request, db)
            if value is None:
                row = edits.find(assignment, question_id)
                return await _again(request, db, assignment, klass, row, wrong, draft=draft, version=version)
            row = await edits.save_question(db, assignment, question_id, value, version)
            marked = await store.marked(db, assignment.id)
            focus = "criterion" if form.get("add") else ""
            shown = scheme_view.row_of(row, assignment, marked, focus=focus)
    except service.AssignmentError as error:
        return await _refused(request, question_id, error, draft, version)
    if not is_partial(request):
        return _back(request, assignment, question_id)
    return await _partial(request, assignment, "row", row=shown)


async def add(request: web.Request) -> web.StreamResponse:
    """One more question at the end."""
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        row = await edits.add_question(db, assignment)
        shown = scheme_view.row_of(row, assignment, {}, focus="label")
    if not is_partial(request):
        return _back(request, assignment, row.id)
    return await _partial(request, assignment, "added", row=shown, after=scheme_view.before(assignment, row))


async def move(request: web.Request) -> web.StreamResponse:
    """A question up or down by one."""
    form = await form_of(request)
    question_id = path_id(request, "question")
    step = {"up": -1, "down": 1}.get(text_of(form, "direction", 10))
    if step is None:
        raise web.HTTPBadRequest
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        await edits.move_question(db, assignment, question_id, step)
        row = edits.find(assignment, question_id)
        marked = await store.marked(db, assignment.id)
        shown = scheme_view.row_of(row, assignment, marked, focus="up" if step < 0 else "down")
    if not is_partial(request):
        return _back(request, assignment, question_id)
    return await _partial(request, assignment, "moved", row=shown, after=scheme_view.before(assignment, row))


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a question; with marks only when that was confirmed."""
    form = await form_of(request)
    question_id = path_id(request, "question")
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        label = edits.find(assignment, question_id).label
        version, confirmed = int_of(form, "scheme_version"), text_of(form, "confirm", 10) == "marks"
        await edits.delete_question(db, assignment, question_id, version, confirmed=confirmed)
    if not is_partial(request):
        return _back(request, assignment, None)
    return await _partial(request, assignment, "deleted", question_id=question_id, deleted_label=label)


async def undo(request: web.Request) -> web.StreamResponse:
    """Bring the question deleted last back."""
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        row = await edits.undo_delete(db, assignment)
        shown = scheme_view.row_of(row, assignment, {}, focus="label")
    if not is_partial(request):
        return _back(request, assignment, row.id)
    return await _partial(
        request, assignment, "added", row=shown, after=scheme_view.before(assignment, row), deleted_label=None
    )


async def _refused(
    request: web.Request, question_id: int, error: service.AssignmentError, draft: Draft, version: int | None
) -> web.StreamResponse:
    """The row that was not saved: as it is now when the form was stale, as typed otherwise."""
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        row = next((row for row in assignment.questions if row.id == question_id), None)
        if row is None:
            raise error
        typed = None if isinstance(error, service.StaleError) else draft
        return await _again(request, db, assignment, klass, row, [error.text], draft=typed, version=version)


async def _again(
    request: web.Request,
    db: AsyncSession,
    assignment: Assignment,
    klass: Class,
    row: Question,
    wrong: Sequence[Text],
    *,
    draft: Draft | None,
    version: int | None,
) -> web.StreamResponse:
    marked = await store.marked(db, assignment.id)
    shown = scheme_view.row_of(row, assignment, marked, draft=draft, version=version, wrong=wrong)
    status = 409 if draft is None else 422
    if not is_partial(request):
        values = await scheme_view.context(request, db, assignment, klass, {row.id: shown})
        return await scheme_view.page(request, values, status)
    response = await _partial(request, assignment, "row", status=status, row=shown)
    if draft is None:
        # A morph would keep what was typed into the fields; they must show what is stored.
        response.headers["HX-Reswap"] = "outerHTML"
    return response


async def _partial(
    request: web.Request, assignment: Assignment, what: str, *, status: int = 200, **values: object
) -> web.Response:
    whole = {**scheme_view.state_of(assignment), "kinds": scheme_view.kinds(), "what": what, **values}
    return await render(request, "partials/scheme_change.html", whole, status=status)


def _back(request: web.Request, assignment: Assignment, question_id: int | None) -> web.Response:
    location = url(request, "scheme", id=assignment.id) + (f"#q-{question_id}" if question_id else "")
    return web.Response(status=303, headers={"Location": location})
