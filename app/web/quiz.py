"""The teacher's hand on the quiz: ask, look, pick groups, show, close."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment, Question
from app.classroom import quiz, quiz_store
from app.classroom.models import QuizRound
from app.classroom.quiz_live import Live
from app.i18n import language_of_request
from app.keys import BUS, DATABASE, SECURE, SETTINGS
from app.web import quiz_view
from app.web.access import the_assignment
from app.web.forms import Form, form_of, int_of, path_id, text_of, to_int
from app.web.middleware.sign_in import user_of
from app.web.pages import is_partial, render, url
from app.web.quiz_state import forget

LIVE = web.AppKey("quiz", Live)


async def show(request: web.Request) -> web.StreamResponse:
    """The quiz of an assignment; with `?round=` an earlier round; for htmx with `?part=state` what changes."""
    asked = request.query.get("round")
    round_id = to_int(asked) if asked else None
    if asked and round_id is None:
        raise web.HTTPNotFound
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        # Taken before the answers are read: what happens after it comes over the stream.
        cursor = await request.app[BUS].last_id(assignment.id)
        context = await _context(db, assignment, round_id)
    if is_partial(request) and request.query.get("part") == "state":
        return await render(request, "partials/quiz_changes.html", context)
    page = {"klass": klass, "tab": "classroom", "cursor": cursor, "seconds": quiz.COUNTDOWNS}
    return await render(
        request, "pages/quiz.html", {**context, **page, "kinds": quiz_view.KINDS, "round_id": round_id}
    )


async def begin(request: web.Request) -> web.StreamResponse:
    """Put a question of the scheme, or one typed on the spot, to the room."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        before = await quiz_store.current(db, assignment.id)
        asked = await quiz.begin(
            db,
            assignment,
            _question_of(form, assignment),
            by=user_of(request).id,
            language=language_of_request.get(),
            origin=origin_of(request),
            seconds=int_of(form, "seconds") or None,
        )
    if before is not None:
        forget(request.app, before.code)
        request.app[LIVE].changed(assignment.id, before.id)
    return await _changed(request, asked)


async def reveal(request: web.Request) -> web.StreamResponse:
    """Show a round's answers to the room, which closes it; with `shown=0` cover them again."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        asked = await _round(request, db)
        await quiz.reveal(db, asked, text_of(form, "shown", 1) != "0")
    return await _changed(request, asked)


async def close(request: web.Request) -> web.StreamResponse:
    """Take no more answers."""
    async with request.app[DATABASE].begin() as db:
        asked = await _round(request, db)
        await quiz.close(db, asked)
    return await _changed(request, asked)


async def pick(request: web.Request) -> web.StreamResponse:
    """Choose a group of answers for the room to see, under a name; with `drop` it is not shown any more."""
    form = await form_of(request)
    key = text_of(form, "key", 300)
    label = None if text_of(form, "drop", 1) else text_of(form, "label", 500)
    if not key:
        raise web.HTTPBadRequest
    async with request.app[DATABASE].begin() as db:
        asked = await _round(request, db)
        quiz.pick(asked, key, label)
    return await _changed(request, asked)


def origin_of(request: web.Request) -> str:
    """Where phones come to: the scheme and host by which the teacher came, which the server checked."""
    secure = request.app[SETTINGS].production or request.get(SECURE) is True
    return f"{'https' if secure else request.scheme}://{request.host}"


def _question_of(form: Form, assignment: Assignment) -> Question | quiz.Typed:
    if "question" in form:
        number = int_of(form, "question")
        found = next((each for each in assignment.questions if each.id == number), None)
        if found is None:
            raise web.HTTPNotFound
        return found
    return quiz.Typed(
        kind=text_of(form, "kind", 20),
        prompt=text_of(form, "prompt", quiz.LONGEST_PROMPT),
        options=text_of(form, "options", 5_000).splitlines(),
        reference=text_of(form, "reference", 200),
    )


async def _round(request: web.Request, db: AsyncSession) -> QuizRound:
    assignment, _ = await the_assignment(request, db)
    found = await quiz_store.of_assignment(db, path_id(request, "round"), assignment.id)
    if found is None:
        raise web.HTTPNotFound
    return found


async def _context(db: AsyncSession, assignment: Assignment, round_id: int | None) -> dict[str, Any]:
    view = await quiz_view.view_of(db, assignment, round_id)
    if view is None:
        raise web.HTTPNotFound
    return {"assignment": assignment, "view": view, "verdict_names": quiz_view.VERDICTS}


async def _changed(request: web.Request, asked: QuizRound) -> web.Response:
    """Tell every page; the one that asked sees it at once, whether its stream is up or not."""
    forget(request.app, asked.code)
    request.app[LIVE].changed(asked.assignment_id, asked.id)
    if not is_partial(request):
        location = url(request, "quiz", id=asked.assignment_id)
        return web.Response(status=303, headers={"Location": location})
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        context = await _context(db, assignment, asked.id)
    return await render(request, "partials/quiz_changes.html", context)
