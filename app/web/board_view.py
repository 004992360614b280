"""A board as HTML: the same for every screen and for the teacher's preview."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp_jinja2
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classroom import misconceptions, progress, questions, quiz_board, store
from app.classroom.models import Board, BoardKind
from app.i18n import N_, Text, language_of_request
from app.keys import DATABASE

TEMPLATE = "partials/board.html"
NAMES = {
    BoardKind.PROGRESS: Text(N_("Progress")),
    BoardKind.QUESTIONS: Text(N_("Questions")),
    BoardKind.MISCONCEPTIONS: Text(N_("Misconceptions")),
    BoardKind.QUIZ: Text(N_("Quiz")),
}
Values = Callable[[AsyncSession, Board], Awaitable[Any]]
VALUES: dict[BoardKind, Values] = {
    BoardKind.PROGRESS: progress.board,
    BoardKind.QUESTIONS: questions.board,
    BoardKind.MISCONCEPTIONS: misconceptions.board,
    BoardKind.QUIZ: quiz_board.board,
}


async def values_of(session: AsyncSession, board_id: int) -> dict[str, Any] | None:
    """What the template needs of a board; None when the board is gone. A hidden board's values are not looked up."""
    board = await store.board_by_id(session, board_id)
    if board is None:
        return None
    assignment = await session.get(Assignment, board.assignment_id)
    assert assignment is not None
    kind = BoardKind(board.kind)
    shown = None if board.hidden else await VALUES[kind](session, board)
    return {"board": board, "kind": kind, "title": assignment.title, "name": NAMES[kind], "shown": shown}


async def render(app: web.Application, board_id: int, language: str) -> str | None:
    """A board's element `#board` in a language; None when the board is gone. Raises what the database raises."""
    language_of_request.set(language)
    async with app[DATABASE].begin() as db:
        values = await values_of(db, board_id)
    if values is None:
        return None
    return aiohttp_jinja2.get_env(app).get_template(TEMPLATE).render(values)
