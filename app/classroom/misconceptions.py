"""The groups of like wrong answers that the teacher picked. Shared words and counts; no name, no whole answer."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.classroom.models import Board


@dataclass(frozen=True, slots=True)
class MisconceptionsBoard:
    """Values for `partials/board_misconceptions.html`."""


async def board(session: AsyncSession, board: Board) -> MisconceptionsBoard:
    """The board as it is now."""
    return MisconceptionsBoard()
