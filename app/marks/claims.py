"""Papers in a run as the workers see them: claimed, given back, and mended when something fell between."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app import jobs
from app.assignments.models import Assignment, Question
from app.i18n import Text
from app.marks.models import Run, RunPaper, RunPaperState, RunQuestion, RunState
from app.marks.pausing import epoch
from app.marks.runs import finish_if_done, open_papers
from app.papers.models import Paper


class ClaimResult(StrEnum):
    """What came of reaching for a paper."""

    MINE = "mine"
    BUSY = "busy"  # another living job has it
    OVER = "over"  # nothing to do: the run does not run, or the paper is finished


_CLAIM = text(
    """
    update run_papers p set state = 'grading', job_id = :job, claim = :claim
    from runs r
    where p.run_id = :run and p.paper_id = :paper and r.id = p.run_id and r.state = 'running'
        and (p.state = 'waiting'
             or (p.state = 'grading'
                 and (p.job_id = :job or not exists (select from pgqueuer q where q.id = p.job_id))))
    returning p.paper_id
    """
)
_BUSY = text(
    """
    select p.state = 'grading' from run_papers p join runs r on r.id = p.run_id
    where p.run_id = :run and p.paper_id = :paper and r.state = 'running'
    """
)


async def claim(session: AsyncSession, run_id: int, paper_id: int, job_id: int) -> tuple[ClaimResult, int]:
    """Take a paper of a running run for a job; returns the number that proves it (0 when it is not MINE).

    A paper held by a job that is in the queue no more, or by this same job in a process that died, is taken over.
    """
    number = secrets.randbits(62)
    place = {"run": run_id, "paper": paper_id}
    taken = await session.scalar(_CLAIM, {**place, "job": job_id, "claim": number})
    if taken is not None:
        return ClaimResult.MINE, number
    busy = await session.scalar(_BUSY, place)
    return (ClaimResult.BUSY if busy else ClaimResult.OVER), 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands: whether it runs, and by paper the claim that holds it."""

    running: bool
    claims: dict[int, int]


async def standing(session: AsyncSession, run_id: int) -> Standing:
    """What the gate asks before each question."""
    state = await session.scalar(select(Run.state).where(Run.id == run_id))
    rows = await session.execute(
        select(RunPaper.paper_id, RunPaper.claim).where(
            RunPaper.run_id == run_id, RunPaper.state == RunPaperState.GRADING, RunPaper.claim.is_not(None)
        )
    )
    return Standing(
        state == RunState.RUNNING, {paper: number for paper, number in rows if number is not None}
    )


@dataclass(frozen=True, slots=True)
class Order:
    """What to grade: a paper, the labels of its questions in the run, and the assignment with its questions."""

    run: Run
    assignment: Assignment
    paper: Paper
    labels: Sequence[str]


async def assignment_of(session: AsyncSession, assignment_id: int) -> Assignment | None:
    """An assignment with its questions, for those who have no teacher at hand: the worker and the stream."""
    return await session.scalar(
        select(Assignment).where(Assignment.id == assignment_id).options(selectinload(Assignment.questions))
    )


async def order(session: AsyncSession, run_id: int, paper_id: int) -> Order | None:
    """What a run wants of a paper; None when either is gone."""
    run, paper = await session.get(Run, run_id), await session.get(Paper, paper_id)
    if run is None or paper is None:
        return None
    assignment = await assignment_of(session, run.assignment_id)
    labels = await session.scalars(
        select(Question.label)
        .join(RunQuestion, RunQuestion.question_id == Question.id)
        .where(RunQuestion.run_id == run_id, RunQuestion.paper_id == paper_id)
    )
    return Order(run, assignment, paper, labels.all()) if assignment is not None else None


async def ungraded(session: AsyncSession, run_id: int, paper_id: int) -> set[str]:
    """The labels of a paper's questions that have no mark of this run yet."""
    labels = await session.scalars(
        select(Question.label)
        .join(RunQuestion, RunQuestion.question_id == Question.id)
        .where(
            RunQuestion.run_id == run_id, RunQuestion.paper_id == paper_id, RunQuestion.graded_at.is_(None)
        )
    )
    return set(labels.all())


@dataclass(frozen=True, slots=True)
class LetGo:
    """What came of giving a paper back: whether that ended the run, and whether the run runs on."""

    assignment_id: int
    ended: bool
    running: bool


async def let_go(
    session: AsyncSession,
    run_id: int,
    paper_id: int,
    number: int,
    state: RunPaperState,
    problem: Text | None = None,
) -> LetGo | None:
    """Give a claimed paper back as waiting, done or failed.

    None, and nothing happens, when the claim has passed to another.
    """
    run = await session.scalar(select(Run).where(Run.id == run_id).with_for_update())
    if run is None:
        return None
    given = await session.scalar(
        update(RunPaper)
        .where(RunPaper.run_id == run_id, RunPaper.paper_id == paper_id, RunPaper.claim == number)
        .values(state=state, problem=problem.to_json() if problem else None, claim=None)
        .returning(RunPaper.paper_id)
    )
    if given is None:
        return None
    ended = await finish_if_done(session, run)
    return LetGo(run.assignment_id, ended, run.state == RunState.RUNNING)


async def open_places(session: AsyncSession, run_ids: Collection[int]) -> set[tuple[int, int]]:
    """(run, paper) of what these runs have still to grade."""
    rows = await session.execute(
        select(RunPaper.run_id, RunPaper.paper_id)
        .join(Run, Run.id == RunPaper.run_id)
        .where(
            Run.id.in_(run_ids),
            Run.state.in_((RunState.RUNNING, RunState.PAUSED)),
            RunPaper.state.in_((RunPaperState.WAITING, RunPaperState.GRADING)),
        )
    )
    return {(run, paper) for run, paper in rows}


async def mend(session: AsyncSession) -> list[Run]:
    """Put back what fell between: jobs of running runs that are in no queue, runs whose last paper was removed.

    Returns the runs that this ended. Papers that wait to be read get their job back as well.
    """
    unread = text(
        "select p.id from papers p where p.state = 'received' and p.created_at < now() - interval '1 minute'"
    )
    await jobs.enqueue_read(session, *(await session.scalars(unread)).all())
    ended = []
    running = (
        select(Run).where(Run.state == RunState.RUNNING).order_by(Run.id).with_for_update(skip_locked=True)
    )
    for run in (await session.scalars(running)).all():
        if await finish_if_done(session, run):
            ended.append(run)
        else:
            await jobs.enqueue_grading(session, run.id, epoch(run), await open_papers(session, run.id))
    return ended
