"""Tables of the live classroom: boards, the screens that show them, and rounds of the quiz."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Created, JsonList


class BoardKind(StrEnum):
    """What a board shows."""

    PROGRESS = "progress"
    QUESTIONS = "questions"
    MISCONCEPTIONS = "misconceptions"
    QUIZ = "quiz"


class Board(Created, Base):
    """One of an assignment's boards, made when it is first wanted.

    `hidden` covers what it shows, on all its screens. `question_id` and `picked` are the misconceptions': which
    question, and the groups that the teacher shows [{"question", "key", "label", "shown"}], in order. `version` is
    raised by each change.
    """

    __tablename__ = "boards"
    __table_args__ = (
        UniqueConstraint("assignment_id", "kind"),
        CheckConstraint("kind in ('progress', 'questions', 'misconceptions', 'quiz')", name="kind"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"))
    kind: Mapped[str]
    language: Mapped[str]
    hidden: Mapped[bool] = mapped_column(default=False, server_default="false")
    question_id: Mapped[int | None] = mapped_column(ForeignKey("questions.id", ondelete="SET NULL"))
    picked: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    version: Mapped[int] = mapped_column(default=1, server_default="1")


class Screen(Created, Base):
    """A paired classroom screen. It sees its board and nothing else; unpairing deletes the row.

    `token_hash` is the SHA-256, in hex, of the token in the screen's cookie. `seen_at` is moved at most once a minute.
    """

    __tablename__ = "screens"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    board_id: Mapped[int] = mapped_column(ForeignKey("boards.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    label: Mapped[str] = mapped_column(default="", server_default="")
    paired_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    seen_at: Mapped[datetime | None]


class QuizRound(Created, Base):
    """One question put to the room. At most one round of an assignment is open.

    The columns from `kind` to `unit` mean what app.scheme.types.Question says; they are a copy, so that a round stands
    when its question is edited. `code` is what phones open, unique among open rounds; the assignment's next round takes
    it over. `origin` is the scheme and host that phones come to ("https://school.example"). `ends_at` is when the round
    closes by itself, on the database's clock. `revealed_at` is when the answers were shown, None while they are not;
    `picked` are the groups shown [{"key", "label"}], in order.
    """

    __tablename__ = "quiz_rounds"
    __table_args__ = (
        Index(
            "uq_quiz_rounds_open",
            "assignment_id",
            unique=True,
            postgresql_where=text("closed_at is null"),
        ),
        Index("uq_quiz_rounds_code", "code", unique=True, postgresql_where=text("closed_at is null")),
        Index("ix_quiz_rounds_code", "code", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"), index=True)
    question_id: Mapped[int | None] = mapped_column(ForeignKey("questions.id", ondelete="SET NULL"))
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    code: Mapped[str]
    origin: Mapped[str] = mapped_column(default="", server_default="")
    language: Mapped[str]
    kind: Mapped[str]
    prompt: Mapped[str]
    points: Mapped[float]
    references: Mapped[JsonList] = mapped_column("reference_answers")
    criteria: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    tolerance: Mapped[float | None]
    relative: Mapped[bool] = mapped_column(default=False, server_default="false")
    unit: Mapped[str | None]
    picked: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    ends_at: Mapped[datetime | None]
    revealed_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class Verdict(StrEnum):
    """What the grader says of an answer of the quiz; `UNSURE` where the scheme does not decide it."""

    WAITING = "waiting"  # not graded yet
    RIGHT = "right"
    PARTLY = "partly"
    WRONG = "wrong"
    UNSURE = "unsure"


class QuizAnswer(Created, Base):
    """What one phone answered in one round; sending again while the round is open replaces it.

    `device_hash` is the SHA-256, in hex, of the phone's random cookie: no account, no name. `group_key` joins like
    answers.
    """

    __tablename__ = "quiz_answers"
    __table_args__ = (
        UniqueConstraint("round_id", "device_hash"),
        Index("ix_quiz_answers_waiting", "id", postgresql_where=text("verdict = 'waiting'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    round_id: Mapped[int] = mapped_column(ForeignKey("quiz_rounds.id", ondelete="CASCADE"))
    device_hash: Mapped[str]
    text: Mapped[str]
    verdict: Mapped[str] = mapped_column(default=Verdict.WAITING, server_default="waiting")
    points: Mapped[float | None]
    group_key: Mapped[str] = mapped_column(default="", server_default="")
    version: Mapped[int] = mapped_column(default=1, server_default="1")
