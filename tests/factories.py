"""Rows for tests, made through the domain's own services where they exist."""

from __future__ import annotations

import itertools

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import passwords
from app.accounts.models import Role, User
from app.assignments import convert
from app.assignments.models import Assignment, Question
from app.classes.models import Class, ClassTeacher, Student
from app.scheme.types import Scheme

PASSWORD = "correct horse 7"
_hash: list[str] = []
_numbers = itertools.count(1)


async def user(db: AsyncSession, username: str, role: Role = Role.TEACHER) -> User:
    """An account whose password is PASSWORD; the hash is made once, it is slow on purpose."""
    if not _hash:
        _hash.append(await passwords.make(PASSWORD))
    made = User(username=username, name=username.title(), password_hash=_hash[0], role=role, language="en")
    db.add(made)
    await db.flush()
    return made


async def klass(db: AsyncSession, owner: User, *colleagues: User, name: str = "8C") -> Class:
    """A class with its teachers."""
    made = Class(name=name, language="en")
    db.add(made)
    await db.flush()
    db.add(ClassTeacher(class_id=made.id, user_id=owner.id, owner=True))
    db.add_all(ClassTeacher(class_id=made.id, user_id=other.id, owner=False) for other in colleagues)
    await db.flush()
    return made


async def student(db: AsyncSession, klass: Class, name: str, number: str | None = None) -> Student:
    """A pupil."""
    made = Student(class_id=klass.id, name=name, number=number or f"S{next(_numbers):04}")
    db.add(made)
    await db.flush()
    return made


async def assignment(db: AsyncSession, klass: Class, scheme: Scheme, title: str = "Heat") -> Assignment:
    """An assignment with a scheme's questions."""
    made = Assignment(
        class_id=klass.id,
        title=title,
        feedback_language="en",
        grade_lines={"A": 85, "B": 70, "C": 60, "D": 50},
    )
    db.add(made)
    await db.flush()
    for position, question in enumerate(scheme.questions):
        row = Question(assignment_id=made.id)
        convert.fill(row, question, position)
        db.add(row)
    await db.flush()
    await db.refresh(made, ["questions"])
    return made
