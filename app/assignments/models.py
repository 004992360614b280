"""Tables of assignments and their marking schemes."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Identity, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Created, Json, JsonList


class Assignment(Created, Base):
    """Work set for a class: its title, its marking scheme's questions and how it is to be graded.

    `strictness` 1 (mild) to 3; `feedback_language` "zh" or "en"; `grader` "local" or "model"; `cost_cap` in US
    dollars a run, None is without; `grade_lines` {"A": .., "B": .., "C": .., "D": ..} in percent of the maximum.
    `scheme_version` is raised by each edit of the scheme.

    Loaded only when asked for (`store.load_texts`): `scheme_text` is the text that the scheme was last read from,
    `scheme_notes` the reader's remarks on its lines [{"line", "text", "severity"}] until the teacher has seen to
    them, `deleted_question` the question deleted last {"id", "position", "question"}, so that it can come back.
    """

    __tablename__ = "assignments"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    class_id: Mapped[int] = mapped_column(ForeignKey("classes.id", ondelete="CASCADE"), index=True)
    title: Mapped[str]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    strictness: Mapped[int] = mapped_column(default=2, server_default="2")
    feedback_language: Mapped[str] = mapped_column(default="zh", server_default="zh")
    grader: Mapped[str] = mapped_column(default="local", server_default="local")
    cost_cap: Mapped[float | None]
    grade_lines: Mapped[Json]
    scheme_version: Mapped[int] = mapped_column(default=1, server_default="1")
    scheme_text: Mapped[str] = mapped_column(default="", server_default="", deferred=True)
    scheme_notes: Mapped[JsonList] = mapped_column(default=list, server_default="[]", deferred=True)
    deleted_question: Mapped[Json | None] = mapped_column(deferred=True)

    questions: Mapped[list[Question]] = relationship(
        order_by="Question.position", lazy="raise_on_sql", cascade="all, delete-orphan", passive_deletes=True
    )


class Question(Base):
    """One question of an assignment's scheme; the columns mean what app.scheme.types.Question says.

    A row keeps its id over edits of the scheme: marks hang on it. A scheme is kept with its problems while the
    teacher works on it (no points yet: 0); `service.ready_to_grade` is what grading asks. `version` is the
    scheme_version in which the row last changed: a form that was shown before it is stale.
    """

    __tablename__ = "questions"
    __table_args__ = (
        UniqueConstraint("assignment_id", "label", deferrable=True, initially="DEFERRED"),
        CheckConstraint("points >= 0", name="points"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    label: Mapped[str]
    kind: Mapped[str]
    prompt: Mapped[str]
    points: Mapped[float]
    references: Mapped[JsonList] = mapped_column("reference_answers")
    # [{"text": str, "points": float}, ...]: read and written whole, so a column and not a table.
    criteria: Mapped[JsonList]
    tolerance: Mapped[float | None]
    relative: Mapped[bool] = mapped_column(default=False, server_default="false")
    unit: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
