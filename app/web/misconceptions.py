"""Groups of like wrong answers: the teacher looks at a question's, and picks which of them the screens show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classroom import boards, choices, misconceptions
from app.classroom.misconceptions import LONGEST_LABEL, SHOWN_AT_ONCE, Pick
from app.classroom.models import Board, BoardKind
from app.events.schema import BoardChanged
from app.i18n import N_, Text
from app.keys import BUS, DATABASE
from app.web.access import the_assignment
from app.web.forms import Form, form_of, int_of, text_of, to_int
from app.web.pages import flash, is_partial, render, url

MEANWHILE = Text(
    N_("A colleague changed this board meanwhile. Here is what it shows now: make your choice again.")
)


async def show(request: web.Request) -> web.StreamResponse:
    """The page of a question (`?question=`); for htmx with `?part=groups` what marks change of it."""
    partial = is_partial(request) and request.query.get("part") == "groups"
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        # Taken before the marks are read: what happens after it comes over the stream.
        cursor = await request.app[BUS].last_id(assignment.id)
        wanted = _question_of(assignment, request.query.get("question", ""))
        board = await boards.board(db, assignment, BoardKind.MISCONCEPTIONS)
        context = await _context(db, assignment, board, wanted)
        if not partial:
            made = await boards.of(db, assignment)
            context["all_hidden"] = all(each.hidden for each in made.values())
    if partial:
        return await render(request, "partials/misconceptions_changes.html", context)
    values = {"klass": klass, "tab": "classroom", "cursor": cursor, "covered": ()}
    return await render(request, "pages/misconceptions.html", {**context, **values})


async def save(request: web.Request) -> web.StreamResponse:
    """Show the question with the groups that are ticked, under the labels that were typed, in their order."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        question = _question_of(assignment, str(int_of(form, "question")))
        if question is None:
            raise web.HTTPBadRequest
        board = await boards.board(db, assignment, BoardKind.MISCONCEPTIONS)
        # Two who choose at once come one after the other, and the second sees what the first chose.
        await db.refresh(board, with_for_update=True)
        picks = _picks(form, question, misconceptions.picks_of(board))
        stale = text_of(form, "stamp", 40) != choices.stamp(board)
        changed = not stale and misconceptions.change(board, question, picks)
        context = await _context(db, assignment, board, question, MEANWHILE if stale else None)
    if changed:
        await request.app[BUS].publish(BoardChanged(assignment.id, board.id))
    if is_partial(request):
        status = 409 if stale else 200
        return await render(request, "partials/misconceptions_changes.html", context, status=status)
    if stale:
        await flash(request, MEANWHILE, "bad")
    at = f"{url(request, 'misconceptions', id=assignment.id)}?question={question}"
    return web.Response(status=303, headers={"Location": at})


def _question_of(assignment: Assignment, value: str) -> int | None:
    """The question that an address or a form names, None for none; 404 when the assignment has no such."""
    if not value:
        return None
    number = to_int(value)
    if number not in {each.id for each in assignment.questions}:
        raise web.HTTPNotFound
    return number


def _picks(form: Form, question: int, before: Sequence[Pick]) -> list[Pick]:
    """What the form says of its groups; the row whose arrow was pressed is moved. 400 for a form that is not ours."""
    keys = [str(value).replace("\0", "") for value in form.getall("key", [])]
    labels = [str(value).replace("\0", "") for value in form.getall("label", [])]
    ticked = {str(value) for value in form.getall("pick", [])}
    if len(keys) != len(labels):
        raise web.HTTPBadRequest
    shown = [each.key for each in before if each.question_id == question and each.shown]
    said = [Pick(question, key, label, key in ticked) for key, label in zip(keys, labels, strict=True)]
    # What is ticked now comes behind what was shown before.
    said.sort(key=lambda pick: shown.index(pick.key) if pick.key in shown else len(shown))
    for name, step in (("up", -1), ("down", 1)):
        if key := text_of(form, name, 400):
            return misconceptions.moved(said, key, step)
    return said


async def _context(
    db: AsyncSession, assignment: Assignment, board: Board, question: int | None, notice: Text | None = None
) -> dict[str, Any]:
    page = await choices.page(db, assignment, board, question)
    return {
        "assignment": assignment,
        "board": board,
        "page": page,
        "notice": notice,
        "longest_label": LONGEST_LABEL,
        "most_shown": SHOWN_AT_ONCE,
    }
