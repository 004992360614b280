"""What happens to papers: they arrive, are read, find their student, and are removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.assignments.models import Assignment
from app.classes import store as classes
from app.classes.models import Student
from app.document import Document
from app.i18n import N_, ProblemError, Text
from app.papers import pages, store
from app.papers.listing import PaperRow, overview, row
from app.papers.models import MatchState, Paper, PaperState

__all__ = [
    "File", "Match", "MatchBy", "PaperRow", "Received", "StudentError", "confirm", "match_again", "overview",
    "read_again", "receive", "record_reading", "record_unreadable", "remove", "row",
]  # fmt: skip


class StudentError(ProblemError):
    """A paper was to be given to somebody who is not in its class."""


class Match(Protocol):
    """What a matching function finds (`app.intake.matching.Match`): "matched", "doubtful" or "unknown"."""

    @property
    def state(self) -> str: ...
    @property
    def entry(self) -> Any: ...
    @property
    def candidates(self) -> Sequence[Any]: ...
    @property
    def reason(self) -> Text | None: ...


# (file name, text, roster) -> match, with members of the roster as entry and candidates. The roster's members have
# `number` and `name`. It is handed in because domain packages do not import intake.
MatchBy = Callable[[str, str, Sequence[Any]], Match]


@dataclass(frozen=True, slots=True)
class File:
    """A stored file: its storage key, SHA-256 in hex, and size in bytes (`app.storage.Stored`)."""

    key: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Received:
    """What came of an upload: the new paper, or (`new` False) the paper that had this content already."""

    paper: Paper
    new: bool


async def receive(
    session: AsyncSession, assignment_id: int, user_id: int | None, file_name: str, stored: File
) -> Received:
    """Take a stored file as a paper, with the job that reads it, in the caller's transaction.

    The same content is one paper an assignment, whatever its names.
    """
    values = {
        "assignment_id": assignment_id,
        "uploaded_by": user_id,
        "file_name": file_name,
        "size": stored.size,
        "sha256": stored.sha256,
        "storage_key": stored.key,
    }
    for _ in range(3):
        paper = await store.add(session, **values)
        if paper is not None:
            await jobs.enqueue_read(session, paper.id)
            return Received(paper, True)
        known = await store.same_file(session, assignment_id, stored.sha256)
        if known is not None:
            return Received(known, False)
        # The paper that stood in the way was removed between the two statements.
    raise RuntimeError("paper neither added nor found")


async def record_reading(
    session: AsyncSession, paper: Paper, document: Document, match_by: MatchBy
) -> Paper | None:
    """Keep what was read and whose paper it is by `match_by` (`app.intake.matching.match_paper`).

    What the teacher confirmed stays. The row is read anew and locked, so that a confirmation made meanwhile is not
    overwritten; returns it, or None when the paper was removed meanwhile.
    """
    found = await store.locked(session, paper.id)
    if found is None:
        return None
    found.pages = document.to_json()
    found.state = PaperState.READ
    found.problem = None
    if found.match != MatchState.CONFIRMED:
        await _match(session, found, document.text, match_by)
    return found


async def record_unreadable(session: AsyncSession, paper: Paper, problem: Text) -> Paper | None:
    """Keep why a paper cannot be read; its file stays. None when the paper was removed meanwhile."""
    found = await store.locked(session, paper.id)
    if found is None:
        return None
    found.state = PaperState.UNREADABLE
    found.problem = problem.to_json()
    found.pages = None
    return found


async def match_again(
    session: AsyncSession, assignment: Assignment, match_by: MatchBy, match_scan: MatchBy
) -> list[int]:
    """Look again whose the papers are that nobody has; for a roster that has changed. Returns the changed ids.

    `match_scan` is asked about papers that text recognition has read.
    """
    open_papers = await store.with_match(session, assignment.id, MatchState.DOUBTFUL, MatchState.UNKNOWN)
    scans = await pages.recognised(session, [paper.id for paper in open_papers])
    roster = await classes.students(session, assignment.class_id)
    changed = []
    for each in open_papers:
        paper = await store.locked(session, each.id)
        if paper is None or paper.match == MatchState.CONFIRMED or paper.pages is None:
            continue
        before = (paper.match, paper.match_reason, paper.candidates)
        match = match_scan if paper.id in scans else match_by
        _apply(paper, match(paper.file_name, Document.from_json(paper.pages).text, roster))
        if before != (paper.match, paper.match_reason, paper.candidates):
            changed.append(paper.id)
    return changed


async def read_again(session: AsyncSession, paper: Paper) -> None:
    """Have a paper read once more. Its answers and marks stay until then, and the teacher's confirmation too."""
    found = await store.locked(session, paper.id)
    if found is None:
        return
    found.state = PaperState.RECEIVED
    found.problem = None
    await pages.begin_again(session, found.id)
    await jobs.enqueue_read(session, found.id)


async def confirm(session: AsyncSession, paper: Paper, student_id: int | None) -> set[int]:
    """The teacher says whose paper it is; None: nobody's of the class. Raises StudentError.

    Returns the ids of all papers whose line in the list changes: this one, and the others of both students.
    """
    found = await store.locked(session, paper.id)
    if found is None:
        raise StudentError(N_("This paper has been removed meanwhile."))
    if student_id is not None and not await _in_class(session, found.assignment_id, student_id):
        raise StudentError(N_("That student is not in this class. Load the page again and choose another."))
    touched = {found.id, *await store.ids_of_student(session, found.assignment_id, found.student_id)}
    found.student_id = student_id
    found.match = MatchState.CONFIRMED
    found.match_reason = None
    await session.flush()
    return touched | set(await store.ids_of_student(session, found.assignment_id, student_id))


async def remove(session: AsyncSession, paper: Paper) -> set[int]:
    """Remove a paper with its answers and marks. Returns the ids of the student's other papers."""
    others = set(await store.ids_of_student(session, paper.assignment_id, paper.student_id)) - {paper.id}
    await store.delete(session, paper.id)
    return others


async def _in_class(session: AsyncSession, assignment_id: int, student_id: int) -> bool:
    student = await session.get(Student, student_id)
    assignment = await session.get(Assignment, assignment_id)
    return student is not None and assignment is not None and student.class_id == assignment.class_id


async def _match(session: AsyncSession, paper: Paper, text: str, match_by: MatchBy) -> None:
    assignment = await session.get(Assignment, paper.assignment_id)
    assert assignment is not None
    _apply(paper, match_by(paper.file_name, text, await classes.students(session, assignment.class_id)))


def _apply(paper: Paper, match: Match) -> None:
    paper.match = MatchState(match.state)
    paper.student_id = match.entry.id if match.entry is not None else None
    paper.candidates = [entry.id for entry in match.candidates]
    paper.match_reason = match.reason.to_json() if match.reason is not None else None
