"""Named queries on papers and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, select
from sqlalchemy import delete as sql_delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classes.models import ClassTeacher, Student
from app.papers.models import MatchState, PageState, Paper, PaperPage, PaperState

EXCERPT = 700  # characters of the first page that a list shows


async def for_teacher(session: AsyncSession, paper_id: int, user_id: int) -> Paper | None:
    """A paper, if this teacher works with its class."""
    return await session.scalar(
        select(Paper)
        .join(Assignment, Assignment.id == Paper.assignment_id)
        .join(ClassTeacher, ClassTeacher.class_id == Assignment.class_id)
        .where(Paper.id == paper_id, ClassTeacher.user_id == user_id)
    )


async def locked(session: AsyncSession, paper_id: int) -> Paper | None:
    """A paper as it is now, held until the transaction ends; None when it is gone."""
    return await session.scalar(
        select(Paper).where(Paper.id == paper_id).with_for_update().execution_options(populate_existing=True)
    )


async def same_file(session: AsyncSession, assignment_id: int, sha256: str) -> Paper | None:
    """The paper of an assignment with this content."""
    return await session.scalar(
        select(Paper).where(Paper.assignment_id == assignment_id, Paper.sha256 == sha256)
    )


async def add(session: AsyncSession, **values: Any) -> Paper | None:
    """A new paper; None when the assignment has one of the same content. Two uploads at once make one row."""
    made = insert(Paper).values(**values).on_conflict_do_nothing(index_elements=["assignment_id", "sha256"])
    paper_id = await session.scalar(made.returning(Paper.id))
    return await session.get(Paper, paper_id) if paper_id is not None else None


async def with_match(session: AsyncSession, assignment_id: int, *states: MatchState) -> Sequence[Paper]:
    """An assignment's read papers whose match is in one of these states."""
    return (
        await session.scalars(
            select(Paper)
            .where(
                Paper.assignment_id == assignment_id, Paper.state == PaperState.READ, Paper.match.in_(states)
            )
            .order_by(Paper.id)
        )
    ).all()


async def delete(session: AsyncSession, paper_id: int) -> None:
    """Remove a paper and, through the foreign keys, all that hangs on it; one that is gone already is fine."""
    await session.execute(sql_delete(Paper).where(Paper.id == paper_id))


async def count(session: AsyncSession, assignment_id: int) -> int:
    """How many papers an assignment has."""
    found = await session.scalar(select(func.count()).where(Paper.assignment_id == assignment_id))
    return found or 0


async def ids_of_student(session: AsyncSession, assignment_id: int, student_id: int | None) -> list[int]:
    """The papers of one student; none for nobody."""
    if student_id is None:
        return []
    found = select(Paper.id).where(Paper.assignment_id == assignment_id, Paper.student_id == student_id)
    return list((await session.scalars(found)).all())


async def listed(session: AsyncSession, assignment_id: int) -> Sequence[Row[Any]]:
    """What the list shows of an assignment's papers, those that need the teacher first."""
    first = case(
        (and_(Paper.state == PaperState.READ, Paper.match == MatchState.DOUBTFUL), 0),
        (and_(Paper.state == PaperState.READ, Paper.match == MatchState.UNKNOWN), 1),
        (Paper.state == PaperState.UNREADABLE, 2),
        (Paper.state == PaperState.RECEIVED, 3),
        else_=4,
    )
    asked = _listed().where(Paper.assignment_id == assignment_id)
    return (await session.execute(asked.order_by(first, Student.number, Paper.file_name, Paper.id))).all()


async def listed_one(session: AsyncSession, paper_id: int) -> Row[Any] | None:
    """What the list shows of one paper."""
    return (await session.execute(_listed().where(Paper.id == paper_id))).one_or_none()


async def faults(session: AsyncSession, *which: ColumnElement[bool]) -> Sequence[Row[Any]]:
    """Pages of papers with something wrong: `paper_id`, `number` in the paper from 1, `problem`, `warnings`.

    `which` are conditions on Paper. Rows come in the pages' order.
    """
    number = func.row_number().over(
        partition_by=PaperPage.paper_id, order_by=(PaperPage.position, PaperPage.id)
    )
    numbered = (
        select(
            PaperPage.paper_id, number.label("number"), PaperPage.problem, PaperPage.warnings, PaperPage.state
        )
        .join(Paper, Paper.id == PaperPage.paper_id)
        .where(*which)
        .subquery()
    )
    wrong = (numbered.c.state == PageState.FAILED) | (func.jsonb_array_length(numbered.c.warnings) > 0)
    return (await session.execute(select(numbered).where(wrong).order_by(numbered.c.number))).all()


def _listed() -> Select[Any]:
    """Columns for the list, without the whole text; `also` are the names of the same student's other papers."""
    other = Paper.__table__.alias("other")
    also = (
        select(func.array_agg(other.c.file_name))
        .where(
            other.c.assignment_id == Paper.assignment_id,
            other.c.student_id == Paper.student_id,
            other.c.id != Paper.id,
        )
        .scalar_subquery()
    )
    columns: Any = (
        select(
            Paper.id,
            Paper.assignment_id,
            Assignment.class_id,
            Paper.file_name,
            Paper.size,
            Paper.state,
            Paper.problem,
            Paper.match,
            Paper.match_reason,
            Paper.candidates,
            Paper.student_id,
            Student.number,
            Student.name,
            # `pages` holds JSON null where it was set to nothing, of which the length cannot be taken.
            case(
                (func.jsonb_typeof(Paper.pages) == "array", func.jsonb_array_length(Paper.pages)), else_=0
            ).label("pages"),
            func.left(func.jsonb_extract_path_text(Paper.pages, "0", "text"), EXCERPT).label("excerpt"),
            also.label("also"),
        )
        .select_from(Paper)
        .join(Assignment, Assignment.id == Paper.assignment_id)
        .outerjoin(Student, Student.id == Paper.student_id)
    )
    return columns
