"""The teacher's decisions on a paper's marks: one form a question, and one button for the whole paper.

What cannot be stored comes back in the form's fields, with the sentence that says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment, Question
from app.classes.models import Class
from app.events.schema import MarkChanged
from app.i18n import N_, ProblemError, Text
from app.keys import BUS, DATABASE
from app.marks import decide, review
from app.papers.models import Paper
from app.web.access import assignment_by_id, the_paper
from app.web.decide_form import Sent, sent
from app.web.forms import form_of, path_id, to_int
from app.web.middleware.sign_in import user_of
from app.web.pages import flash, is_partial, render, url
from app.web.paper import order_of, page_context, questions_context

CHANGES = "partials/mark_changes.html"


async def submit(request: web.Request) -> web.StreamResponse:
    """Store what a question's form says: typed points and words, then what its button asks for."""
    form = await form_of(request)
    said: Sent | None = None
    try:
        async with request.app[DATABASE].begin() as db:
            paper, _, _, question = await _the_question(request, db)
            said = sent(form, len(question.criteria))
            draft = await _apply(request, db, paper, question, said)
    except ProblemError as problem:
        if said is None:
            raise
        return await _shown_again(request, said.draft(problem.text), getattr(problem, "status", 422))
    await request.app[BUS].publish(MarkChanged(paper.assignment_id, paper.id, question.id))
    return await _done(request, paper, [question.id], {question.id: draft} if draft else {})


async def accept_paper(request: web.Request) -> web.StreamResponse:
    """Accept every proposal of the paper that the page showed."""
    form = await form_of(request)
    pairs = (str(value).partition(":") for value in form.getall("seen", []))
    seen = {to_int(question) or 0: to_int(version) or 0 for question, _, version in pairs}
    async with request.app[DATABASE].begin() as db:
        paper = await the_paper(request, db)
        assignment, _ = await assignment_by_id(request, db, paper.assignment_id)
        marks, changed = await decide.accept_paper(db, paper, assignment.questions, user_of(request), seen)
        accepted = [mark.question_id for mark in marks]
    await request.app[BUS].publish(*(MarkChanged(paper.assignment_id, paper.id, each) for each in accepted))
    if not changed:
        return await _done(request, paper, accepted)
    notice = Text(
        N_("Proposals that changed meanwhile and were left for you to look at: {count}."), {"count": changed}
    )
    return await _done(request, paper, [question.id for question in assignment.questions], notice=notice)


async def _the_question(request: web.Request, db: AsyncSession) -> tuple[Paper, Assignment, Class, Question]:
    paper = await the_paper(request, db)
    assignment, klass = await assignment_by_id(request, db, paper.assignment_id)
    wanted = path_id(request, "question")
    question = next((each for each in assignment.questions if each.id == wanted), None)
    if question is None:
        raise web.HTTPNotFound
    return paper, assignment, klass, question


async def _apply(
    request: web.Request, db: AsyncSession, paper: Paper, question: Question, said: Sent
) -> review.Draft | None:
    """Do what the form says; returns what was typed and is still to be saved."""
    user = user_of(request)
    mark = await decide.open_mark(db, paper, question, said.version)
    if said.action == "undo":
        # Taking back is about what was stored: words typed beside it stay in their fields.
        await decide.undo_last(db, mark, user)
        return said.draft()
    decide.write(db, mark, question, user, said.change())
    if said.action == "accept":
        decide.accept(db, mark, question, user)
    elif said.action == "reopen":
        decide.reopen(db, mark, user)
    return None


async def _done(
    request: web.Request,
    paper: Paper,
    changed: Sequence[int],
    drafts: Mapping[int, review.Draft] | None = None,
    notice: Text | None = None,
) -> web.StreamResponse:
    """The changed questions and the sum for htmx, or the page again at the first of them."""
    if not is_partial(request):
        if notice:
            await flash(request, notice, "ask")
        place = f"#question-{changed[0]}" if len(changed) == 1 else ""
        raise web.HTTPSeeOther(url(request, "paper", id=paper.id) + order_of(request)[1] + place)
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await assignment_by_id(request, db, paper.assignment_id)
        context = await questions_context(request, db, paper, assignment, drafts)
    return await render(request, CHANGES, {**context, "changed": changed, "notice": notice})


async def _shown_again(request: web.Request, draft: review.Draft, status: int) -> web.StreamResponse:
    """The question as it is now, with what was typed in its fields and the sentence above them."""
    async with request.app[DATABASE].begin() as db:
        paper, assignment, klass, question = await _the_question(request, db)
        drafts = {question.id: draft}
        if not is_partial(request):
            whole = await page_context(request, db, paper, assignment, klass, drafts)
            return await render(request, "pages/paper.html", whole, status=status)
        context = await questions_context(request, db, paper, assignment, drafts)
    values = {**context, "changed": [question.id], "notice": None}
    return await render(request, CHANGES, values, status=status)
