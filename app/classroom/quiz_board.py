"""What a screen shows of the quiz: the question, where to answer, how many did, and what the teacher revealed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.classroom.models import Board


@dataclass(frozen=True, slots=True)
class QuizBoard:
    """Values for `partials/board_quiz.html`."""


async def board(session: AsyncSession, board: Board) -> QuizBoard:
    """The board as it is now."""
    return QuizBoard()
