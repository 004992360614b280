"""The run page: the class as one matrix that fills, and what can be done about a run."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.audit.models import Action
from app.events.schema import RunChanged
from app.grading.endpoint import check_endpoint
from app.i18n import N_, ProblemError
from app.keys import BUS, DATABASE, SETTINGS
from app.marks import matrix as matrices
from app.marks import runs
from app.marks.models import Run
from app.marks.runs import Which
from app.marks.scope import parse_scope
from app.settings import Settings
from app.web.access import the_assignment
from app.web.audit import note
from app.web.forms import Form, form_of, int_of, text_of, to_int
from app.web.middleware.sign_in import user_of
from app.web.pages import go, is_partial, render
from app.web.presence_view import colleagues
from app.web.run_view import start_of, status_of

DONE = {"pause": Action.RUN_PAUSED, "resume": Action.RUN_RESUMED, "cancel": Action.RUN_CANCELLED}


async def show(request: web.Request) -> web.StreamResponse:
    """The page. Its stream goes on from where its rows were read, or a little before: nothing is missed."""
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        cursor = await request.app[BUS].last_id(assignment.id)
        context = await _context(request, db, assignment)
    marking = await colleagues(request, assignment.id)
    page = {"assignment": assignment, "klass": klass, "tab": "run", "cursor": cursor, "marking": marking}
    return await render(request, "pages/run.html", {**context, **page})


async def _context(request: web.Request, db: AsyncSession, assignment: Assignment) -> dict[str, Any]:
    """What changes while a run goes on."""
    matrix = await matrices.matrix(db, assignment.id)
    status = await status_of(db, assignment.id)
    start = start_of(assignment, status, matrix, request.app[SETTINGS].llm_model)
    return {"assignment_id": assignment.id, "matrix": matrix, "status": status, "start": start}


async def start(request: web.Request) -> web.StreamResponse:
    """Begin a run."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        labels = [question.label for question in assignment.questions]
        run = await runs.start(
            db,
            assignment,
            user_of(request),
            papers=_papers_of(form),
            scope=parse_scope(text_of(form, "scope", 500), labels),
            which=_which_of(form),
            model=model_for(assignment, request.app[SETTINGS]),
        )
        await note(request, db, Action.RUN_STARTED, "run", run.id, assignment_id=assignment.id)
    return await _changed(request, run)


async def change(request: web.Request) -> web.StreamResponse:
    """Pause, go on with, or cancel the run that the page showed."""
    form = await form_of(request)
    what, run_id = text_of(form, "do", 10), int_of(form, "run")
    if what not in DONE or run_id is None:
        raise web.HTTPBadRequest
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        run = await runs.of_assignment(db, run_id, assignment.id)
        await _do(db, what, run, assignment)
        await note(request, db, DONE[what], "run", run.id, assignment_id=assignment.id)
    return await _changed(request, run)


async def _do(db: AsyncSession, what: str, run: Run, assignment: Assignment) -> None:
    if what == "pause":
        await runs.pause(db, run)
    elif what == "resume":
        await runs.resume(db, run, assignment.cost_cap)
    else:
        await runs.cancel(db, run)


async def _changed(request: web.Request, run: Run) -> web.Response:
    """Tell every page; the one that asked sees it at once, whether its stream is up or not."""
    await request.app[BUS].publish(RunChanged(run.assignment_id, run.id))
    if not is_partial(request):
        return go(request, "run", id=run.assignment_id)
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        context = await _context(request, db, assignment)
    return await render(request, "partials/run_changes.html", context)


def _which_of(form: Form) -> Which:
    value = text_of(form, "which", 30) or Which.UNDECIDED
    try:
        return Which(value)
    except ValueError:
        raise web.HTTPBadRequest from None


def _papers_of(form: Form) -> Collection[int] | None:
    """The ticked papers; None when none is ticked: all."""
    ticked = [to_int(value) if isinstance(value, str) else None for value in form.getall("paper", [])]
    if None in ticked:
        raise ProblemError(N_("One of the chosen papers is none of this assignment. Load the page again."))
    return [number for number in ticked if number is not None] or None


def model_for(assignment: Assignment, settings: Settings) -> str | None:
    """The model's name where the assignment wants one; ProblemError when the server has none that could work."""
    if assignment.grader != "model":
        return None
    endpoint = check_endpoint(
        settings.llm_provider,
        settings.llm_base_url,
        settings.llm_api_key.get_secret_value(),
        settings.llm_model,
    )
    return endpoint.model
