"""Single students of a class: added, changed, taken off the roster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiohttp import web

from app.audit.models import Action
from app.classes import service
from app.classes.store import PaperKey
from app.events.schema import PaperChanged
from app.i18n import N_, Text
from app.intake.normal import normal_name, normal_number
from app.keys import BUS, DATABASE
from app.web.access import the_class
from app.web.audit import note
from app.web.classes import roster_context
from app.web.forms import Form, form_of, path_id, text_of
from app.web.pages import flash, go, is_partial, render, url


async def show(request: web.Request) -> web.StreamResponse:
    """The roster alone, for htmx; `?edit=<student id>` opens a line."""
    if not is_partial(request):
        async with request.app[DATABASE].begin() as db:
            await the_class(request, db)
        raise web.HTTPSeeOther(
            f"{url(request, 'class_page', id=path_id(request))}?{request.query_string}#roster"
        )
    return await _roster(request, {"done": None})


async def add(request: web.Request) -> web.StreamResponse:
    """One more student."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        klass = await the_class(request, db)
        made = await service.add_student(db, klass, *_student_of(form))
    return await _changed(request, Text(N_("{name} was added."), {"name": made.name}), focus="new")


async def change(request: web.Request) -> web.StreamResponse:
    """Another number or name."""
    form = await form_of(request)
    student_id = path_id(request, "student")
    async with request.app[DATABASE].begin() as db:
        klass = await the_class(request, db)
        papers = await service.change_student(db, klass, student_id, *_student_of(form))
    return await _changed(request, Text(N_("Saved.")), papers, focus=student_id)


async def remove(request: web.Request) -> web.StreamResponse:
    """Take a student off the roster; their papers stay and ask whose they are."""
    async with request.app[DATABASE].begin() as db:
        klass = await the_class(request, db)
        student, papers = await service.remove_student(db, klass, path_id(request, "student"))
        await note(request, db, Action.STUDENT_REMOVED, "student", student.id, class_id=klass.id)
    values = {"name": student.name, "count": len(papers)}
    text = Text(N_("{name} was removed. Papers that are nobody's now: {count}."), values)
    return await _changed(request, text if papers else Text(N_("{name} was removed."), values), papers)


async def _changed(
    request: web.Request, done: Text, papers: Iterable[PaperKey] = (), focus: int | str | None = None
) -> web.StreamResponse:
    """Tell the open pages; then the roster for htmx, or the page again. `focus` is where the keyboard goes on."""
    await tell(request, papers)
    if is_partial(request):
        return await _roster(request, {"done": done, "focus": focus})
    await flash(request, done)
    return go(request, "class_page", id=path_id(request))


async def _roster(request: web.Request, more: Mapping[str, object]) -> web.StreamResponse:
    async with request.app[DATABASE].begin() as db:
        klass = await the_class(request, db)
        context = await roster_context(request, db, klass)
    return await render(request, "partials/roster_change.html", {**context, **more})


async def tell(request: web.Request, papers: Iterable[PaperKey]) -> None:
    """Tell the open pages of papers whose student has changed."""
    await request.app[BUS].publish(*(PaperChanged(each.assignment_id, each.id) for each in papers))


def _student_of(form: Form) -> tuple[str, str]:
    """Number and name in their normal spelling, as the import of a list writes them."""
    return normal_number(text_of(form, "number", 500)), normal_name(text_of(form, "name", 500))
