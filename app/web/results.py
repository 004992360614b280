"""The results of an assignment: the class's table, its figures, and the grade lines."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classes.models import Class
from app.i18n import N_, Text
from app.keys import DATABASE
from app.reports import grades, results, table
from app.web.access import the_assignment
from app.web.forms import float_of, form_of
from app.web.pages import flash, go, is_partial, render


async def show(request: web.Request) -> web.StreamResponse:
    """The page; for htmx with `?part=table` what changes when marks or lines do."""
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        context = await _context(request, db, assignment, klass)
    part = is_partial(request) and request.query.get("part") == "table"
    return await render(request, "partials/charts_changes.html" if part else "pages/results.html", context)


async def set_grade_lines(request: web.Request) -> web.StreamResponse:
    """Move the grade lines, and count again."""
    form = await form_of(request)
    lines = grades.checked({level: float_of(form, level) for level in grades.LEVELS})
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        assignment.grade_lines = lines
        context = await _context(request, db, assignment, klass)
    if not is_partial(request):
        await flash(request, Text(N_("Grade lines saved.")))
        return go(request, "results", id=assignment.id)
    return await render(request, "partials/charts_changes.html", context)


async def _context(
    request: web.Request, db: AsyncSession, assignment: Assignment, klass: Class
) -> dict[str, Any]:
    sort = request.query.get("sort", "")
    found = await results.load(db, assignment, klass.name)
    return {
        "assignment": assignment,
        "klass": klass,
        "tab": "results",
        "view": table.view(found, sort if sort in table.SORTS else table.SORTS[0]),
    }
