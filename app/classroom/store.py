"""Named queries of boards and screens. None of them selects a student's name."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.classroom.models import Board, BoardKind


async def board_by_id(session: AsyncSession, board_id: int) -> Board | None:
    """A board, whoever asks: for the channel. Handlers come through the teacher's access or the screen's token."""
    return await session.get(Board, board_id)


async def board_of(session: AsyncSession, assignment_id: int, kind: BoardKind, language: str) -> Board:
    """An assignment's board of a kind, made in `language` when there is none yet; two at once make one."""
    await session.execute(
        insert(Board)
        .values(assignment_id=assignment_id, kind=kind.value, language=language)
        .on_conflict_do_nothing(index_elements=["assignment_id", "kind"])
    )
    found = await session.scalar(
        select(Board).where(Board.assignment_id == assignment_id, Board.kind == kind.value)
    )
    assert found is not None
    return found
