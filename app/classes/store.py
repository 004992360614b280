"""Named queries on classes and students."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.classes.models import Class, ClassTeacher, Student


async def for_teacher(session: AsyncSession, class_id: int, user_id: int) -> Class | None:
    """A class, if this teacher works with it."""
    return await session.scalar(
        select(Class)
        .join(ClassTeacher, ClassTeacher.class_id == Class.id)
        .where(Class.id == class_id, ClassTeacher.user_id == user_id)
    )


async def students(session: AsyncSession, class_id: int) -> Sequence[Student]:
    """The roster of a class by number."""
    return (
        await session.scalars(select(Student).where(Student.class_id == class_id).order_by(Student.number))
    ).all()
