"""How far the papers of an assignment are: read, graded, waiting for the teacher, time left. Counts only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.classroom.models import Board


@dataclass(frozen=True, slots=True)
class ProgressBoard:
    """Values for `partials/board_progress.html`."""


async def board(session: AsyncSession, board: Board) -> ProgressBoard:
    """The board as it is now."""
    return ProgressBoard()
