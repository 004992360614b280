"""Tables of classes, who may work with them, and their students."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Identity, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Created


class Class(Created, Base):
    """A class of students, e.g. 八年级 3 班."""

    __tablename__ = "classes"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
    language: Mapped[str] = mapped_column(default="zh", server_default="zh")
    archived_at: Mapped[datetime | None]


class ClassTeacher(Created, Base):
    """A teacher's access to a class. `owner` may also share, archive and delete it."""

    __tablename__ = "class_teachers"

    class_id: Mapped[int] = mapped_column(ForeignKey("classes.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    owner: Mapped[bool] = mapped_column(default=False)


class Student(Created, Base):
    """One pupil of a class. `number` is the school's, unique in the class."""

    __tablename__ = "students"
    __table_args__ = (UniqueConstraint("class_id", "number"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    class_id: Mapped[int] = mapped_column(ForeignKey("classes.id", ondelete="CASCADE"))
    number: Mapped[str]
    name: Mapped[str]
