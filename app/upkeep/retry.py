"""Papers of a run that failed or stand still go back into the queue; what a teacher decided is never touched.

A run grades only questions without a teacher's decision, and stores no proposal over one (`marks.proposals`), so a
paper may be graded again at any time. What it must not do is pay again for questions whose marks it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.i18n import N_, ProblemError, Text
from app.marks import runs
from app.marks.models import Run, RunPaper, RunPaperState, RunState
from app.marks.pausing import epoch, resume_row
from app.upkeep.figures import LOST_SECONDS, STUCK_MINUTES


class RetryError(ProblemError):
    """A run that has nothing to be tried again, or cannot be; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Retried:
    """What went back: papers that had failed, papers that stood still; and how the run stands now."""

    run: int
    failed: int
    stuck: int
    state: str


_STUCK = text(
    """
    select p.paper_id from run_papers p
    left join pgqueuer j on j.id = p.job_id
    where p.run_id = :run and p.state = 'grading'
        and (j.id is null or j.status = 'failed'
             or j.status = 'picked' and j.heartbeat < now() - make_interval(secs => :lost)
             or j.updated < now() - make_interval(mins => :minutes) and not exists (
                 select from run_questions q
                 where q.run_id = p.run_id and q.paper_id = p.paper_id
                     and greatest(q.started_at, q.graded_at) > now() - make_interval(mins => :minutes)))
    order by p.paper_id
    """
)
# Waiting, and no job will ever come for it: a living worker mends that by itself within 20 s.
_FORGOTTEN = text(
    """
    select p.paper_id from run_papers p
    where p.run_id = :run and p.state = 'waiting' and not exists (
        select from pgqueuer j
        where j.entrypoint = 'grade' and j.status in ('queued', 'picked')
            and j.dedupe_key = concat('grade:', p.run_id, ':', p.paper_id, ':', cast(:epoch as bigint)))
    order by p.paper_id
    """
)
# A failed paper begins anew, without checkpoints: it must not be graded, and paid for, where it has its marks.
_GRADED = text(
    """
    delete from run_questions
    where run_id = :run and paper_id = any(cast(:papers as bigint[])) and graded_at is not null
    """
)
_AGAIN = text(
    """
    update run_papers p
    set state = case when left_over.n > 0 then 'waiting' else 'done' end, problem = null, job_id = null,
        claim = null, questions = left_over.n, graded = 0
    from (select u.paper, count(q.question_id) as n
          from unnest(cast(:papers as bigint[])) as u(paper)
          left join run_questions q on q.run_id = :run and q.paper_id = u.paper
          group by u.paper) as left_over
    where p.run_id = :run and p.paper_id = left_over.paper
    """
)
_DROP_JOBS = text(
    """
    delete from pgqueuer where id in (
        select job_id from run_papers where run_id = :run and paper_id = any(cast(:papers as bigint[])))
    """
)


async def retry(session: AsyncSession, run_id: int, stuck_minutes: int = STUCK_MINUTES) -> Retried:
    """Put the failed and the stuck papers of a run back; they are taken up with the caller's commit.

    A finished run goes on. A paused one stays paused: its papers wait with the others. Whoever still holds a stuck
    paper loses its claim, and stops at its next question. Raises RetryError.
    """
    run = await session.scalar(select(Run).where(Run.id == run_id).with_for_update())
    if run is None:
        raise RetryError(N_("There is no run {run}; zhupi runs --all lists them."), run=run_id)
    if run.state == RunState.CANCELLED:
        raise RetryError(N_("Run {run} was cancelled. Its teacher can start a new one."), run=run_id)
    failed = (
        await session.scalars(
            select(RunPaper.paper_id)
            .where(RunPaper.run_id == run_id, RunPaper.state == RunPaperState.FAILED)
            .order_by(RunPaper.paper_id)
        )
    ).all()
    stuck = await _stuck(session, run, stuck_minutes)
    if not failed and not stuck:
        raise RetryError(_nothing(run))
    if run.state == RunState.FINISHED:
        await _reopen(session, run)
    await _put_back(session, run, failed, stuck)
    if await runs.finish_if_done(session, run):
        return Retried(run_id, len(failed), len(stuck), run.state)
    if run.state == RunState.RUNNING:
        await jobs.enqueue_grading(session, run_id, epoch(run), [*failed, *stuck])
    return Retried(run_id, len(failed), len(stuck), run.state)


async def _stuck(session: AsyncSession, run: Run, minutes: int) -> Sequence[int]:
    if run.state != RunState.RUNNING:
        return []  # those of a paused run are taken up when it goes on
    place = {"run": run.id, "lost": LOST_SECONDS, "minutes": minutes}
    held = (await session.scalars(_STUCK, place)).all()
    forgotten = (await session.scalars(_FORGOTTEN, {"run": run.id, "epoch": epoch(run)})).all()
    return [*held, *forgotten]


def _nothing(run: Run) -> Text:
    if run.state == RunState.FINISHED:
        return Text(N_("Run {run} has finished and none of its papers failed."), {"run": run.id})
    if run.state == RunState.PAUSED:
        return Text(
            N_("Run {run} is paused and none of its papers failed. Its teacher goes on with it on its page."),
            {"run": run.id},
        )
    return Text(N_("Run {run} is at work: none of its papers failed and none stands still."), {"run": run.id})


async def _reopen(session: AsyncSession, run: Run) -> None:
    other = await runs.open_run(session, run.assignment_id)
    if other is not None:
        raise RetryError(
            N_("Another run of this assignment is open (run {other}); wait until it has ended."),
            other=other.id,
        )
    resume_row(run, datetime.now(UTC))
    run.finished_at = None
    await session.flush()


async def _put_back(session: AsyncSession, run: Run, failed: Sequence[int], stuck: Sequence[int]) -> None:
    await session.execute(_DROP_JOBS, {"run": run.id, "papers": [*failed, *stuck]})
    if failed:
        await session.execute(_GRADED, {"run": run.id, "papers": list(failed)})
        await session.execute(_AGAIN, {"run": run.id, "papers": list(failed)})
    if stuck:
        # Their checkpoints stay: they go on behind the last finished question.
        await session.execute(
            update(RunPaper)
            .where(RunPaper.run_id == run.id, RunPaper.paper_id.in_(stuck))
            .values(state=RunPaperState.WAITING, job_id=None, claim=None)
        )
