"""Which board a screen may see, and when screens were last connected: for the streams. No name is selected."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.classroom.models import Board, BoardKind, Screen


@dataclass(frozen=True, slots=True)
class Place:
    """A board as a stream needs it: whose it is, what it reacts to, and its language."""

    board_id: int
    assignment_id: int
    kind: BoardKind
    language: str


async def by_token(session: AsyncSession, token_hash: str) -> tuple[int, Place] | None:
    """The screen's id and what it may see, by the hash of its token; None for a token that is not paired."""
    found = (
        await session.execute(
            select(Screen.id, Board.id, Board.assignment_id, Board.kind, Board.language)
            .join(Board, Board.id == Screen.board_id)
            .where(Screen.token_hash == token_hash)
        )
    ).one_or_none()
    if found is None:
        return None
    return found[0], Place(found[1], found[2], BoardKind(found[3]), found[4])


def place_of(board: Board) -> Place:
    """A board that was loaded already."""
    return Place(board.id, board.assignment_id, BoardKind(board.kind), board.language)


async def language_of(session: AsyncSession, board_id: int) -> str | None:
    """A board's language now; None when the board is gone."""
    return await session.scalar(select(Board.language).where(Board.id == board_id))


async def boards_of(session: AsyncSession, screens: Collection[int]) -> dict[int, int]:
    """The board of each of these screens; one that was unpaired is not in it."""
    rows = await session.execute(select(Screen.id, Screen.board_id).where(Screen.id.in_(screens)))
    return {row[0]: row[1] for row in rows}


async def touch(session: AsyncSession, screens: Collection[int]) -> dict[int, int]:
    """Note that these screens are connected now, in one statement; returns what `boards_of` does."""
    rows = await session.execute(
        update(Screen)
        .where(Screen.id.in_(screens))
        .values(seen_at=func.now())
        .returning(Screen.id, Screen.board_id)
        .execution_options(synchronize_session=False)
    )
    return {row[0]: row[1] for row in rows}
