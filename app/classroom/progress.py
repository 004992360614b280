"""How far the papers of an assignment are: read, graded, waiting for the teacher, time left. Counts only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.classroom.models import Board
from app.i18n import N_, Text
from app.marks import runs
from app.marks.models import RunState

# The time left moves in steps, as on the run page: a figure that flickers across a room helps nobody.
LEFT_STEP = 5


class Stage(StrEnum):
    """What the papers of an assignment are at."""

    EMPTY = "empty"  # no paper came yet
    READING = "reading"  # papers are read, nothing is graded
    READ = "read"  # nothing is graded yet
    RUNNING = "running"
    PAUSED = "paused"
    PARTLY = "partly"  # no run is open, some questions have no mark
    DONE = "done"  # no run is open, every question has a mark


TITLES = {
    Stage.EMPTY: Text(N_("No papers yet")),
    Stage.READING: Text(N_("Papers are being read")),
    Stage.READ: Text(N_("Not graded yet")),
    Stage.RUNNING: Text(N_("Grading now")),
    Stage.PAUSED: Text(N_("Grading is paused")),
    Stage.PARTLY: Text(N_("Partly graded")),
    Stage.DONE: Text(N_("Grading is done")),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """An assignment's papers and marks, counted.

    `papers` all, `received` not read yet, `unreadable` those that could not be read; `graded` readable papers with
    a mark for every question, `asks` readable ones with a mark that waits for the teacher. `marks` are the marks of
    readable papers, `asking` those that wait; `questions` how many the scheme has.
    """

    papers: int = 0
    received: int = 0
    unreadable: int = 0
    graded: int = 0
    asks: int = 0
    marks: int = 0
    asking: int = 0
    questions: int = 0

    @property
    def readable(self) -> int:
        """Papers that were read or are still to be: what counts are out of."""
        return self.papers - self.unreadable

    @property
    def read(self) -> int:
        """Papers that were read."""
        return self.readable - self.received

    @property
    def total(self) -> int:
        """How many marks there are to be."""
        return self.readable * self.questions


@dataclass(frozen=True, slots=True)
class ProgressBoard:
    """Values for `partials/board_progress.html`.

    `done` of `total` questions are graded: those of the open run, else of all papers. `seconds_left` is known only
    while a run is running and has found its pace, in steps of LEFT_STEP.
    """

    stage: Stage
    counts: Counts
    done: int
    total: int
    seconds_left: int | None

    @property
    def title(self) -> Text:
        """What the papers are at, in words."""
        return TITLES[self.stage]

    @property
    def percent(self) -> int:
        """The graded part of the questions in whole per cent; 100 only when nothing is missing."""
        return whole_percent(self.done, self.total)

    @property
    def open(self) -> bool:
        """Whether a run is running or paused."""
        return self.stage in (Stage.RUNNING, Stage.PAUSED)


_COUNTS = text(
    """
    with p as (select id, state from papers where assignment_id = :assignment),
    q as (select count(*) as questions from questions where assignment_id = :assignment),
    m as (
        select m.paper_id, count(*) as marks, count(*) filter (where m.state = 'needs_teacher') as asking
        from p join marks m on m.paper_id = p.id
        where p.state <> 'unreadable'
        group by m.paper_id
    )
    select count(p.id) as papers, count(*) filter (where p.state = 'received') as received,
        count(*) filter (where p.state = 'unreadable') as unreadable,
        count(*) filter (where m.marks >= q.questions) as graded,
        count(*) filter (where m.asking > 0) as asks,
        cast(coalesce(sum(m.marks), 0) as int) as marks, cast(coalesce(sum(m.asking), 0) as int) as asking,
        max(q.questions) as questions
    from q left join p on true left join m on m.paper_id = p.id
    """
)


async def board(session: AsyncSession, board: Board) -> ProgressBoard:
    """The board as it is now."""
    counts = await counted(session, board.assignment_id)
    run = await runs.open_run(session, board.assignment_id)
    if run is None:
        return summarise(counts)
    progress = await runs.progress(session, run)
    return summarise(counts, RunState(run.state), progress.done, progress.total, progress.seconds_left)


async def counted(session: AsyncSession, assignment_id: int) -> Counts:
    """An assignment's counts, in one query."""
    row = (await session.execute(_COUNTS, {"assignment": assignment_id})).one()
    return Counts(**row._mapping)


def summarise(
    counts: Counts,
    run: RunState | None = None,
    done: int = 0,
    total: int = 0,
    seconds_left: float | None = None,
) -> ProgressBoard:
    """The board of counts and the open run's figures (`run` None: none is open)."""
    stage = stage_of(counts, run)
    if run is None:
        return ProgressBoard(stage, counts, counts.marks, counts.total, None)
    return ProgressBoard(stage, counts, done, total, stepped(seconds_left))


def stage_of(counts: Counts, run: RunState | None) -> Stage:
    """What the papers are at; `run` is the open run's state."""
    if run is not None:
        return Stage.PAUSED if run is RunState.PAUSED else Stage.RUNNING
    if not counts.papers:
        return Stage.EMPTY
    if not counts.marks:
        return Stage.READING if counts.received else Stage.READ
    return Stage.DONE if counts.marks >= counts.total else Stage.PARTLY


def stepped(seconds: float | None) -> int | None:
    """Seconds left in steps, never none while something is left to do."""
    return None if seconds is None else max(LEFT_STEP, round(seconds / LEFT_STEP) * LEFT_STEP)


def whole_percent(part: float, whole: float) -> int:
    """A part in whole per cent, 0..100, down to the next whole one: what is not complete does not look so."""
    return max(0, min(100, int(100 * part / whole + 1e-9))) if whole > 0 else 0
