"""What happens to classes: made, renamed, put away, shared, deleted; and to single students.

Lists of students come in through `app.classes.roster`. Functions take the session and never commit.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import store as accounts
from app.accounts.models import User
from app.accounts.service import normal, shown_name
from app.classes import store
from app.classes.models import Class, ClassTeacher, Student
from app.classes.store import PaperKey
from app.i18n import LANGUAGES, N_, ProblemError

LONGEST_CLASS = 80
LONGEST_NUMBER = 64
LONGEST_NAME = 100
MOST_STUDENTS = 5000


class ClassError(ProblemError):
    """Something about a class that the person can mend; the text says what."""


class StudentError(ProblemError):
    """Something about a student that the person can mend; the text says what."""


class StaleError(StudentError):
    """The student or the list was shown before somebody else's change; nothing was overwritten."""

    status = 409


def clean_name(name: str) -> str:
    """A class's name on one line. Raises ClassError when it is empty or too long."""
    shown = shown_name(name)
    if not shown:
        raise ClassError(N_("Give the class a name, for example “8C” or “八年级3班”."))
    if len(shown) > LONGEST_CLASS:
        raise ClassError(
            N_("The name of the class is too long: use at most {most} characters."), most=LONGEST_CLASS
        )
    return shown


async def create(session: AsyncSession, user_id: int, name: str, language: str) -> Class:
    """A new class of a teacher; an unknown language is English. Raises ClassError."""
    made = Class(name=clean_name(name), language=language if language in LANGUAGES else "en")
    session.add(made)
    await session.flush()
    session.add(ClassTeacher(class_id=made.id, user_id=user_id, owner=True))
    await session.flush()
    return made


def rename(klass: Class, name: str, language: str) -> None:
    """Change name and language. Raises ClassError."""
    klass.name = clean_name(name)
    if language in LANGUAGES:
        klass.language = language


def put_away(klass: Class) -> None:
    """Archive a class: it leaves the start page, and stays as it is."""
    klass.archived_at = klass.archived_at or datetime.now(UTC)


def bring_back(klass: Class) -> None:
    """The inverse of `put_away`."""
    klass.archived_at = None


async def delete(session: AsyncSession, klass: Class, typed: str) -> None:
    """Delete a class with its students, assignments, papers and marks, once its name was typed. Raises ClassError."""
    if shown_name(typed) != klass.name:
        raise ClassError(
            N_("To delete the class, type its name: {name}. Nothing was deleted."), name=klass.name
        )
    if await store.is_graded_now(session, klass.id):
        raise ClassError(
            N_("An assignment of this class is being graded. Wait until that has ended, or cancel it.")
        )
    await session.delete(klass)
    await session.flush()


async def share(session: AsyncSession, klass: Class, username: str) -> User:
    """Let a colleague work with a class. Raises ClassError when there is nobody to share with."""
    user = await accounts.by_username(session, normal(username))
    if user is None or user.disabled_at is not None:
        raise ClassError(N_("There is no user “{name}”."), name=normal(username)[:64])
    if not await store.add_teacher(session, klass.id, user.id):
        raise ClassError(N_("{name} works with this class already."), name=user.name)
    return user


async def unshare(session: AsyncSession, klass: Class, user_id: int) -> None:
    """End a colleague's access. Raises ClassError for somebody who is no colleague in it."""
    if not await store.remove_teacher(session, klass.id, user_id):
        raise ClassError(N_("That colleague does not work with this class any more."))


def number_key(number: str) -> str:
    """What two spellings of one number share; they differ in capitals only."""
    return number.casefold()


def check_student(number: str, name: str) -> None:
    """Raise StudentError for a number or name that cannot be; both are in their normal spelling."""
    if not number:
        raise StudentError(N_("The student number is missing."))
    if len(number) > LONGEST_NUMBER:
        raise StudentError(N_("The student number is longer than {limit} characters."), limit=LONGEST_NUMBER)
    if not any(map(str.isalnum, number)):
        raise StudentError(N_("“{number}” is not a student number."), number=number)
    if not name:
        raise StudentError(N_("The name is missing."))
    if len(name) > LONGEST_NAME:
        raise StudentError(N_("The name is longer than {limit} characters."), limit=LONGEST_NAME)
    if not any(map(str.isalpha, name)):
        raise StudentError(N_("“{name}” is not a name."), name=name)


async def add_student(session: AsyncSession, klass: Class, number: str, name: str) -> Student:
    """One more student. Raises StudentError, also for a number that the class has already."""
    check_student(number, name)
    roster = await _roster(session, klass)
    if len(roster) >= MOST_STUDENTS:
        raise StudentError(N_("A class has at most {most} students."), most=MOST_STUDENTS)
    _check_free(roster, number)
    made = Student(class_id=klass.id, number=number, name=name)
    session.add(made)
    await session.flush()
    return made


async def change_student(
    session: AsyncSession, klass: Class, student_id: int, number: str, name: str
) -> list[PaperKey]:
    """Change a student's number and name. Raises StudentError. Returns the papers that show them."""
    check_student(number, name)
    roster = await _roster(session, klass)
    student = roster.get(student_id)
    if student is None:
        raise StaleError(N_("This student has been removed meanwhile."))
    _check_free({key: other for key, other in roster.items() if key != student_id}, number)
    student.number, student.name = number, name
    await session.flush()
    return await store.papers_of_students(session, [student_id])


async def remove_student(
    session: AsyncSession, klass: Class, student_id: int
) -> tuple[Student, list[PaperKey]]:
    """Take a student off the roster. Raises StaleError.

    Their papers stay, nobody's for now, and are returned with the student.
    """
    student = (await _roster(session, klass)).get(student_id)
    if student is None:
        raise StaleError(N_("This student has been removed meanwhile."))
    released = await store.release_papers(session, student_id)
    await session.delete(student)
    await session.flush()
    return student, released


async def _roster(session: AsyncSession, klass: Class) -> dict[int, Student]:
    """The students by id, with the class held until the transaction ends."""
    if await store.locked(session, klass.id) is None:
        raise StaleError(N_("This class has been deleted meanwhile."))
    return {student.id: student for student in await store.students(session, klass.id)}


def _check_free(roster: dict[int, Student], number: str) -> None:
    taken = next((each for each in roster.values() if number_key(each.number) == number_key(number)), None)
    if taken is not None:
        raise StudentError(N_("The number {number} is {name}'s already."), number=number, name=taken.name)
