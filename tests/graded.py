"""Assignments ready to grade, for tests of runs, the worker and the stream."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classes.models import Class
from app.db import Database
from app.marks import runs
from app.marks.models import Mark, Run, RunState
from app.papers.models import Paper, PaperState
from app.scheme.types import Criterion, Kind, Question, Scheme
from tests import factories

REFERENCES = (
    "Metal conducts heat better than wood, so it carries heat away from the hand faster.",
    "Warm air rises because it is less dense than the cold air around it.",
    "Evaporation takes heat from the skin, so sweat cools the body.",
    "A vacuum stops conduction and convection, so a flask keeps tea hot.",
)


def scheme(questions: int = 2) -> Scheme:
    """Text questions about heat, 3 points each in two criteria."""
    return Scheme(
        "Heat",
        tuple(
            Question(
                label=str(number),
                kind=Kind.TEXT,
                prompt=f"Explain observation {number}.",
                points=3.0,
                references=(REFERENCES[number % len(REFERENCES)],),
                criteria=(Criterion("names the cause", 2.0), Criterion("names the effect", 1.0)),
            )
            for number in range(1, questions + 1)
        ),
    )


def text_of(paper: int, questions: int = 2) -> str:
    """A paper that answers every question in words of its own."""
    return "\n".join(
        f"{number}. {REFERENCES[number % len(REFERENCES)]} I think so because of experiment {paper * 100 + number}."
        for number in range(1, questions + 1)
    )


async def paper(db: AsyncSession, assignment: Assignment, name: str, text: str | None) -> Paper:
    """A paper that was read; `text` None: one that was only received."""
    digest = hashlib.sha256(f"{name}{text}".encode()).hexdigest()
    made = Paper(
        assignment_id=assignment.id,
        file_name=name,
        size=len(text or ""),
        sha256=digest,
        storage_key=f"{digest[:2]}/{digest}",
        state=PaperState.READ if text is not None else PaperState.RECEIVED,
        pages=[{"number": 1, "text": text}] if text is not None else None,
    )
    db.add(made)
    await db.flush()
    return made


async def assignment(
    db: AsyncSession, klass: Class, papers: int = 2, questions: int = 2, grader: str = "local"
) -> tuple[Assignment, list[Paper]]:
    """An assignment with papers that were read."""
    made = await factories.assignment(db, klass, scheme(questions))
    made.grader = grader
    return made, [
        await paper(db, made, f"paper{number:02}.txt", text_of(number, questions))
        for number in range(1, papers + 1)
    ]


async def until(check: Callable[[], Awaitable[Any]], seconds: float = 20.0) -> Any:
    """Wait until a check answers something true, and return that; AssertionError after `seconds`."""
    limit = time.monotonic() + seconds
    while True:
        found = await check()
        if found:
            return found
        assert time.monotonic() < limit, "it did not happen in time"
        await asyncio.sleep(0.05)


async def run_of(database: Database, run_id: int) -> Run:
    """A run as it stands now."""
    async with database.begin() as db:
        found = await db.get(Run, run_id)
    assert found is not None
    return found


async def finished(database: Database, run_id: int, seconds: float = 30.0) -> Run:
    """Wait until a run has finished."""

    async def check() -> Run | None:
        run = await run_of(database, run_id)
        return run if run.state == RunState.FINISHED else None

    found: Run = await until(check, seconds)
    return found


async def marks_of(database: Database, assignment: Assignment) -> list[Mark]:
    """All marks of an assignment, by paper and question."""
    async with database.begin() as db:
        found = await db.scalars(
            select(Mark)
            .join(Paper, Paper.id == Mark.paper_id)
            .where(Paper.assignment_id == assignment.id)
            .order_by(Mark.paper_id, Mark.question_id)
        )
        return list(found.all())


async def progress_of(database: Database, run_id: int) -> runs.Progress:
    """A run's progress."""
    async with database.begin() as db:
        run = await db.get(Run, run_id)
        assert run is not None
        return await runs.progress(db, run)


async def count(database: Database, model: type[Any]) -> int:
    """How many rows a table has."""
    async with database.begin() as db:
        return int(await db.scalar(select(func.count()).select_from(model)) or 0)
