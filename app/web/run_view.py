"""What the run page and the stream show of a run, as values ready for the templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments import service as assignments
from app.assignments.models import Assignment
from app.i18n import N_, Text
from app.marks import matrix as matrices
from app.marks import runs
from app.marks.matrix import Asking, Head, Matrix
from app.marks.models import Run, RunState
from app.marks.runs import Progress, Which
from app.papers import piles

TITLES = {
    RunState.RUNNING: Text(N_("Grading now")),
    RunState.PAUSED: Text(N_("Grading is paused")),
    RunState.CANCELLED: Text(N_("Grading was cancelled")),
    RunState.FINISHED: Text(N_("Grading is done")),
}
NOT_YET = Text(N_("Not graded yet"))
CHOICES = {
    Which.UNDECIDED: Text(N_("everything that no teacher has decided")),
    Which.NEW: Text(N_("only what has no mark yet")),
    Which.NEEDS_TEACHER: Text(N_("only what needs the teacher")),
}
LOCAL = Text(N_("Graded on this computer; no answer leaves it."))
MODEL = Text(N_("Graded by the model {model}; answers are sent to it without names."))
# The time left is shown in steps, so that it does not flicker.
LEFT_STEP = 5


@dataclass(frozen=True, slots=True)
class Status:
    """A run as it stands, or that there was none. `said` is what a screen reader is told, changing each tenth.

    `piles` counts those that are not papers yet and so would not be graded; only while no run is open.
    """

    run: Run | None
    progress: Progress | None
    title: Text
    grader: Text
    seconds_left: float | None
    first_asking: Asking | None
    said: Text
    piles: int = 0

    @property
    def running(self) -> bool:
        """Whether questions are being graded."""
        return self.run is not None and self.run.state == RunState.RUNNING

    @property
    def open(self) -> bool:
        """Whether it is running or paused."""
        return self.run is not None and self.run.state in (RunState.RUNNING, RunState.PAUSED)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the ways to choose questions."""

    value: str
    text: Text


@dataclass(frozen=True, slots=True)
class Start:
    """The start form. `missing` is "scheme" or "papers" where there is nothing to grade with, else ""."""

    missing: str
    problem: Text | None
    choices: tuple[Choice, ...]
    chosen: str
    example: str
    papers: Sequence[Head]
    grader: Text
    cap: float | None


async def status_of(session: AsyncSession, assignment_id: int) -> Status:
    """How the newest run of an assignment stands."""
    run = await runs.latest_run(session, assignment_id)
    if run is None:
        waiting = await piles.count_open(session, assignment_id)
        return Status(None, None, NOT_YET, LOCAL, None, None, NOT_YET, waiting)
    progress = await runs.progress(session, run)
    asking = await matrices.first_asking(session, assignment_id) if progress.needs_teacher else None
    title = TITLES[RunState(run.state)]
    left = progress.seconds_left
    ended = run.state in (RunState.FINISHED, RunState.CANCELLED)
    tenths = int(progress.share * 10) * 10
    return Status(
        run=run,
        progress=progress,
        title=title,
        grader=_grader(run.grader),
        seconds_left=None if left is None else max(LEFT_STEP, round(left / LEFT_STEP) * LEFT_STEP),
        first_asking=asking,
        said=Text(N_("{percent} % graded"), {"percent": tenths}) if run.state == RunState.RUNNING else title,
        piles=await piles.count_open(session, assignment_id) if ended else 0,
    )


def start_of(assignment: Assignment, status: Status, matrix: Matrix, model: str) -> Start | None:
    """The form that begins a run; None while one is open. `model` is the configured model's name."""
    if status.open:
        return None
    heads = [row.head for row in matrix.rows]
    notes = assignments.ready_to_grade(assignment) if assignment.questions else ()
    labels = [question.label for question in assignment.questions]
    return Start(
        missing="scheme" if not labels else "papers" if not heads else "",
        problem=notes[0].text if notes else None,
        choices=tuple(Choice(which.value, text) for which, text in CHOICES.items()),
        chosen=Which.UNDECIDED.value,
        example=_example(labels),
        papers=heads,
        grader=_grader(model if assignment.grader == "model" else "local"),
        cap=assignment.cost_cap if assignment.grader == "model" else None,
    )


def _grader(name: str) -> Text:
    return LOCAL if name == "local" else Text(MODEL.message, {"model": name})


def _example(labels: Sequence[str]) -> str:
    if len(labels) < 4:
        return ", ".join(labels[:2])
    return f"{labels[0]}, {labels[2]}-{labels[-1]}"
