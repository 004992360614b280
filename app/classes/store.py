"""Named queries on classes, their teachers and students."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import column, delete, func, select, table, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.classes.models import Class, ClassTeacher, Student

# What hangs on students lives in rooms above this one; only the keys are known here.
_papers = table(
    "papers",
    *(column(name) for name in ("id", "assignment_id", "student_id", "match", "match_reason")),
)
_assignments = table("assignments", column("id"), column("class_id"))
_runs = table("runs", column("assignment_id"), column("state"))


@dataclass(frozen=True, slots=True)
class ClassCard:
    """A class in a teacher's list: `owner` says whether it is theirs, `students` how many pupils it has."""

    id: int
    name: str
    owner: bool
    archived: bool
    students: int


@dataclass(frozen=True, slots=True)
class Colleague:
    """A teacher of a class."""

    id: int
    username: str
    name: str
    owner: bool


@dataclass(frozen=True, slots=True)
class PaperKey:
    """A paper and the assignment it belongs to."""

    id: int
    assignment_id: int


async def for_teacher(session: AsyncSession, class_id: int, user_id: int) -> Class | None:
    """A class, if this teacher works with it."""
    return await session.scalar(
        select(Class)
        .join(ClassTeacher, ClassTeacher.class_id == Class.id)
        .where(Class.id == class_id, ClassTeacher.user_id == user_id)
    )


async def of_teacher(session: AsyncSession, user_id: int, *, archived: bool = False) -> list[ClassCard]:
    """The classes that a teacher works with, newest first: those in use, or those put away."""
    pupils = select(func.count()).where(Student.class_id == Class.id).scalar_subquery()
    put_away = Class.archived_at.is_not(None)
    rows = await session.execute(
        select(Class.id, Class.name, ClassTeacher.owner, put_away, pupils)
        .join(ClassTeacher, ClassTeacher.class_id == Class.id)
        .where(ClassTeacher.user_id == user_id, put_away if archived else ~put_away)
        .order_by(Class.created_at.desc(), Class.id.desc())
    )
    return [ClassCard(*row) for row in rows]


async def archived_count(session: AsyncSession, user_id: int) -> int:
    """How many of a teacher's classes are put away."""
    found = await session.scalar(
        select(func.count())
        .select_from(Class)
        .join(ClassTeacher, ClassTeacher.class_id == Class.id)
        .where(ClassTeacher.user_id == user_id, Class.archived_at.is_not(None))
    )
    return found or 0


async def locked(session: AsyncSession, class_id: int) -> Class | None:
    """A class as it is now, held until the transaction ends, so that changes of one roster come one after another."""
    return await session.scalar(
        select(Class)
        .where(Class.id == class_id)
        # Not the key: papers and assignments that refer to the class need not wait.
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


async def owns(session: AsyncSession, class_id: int, user_id: int) -> bool:
    """Whether a class is this teacher's own."""
    found = select(ClassTeacher.owner).where(
        ClassTeacher.class_id == class_id, ClassTeacher.user_id == user_id
    )
    return bool(await session.scalar(found))


async def teachers(session: AsyncSession, class_id: int) -> list[Colleague]:
    """The teachers of a class, owners first, then by name."""
    rows = await session.execute(
        select(User.id, User.username, User.name, ClassTeacher.owner)
        .join(ClassTeacher, ClassTeacher.user_id == User.id)
        .where(ClassTeacher.class_id == class_id)
        .order_by(ClassTeacher.owner.desc(), User.name, User.id)
    )
    return [Colleague(*row) for row in rows]


async def add_teacher(session: AsyncSession, class_id: int, user_id: int) -> bool:
    """Let a teacher work with a class; False when they do already."""
    made = insert(ClassTeacher).values(class_id=class_id, user_id=user_id, owner=False)
    added = await session.scalar(made.on_conflict_do_nothing().returning(ClassTeacher.user_id))
    return added is not None


async def remove_teacher(session: AsyncSession, class_id: int, user_id: int) -> bool:
    """End a colleague's access; False when they have none. An owner stays."""
    gone = await session.scalar(
        delete(ClassTeacher)
        .where(
            ClassTeacher.class_id == class_id,
            ClassTeacher.user_id == user_id,
            ClassTeacher.owner.is_(False),
        )
        .returning(ClassTeacher.user_id)
    )
    return gone is not None


async def is_graded_now(session: AsyncSession, class_id: int) -> bool:
    """Whether a grading run of one of the class's assignments is running or paused."""
    found = await session.scalar(
        select(_runs.c.assignment_id)
        .join(_assignments, _assignments.c.id == _runs.c.assignment_id)
        .where(_assignments.c.class_id == class_id, _runs.c.state.in_(("running", "paused")))
        .limit(1)
    )
    return found is not None


async def students(session: AsyncSession, class_id: int) -> Sequence[Student]:
    """The roster of a class by number."""
    return (
        await session.scalars(
            select(Student)
            .where(Student.class_id == class_id)
            # Shorter numbers first: 2 before 10.
            .order_by(func.length(Student.number), Student.number)
        )
    ).all()


async def student(session: AsyncSession, class_id: int, student_id: int) -> Student | None:
    """A student, if they are in this class."""
    return await session.scalar(select(Student).where(Student.id == student_id, Student.class_id == class_id))


async def paper_counts(session: AsyncSession, class_id: int) -> dict[int, int]:
    """How many papers each student of a class has, by student id; those without any are missing."""
    rows = await session.execute(
        select(_papers.c.student_id, func.count())
        .join(Student, Student.id == _papers.c.student_id)
        .where(Student.class_id == class_id)
        .group_by(_papers.c.student_id)
    )
    return {row[0]: row[1] for row in rows}


async def release_papers(session: AsyncSession, student_id: int) -> list[PaperKey]:
    """A student leaves: their papers are nobody's again and wait for the teacher. Returns them."""
    rows = await session.execute(
        update(_papers)
        .where(_papers.c.student_id == student_id)
        .values(student_id=None, match="unknown", match_reason=None)
        .returning(_papers.c.id, _papers.c.assignment_id)
    )
    return [PaperKey(*row) for row in rows]


async def papers_of_students(session: AsyncSession, student_ids: Iterable[int]) -> list[PaperKey]:
    """The papers on whose line in a list one of these students stands."""
    rows = await session.execute(
        select(_papers.c.id, _papers.c.assignment_id).where(_papers.c.student_id.in_(list(student_ids)))
    )
    return [PaperKey(*row) for row in rows]
