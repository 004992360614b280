"""A class: made, and its page with assignments and roster."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.classes import service, store
from app.classes.models import Class
from app.i18n import N_, Text, language_of_request
from app.keys import DATABASE
from app.reports.classes import assignments_of
from app.web.access import the_class
from app.web.forms import form_of, text_of, to_int
from app.web.middleware.sign_in import user_of
from app.web.pages import flash, go, is_partial, render


async def new_page(request: web.Request) -> web.StreamResponse:
    """The form for a new class."""
    context = {"name": "", "class_language": language_of_request.get(), "problem": None}
    return await render(request, "pages/class_new.html", context)


async def create(request: web.Request) -> web.StreamResponse:
    """Make a class; the form comes back with what is wrong."""
    form = await form_of(request)
    name, language = text_of(form, "name", 1000), text_of(form, "language", 10)
    try:
        async with request.app[DATABASE].begin() as db:
            made = await service.create(db, user_of(request).id, name, language)
    except service.ClassError as problem:
        if is_partial(request):
            raise
        context = {"name": name[:200], "class_language": language, "problem": problem.text}
        return await render(request, "pages/class_new.html", context, status=422)
    await flash(request, Text(N_("The class was made. Next: its students.")))
    return go(request, "class_page", id=made.id)


async def show(request: web.Request) -> web.StreamResponse:
    """The class; with `?edit=<student id>` that line of the roster is a form.

    For htmx with `?part=work` only its assignments.
    """
    async with request.app[DATABASE].begin() as db:
        klass = await the_class(request, db)
        assignments = await assignments_of(db, [klass.id])
        context = {
            **await roster_context(request, db, klass),
            "assignments": assignments[klass.id],
            "owner": await store.owns(db, klass.id, user_of(request).id),
        }
    part = is_partial(request) and request.query.get("part") == "work"
    return await render(request, "partials/class_work.html" if part else "pages/class.html", context)


async def roster_context(request: web.Request, db: AsyncSession, klass: Class) -> dict[str, Any]:
    """What the roster's partial needs."""
    return {
        "klass": klass,
        "students": await store.students(db, klass.id),
        "paper_counts": await store.paper_counts(db, klass.id),
        "edit": to_int(request.query.get("edit", "")),
        "focus": to_int(request.query.get("focus", "")),
    }
