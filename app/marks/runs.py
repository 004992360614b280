"""Grading runs: begun, paused, gone on with, cancelled, finished; and how far they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.accounts.models import User
from app.assignments import service as assignments
from app.assignments import store
from app.assignments.models import Assignment
from app.i18n import N_, ProblemError, Text
from app.marks.models import Run, RunPaper, RunPaperState, RunState
from app.marks.pausing import epoch, pause_row, resume_row, seconds_running

# Fewer finished questions, or less time, say nothing about the pace.
FEWEST_FOR_PACE, SHORTEST_FOR_PACE = 3, 2.0


class Which(StrEnum):
    """Which questions of which papers a run takes up.

    What a teacher decided is never among them, nor what has some of a teacher's points or words in it already: the
    run could not store its proposal without taking those away.
    """

    UNDECIDED = "undecided"
    NEW = "new"  # without any mark yet
    NEEDS_TEACHER = "needs_teacher"


class RunError(ProblemError):
    """A run that cannot be begun, paused or gone on with; the text says why."""


class RunMovedOnError(RunError):
    """The run is not in the state that the page showed."""

    status = 409


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `seconds_left` is None until its pace is known; `cost` is in US dollars."""

    papers: int
    papers_done: int
    papers_failed: int
    total: int
    done: int
    needs_teacher: int
    tokens: int
    cost: float
    seconds: float
    seconds_left: float | None

    @property
    def share(self) -> float:
        """The finished share, 0..1."""
        return self.done / self.total if self.total else 1.0


_QUESTIONS = text(
    """
    insert into run_questions (run_id, paper_id, question_id)
    select :run, p.id, q.id
    from papers p
    join questions q on q.assignment_id = p.assignment_id
    left join marks m on m.paper_id = p.id and m.question_id = q.id
    where p.assignment_id = :assignment and p.state <> 'unreadable'
        and (cast(:papers as bigint[]) is null or p.id = any(cast(:papers as bigint[])))
        and (cast(:labels as text[]) is null or q.label = any(cast(:labels as text[])))
        and (m.id is null
             or (m.decided_by is null
                 and (cast(:which as text) = 'undecided' and m.state <> 'decided'
                      or cast(:which as text) = 'needs_teacher' and m.state = 'needs_teacher')))
        and (cast(:which as text) <> 'needs_teacher' or m.id is not null)
    """
)
_PAPERS = text(
    """
    insert into run_papers (run_id, paper_id, questions)
    select run_id, paper_id, count(*) from run_questions where run_id = :run group by run_id, paper_id
    returning paper_id
    """
)
_COUNTS = text(
    """
    select count(q.question_id) as total, count(q.graded_at) as done,
        count(*) filter (where m.state = 'needs_teacher' and q.graded_at is not null) as needs_teacher
    from run_questions q
    left join marks m on m.paper_id = q.paper_id and m.question_id = q.question_id
    where q.run_id = :run
    """
)
_PAPER_COUNTS = text(
    """
    select count(*) as papers, count(*) filter (where state = 'done') as done,
        count(*) filter (where state = 'failed') as failed
    from run_papers where run_id = :run
    """
)


async def start(
    session: AsyncSession,
    assignment: Assignment,
    user: User | None,
    papers: Collection[int] | None = None,
    scope: Sequence[str] | None = None,
    which: Which = Which.UNDECIDED,
    model: str | None = None,
) -> Run:
    """Begin to grade; the run and its jobs come with the caller's commit.

    `papers` are ids, None is all; `scope` are labels, None is all; `model` is the model's name where the assignment
    wants one. Raises RunError when the scheme has problems, a run is open, or there is nothing to grade.
    """
    await store.lock(session, assignment)
    if await open_run(session, assignment.id):
        raise RunError(
            N_("This assignment is being graded already. Wait until that has ended, or cancel it first.")
        )
    if not assignment.questions:
        raise RunError(N_("There is no marking scheme yet. Enter it first, then start grading."))
    notes = assignments.ready_to_grade(assignment)
    if notes:
        raise RunError(
            N_("The marking scheme is not ready: {problem} Mend it on its page, then start grading."),
            problem=str(notes[0].text),
        )
    now = datetime.now(UTC)
    run = Run(
        assignment_id=assignment.id,
        created_by=user.id if user else None,
        grader=(model or assignment.grader) if assignment.grader == "model" else "local",
        scope=list(scope) if scope is not None else None,
        cost_cap=assignment.cost_cap,
        state=RunState.RUNNING,
        resumed_at=now,
    )
    session.add(run)
    await session.flush()
    chosen = {
        "run": run.id,
        "assignment": assignment.id,
        "papers": list(papers) if papers is not None else None,
        "labels": list(scope) if scope is not None else None,
        "which": which.value,
    }
    await session.execute(_QUESTIONS, chosen)
    paper_ids = sorted((await session.scalars(_PAPERS, {"run": run.id})).all())
    if not paper_ids:
        raise RunError(await _why_nothing(session, assignment, which))
    await jobs.enqueue_grading(session, run.id, epoch(run), paper_ids)
    return run


