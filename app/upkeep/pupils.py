"""Which pupil is meant: a class by its name or number, a pupil in it by number or name. Never a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.service import shown_name
from app.classes import store
from app.classes.models import Class, Student
from app.classes.service import number_key
from app.i18n import N_, ProblemError

BY_ID = "id:"  # before a class's number in the database, where its name does not say which
MOST_TOLD = 8  # classes or pupils that a sentence names


class PupilError(ProblemError):
    """Nobody, or more than one, is meant; the text says what to write instead."""


@dataclass(frozen=True, slots=True)
class Pupil:
    """A pupil on the roster of a class. `language` is the class's."""

    id: int
    number: str
    name: str
    class_id: int
    class_name: str
    language: str


async def find_class(session: AsyncSession, wanted: str) -> Class:
    """The class of this name, or of this number ("id:7", or "7" where no class is called so). Raises PupilError."""
    text = shown_name(wanted)
    number = text.removeprefix(BY_ID)
    by_id = await session.get(Class, int(number)) if _is_id(number) else None
    if text.startswith(BY_ID):
        named: Sequence[Class] = ()
    else:
        named = (await session.scalars(select(Class).where(Class.name == text).order_by(Class.id))).all()
    if len(named) > 1:
        raise PupilError(
            N_("Several classes are called “{name}”. Write which one: {which}."),
            name=text,
            which=await _told(session, named),
        )
    found = named[0] if named else by_id
    if found is None:
        raise PupilError(
            N_("There is no class “{name}”. Write its name as its page shows it, or its number as id:7."),
            name=text,
        )
    return found


async def find(session: AsyncSession, wanted: str, number: str | None, name: str | None) -> Pupil:
    """The pupil of a class with this number (capitals do not matter), or with exactly this name. Raises PupilError."""
    if (number is None) == (name is None):
        raise PupilError(N_("Say which student: the number, or --name."))
    klass = await find_class(session, wanted)
    roster = await store.students(session, klass.id)
    if number is not None:
        key = number_key(shown_name(number))
        found = [each for each in roster if number_key(each.number) == key]
    else:
        found = [each for each in roster if each.name.casefold() == shown_name(name or "").casefold()]
    if not found:
        raise PupilError(
            N_("“{student}” is nobody on the roster of {name}."),
            student=shown_name(number if number is not None else name or ""),
            name=klass.name,
        )
    if len(found) > 1:
        raise PupilError(
            N_("Several students of {name} are called that. Write the number: {numbers}."),
            name=klass.name,
            numbers=", ".join(each.number for each in found[:MOST_TOLD]),
        )
    return of(found[0], klass)


def of(student: Student, klass: Class) -> Pupil:
    """A student's row with its class's."""
    return Pupil(student.id, student.number, student.name, klass.id, klass.name, klass.language)


async def elsewhere(session: AsyncSession, pupil: Pupil) -> list[Pupil]:
    """Who may be the same person in other classes: the same number and name, in any capitals."""
    rows = await session.execute(
        select(Student, Class)
        .join(Class, Class.id == Student.class_id)
        .where(
            Student.class_id != pupil.class_id,
            func.lower(Student.number) == pupil.number.lower(),
            func.lower(Student.name) == pupil.name.lower(),
        )
        .order_by(Class.id)
    )
    return [of(student, klass) for student, klass in rows]


async def _told(session: AsyncSession, classes: Sequence[Class]) -> str:
    """Classes of one name, told apart by their owners: "id:3 (chen), id:9 (wang)"."""
    told = []
    for klass in classes[:MOST_TOLD]:
        owners = [each.username for each in await store.teachers(session, klass.id) if each.owner]
        told.append(f"{BY_ID}{klass.id} ({', '.join(owners) or '–'})")
    return ", ".join(told)


def _is_id(text: str) -> bool:
    # A database's number fits into 63 bits; a longer row of digits is a name.
    return text.isascii() and text.isdigit() and len(text) <= 18
