"""Tables of students' papers and the answers found in them."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Created, Json, JsonList


class PaperState(StrEnum):
    """How far a paper has come. Grading's own progress stands in `run_papers`."""

    RECEIVED = "received"  # stored, not read yet
    READ = "read"  # `pages` holds its text
    UNREADABLE = "unreadable"  # `problem` says why; the file is kept


class MatchState(StrEnum):
    """Whose paper it is."""

    MATCHED = "matched"  # by clear evidence
    DOUBTFUL = "doubtful"  # the teacher is asked; `candidates` holds student ids
    UNKNOWN = "unknown"  # nobody of the roster
    CONFIRMED = "confirmed"  # the teacher said so (student_id may be null: "none of them")


class Paper(Created, Base):
    """One uploaded file of one assignment; the same content (sha256) is stored once an assignment."""

    __tablename__ = "papers"
    __table_args__ = (
        UniqueConstraint("assignment_id", "sha256"),
        Index(None, "storage_key"),
        Index("ix_papers_unread", "id", postgresql_where=text("state = 'received'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"))
    student_id: Mapped[int | None] = mapped_column(ForeignKey("students.id", ondelete="SET NULL"), index=True)
    uploaded_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    file_name: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    storage_key: Mapped[str]
    state: Mapped[str] = mapped_column(default=PaperState.RECEIVED, server_default="received")
    problem: Mapped[Json | None]  # i18n.Text as JSON
    match: Mapped[str] = mapped_column(default=MatchState.UNKNOWN, server_default="unknown")
    match_reason: Mapped[Json | None]
    candidates: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    pages: Mapped[JsonList | None]  # document.Document as JSON
    unmatched: Mapped[JsonList] = mapped_column(default=list, server_default="[]")


class DroppedFile(Created, Base):
    """A note that a paper with this file was deleted: the file goes when no other paper has it.

    Written by the trigger `papers_dropped`, because papers also go with their assignment or class. Several notes of one
    file are fine; each is about one deletion.
    """

    __tablename__ = "dropped_files"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    storage_key: Mapped[str]


class PaperAnswer(Base):
    """What a paper answers to one question, as located (grading.state.Answer)."""

    __tablename__ = "paper_answers"
    __table_args__ = (UniqueConstraint("paper_id", "question_id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    paper_id: Mapped[int] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"))
    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id", ondelete="CASCADE"), index=True)
    text: Mapped[str]
    spans: Mapped[JsonList]
    found: Mapped[bool]
