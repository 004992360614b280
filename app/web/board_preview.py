"""A board as its screens see it, for the teacher at the desk."""

from __future__ import annotations

from aiohttp import web
from markupsafe import Markup

from app.classroom import boards
from app.classroom.models import BoardKind
from app.i18n import language_of_request
from app.keys import DATABASE
from app.web import board_view
from app.web.access import assignment_by_id
from app.web.board_view import NAMES
from app.web.classroom import the_board
from app.web.pages import render


async def show(request: web.Request) -> web.StreamResponse:
    """A board as the screens show it, for its teacher, with buttons to hide it."""
    async with request.app[DATABASE].begin() as db:
        board = await the_board(request, db)
        assignment, _ = await assignment_by_id(request, db, board.assignment_id)
        made = await boards.of(db, assignment)
    # In the board's language; what is around it is in the teacher's.
    mine = language_of_request.get()
    shown = await board_view.render(request.app, board.id, board.language)
    language_of_request.set(mine)
    if shown is None:
        raise web.HTTPNotFound
    context = {
        "board": board,
        "name": NAMES[BoardKind(board.kind)],
        "shown_board": Markup(shown),  # noqa: S704 - our own template, escaped there
        "assignment": assignment,
        "all_hidden": all(each.hidden for each in made.values()),
        "covered": (),
    }
    return await render(request, "pages/board.html", context)
