"""Rows for tests, made through the domain's own services where they exist."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import passwords
from app.accounts.models import Role, User
from app.assignments import convert
from app.assignments.models import Assignment, Question
from app.classes.models import Class, ClassTeacher, Student
from app.marks.models import Mark, MarkState
from app.papers.models import MatchState, Paper, PaperAnswer, PaperState
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


async def paper(
    db: AsyncSession,
    assignment: Assignment,
    student: Student | None = None,
    text: str = "",
    file_name: str = "",
    **values: Any,
) -> Paper:
    """A paper that was read; its file is not in storage."""
    name = file_name or f"{student.name if student else 'paper'} {next(_numbers)}.txt"
    sha256 = hashlib.sha256(f"{assignment.id} {name}".encode()).hexdigest()
    defaults = {
        "state": PaperState.READ,
        "match": MatchState.MATCHED if student else MatchState.UNKNOWN,
        "pages": [{"number": 1, "text": text}],
        "sha256": sha256,
        "storage_key": f"{sha256[:2]}/{sha256}",
    }
    made = Paper(
        assignment_id=assignment.id,
        student_id=student.id if student else None,
        file_name=name,
        size=len(text),
        **{**defaults, **values},
    )
    db.add(made)
    await db.flush()
    return made


async def answers(db: AsyncSession, paper: Paper, texts: Mapping[Question, str | None]) -> None:
    """What a paper answers, by question; None: the question was not found on it."""
    db.add_all(
        PaperAnswer(
            paper_id=paper.id, question_id=question.id, text=text or "", spans=[], found=text is not None
        )
        for question, text in texts.items()
    )
    await db.flush()


async def mark(
    db: AsyncSession,
    paper: Paper,
    question: Question,
    points: Sequence[float | None] | None,
    state: MarkState = MarkState.GRADED,
    quotes: Sequence[str] = (),
    answer: str = "",
    **values: Any,
) -> Mark:
    """A mark with points by criterion; None proposes nothing. A needs-teacher mark only proposes them.

    `quotes` are words of `answer`, by criterion.
    """
    given = list(points) if points is not None else [None] * len(question.criteria)
    whole = None if state == MarkState.NEEDS_TEACHER else sum(each or 0.0 for each in given)
    entries = []
    for place, proposed in enumerate(given):
        quote = quotes[place] if place < len(quotes) else ""
        start = max(0, answer.find(quote)) if quote else 0
        entries.append(
            {
                "points": None if whole is None else proposed,
                "proposed": proposed,
                "quote": quote,
                "start": start,
                "end": start + len(quote),
                "comment": "",
            }
        )
    defaults = {"grader": "local", "confidence": 0.8, "scheme_version": 1}
    made = Mark(
        paper_id=paper.id,
        question_id=question.id,
        state=state,
        points=whole,
        proposed=whole,
        criteria=entries,
        **{**defaults, **values},
    )
    db.add(made)
    await db.flush()
    return made
