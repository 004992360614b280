"""How far the assignments of classes have come, for the start page and the class page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, distinct, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment, Question
from app.i18n import N_, Text
from app.marks.models import Mark, MarkState, Run, RunState
from app.papers.models import MatchState, Paper, PaperState


@dataclass(frozen=True, slots=True)
class AssignmentState:
    """One assignment and what is next in it.

    `papers` how many there are; `asks` how many answers and papers need the teacher; `state` in words, `tone` its
    colour ("ask" where the teacher is needed, "t" where all is decided, "p" for the machine's turn, "" else).
    """

    id: int
    class_id: int
    title: str
    created_at: datetime
    papers: int
    asks: int
    state: Text
    tone: str


async def assignments_of(
    session: AsyncSession, class_ids: Sequence[int]
) -> dict[int, tuple[AssignmentState, ...]]:
    """The assignments of each class, newest first, by class id; in one query."""
    found: dict[int, tuple[AssignmentState, ...]] = dict.fromkeys(class_ids, ())
    if not class_ids:
        return found
    for row in await session.execute(_query(class_ids)):
        found[row.class_id] = (*found[row.class_id], _state(row))
    return found


def _query(class_ids: Sequence[int]) -> Any:
    ours = select(Assignment.id).where(Assignment.class_id.in_(class_ids))
    questions = (
        select(Question.assignment_id, func.count().label("questions"))
        .where(Question.assignment_id.in_(ours))
        .group_by(Question.assignment_id)
        .subquery()
    )
    whose = and_(
        Paper.state == PaperState.READ, Paper.student_id.is_(None), Paper.match != MatchState.CONFIRMED
    )
    papers = (
        select(
            Paper.assignment_id,
            func.count().label("papers"),
            func.count().filter(or_(whose, Paper.state == PaperState.UNREADABLE)).label("papers_asked"),
            func.count().filter(Paper.state != PaperState.UNREADABLE).label("readable"),
        )
        .where(Paper.assignment_id.in_(ours))
        .group_by(Paper.assignment_id)
        .subquery()
    )
    marks = (
        select(
            Paper.assignment_id,
            func.count().filter(Mark.state == MarkState.NEEDS_TEACHER).label("marks_asked"),
            func.count().filter(Mark.state == MarkState.GRADED).label("proposed"),
            func.count(distinct(Mark.paper_id)).label("graded"),
        )
        .join(Paper, Paper.id == Mark.paper_id)
        .where(Paper.assignment_id.in_(ours))
        .group_by(Paper.assignment_id)
        .subquery()
    )
    run = (
        select(Run.state)
        .where(Run.assignment_id == Assignment.id, Run.state.in_((RunState.RUNNING, RunState.PAUSED)))
        .limit(1)
        .scalar_subquery()
    )
    counts = [
        func.coalesce(column, 0).label(column.name)
        for column in (
            questions.c.questions,
            papers.c.papers,
            papers.c.papers_asked,
            papers.c.readable,
            marks.c.marks_asked,
            marks.c.proposed,
            marks.c.graded,
        )
    ]
    return (
        select(
            Assignment.id,
            Assignment.class_id,
            Assignment.title,
            Assignment.created_at,
            run.label("run"),
            *counts,
        )
        .outerjoin(questions, questions.c.assignment_id == Assignment.id)
        .outerjoin(papers, papers.c.assignment_id == Assignment.id)
        .outerjoin(marks, marks.c.assignment_id == Assignment.id)
        .where(Assignment.class_id.in_(class_ids))
        .order_by(Assignment.created_at.desc(), Assignment.id.desc())
    )


def _state(row: Row[Any]) -> AssignmentState:
    asks = row.papers_asked + row.marks_asked
    text, tone = _next(row, asks)
    return AssignmentState(
        row.id, row.class_id, row.title, row.created_at, row.papers, asks, text, tone
    )  # fmt: skip


def _next(row: Row[Any], asks: int) -> tuple[Text, str]:
    """What is next, in the order in which it stops the work."""
    if row.run is not None:
        return Text(N_("being graded") if row.run == RunState.RUNNING else N_("grading paused")), "p"
    if not row.questions:
        return Text(N_("marking scheme missing")), ""
    if not row.papers:
        return Text(N_("no papers yet")), ""
    if asks:
        return Text(N_("needs the teacher: {count}"), {"count": asks}), "ask"
    if row.readable > row.graded:
        return Text(N_("papers to grade: {count}"), {"count": row.readable - row.graded}), ""
    if row.proposed:
        return Text(N_("marks to confirm: {count}"), {"count": row.proposed}), "p"
    return Text(N_("all decided")), "t"