async def _why_nothing(session: AsyncSession, assignment: Assignment, which: Which) -> Text:
    readable = text("select count(*) from papers where assignment_id = :id and state <> 'unreadable'")
    if not await session.scalar(readable, {"id": assignment.id}):
        return Text(N_("There is no paper that can be read. Upload the papers first, then start grading."))
    if which is Which.NEEDS_TEACHER:
        return Text(N_("Nothing in this selection is waiting for the teacher."))
    if which is Which.NEW:
        return Text(N_("Everything in this selection has been graded."))
    return Text(N_("Everything in this selection has been decided by a teacher; that is never graded again."))


async def open_run(session: AsyncSession, assignment_id: int) -> Run | None:
    """The run of an assignment that is running or paused."""
    return await session.scalar(
        select(Run).where(
            Run.assignment_id == assignment_id, Run.state.in_((RunState.RUNNING, RunState.PAUSED))
        )
    )


async def latest_run(session: AsyncSession, assignment_id: int) -> Run | None:
    """The newest run of an assignment, open or not."""
    return await session.scalar(
        select(Run).where(Run.assignment_id == assignment_id).order_by(Run.id.desc()).limit(1)
    )


async def of_assignment(session: AsyncSession, run_id: int, assignment_id: int) -> Run:
    """A run by id, locked, if it is this assignment's. Raises RunMovedOnError."""
    run = await session.scalar(
        select(Run).where(Run.id == run_id, Run.assignment_id == assignment_id).with_for_update()
    )
    if run is None:
        raise RunMovedOnError(N_("This run is not there any more. Load the page again."))
    return run


async def pause(session: AsyncSession, run: Run) -> None:
    """Stop beginning with further questions. `run` is locked. Raises RunMovedOnError when it does not run."""
    if run.state != RunState.RUNNING:
        raise RunMovedOnError(N_("This run is not running. Load the page again to see how it stands."))
    pause_row(run, datetime.now(UTC))


async def pause_by_itself(session: AsyncSession, run_id: int, reason: Text) -> bool:
    """Pause a running run for a reason that the teacher can mend; False when it does not run."""
    run = await session.scalar(
        select(Run).where(Run.id == run_id, Run.state == RunState.RUNNING).with_for_update()
    )
    if run is None:
        return False
    pause_row(run, datetime.now(UTC), reason)
    return True


async def resume(session: AsyncSession, run: Run, cost_cap: float | None) -> None:
    """Go on after a pause, under the assignment's present cap. `run` is locked.

    Raises RunMovedOnError when it is not paused, RunError when its cap is still reached.
    """
    if run.state != RunState.PAUSED:
        raise RunMovedOnError(N_("This run is not paused. Load the page again to see how it stands."))
    run.cost_cap = cost_cap
    if run.cost_cap is not None and run.cost >= run.cost_cap:
        raise RunError(
            N_(
                "The cost cap of {cap} US dollars is reached. Raise it in the assignment's settings to go on."
            ),
            cap=f"{run.cost_cap:.2f}",
        )
    resume_row(run, datetime.now(UTC))
    await session.flush()
    await jobs.enqueue_grading(session, run.id, epoch(run), await open_papers(session, run.id))
    await finish_if_done(session, run)


async def cancel(session: AsyncSession, run: Run) -> None:
    """End a run; the marks it made stay. `run` is locked. Raises RunMovedOnError when it has ended."""
    if run.state not in (RunState.RUNNING, RunState.PAUSED):
        raise RunMovedOnError(N_("This run has ended already."))
    pause_row(run, datetime.now(UTC))
    run.state = RunState.CANCELLED
    run.finished_at = datetime.now(UTC)


async def open_papers(session: AsyncSession, run_id: int) -> Sequence[int]:
    """The papers of a run that are still to be graded."""
    return (
        await session.scalars(
            select(RunPaper.paper_id)
            .where(
                RunPaper.run_id == run_id,
                RunPaper.state.in_((RunPaperState.WAITING, RunPaperState.GRADING)),
            )
            .order_by(RunPaper.paper_id)
        )
    ).all()


async def finish_if_done(session: AsyncSession, run: Run) -> bool:
    """End an open run whose papers are all done or failed. `run` is locked, so exactly one caller ends it."""
    if run.state not in (RunState.RUNNING, RunState.PAUSED) or await open_papers(session, run.id):
        return False
    pause_row(run, datetime.now(UTC))
    run.state = RunState.FINISHED
    run.finished_at = datetime.now(UTC)
    return True


async def progress(session: AsyncSession, run: Run) -> Progress:
    """How far a run is, and how long the rest takes at the pace it had so far."""
    questions = (await session.execute(_COUNTS, {"run": run.id})).one()
    papers = (await session.execute(_PAPER_COUNTS, {"run": run.id})).one()
    seconds = seconds_running(run, datetime.now(UTC))
    left = None
    if run.state == RunState.RUNNING and questions.done >= FEWEST_FOR_PACE and seconds >= SHORTEST_FOR_PACE:
        left = (questions.total - questions.done) * seconds / questions.done
    return Progress(
        papers=papers.papers,
        papers_done=papers.done,
        papers_failed=papers.failed,
        total=questions.total,
        done=questions.done,
        needs_teacher=questions.needs_teacher,
        tokens=run.tokens_in + run.tokens_out,
        cost=run.cost,
        seconds=seconds,
        seconds_left=left,
    )
