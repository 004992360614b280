"""Results to take away: CSV and Excel."""

from __future__ import annotations

import asyncio
from datetime import datetime

from aiohttp import web

from app.audit.models import Action
from app.i18n import gettext
from app.keys import DATABASE
from app.reports import details, results, sheets
from app.web.access import the_assignment
from app.web.audit import note
from app.web.paper_file import disposition

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def as_csv(request: web.Request) -> web.StreamResponse:
    """One row a student."""
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        found = await results.load(db, assignment, klass.name)
        await note(request, db, Action.RESULTS_DOWNLOADED, "assignment", assignment.id, format="csv")
    return _file(sheets.csv_bytes(found), "text/csv; charset=utf-8", file_name(found, "csv"))


async def as_xlsx(request: web.Request) -> web.StreamResponse:
    """The workbook; made in a thread, so that the others do not wait for it."""
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        found = await results.load(db, assignment, klass.name)
        answers = await details.load(db, assignment.id)
        await note(request, db, Action.RESULTS_DOWNLOADED, "assignment", assignment.id, format="xlsx")
    made = await asyncio.to_thread(sheets.xlsx_bytes, found, answers)
    return _file(made, XLSX, file_name(found, "xlsx"))


def file_name(found: results.Results, ending: str) -> str:
    """Class, title and day, without what file systems refuse."""
    day = f"{datetime.now().astimezone():%Y-%m-%d}"
    whole = f"{found.class_name} {found.title} {gettext('Results')} {day}"
    plain = "".join("_" if mark in '\\/:*?"<>|' or not mark.isprintable() else mark for mark in whole)
    return f"{plain.strip(' .')[:120]}.{ending}"


def _file(content: bytes, media_type: str, name: str) -> web.Response:
    return web.Response(
        body=content,
        headers={
            "Content-Type": media_type,
            "Content-Disposition": disposition(name),
            "Cache-Control": "private, no-store",
        },
    )
