"""The results of an assignment: the class's table, its figures, and the grade lines."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import aiohttp_jinja2
from aiohttp import web
from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.i18n import N_, Text, language_of_request
from app.keys import BUS, DATABASE
from app.reports import grades, results, table
from app.web.access import the_assignment
from app.web.forms import float_of, form_of
from app.web.pages import flash, go, is_partial, render

KEPT = 64  # rendered results of a process, some 30 kB each
# A colleague who looks at the same results sees the same; what they stand on is asked anew each time.
Bodies = OrderedDict[tuple[object, ...], Markup]
BODIES = web.AppKey("results_bodies", Bodies)


def setup(app: web.Application) -> None:
    """Give an application its store of rendered results."""
    app[BODIES] = OrderedDict()


async def show(request: web.Request) -> web.StreamResponse:
    """The page; for htmx with `?part=table` what changes when marks or lines do."""
    if is_partial(request) and request.query.get("part") == "table":
        async with request.app[DATABASE].begin() as db:
            assignment, _ = await the_assignment(request, db)
            context = await _context(request, db, assignment)
        return await render(request, "partials/charts_changes.html", context)
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        # Taken before the marks are read: what happens after it comes over the stream.
        cursor = await request.app[BUS].last_id(assignment.id)
        body = await _body(request, db, assignment)
    values = {
        "assignment": assignment,
        "klass": klass,
        "tab": "results",
        "body": body,
        "cursor": cursor,
        "sort": _sort(request),
    }
    return await render(request, "pages/results.html", values)


async def set_grade_lines(request: web.Request) -> web.StreamResponse:
    """Move the grade lines, and count again."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        assignment.grade_lines = grades.checked({level: float_of(form, level) for level in grades.LEVELS})
        context = await _context(request, db, assignment)
    if not is_partial(request):
        await flash(request, Text(N_("Grade lines saved.")))
        return go(request, "results", id=assignment.id)
    return await render(request, "partials/charts_changes.html", context)


async def _body(request: web.Request, db: AsyncSession, assignment: Assignment) -> Markup:
    """Everything below the head, rendered once for each state of the marks."""
    bodies = request.app[BODIES]
    key = (language_of_request.get(), _sort(request), *await results.stamp(db, assignment))
    if key in bodies:
        bodies.move_to_end(key)
        return bodies[key]
    context = await _context(request, db, assignment)
    bodies[key] = Markup(  # noqa: S704 - our own template's output, escaped there
        aiohttp_jinja2.render_string("partials/charts_body.html", request, context)
    )
    while len(bodies) > KEPT:
        bodies.popitem(last=False)
    return bodies[key]


async def _context(request: web.Request, db: AsyncSession, assignment: Assignment) -> dict[str, Any]:
    found = await results.load(db, assignment)
    return {"assignment": assignment, "view": table.view(found, _sort(request))}


def _sort(request: web.Request) -> str:
    wanted = request.query.get("sort", "")
    return wanted if wanted in table.SORTS else table.SORTS[0]
