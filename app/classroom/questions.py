"""How full the marks of each question are, and how many answers are blank. Counts only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.classroom.models import Board


@dataclass(frozen=True, slots=True)
class QuestionsBoard:
    """Values for `partials/board_questions.html`."""


async def board(session: AsyncSession, board: Board) -> QuestionsBoard:
    """The board as it is now."""
    return QuestionsBoard()
