"""Tables of students' papers and the answers found in them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
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
    pages: Mapped[
        JsonList | None
    ]  # document.Document as JSON: what grading reads; always the texts of `paper_pages`
    unmatched: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    # The pile that it came out of: then `storage_key` is the file of its first page, perhaps other papers' as well.
    pile_id: Mapped[int | None] = mapped_column(ForeignKey("piles.id", ondelete="SET NULL"), index=True)
    # Ids of questions whose answers were corrected since they were graded.
    stale: Mapped[JsonList] = mapped_column(default=list, server_default="[]")


class PileState(StrEnum):
    """How far a pile has come."""

    READING = "reading"  # pages come in and are read
    ASKS = "asks"  # the proposed split is in doubt: the teacher is asked
    SETTLED = "settled"  # its papers were made


class Pile(Created, Base):
    """Pages of several students, or pictures to be put together, until they are split into papers.

    `bundles` is the proposed split, one entry a paper to be: {"student_id", "match", "match_reason", "candidates",
    "doubt"}, as in Paper; `doubt` is an i18n.Text as JSON or null. `PaperPage.bundle` is an index into it. `token`
    names the upload: further pictures of the same one join. `closed`: no more will come.
    """

    __tablename__ = "piles"
    __table_args__ = (
        UniqueConstraint("assignment_id", "token"),
        Index("ix_piles_open", "id", postgresql_where=text("state = 'reading'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"))
    uploaded_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    name: Mapped[str]
    token: Mapped[str]
    state: Mapped[str] = mapped_column(default=PileState.READING, server_default="reading")
    closed: Mapped[bool] = mapped_column(default=False, server_default="false")
    touched_at: Mapped[datetime] = mapped_column(server_default=text("now()"))  # when the last file came
    bundles: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    version: Mapped[int] = mapped_column(default=1, server_default="1")  # raised by every change of the split
    problem: Mapped[Json | None]  # i18n.Text: what went wrong as a whole


class PageState(StrEnum):
    """How far a page has come."""

    WAITING = "waiting"
    READ = "read"
    FAILED = "failed"  # `problem` says why


class PaperPage(Base):
    """One page of a paper, of a pile, or of both once the pile was split.

    `source_key` is the file it stands in, `source_page` its number there from 1, `source_part` that of
    `intake.page.Repair`. `words` are `document.Word`s as JSON, boxes on the picture `image_key`. `readings` keeps what
    other readers made of it: [{"by", "text", "confidence"}]. `position` orders the pages of a pile and of a paper;
    `bundle` is the paper to be in its pile, null where it is left out (a cover, a blank page).
    """

    __tablename__ = "paper_pages"
    __table_args__ = (
        CheckConstraint("paper_id is not null or pile_id is not null", name="somewhere"),
        Index(None, "paper_id", "position"),
        Index(None, "pile_id", "position"),
        Index(None, "source_key"),
        Index(None, "image_key"),
        Index(None, "thumb_key"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    paper_id: Mapped[int | None] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"))
    pile_id: Mapped[int | None] = mapped_column(ForeignKey("piles.id", ondelete="CASCADE"))
    position: Mapped[int]
    bundle: Mapped[int | None]
    source_key: Mapped[str]
    source_name: Mapped[str]
    source_page: Mapped[int] = mapped_column(default=1, server_default="1")
    source_part: Mapped[int] = mapped_column(default=0, server_default="0")
    state: Mapped[str] = mapped_column(default=PageState.WAITING, server_default="waiting")
    problem: Mapped[Json | None]
    by: Mapped[str] = mapped_column(default="", server_default="")  # intake.page.By
    text: Mapped[str] = mapped_column(default="", server_default="")
    words: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    readings: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    struck: Mapped[JsonList] = mapped_column(default=list, server_default="[]")  # [[text, x0, y0, x1, y1]]
    codes: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    image_key: Mapped[str | None]
    thumb_key: Mapped[str | None]
    width: Mapped[int] = mapped_column(default=0, server_default="0")
    height: Mapped[int] = mapped_column(default=0, server_default="0")
    confidence: Mapped[float | None]
    quality: Mapped[float | None]
    blank: Mapped[bool] = mapped_column(default=False, server_default="false")
    warnings: Mapped[JsonList] = mapped_column(default=list, server_default="[]")  # i18n.Text as JSON
    repair: Mapped[Json | None]  # intake.page.Repair as JSON
    version: Mapped[int] = mapped_column(default=1, server_default="1")  # raised by every correction


class SentImage(Base):
    """The ledger of pictures that left for a model: exactly the bytes `image_key`, when, where to, what for."""

    __tablename__ = "sent_images"
    __table_args__ = (Index(None, "assignment_id", "id"), Index(None, "image_key"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"))
    page_id: Mapped[int | None] = mapped_column(ForeignKey("paper_pages.id", ondelete="SET NULL"), index=True)
    image_key: Mapped[str]
    size: Mapped[int]
    endpoint: Mapped[str]  # host of the endpoint
    model: Mapped[str]
    purpose: Mapped[str]  # "read"
    masked: Mapped[JsonList]  # boxes that were painted over, [[x0, y0, x1, y1]]
    outcome: Mapped[str] = mapped_column(
        default="", server_default=""
    )  # "" while under way, "answered", "failed"


class DroppedFile(Created, Base):
    """A note that a paper, page or ledger entry with this file was deleted: the file goes when nobody else has it.

    Written by triggers (`papers_dropped`, `paper_pages_dropped`, `sent_images_dropped`), because papers also go with
    their assignment or class. Several notes of one
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
