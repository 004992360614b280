"""Assignments: made, opened, renamed, copied, deleted, and how they are graded."""

from __future__ import annotations

from aiohttp import web

from app.assignments import service, store
from app.audit.models import Action
from app.i18n import N_, Text
from app.keys import DATABASE
from app.web import scheme_upload, scheme_view
from app.web.access import the_assignment, the_class
from app.web.audit import note
from app.web.forms import float_of, form_of, int_of, text_of
from app.web.middleware.sign_in import user_of
from app.web.pages import flash, go, is_partial, render


async def new_page(request: web.Request) -> web.StreamResponse:
    """The form for a new assignment."""
    async with request.app[DATABASE].begin() as db:
        klass = await the_class(request, db)
    return await render(
        request, "pages/assignment_new.html", {"klass": klass, "title": "", "text": "", "problem": None}
    )


async def create(request: web.Request) -> web.StreamResponse:
    """Make an assignment from a pasted or uploaded scheme, or an empty one; the form comes back with what is wrong."""
    async with request.app[DATABASE].begin() as db:
        await the_class(request, db)  # a stranger's upload is not read
    sent = await scheme_upload.receive(request)
    empty = bool(sent.field("empty"))
    problem = None if empty else sent.problem
    parsed = await scheme_upload.parse(sent.text) if sent.text and not empty and problem is None else None
    if parsed is not None and not parsed.scheme.questions:
        problem = Text(
            N_("No question was found in this text. Number the questions and write their points, "
               "for example “1. What is heat? (4)”.")
        )  # fmt: skip
    if problem is None:
        try:
            async with request.app[DATABASE].begin() as db:
                klass = await the_class(request, db)
                made = await service.create(
                    db, klass, user_of(request).id, sent.field("title"), parsed, "" if empty else sent.text
                )
            return go(request, "scheme", id=made.id)
        except service.AssignmentError as error:
            problem = error.text
    async with request.app[DATABASE].begin() as db:
        klass = await the_class(request, db)
    values = {"klass": klass, "title": sent.field("title"), "text": sent.text, "problem": problem}
    template = "partials/scheme_new_form.html" if is_partial(request) else "pages/assignment_new.html"
    return await render(request, template, values, status=422)


async def open_(request: web.Request) -> web.StreamResponse:
    """Go to the page where the assignment's next step is."""
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        papers = await store.papers(db, assignment.id)
    name = "run" if papers else "papers"
    return go(request, name if assignment.questions else "scheme", id=assignment.id)


async def rename(request: web.Request) -> web.StreamResponse:
    """Give the assignment another title."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        assignment.title = service.clean_title(text_of(form, "title", 1000))
    await flash(request, Text(N_("Renamed.")))
    return go(request, "scheme", id=assignment.id)


async def duplicate(request: web.Request) -> web.StreamResponse:
    """Copy the assignment's scheme and options into a new one of the same class."""
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        made = await service.duplicate(db, assignment, user_of(request).id)
    await flash(request, Text(N_("This is the copy: scheme and settings, without papers and marks.")))
    return go(request, "scheme", id=made.id)


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete the assignment with everything in it, once the box that says so is ticked."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        if text_of(form, "confirm", 10) != "yes":
            raise service.AssignmentError(N_("Tick the box to confirm that the assignment may be deleted."))
        await service.delete(db, assignment)
        await note(
            request, db, Action.ASSIGNMENT_DELETED, "assignment", assignment.id,
            title=assignment.title, class_id=klass.id,
        )  # fmt: skip
    await flash(request, Text(N_("“{title}” was deleted."), {"title": assignment.title}))
    return go(request, "class_page", id=klass.id)


async def set_options(request: web.Request) -> web.StreamResponse:
    """Change how the assignment is graded; the panel comes back saved."""
    form = await form_of(request)
    cap = float_of(form, "cost_cap")
    if cap is None and text_of(form, "cost_cap", 100).strip():
        raise service.AssignmentError(
            N_("The cost cap is no number. Write an amount in dollars, such as 2.50.")
        )
    options = service.Options(
        strictness=int_of(form, "strictness") or 0,
        feedback_language=text_of(form, "feedback_language", 10),
        grader=text_of(form, "grader", 10),
        cost_cap=cap,
    )
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        service.set_options(assignment, options, model_is_there=scheme_view.model_is_there(request))
        values = scheme_view.options_of(request, assignment)
    if is_partial(request):
        return await render(request, "partials/scheme_options.html", {**values, "saved": True})
    await flash(request, Text(N_("Saved.")))
    return go(request, "scheme", id=assignment.id)
