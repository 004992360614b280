"""Tables of people who sign in."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Identity
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Created


class Role(StrEnum):
    """What a user may do. An admin manages users and is a teacher as well."""

    ADMIN = "admin"
    TEACHER = "teacher"


class User(Created, Base):
    """Somebody who signs in. `username` is stored in lower case, NFKC."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role in ('admin', 'teacher')", name="role"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default=Role.TEACHER)
    language: Mapped[str | None]
    disabled_at: Mapped[datetime | None]
    # Raised when the password changes: sessions of an older epoch are no longer good.
    session_epoch: Mapped[int] = mapped_column(default=1, server_default="1")


class SetupToken(Created, Base):
    """The one-time link of a first start; only its SHA-256 is kept."""

    __tablename__ = "setup_tokens"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
