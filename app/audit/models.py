"""The table of what was done, and the fixed list of what is written there."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json


class Action(StrEnum):
    """What can be done that is written down. A name, once used, keeps its meaning: entries outlive versions."""

    SIGN_IN = "sign-in"
    SIGN_IN_FAILED = "sign-in-failed"
    SIGN_IN_DISABLED = "sign-in-disabled"  # the right password of a disabled account
    SIGN_IN_LIMITED = "sign-in-limited"  # the first try that was refused for too many failed ones
    SIGN_OUT = "sign-out"
    ACCOUNT_MADE = "account-made"
    ACCOUNT_DISABLED = "account-disabled"
    ACCOUNT_ENABLED = "account-enabled"
    ACCOUNT_ROLE = "account-role"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - one's own
    PASSWORD_RESET = "password-reset"  # noqa: S105 - somebody else's
    CLASS_DELETED = "class-deleted"
    CLASS_SHARED = "class-shared"
    CLASS_UNSHARED = "class-unshared"
    ASSIGNMENT_DELETED = "assignment-deleted"
    PAPER_DELETED = "paper-deleted"
    ROSTER_IMPORTED = "roster-imported"
    STUDENT_REMOVED = "student-removed"
    RESULTS_DOWNLOADED = "results-downloaded"
    MARKS_RETURNED = "marks-returned"
    RUN_STARTED = "run-started"
    RUN_PAUSED = "run-paused"
    RUN_RESUMED = "run-resumed"
    RUN_CANCELLED = "run-cancelled"
    STUDENT_EXPORTED = "student-exported"
    STUDENT_ERASED = "student-erased"
    SCREEN_PAIRED = "screen-paired"
    SCREEN_UNPAIRED = "screen-unpaired"
    PRUNED = "pruned"
    BACKUP_MADE = "backup-made"
    BACKUP_RESTORED = "backup-restored"
    SECRET_ROTATED = "secret-rotated"  # noqa: S105 - that it was, not which


class AuditEntry(Base):
    """One deed. Rows are only added; the database refuses UPDATE, DELETE and TRUNCATE (see migration 0002).

    `actor_id` is a user's id without a foreign key, so that the entry outlives the account; None is nobody (yet), or
    the command line. `actor` is the user name at that time. `object_kind` and `object_id` are what was done to
    ("class" 7). `details` is a small object of ids, counts and names of classes or accounts, never of students'
    words, names or numbers.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "at"), Index(None, "actor_id", "action", "at"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor_id: Mapped[int | None]
    actor: Mapped[str] = mapped_column(default="", server_default="")
    action: Mapped[str]
    object_kind: Mapped[str] = mapped_column(default="", server_default="")
    object_id: Mapped[int | None]
    address: Mapped[str] = mapped_column(default="", server_default="")
    details: Mapped[Json] = mapped_column(default=dict, server_default="{}")
