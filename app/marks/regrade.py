"""What a corrected transcription means for marks: noted in their history, and graded again where nobody decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.assignments.models import Assignment
from app.i18n import ProblemError, Text
from app.marks import runs, store
from app.marks.decide import ANSWER
from app.marks.models import Mark, MarkChange, MarkState, Run, RunQuestion
from app.papers.correcting import AnswerChange
from app.papers.models import Paper


@dataclass(frozen=True, slots=True)
class Touched:
    """Ids of the questions whose answers changed: those to be graded again, and those that a teacher has marked."""

    open: tuple[int, ...] = ()
    decided: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Again:
    """How grading again began: the run, or why there is none yet (then the questions wait in `Paper.stale`)."""

    run: Run | None = None
    why: Text | None = None


async def note(
    session: AsyncSession, paper: Paper, changes: Sequence[AnswerChange], user: User | None
) -> Touched:
    """Write changed answers into their marks' histories and raise the marks' versions; questions without mark are left.

    Points, words and decisions stay as they are; a page that shows the mark as it was before learns that it is older.
    """
    by_question = {change.question_id: change for change in changes}
    if not by_question:
        return Touched()
    open_: list[int] = []
    decided: list[int] = []
    for mark in await store.locked_of_paper(session, paper.id):
        change = by_question.get(mark.question_id)
        if change is None:
            continue
        session.add(
            MarkChange(
                mark_id=mark.id,
                user_id=user.id if user else None,
                what=ANSWER,
                before=change.before,
                after=change.after,
            )
        )
        mark.version += 1
        (decided if _is_teachers(mark) else open_).append(mark.question_id)
    await session.flush()
    return Touched(tuple(open_), tuple(decided))


async def start(
    session: AsyncSession,
    assignment: Assignment,
    paper: Paper,
    questions: Collection[int],
    user: User | None,
    model: str | None,
) -> Again:
    """Grade these questions of a paper again; what cannot be now (a run is open, the scheme has a fault) waits.

    `paper` is locked. Questions that waited before are graded with them. `model` as in `runs.start`.
    """
    wanted = {*questions, *paper.stale}
    scope = [each.label for each in assignment.questions if each.id in wanted]
    if not scope:
        paper.stale = []
        return Again()
    try:
        async with session.begin_nested():
            run = await runs.start(session, assignment, user, [paper.id], scope, model=model)
    except ProblemError as problem:
        wait(paper, questions)
        return Again(why=problem.text)
    paper.stale = []
    return Again(run)


def wait(paper: Paper, questions: Collection[int]) -> None:
    """Note that these questions are to be graded again."""
    paper.stale = sorted({*paper.stale, *questions})


async def waiting(session: AsyncSession, paper: Paper) -> tuple[int, ...]:
    """The questions of a paper that wait to be graded again and still are the engine's to grade.

    A run that began after the correction has graded them already; a teacher may have decided them.
    """
    if not paper.stale:
        return ()
    marks = await store.of_paper(session, paper.id)
    corrected = await _corrected_at(session, [marks[each].id for each in paper.stale if each in marks])
    rows = await session.execute(
        select(RunQuestion.question_id, func.max(Run.created_at).label("begun"))
        .join(Run, Run.id == RunQuestion.run_id)
        .where(
            RunQuestion.paper_id == paper.id,
            RunQuestion.question_id.in_(paper.stale),
            RunQuestion.graded_at.is_not(None),
        )
        .group_by(RunQuestion.question_id)
    )
    begun = {row.question_id: row.begun for row in rows}
    return tuple(
        each
        for each in paper.stale
        if each in marks
        and not _is_teachers(marks[each])
        and not (each in begun and marks[each].id in corrected and begun[each] > corrected[marks[each].id])
    )


def changed_since_decided(mark: Mark | None, history: Sequence[tuple[MarkChange, str | None]]) -> bool:
    """Whether the answer of a decided mark was corrected after the decision. `history` is the mark's, newest first."""
    if mark is None or mark.state != MarkState.DECIDED or mark.decided_at is None:
        return False
    return any(change.what == ANSWER and change.at > mark.decided_at for change, _ in history)


def _is_teachers(mark: Mark) -> bool:
    return mark.state == MarkState.DECIDED or mark.decided_by is not None


async def _corrected_at(session: AsyncSession, mark_ids: Sequence[int]) -> Mapping[int, datetime]:
    rows = await session.execute(
        select(MarkChange.mark_id, func.max(MarkChange.at).label("at"))
        .where(MarkChange.mark_id.in_(mark_ids), MarkChange.what == ANSWER)
        .group_by(MarkChange.mark_id)
    )
    return {row.mark_id: row.at for row in rows}
