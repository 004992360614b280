"""What a teacher does with an assignment's boards: look, hide, show, and their language."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classes.models import ClassTeacher
from app.classroom import store
from app.classroom.models import Board, BoardKind
from app.i18n import DEFAULT_LANGUAGE, LANGUAGES


async def for_teacher(session: AsyncSession, board_id: int, user_id: int) -> Board | None:
    """A board, if this teacher works with its class."""
    return await session.scalar(
        select(Board)
        .join(Assignment, Assignment.id == Board.assignment_id)
        .join(ClassTeacher, ClassTeacher.class_id == Assignment.class_id)
        .where(Board.id == board_id, ClassTeacher.user_id == user_id)
    )


async def board(session: AsyncSession, assignment: Assignment, kind: BoardKind) -> Board:
    """An assignment's board of a kind; one that is new speaks the language of the assignment's feedback."""
    language = assignment.feedback_language
    known = language if language in LANGUAGES else DEFAULT_LANGUAGE
    return await store.board_of(session, assignment.id, kind, known)


async def of(session: AsyncSession, assignment: Assignment) -> dict[BoardKind, Board]:
    """All boards of an assignment, in the order of BoardKind; those that are missing are made."""
    found = {BoardKind(each.kind): each for each in await existing(session, assignment.id)}
    return {kind: found.get(kind) or await board(session, assignment, kind) for kind in BoardKind}


async def existing(session: AsyncSession, assignment_id: int) -> Sequence[Board]:
    """The boards that were made so far."""
    return (await session.scalars(select(Board).where(Board.assignment_id == assignment_id))).all()


def cover(boards: Collection[Board], hidden: bool) -> list[Board]:
    """Hide boards or show them again; those that this changed."""
    changed = [each for each in boards if each.hidden is not hidden]
    for each in changed:
        each.hidden = hidden
        each.version += 1
    return changed


def speak(boards: Collection[Board], language: str) -> list[Board]:
    """Give boards a language ("zh" or "en"); those that this changed."""
    changed = [each for each in boards if each.language != language]
    for each in changed:
        each.language = language
        each.version += 1
    return changed
