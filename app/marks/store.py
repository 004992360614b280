"""Named queries on marks and their history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.assignments.models import Assignment, Question
from app.classes.models import Student
from app.marks.models import Mark, MarkChange, MarkState
from app.papers.models import Paper, PaperAnswer


async def locked(session: AsyncSession, paper_id: int, question_id: int) -> Mark | None:
    """A mark, its row locked until the transaction ends."""
    return await session.scalar(
        select(Mark)
        .where(Mark.paper_id == paper_id, Mark.question_id == question_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def locked_of_paper(session: AsyncSession, paper_id: int) -> Sequence[Mark]:
    """All marks of a paper, locked, always in the same order so that two teachers cannot block each other."""
    found = await session.scalars(
        select(Mark)
        .where(Mark.paper_id == paper_id)
        .order_by(Mark.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found.all()


async def make_empty(session: AsyncSession, paper: Paper, question: Question) -> Mark:
    """A mark for a question that was never graded, locked; a colleague's that came first is taken instead.

    Its version is 0: nobody has changed it yet, which is what a page shows where there is no mark.
    """
    version = await session.scalar(
        select(Assignment.scheme_version).where(Assignment.id == paper.assignment_id)
    )
    await session.execute(
        insert(Mark)
        .values(
            paper_id=paper.id,
            question_id=question.id,
            state=MarkState.NEEDS_TEACHER,
            criteria=[],
            scheme_version=version or 1,
            version=0,
        )
        .on_conflict_do_nothing(index_elements=["paper_id", "question_id"])
    )
    made = await locked(session, paper.id, question.id)
    assert made is not None
    return made


async def of_paper(session: AsyncSession, paper_id: int) -> dict[int, Mark]:
    """The marks of a paper by question id."""
    found = await session.scalars(select(Mark).where(Mark.paper_id == paper_id))
    return {mark.question_id: mark for mark in found}


async def history(
    session: AsyncSession, mark_ids: Sequence[int], most: int = 200
) -> dict[int, list[tuple[MarkChange, str | None]]]:
    """The newest changes of each mark with the name of who made them (None: the engine), newest first."""
    rows = await session.execute(
        select(MarkChange, User.name)
        .outerjoin(User, User.id == MarkChange.user_id)
        .where(MarkChange.mark_id.in_(mark_ids))
        .order_by(MarkChange.mark_id, MarkChange.id.desc())
    )
    found: dict[int, list[tuple[MarkChange, str | None]]] = {}
    for change, name in rows:
        entries = found.setdefault(change.mark_id, [])
        if len(entries) < most:
            entries.append((change, name))
    return found


async def last_changed_by(session: AsyncSession, mark_id: int) -> str | None:
    """The name of who changed a mark last; None for the engine."""
    return await session.scalar(
        select(User.name)
        .select_from(MarkChange)
        .outerjoin(User, User.id == MarkChange.user_id)
        .where(MarkChange.mark_id == mark_id)
        .order_by(MarkChange.id.desc())
        .limit(1)
    )


async def versions(session: AsyncSession, paper_id: int) -> dict[int, int]:
    """The versions of a paper's marks by question id."""
    rows = await session.execute(select(Mark.question_id, Mark.version).where(Mark.paper_id == paper_id))
    return {row.question_id: row.version for row in rows}


async def last_changes(
    session: AsyncSession, paper_id: int, question_ids: Sequence[int]
) -> dict[int, tuple[int | None, str | None]]:
    """Who changed these marks of a paper last: id and name by question id, (None, None) for the engine."""
    rows = await session.execute(
        select(Mark.question_id, MarkChange.user_id, User.name)
        .join(MarkChange, MarkChange.mark_id == Mark.id)
        .outerjoin(User, User.id == MarkChange.user_id)
        .where(Mark.paper_id == paper_id, Mark.question_id.in_(question_ids))
        .ext(distinct_on(Mark.question_id))
        .order_by(Mark.question_id, MarkChange.id.desc())
    )
    return {row.question_id: (row.user_id, row.name) for row in rows}


async def answers(session: AsyncSession, paper_id: int) -> dict[int, PaperAnswer]:
    """What was located in a paper, by question id."""
    found = await session.scalars(select(PaperAnswer).where(PaperAnswer.paper_id == paper_id))
    return {answer.question_id: answer for answer in found}


async def queue(session: AsyncSession, assignment_id: int) -> Sequence[Row[Any]]:
    """An assignment's papers: id, file_name, number and name of the student, `needs` questions for the teacher."""
    needs = func.count(Mark.id).filter(Mark.state == MarkState.NEEDS_TEACHER)
    rows: Any = await session.execute(
        select(Paper.id, Paper.file_name, Student.number, Student.name, needs.label("needs"))
        .outerjoin(Student, Student.id == Paper.student_id)
        .outerjoin(Mark, Mark.paper_id == Paper.id)
        .where(Paper.assignment_id == assignment_id)
        .group_by(Paper.id, Student.id)
    )
    found: Sequence[Row[Any]] = rows.all()
    return found


async def decided(session: AsyncSession, paper_ids: Sequence[int]) -> int:
    """How many marks of these papers a teacher has decided, or has begun to write in."""
    hand = (Mark.state == MarkState.DECIDED) | Mark.decided_by.is_not(None)
    return await session.scalar(select(func.count()).where(Mark.paper_id.in_(paper_ids), hand)) or 0


async def names(session: AsyncSession, user_ids: Iterable[int]) -> dict[int, str]:
    """What users are called, by id."""
    wanted = set(user_ids)
    if not wanted:
        return {}
    rows = await session.execute(select(User.id, User.name).where(User.id.in_(wanted)))
    return {row.id: row.name for row in rows}
