"""Named queries on assignments and their questions."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import column, func, select, table
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.assignments.models import Assignment, Question
from app.classes.models import Class, ClassTeacher

# What hangs on assignments and questions lives in rooms above this one (papers, marks); only their keys are known here.
_papers = table("papers", column("assignment_id"))
_runs = table("runs", column("assignment_id"), column("state"))
_marks = table("marks", column("question_id"), column("state"))

MOST_LISTED = 200  # whom a page that lists assignments listens to; older ones hardly change


@dataclass(frozen=True, slots=True)
class Marked:
    """How many marks hang on something, and how many of them a teacher has decided."""

    marks: int
    decided: int


async def for_teacher(session: AsyncSession, assignment_id: int, user_id: int) -> Assignment | None:
    """An assignment with its questions, if this teacher works with its class."""
    return await session.scalar(
        select(Assignment)
        .join(ClassTeacher, ClassTeacher.class_id == Assignment.class_id)
        .where(Assignment.id == assignment_id, ClassTeacher.user_id == user_id)
        .options(selectinload(Assignment.questions))
    )


async def listed(
    session: AsyncSession, user_id: int, class_id: int | None = None, most: int = MOST_LISTED
) -> list[int]:
    """The newest assignments of a teacher's classes in use, or of one class of theirs: their ids, newest first."""
    ours = select(ClassTeacher.class_id).where(ClassTeacher.user_id == user_id)
    where = Assignment.class_id == class_id if class_id is not None else Class.archived_at.is_(None)
    found = await session.scalars(
        select(Assignment.id)
        .join(Class, Class.id == Assignment.class_id)
        .where(Assignment.class_id.in_(ours), where)
        .order_by(Assignment.created_at.desc(), Assignment.id.desc())
        .limit(most)
    )
    return list(found)


async def lock(session: AsyncSession, assignment: Assignment) -> None:
    """Hold an assignment until the transaction ends, and read it anew: edits of one scheme come one after another."""
    await session.execute(
        select(Assignment.id).where(Assignment.id == assignment.id).with_for_update(key_share=True)
    )
    await session.execute(
        select(Assignment)
        .where(Assignment.id == assignment.id)
        .options(selectinload(Assignment.questions))
        .execution_options(populate_existing=True)
    )


async def load_texts(session: AsyncSession, assignment: Assignment) -> None:
    """Load the columns that only the scheme page needs: the text as read, its notes, the question deleted last."""
    await session.refresh(assignment, ["scheme_text", "scheme_notes", "deleted_question"])


async def papers(session: AsyncSession, assignment_id: int) -> int:
    """How many papers an assignment has."""
    return await _count(session, _papers.c.assignment_id == assignment_id)


async def run_is_open(session: AsyncSession, assignment_id: int) -> bool:
    """Whether a grading run of an assignment is running or paused."""
    open_states = _runs.c.state.in_(("running", "paused"))
    return bool(await _count(session, (_runs.c.assignment_id == assignment_id) & open_states))


async def marked(session: AsyncSession, assignment_id: int) -> dict[int, Marked]:
    """The marks that hang on each question of an assignment, by question id; questions without any are missing."""
    decided = func.count().filter(_marks.c.state == "decided")
    rows = await session.execute(
        select(_marks.c.question_id, func.count(), decided)
        .join(Question, Question.id == _marks.c.question_id)
        .where(Question.assignment_id == assignment_id)
        .group_by(_marks.c.question_id)
    )
    return {question_id: Marked(marks, ours) for question_id, marks, ours in rows}


async def _count(session: AsyncSession, condition: object) -> int:
    found = await session.scalar(select(func.count()).where(condition))  # type: ignore[arg-type]
    return int(found or 0)
