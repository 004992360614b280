"""What the tests of review and results share: Alice's assignment with two questions and a few graded papers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select

from app.assignments.models import Assignment, Question
from app.classes.models import Student
from app.db import Database
from app.marks.models import Mark, MarkChange, MarkState
from app.papers.models import Paper
from app.scheme.types import Criterion, Kind, Scheme
from app.scheme.types import Question as SchemeQuestion
from tests import factories
from tests.conftest import World

HTMX = {"HX-Request": "true"}
ANSWER = "Iron conducts heat better,\nso it takes heat from the hand faster."
SCHEME = Scheme(
    "Heat",
    (
        SchemeQuestion(
            "1",
            Kind.TEXT,
            "Why does iron feel colder than wood?",
            5.0,
            ("Iron conducts better.",),
            (Criterion("conducts better", 3.0), Criterion("takes heat faster", 2.0)),
        ),
        SchemeQuestion("2", Kind.CHOICE, "Which?", 1.0, ("B",), (Criterion("right option", 1.0),)),
    ),
)


@dataclass
class Graded:
    """Ann's paper: question 1 is proposed 3 + 0, question 2 needs the teacher. Ben's: nothing is graded."""

    assignment: Assignment
    first: Question
    second: Question
    ann: Student
    ben: Student
    paper: Paper
    other: Paper


async def make_graded(database: Database, world: World) -> Graded:
    """Make it."""
    async with database.begin() as db:
        assignment = await factories.assignment(db, world.klass, SCHEME)
        first, second = assignment.questions
        ann = await factories.student(db, world.klass, "Ann Lee", "2")
        ben = await factories.student(db, world.klass, "Ben Okafor", "10")
        paper = await factories.paper(db, assignment, ann, f"Ann\n1. {ANSWER}\n2. B")
        other = await factories.paper(db, assignment, ben, "Ben")
        await factories.answers(db, paper, {first: ANSWER, second: "B"})
        quotes = ("Iron conducts heat better", "")
        await factories.mark(db, paper, first, (3.0, 0.0), quotes=quotes, answer=ANSWER)
        reason = {"message": "The quote is not in the answer.", "values": {}}
        await factories.mark(db, paper, second, (1.0,), MarkState.NEEDS_TEACHER, reason=reason)
    return Graded(assignment, first, second, ann, ben, paper, other)


async def mark_of(database: Database, paper: Paper, question: Question) -> Mark | None:
    """A mark as it is stored now."""
    async with database.begin() as db:
        return await db.scalar(select(Mark).where(Mark.paper_id == paper.id, Mark.question_id == question.id))


async def changes(database: Database) -> list[tuple[str, str | None, str | None]]:
    """The whole history: what, from, to."""
    async with database.begin() as db:
        rows = await db.scalars(select(MarkChange).order_by(MarkChange.id))
        return [(row.what, row.before, row.after) for row in rows]


def field(page: str, question: Question, name: str) -> str:
    """The value of a hidden field in a question's form."""
    part = page[page.index(f'id="form-{question.id}"') :]
    found = re.search(f'name="{name}" value="([^"]*)"', part)
    assert found is not None
    return found[1]
