"""Named queries on papers and answers."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classes.models import ClassTeacher
from app.papers.models import Paper


async def for_teacher(session: AsyncSession, paper_id: int, user_id: int) -> Paper | None:
    """A paper, if this teacher works with its class."""
    return await session.scalar(
        select(Paper)
        .join(Assignment, Assignment.id == Paper.assignment_id)
        .join(ClassTeacher, ClassTeacher.class_id == Assignment.class_id)
        .where(Paper.id == paper_id, ClassTeacher.user_id == user_id)
    )
