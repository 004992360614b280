"""The Classroom page of an assignment: its boards, which can be hidden, and the screens that show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classroom import boards, screens
from app.classroom.models import Board, BoardKind
from app.events.schema import BoardChanged
from app.i18n import LANGUAGES, N_, Text
from app.keys import BUS, DATABASE
from app.web.access import assignment_by_id, the_assignment
from app.web.board_view import NAMES
from app.web.forms import form_of, path_id, text_of, to_int
from app.web.middleware.sign_in import user_of
from app.web.pages import came_from, go, is_partial, render, url

MEANS = {
    BoardKind.PROGRESS: Text(N_("How many papers are read and graded, and how long it still takes.")),
    BoardKind.QUESTIONS: Text(N_("How full the marks of each question are, and how many left it blank.")),
    BoardKind.MISCONCEPTIONS: Text(
        N_("Wrong answers that many share, in their words. You choose which are shown.")
    ),
    BoardKind.QUIZ: Text(N_("A question to the room, answered on phones without an account.")),
}
# Boards that show nothing before the teacher has chosen something, and the page where that is done.
CHOICES = {BoardKind.MISCONCEPTIONS: "misconceptions", BoardKind.QUIZ: "quiz"}


async def show(request: web.Request) -> web.StreamResponse:
    """The page; for htmx with `?part=screens` the list of screens."""
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        context = await context_of(request, db, assignment)
    if is_partial(request) and request.query.get("part") == "screens":
        return await render(request, "partials/screens.html", context)
    page = {**context, "klass": klass, "tab": "classroom", "pick": BoardKind.PROGRESS}
    return await render(request, "pages/classroom.html", page)


async def context_of(
    request: web.Request, db: AsyncSession, assignment: Assignment, covered: Sequence[int] = ()
) -> dict[str, Any]:
    """What the page shows; `covered` are the boards that were just hidden together, to be shown together again."""
    made = await boards.of(db, assignment)
    rows = await screens.of_class(db, assignment.class_id)
    routes = request.app.router.named_resources()
    return {
        "assignment": assignment,
        "boards": made,
        "names": NAMES,
        "means": MEANS,
        "choices": {
            kind: url(request, name, id=assignment.id) for kind, name in CHOICES.items() if name in routes
        },
        "screens": [row for row in rows if row.assignment_id == assignment.id],
        "elsewhere": [row for row in rows if row.assignment_id != assignment.id],
        "all_hidden": all(board.hidden for board in made.values()),
        "covered": covered,
        "board_language": next(iter(made.values())).language,
        "place": f"{request.host}{url(request, 'kiosk')}",
    }


async def the_board(request: web.Request, db: AsyncSession) -> Board:
    """The board of the address `{id}`, through the teacher's access."""
    found = await boards.for_teacher(db, path_id(request), user_of(request).id)
    if found is None:
        raise web.HTTPNotFound
    return found


async def cover_one(request: web.Request) -> web.StreamResponse:
    """Hide one board on all its screens, or show it again."""
    hidden = _hidden_of(await form_of(request))
    async with request.app[DATABASE].begin() as db:
        board = await the_board(request, db)
        changed = boards.cover([board], hidden)
        assignment, _ = await assignment_by_id(request, db, board.assignment_id)
    return await _changed(request, assignment, changed)


async def cover_all(request: web.Request) -> web.StreamResponse:
    """Hide all boards of the assignment, or show those again that were hidden together (without `board`: all)."""
    form = await form_of(request)
    hidden = _hidden_of(form)
    named = {to_int(value) for value in form.getall("board", []) if isinstance(value, str)}
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        made = (await boards.of(db, assignment)).values()
        changed = boards.cover([each for each in made if hidden or not named or each.id in named], hidden)
    return await _changed(request, assignment, changed, [each.id for each in changed] if hidden else ())


async def speak(request: web.Request) -> web.StreamResponse:
    """Give the boards of the assignment another language."""
    language = text_of(await form_of(request), "language", 10)
    if language not in LANGUAGES:
        raise web.HTTPBadRequest
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        changed = boards.speak((await boards.of(db, assignment)).values(), language)
    return await _changed(request, assignment, changed)


def _hidden_of(form: Any) -> bool:
    value = text_of(form, "hidden", 5)
    if value not in ("0", "1"):
        raise web.HTTPBadRequest
    return value == "1"


async def _changed(
    request: web.Request, assignment: Assignment, changed: Sequence[Board], covered: Sequence[int] = ()
) -> web.Response:
    """Tell every screen; the page that asked shows it at once."""
    await request.app[BUS].publish(*(BoardChanged(each.assignment_id, each.id) for each in changed))
    at = came_from(request)
    path = at.path if at is not None else ""
    number = to_int(path.rsplit("/", 1)[-1])
    on_board = number if number is not None and path == url(request, "board", id=number) else None
    if not is_partial(request):
        # From a preview, or from the page of the misconceptions: back to it.
        if on_board is not None or path == url(request, "misconceptions", id=assignment.id):
            return web.Response(status=303, headers={"Location": path})
        return go(request, "classroom", id=assignment.id)
    async with request.app[DATABASE].begin() as db:
        context = await context_of(request, db, assignment, covered)
    # A preview has the parts of its own board only; htmx says from which page it asks.
    on_page = path == url(request, "classroom", id=assignment.id)
    context |= {"on_page": on_page, "on_board": on_board}
    return await render(request, "partials/classroom_changes.html", context)
