"""Taking over a list of students: first what it would change, then the change, in one piece or not at all."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from app.classes import store
from app.classes.models import Class, Student
from app.classes.service import MOST_STUDENTS, StaleError, StudentError, number_key
from app.classes.store import PaperKey
from app.i18n import N_


class Entry(Protocol):
    """One student of a list that was read (`app.intake.roster.RosterEntry`), in its normal spelling."""

    @property
    def number(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def line(self) -> int: ...


class Change(StrEnum):
    """What a line of the list does to the roster."""

    NEW = "new"
    RENAMED = "renamed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Planned:
    """One line of the list. `before` is the name until now (renamed); `twins` are the numbers under which students
    of the same name are in the class already (new): perhaps the same person with a mistyped number."""

    line: int
    number: str
    name: str
    change: Change
    before: str = ""
    twins: tuple[str, ...] = ()
    student_id: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What taking over a list would do: its lines, and the students of the class that it does not hold (they stay)."""

    lines: tuple[Planned, ...]
    absent: tuple[str, ...]

    def count(self, change: Change) -> int:
        """How many lines make this change."""
        return Counter(line.change for line in self.lines)[change]

    @property
    def changes(self) -> int:
        """How many students are added or renamed."""
        return len(self.lines) - self.count(Change.SAME)

    @property
    def digest(self) -> str:
        """Equal for equal plans; tells whether the roster has changed since the plan was shown."""
        said = "\n".join(f"{line.change}\t{line.number}\t{line.name}\t{line.before}" for line in self.lines)
        return hashlib.sha256(said.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Taken:
    """What was done, and the papers that show a student whose name has changed."""

    plan: Plan
    papers: tuple[PaperKey, ...]


def plan(roster: Sequence[Student], entries: Iterable[Entry]) -> Plan:
    """What the entries would change in a roster. A number tells who somebody is; nobody is ever removed."""
    known = {number_key(student.number): student for student in roster}
    listed = list(entries)
    keys = {number_key(entry.number) for entry in listed}
    lines = tuple(_planned(entry, known) for entry in listed)
    absent = tuple(f"{student.number} {student.name}" for key, student in known.items() if key not in keys)
    return Plan(lines, absent)


def _planned(entry: Entry, known: dict[str, Student]) -> Planned:
    student = known.get(number_key(entry.number))
    if student is None:
        twins = tuple(other.number for other in known.values() if other.name == entry.name)
        return Planned(entry.line, entry.number, entry.name, Change.NEW, twins=twins)
    change = Change.SAME if student.name == entry.name else Change.RENAMED
    before = student.name if change is Change.RENAMED else ""
    return Planned(entry.line, student.number, entry.name, change, before, student_id=student.id)


async def preview(session: AsyncSession, klass: Class, entries: Iterable[Entry]) -> Plan:
    """What taking over the entries would do now."""
    return plan(await store.students(session, klass.id), entries)


async def take(session: AsyncSession, klass: Class, entries: Iterable[Entry], seen: str) -> Taken:
    """Take over the entries as they were shown; `seen` is the shown plan's digest.

    Raises StaleError when the roster has changed so that the plan is another one, StudentError when the class would
    become too large.
    """
    if await store.locked(session, klass.id) is None:
        raise StaleError(N_("This class has been deleted meanwhile."))
    roster = await store.students(session, klass.id)
    made = plan(roster, entries)
    if made.digest != seen:
        raise StaleError(
            N_("The class has changed since this list was shown. Look at it again; nothing was imported.")
        )
    if len(roster) + made.count(Change.NEW) > MOST_STUDENTS:
        raise StudentError(N_("A class has at most {most} students."), most=MOST_STUDENTS)
    by_id = {student.id: student for student in roster}
    renamed = []
    for line in made.lines:
        if line.change is Change.NEW:
            session.add(Student(class_id=klass.id, number=line.number, name=line.name))
        elif line.change is Change.RENAMED and line.student_id is not None:
            by_id[line.student_id].name = line.name
            renamed.append(line.student_id)
    await session.flush()
    return Taken(made, tuple(await store.papers_of_students(session, renamed)) if renamed else ())
