"""The list of an assignment's papers, as values ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classes import store as classes
from app.classes.models import Student
from app.db import Json
from app.papers import store
from app.papers.models import MatchState, Paper, PaperState

EXCERPT_LINES = 8


@dataclass(frozen=True, slots=True)
class Person:
    """A student as a choice: id, number, name."""

    id: int
    number: str
    name: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a page of a paper: its number there from 1, and a Text as JSON."""

    number: int
    text: Json


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One line of the list.

    `state` is a PaperState, `match` a MatchState; `asks` says that the teacher is asked whose it is. `problem` and
    `match_reason` are Texts as JSON. `others` is the roster without the candidates. `also` are the file names of the
    same student's other papers. `excerpt` is the beginning of what was read, `more` whether there is more. `faults`
    says which pages could not be read, or only badly.
    """

    id: int
    assignment_id: int
    file_name: str
    size: int
    state: str
    problem: Json | None
    match: str
    match_reason: Json | None
    asks: bool
    student: Person | None
    candidates: tuple[Person, ...]
    others: tuple[Person, ...]
    also: tuple[str, ...]
    pages: int
    excerpt: str
    more: bool
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """An assignment's papers: `rows` in the list's order, `missing` the students without one, and counts.

    `asks` papers whose student the teacher has to say, `waiting` to be read, `unreadable`, `doubled` students with
    two papers or more; `students` is the size of the roster.
    """

    rows: tuple[PaperRow, ...]
    missing: tuple[Person, ...]
    asks: int
    waiting: int
    unreadable: int
    doubled: int
    students: int


async def overview(session: AsyncSession, assignment: Assignment) -> Overview:
    """All papers of an assignment and who has none, in three queries."""
    roster = _people(await classes.students(session, assignment.class_id))
    faults = _by_paper(await store.faults(session, Paper.assignment_id == assignment.id))
    rows = tuple(
        _row(found, roster, faults.get(found.id, ())) for found in await store.listed(session, assignment.id)
    )
    have = {row.student.id for row in rows if row.student}
    return Overview(
        rows=rows,
        missing=tuple(person for key, person in roster.items() if key not in have),
        asks=sum(row.asks for row in rows),
        waiting=sum(row.state == PaperState.RECEIVED for row in rows),
        unreadable=sum(row.state == PaperState.UNREADABLE for row in rows),
        doubled=len({row.student.id for row in rows if row.student and row.also}),
        students=len(roster),
    )


async def row(session: AsyncSession, paper_id: int) -> PaperRow | None:
    """One line of the list; None when the paper is gone."""
    found = await store.listed_one(session, paper_id)
    if found is None:
        return None
    faults = _by_paper(await store.faults(session, Paper.id == paper_id))
    return _row(found, _people(await classes.students(session, found.class_id)), faults.get(paper_id, ()))


def _people(students: Sequence[Student]) -> dict[int, Person]:
    return {each.id: Person(each.id, each.number, each.name) for each in students}


def _by_paper(rows: Sequence[Row[Any]]) -> dict[int, tuple[Fault, ...]]:
    found: dict[int, tuple[Fault, ...]] = {}
    for row in rows:
        told = [row.problem] if row.problem else row.warnings
        found[row.paper_id] = found.get(row.paper_id, ()) + tuple(Fault(row.number, each) for each in told)
    return found


def _row(found: Row[Any], roster: Mapping[int, Person], faults: tuple[Fault, ...] = ()) -> PaperRow:
    # A student may have left the roster since the paper was matched.
    candidates = tuple(roster[each] for each in found.candidates if each in roster)
    excerpt, more = _excerpt(found.excerpt or "", found.pages)
    return PaperRow(
        id=found.id,
        assignment_id=found.assignment_id,
        file_name=found.file_name,
        size=found.size,
        state=found.state,
        problem=found.problem,
        match=found.match,
        match_reason=found.match_reason,
        asks=found.state == PaperState.READ
        and found.student_id is None
        and found.match != MatchState.CONFIRMED,
        student=roster.get(found.student_id),
        candidates=candidates,
        others=tuple(person for person in roster.values() if person not in candidates),
        also=tuple(sorted(found.also or ())),
        pages=found.pages,
        excerpt=excerpt,
        more=more,
        faults=faults,
    )


def _excerpt(text: str, pages: int) -> tuple[str, bool]:
    """The first lines with something in them, and whether that is not all."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[:EXCERPT_LINES]), pages > 1 or len(lines) > EXCERPT_LINES or len(
        text
    ) >= store.EXCERPT
