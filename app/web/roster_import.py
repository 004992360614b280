"""A list of students: read, shown line by line, and taken over only when the teacher says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from app.audit.models import Action
from app.classes import pending, roster
from app.classes.roster import Change, Plan, Planned
from app.classes.service import StaleError, StudentError
from app.i18n import N_, Text, gettext
from app.intake.errors import UnreadableError
from app.intake.process import read_roster_safely
from app.intake.roster import RosterImport
from app.keys import DATABASE, REDIS
from app.web.access import the_class
from app.web.audit import note
from app.web.forms import Form, form_of, text_of
from app.web.middleware.sign_in import user_of
from app.web.pages import flash, go, render
from app.web.roster import tell

LONGEST_PASTE = 2_000_000
TOO_OLD = N_("This preview is too old, or the list was imported already. Send the list again.")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the preview: what is planned, None when the line stays out, and what is to say about it."""

    number: int
    planned: Planned | None
    notes: tuple[Text, ...]


async def show(request: web.Request) -> web.StreamResponse:
    """The form for a list."""
    return await _form(request, "", None, 200)


async def read(request: web.Request) -> web.StreamResponse:
    """Read the list; the preview is a page of its own, so that loading it again sends nothing."""
    async with request.app[DATABASE].begin() as db:
        klass = await the_class(request, db)
    form = await form_of(request)
    data, name, pasted = _list_of(form)
    if not data.strip():
        return await _form(request, "", Text(N_("Paste the list or choose a file.")), 422)
    try:
        found = await read_roster_safely(data, name)
    except UnreadableError as error:
        return await _form(request, pasted, error.text, 422)
    if not found.students and all(problem.line == 0 for problem in found.problems):
        text = found.problems[0].text if found.problems else Text(N_("The list holds no students."))
        return await _form(request, pasted, text, 422)
    token = await pending.keep(request.app[REDIS], klass.id, user_of(request).id, found.to_json())
    return go(request, "roster_preview", id=klass.id, token=token)


async def preview(request: web.Request) -> web.StreamResponse:
    """Line by line what the list would do to the class as it is now."""
    async with request.app[DATABASE].begin() as db:
        klass = await the_class(request, db)
        found = await _pending(request, klass.id)
        plan = await roster.preview(db, klass, found.students)
    return await render(request, "pages/roster_preview.html", {"klass": klass, **_shown(plan, found)})


async def take(request: web.Request) -> web.StreamResponse:
    """Take over what was shown. With bad lines in the list only when the teacher has said that they may stay out."""
    form = await form_of(request)
    token = request.match_info["token"]
    async with request.app[DATABASE].begin() as db:
        klass = await the_class(request, db)
        found = await _pending(request, klass.id)
        shown = _shown(await roster.preview(db, klass, found.students), found)
        if shown["bad"] and text_of(form, "without_bad", 10) != "yes":
            raise StudentError(
                N_(
                    "Lines with problems: {count}. Tick the box to import the others without them, "
                    "or mend the list."
                ),
                count=shown["bad"],
            )
        taken = await roster.take(db, klass, found.students, text_of(form, "seen", 100))
        values = {"new": taken.plan.count(Change.NEW), "renamed": taken.plan.count(Change.RENAMED)}
        await note(request, db, Action.ROSTER_IMPORTED, "class", klass.id, **values)
    await pending.drop(request.app[REDIS], klass.id, user_of(request).id, token)
    await tell(request, taken.papers)
    await flash(request, Text(N_("Imported. New students: {new}, changed names: {renamed}."), values))
    return go(request, "class_page", id=klass.id)


async def _form(request: web.Request, pasted: str, problem: Text | None, status: int) -> web.Response:
    async with request.app[DATABASE].begin() as db:
        klass = await the_class(request, db)
    context = {"klass": klass, "pasted": pasted, "problem": problem}
    return await render(request, "pages/roster_import.html", context, status=status)


def _list_of(form: Form) -> tuple[bytes, str, str]:
    """The list's bytes, its name for sentences, and the pasted text if it is that. A file outranks a paste."""
    file = form.get("file")
    if isinstance(file, web.FileField):
        data = file.file.read()
        if data:
            return data, file.filename.replace("\0", "")[-100:], ""
    pasted = text_of(form, "list", LONGEST_PASTE)
    return pasted.encode(), gettext("the pasted list"), pasted


async def _pending(request: web.Request, class_id: int) -> RosterImport:
    """The list of the address `{token}`. Raises StaleError."""
    token = request.match_info["token"]
    data = await pending.find(request.app[REDIS], class_id, user_of(request).id, token)
    if data is None:
        raise StaleError(TOO_OLD)
    return RosterImport.from_json(data)


def _shown(plan: Plan, found: RosterImport) -> dict[str, Any]:
    """The preview's values: the lines in the list's order, and how many of each kind."""
    notes: dict[int, list[Text]] = {}
    for problem in found.problems:
        notes.setdefault(problem.line, []).append(problem.text)
    good = [Line(each.line, each, (*notes.pop(each.line, ()), *_twins(each))) for each in plan.lines]
    bad = [Line(number, None, tuple(texts)) for number, texts in notes.items()]
    return {
        "plan": plan,
        "lines": sorted([*good, *bad], key=lambda line: line.number),
        "new": plan.count(Change.NEW),
        "renamed": plan.count(Change.RENAMED),
        "same": plan.count(Change.SAME),
        "bad": len(bad),
    }


def _twins(planned: Planned) -> tuple[Text, ...]:
    if not planned.twins:
        return ()
    message = N_("{name} is in the class already, with the number {number}. Is it the same student?")
    return (Text(message, {"name": planned.name, "number": ", ".join(planned.twins[:3])}),)
