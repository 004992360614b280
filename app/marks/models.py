"""Tables of grading runs, marks and their history."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Created, Json, JsonList


class RunState(StrEnum):
    """A run's life: running <-> paused, then finished or cancelled."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"


class RunPaperState(StrEnum):
    """One paper's way through a run."""

    WAITING = "waiting"
    GRADING = "grading"
    DONE = "done"
    FAILED = "failed"  # could not be read; `problem` says why


class Run(Created, Base):
    """One grading of an assignment's papers. At most one run of an assignment is open (running or paused)."""

    __tablename__ = "runs"
    __table_args__ = (
        Index(
            "uq_runs_open",
            "assignment_id",
            unique=True,
            postgresql_where=text("state in ('running', 'paused')"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"), index=True)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(default=RunState.RUNNING, server_default="running")
    reason: Mapped[Json | None]  # i18n.Text: why it paused by itself
    grader: Mapped[str]  # "local" or the model's name
    scope: Mapped[JsonList | None]  # question labels; null is all
    cost_cap: Mapped[float | None]
    finished_at: Mapped[datetime | None]
    tokens_in: Mapped[int] = mapped_column(default=0, server_default="0")
    tokens_out: Mapped[int] = mapped_column(default=0, server_default="0")
    cost: Mapped[float] = mapped_column(default=0.0, server_default="0")
    # Seconds spent running before `resumed_at`, for the time left.
    seconds_before: Mapped[float] = mapped_column(default=0.0, server_default="0")
    resumed_at: Mapped[datetime | None]


class RunPaper(Base):
    """One paper in a run. `questions` is how many questions it has to grade, `graded` how many are done.

    `job_id` is the queue's job that grades it, `claim` the number that job drew when it began: whoever draws a new
    one has taken the paper over, and the former holder stops at its next question.
    """

    __tablename__ = "run_papers"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    paper_id: Mapped[int] = mapped_column(
        ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    state: Mapped[str] = mapped_column(default=RunPaperState.WAITING, server_default="waiting")
    problem: Mapped[Json | None]
    questions: Mapped[int] = mapped_column(default=0, server_default="0")
    graded: Mapped[int] = mapped_column(default=0, server_default="0")
    job_id: Mapped[int | None]
    claim: Mapped[int | None]


class RunQuestion(Base):
    """One question of one paper that a run has to grade. A row is finished (`graded_at`) exactly once.

    The finishing UPDATE is what counts tokens and cost once, however often the engine tells of a mark.
    """

    __tablename__ = "run_questions"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    paper_id: Mapped[int] = mapped_column(
        ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    question_id: Mapped[int] = mapped_column(
        ForeignKey("questions.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    started_at: Mapped[datetime | None]
    graded_at: Mapped[datetime | None]
    tokens_in: Mapped[int] = mapped_column(default=0, server_default="0")
    tokens_out: Mapped[int] = mapped_column(default=0, server_default="0")
    cost: Mapped[float] = mapped_column(default=0.0, server_default="0")


class MarkState(StrEnum):
    """Pencil, question mark, or red ink."""

    GRADED = "graded"
    NEEDS_TEACHER = "needs_teacher"
    DECIDED = "decided"


class Mark(Base):
    """The mark of one question of one paper: what the engine proposed and what the teacher decided.

    `points` counts: the proposal's, or the teacher's once decided; null while the teacher is needed. `criteria` is
    [{"points", "proposed", "quote", "start", "end", "comment"}] by the question's criteria, in order; `points` and
    `proposed` may be null. `version` is raised by every change (two teachers editing the same mark).
    """

    __tablename__ = "marks"
    __table_args__ = (UniqueConstraint("paper_id", "question_id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    paper_id: Mapped[int] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"))
    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id", ondelete="CASCADE"), index=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"))
    state: Mapped[str]
    points: Mapped[float | None]
    proposed: Mapped[float | None]
    reason: Mapped[Json | None]
    confidence: Mapped[float | None]
    criteria: Mapped[JsonList]
    feedback: Mapped[str] = mapped_column(default="", server_default="")
    grader: Mapped[str] = mapped_column(default="", server_default="")
    scheme_version: Mapped[int]
    graded_at: Mapped[datetime | None]
    # RESTRICT: a run may write where this is null, so no deletion of an account may make it so.
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    decided_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")


class MarkChange(Base):
    """One change of a mark: who (null: the engine), when, what, from, to. Rows are only ever added."""

    __tablename__ = "mark_changes"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    mark_id: Mapped[int] = mapped_column(ForeignKey("marks.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    what: Mapped[str]  # "points", "comment", "feedback", "state", "criterion 2 points", ...
    before: Mapped[str | None]
    after: Mapped[str | None]
