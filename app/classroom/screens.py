"""Paired screens: what a token may see, and what a teacher does with the screens of an assignment's boards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classes.models import ClassTeacher
from app.classroom.models import Board, BoardKind, Screen

LONGEST_LABEL = 60  # characters


@dataclass(frozen=True, slots=True)
class ScreenRow:
    """A screen in a teacher's list: what it shows, and how many seconds ago it was last there (None: not yet)."""

    id: int
    label: str
    kind: BoardKind
    assignment_id: int
    assignment: str
    created_at: datetime
    away_seconds: float | None


async def by_token(session: AsyncSession, token_hash: str) -> Screen | None:
    """The screen of a token; None for one that is unknown or was unpaired."""
    return await session.scalar(select(Screen).where(Screen.token_hash == token_hash))


async def for_teacher(session: AsyncSession, screen_id: int, user_id: int) -> Screen | None:
    """A screen, if this teacher works with the class whose board it shows."""
    return await session.scalar(
        select(Screen)
        .join(Board, Board.id == Screen.board_id)
        .join(Assignment, Assignment.id == Board.assignment_id)
        .join(ClassTeacher, ClassTeacher.class_id == Assignment.class_id)
        .where(Screen.id == screen_id, ClassTeacher.user_id == user_id)
    )


async def assignment_of(session: AsyncSession, screen: Screen) -> int:
    """The id of the assignment whose board a screen shows."""
    found = await session.scalar(select(Board.assignment_id).where(Board.id == screen.board_id))
    assert found is not None
    return found


async def of_class(session: AsyncSession, class_id: int) -> Sequence[ScreenRow]:
    """All screens that show boards of a class's assignments, the oldest first."""
    away = func.extract("epoch", func.now() - Screen.seen_at)
    rows = await session.execute(
        select(Screen.id, Screen.label, Board.kind, Assignment.id, Assignment.title, Screen.created_at, away)
        .join(Board, Board.id == Screen.board_id)
        .join(Assignment, Assignment.id == Board.assignment_id)
        .where(Assignment.class_id == class_id)
        .order_by(Screen.id)
    )
    return [
        ScreenRow(number, label, BoardKind(kind), owner, title, made, None if gone is None else float(gone))
        for number, label, kind, owner, title, made, gone in rows
    ]


async def pair(session: AsyncSession, board: Board, token_hash: str, label: str, teacher_id: int) -> Screen:
    """Give the token's screen a board; a screen that has one already gets this one instead."""
    values = {"board_id": board.id, "label": " ".join(label.split())[:LONGEST_LABEL], "paired_by": teacher_id}
    number = await session.scalar(
        insert(Screen)
        .values(token_hash=token_hash, **values)
        .on_conflict_do_update(index_elements=["token_hash"], set_=values)
        .returning(Screen.id)
    )
    screen = await session.get(Screen, number, populate_existing=True)
    assert screen is not None
    return screen


async def move(session: AsyncSession, screen: Screen, board: Board) -> None:
    """Show another board."""
    screen.board_id = board.id
    await session.flush()


async def unpair(session: AsyncSession, screen: Screen) -> None:
    """Forget a screen: its token is worth nothing from now on."""
    await session.execute(delete(Screen).where(Screen.id == screen.id))


async def seen(session: AsyncSession, screen_ids: Sequence[int]) -> None:
    """Note that screens are there now."""
    await session.execute(update(Screen).where(Screen.id.in_(screen_ids)).values(seen_at=func.now()))
