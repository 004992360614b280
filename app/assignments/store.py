"""Named queries on assignments and their questions."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.assignments.models import Assignment
from app.classes.models import ClassTeacher


async def for_teacher(session: AsyncSession, assignment_id: int, user_id: int) -> Assignment | None:
    """An assignment with its questions, if this teacher works with its class."""
    return await session.scalar(
        select(Assignment)
        .join(ClassTeacher, ClassTeacher.class_id == Assignment.class_id)
        .where(Assignment.id == assignment_id, ClassTeacher.user_id == user_id)
        .options(selectinload(Assignment.questions))
    )
