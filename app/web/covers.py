"""Cover sheets: one sheet a student, whose code says whose the pages behind it are when a pile is scanned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jinja2
from aiohttp import web
from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classes import store as classes
from app.classes.models import Class
from app.i18n import language_of_request
from app.intake.covers import payload
from app.keys import DATABASE
from app.web import qr
from app.web.access import the_assignment
from app.web.forms import to_int
from app.web.pages import STATIC, environment_options, equip, render


@dataclass(frozen=True, slots=True)
class Sheet:
    """One student's cover sheet; `code` is its QR code as SVG. `chosen`: it is to be printed."""

    id: int
    number: str
    name: str
    chosen: bool
    code: Markup


async def show(request: web.Request) -> web.StreamResponse:
    """Cover sheets to print, one a student; `?student=` (several) prints only those of these students."""
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        wanted = [to_int(each) for each in request.query.getall("student", [])]
        sheets = await sheets_of(db, assignment, wanted)
    context = {"assignment": assignment, "klass": klass, "tab": "papers", "sheets": sheets}
    return await render(request, "pages/covers.html", context)


async def sheets_of(
    session: AsyncSession, assignment: Assignment, wanted: Sequence[int | None] = ()
) -> list[Sheet]:
    """The sheets of an assignment's class in the roster's order; `wanted` are the chosen students' ids, none: all.

    Only chosen sheets have their code.
    """
    return [
        Sheet(
            each.id,
            each.number,
            each.name,
            chosen,
            qr.svg(payload(assignment.id, each.id)) if chosen else Markup(),
        )
        for each in await classes.students(session, assignment.class_id)
        for chosen in [not wanted or each.id in wanted]
    ]


def document(assignment: Assignment, klass: Class, sheets: Sequence[Sheet], language: str) -> str:
    """The sheets as one HTML file that needs nothing else, its style included."""
    env = jinja2.Environment(**environment_options())  # noqa: S701 - the options switch escaping on
    equip(env)
    style = (STATIC / "css" / "covers.css").read_text(encoding="utf-8")
    context = {"assignment": assignment, "klass": klass, "sheets": sheets, "language": language}
    token = language_of_request.set(language)
    try:
        page = env.get_template("export/covers.html")
        return page.render(**context, style=Markup(f"<style>\n{style}</style>"))  # noqa: S704 - our own file
    finally:
        language_of_request.reset(token)
