"""Correcting what was read of a page, and grading again what that changed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments import convert
from app.assignments.models import Assignment
from app.audit.models import Action
from app.document import Document, Word
from app.grading.locate import locate
from app.grading.packing import located_rows
from app.i18n import ProblemError
from app.intake.aligning import realign
from app.keys import BUS, DATABASE, SETTINGS
from app.marks import regrade
from app.marks.regrade import Again, Touched
from app.papers import correcting, store
from app.papers.models import Paper
from app.web.access import assignment_by_id, the_page, the_paper
from app.web.audit import note
from app.web.forms import form_of, int_of
from app.web.middleware.sign_in import user_of
from app.web.page_answer import answered, shown_again
from app.web.page_outcome import Outcome, events, said
from app.web.page_view import assignment_of
from app.web.run import model_for


async def save(request: web.Request) -> web.StreamResponse:
    """Give a page another text; the questions whose answers it changes are graded again, decided marks stay.

    The form has `version`, that of the page it was made for, and `text`. A conflict or a text that cannot be stored is
    answered with both texts.
    """
    form = await form_of(request)
    version, text = int_of(form, "version"), form.get("text")
    if version is None or not isinstance(text, str):
        raise web.HTTPBadRequest
    try:
        async with request.app[DATABASE].begin() as db:
            page = await the_page(request, db)
            assignment, _ = await assignment_of(request, db, page)
            find = locator(assignment) if assignment.questions else None
            done = await correcting.correct(db, page.id, version, text, aligned, find)
            if done is None:
                raise web.HTTPNotFound
            outcome = await _graded_again(request, db, assignment, done)
    except (correcting.TextError, correcting.PageMovedOnError) as problem:
        return await shown_again(request, text, problem)
    await request.app[BUS].publish(*events(assignment.id, page, outcome))
    return await answered(request, page, outcome.changed, said(assignment, outcome))


async def grade_again(request: web.Request) -> web.StreamResponse:
    """Grade the questions of a paper whose answers were corrected while it could not be graded."""
    async with request.app[DATABASE].begin() as db:
        paper = await the_paper(request, db)
        assignment, _ = await assignment_by_id(request, db, paper.assignment_id)
        held = await store.locked(db, paper.id)
        if held is None:
            raise web.HTTPNotFound
        open_ = await regrade.waiting(db, held)
        outcome = Outcome(touched=Touched(open_), again=await _start(request, db, assignment, held, open_))
    if outcome.again.why is not None:
        raise ProblemError(outcome.again.why)
    await request.app[BUS].publish(*events(assignment.id, paper, outcome))
    return await answered(request, paper, (), said(assignment, outcome))


async def aligned(old: str, words: Sequence[Word], new: str) -> Sequence[Word]:
    """`realign`, which takes seconds for a page of which nothing stays, beside the loop."""
    return await asyncio.to_thread(realign, old, words, new)


def locator(assignment: Assignment) -> correcting.Locate:
    """Finds the answers of an assignment's papers, as grading does."""
    scheme = convert.to_scheme(assignment.title, assignment.questions)
    ids = {row.label: row.id for row in assignment.questions}

    async def find(document: Document) -> correcting.Found:
        # A long text takes a good part of a second.
        return correcting.Found(*located_rows(await asyncio.to_thread(locate, document, scheme), ids))

    return find


async def _graded_again(
    request: web.Request, db: AsyncSession, assignment: Assignment, done: correcting.Correction
) -> Outcome:
    if done.paper is None or not done.changes:
        return Outcome()
    changed = tuple(change.question_id for change in done.changes)
    touched = await regrade.note(db, done.paper, done.changes, user_of(request))
    if not touched.open:
        return Outcome(changed, touched)
    return Outcome(changed, touched, await _start(request, db, assignment, done.paper, touched.open))


async def _start(
    request: web.Request, db: AsyncSession, assignment: Assignment, paper: Paper, questions: Sequence[int]
) -> Again:
    try:
        model = model_for(assignment, request.app[SETTINGS])
    except ProblemError as problem:
        regrade.wait(paper, questions)
        return Again(why=problem.text)
    again = await regrade.start(db, assignment, paper, questions, user_of(request), model)
    if again.run is not None:
        await note(request, db, Action.RUN_STARTED, "run", again.run.id, assignment_id=assignment.id)
    return again
