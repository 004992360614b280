"""The teacher's hand: points, comments and feedback that no run overwrites, each change in the history.

Every function locks the mark's row, compares the version that the teacher saw with the stored one, and raises
StaleMarkError when a colleague was faster. Nothing here commits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.assignments.models import Assignment, Question
from app.i18n import N_, ProblemError, Text
from app.marks import store
from app.marks.models import Mark, MarkChange, MarkState
from app.papers.models import Paper

STEP = 0.25  # the smallest part of a mark that a teacher gives
LONGEST_TEXT = 5_000  # characters of a comment or of feedback


class PointsError(ProblemError):
    """Points that a criterion cannot give."""


class StaleMarkError(ProblemError):
    """Another teacher changed the mark after this page showed it."""

    status = 409


class NothingToAcceptError(ProblemError):
    """There is no proposal to accept."""


async def open_mark(session: AsyncSession, paper: Paper, question: Question, version: int | None) -> Mark:
    """The mark of a question, locked; made empty when the question was never graded.

    `version` is what the teacher's page showed (0 for a mark that was not there); None skips the comparison.
    Raises StaleMarkError.
    """
    mark = await store.locked(session, paper.id, question.id)
    if mark is None:
        mark = await store.make_empty(session, paper, question)
        # Made by a colleague in the same moment: then it has moved on from 0 as well.
        seen = 0 if mark.version == 1 else mark.version
    else:
        seen = mark.version
    if (
        version is not None
        and version != seen
        and not (version == 0 and mark.version == 1 and not mark.criteria)
    ):
        raise StaleMarkError(await _who_was_faster(session, mark))
    _fit(mark, question)
    return mark


async def set_points(
    session: AsyncSession, mark: Mark, question: Question, user: User, position: int, points: float
) -> None:
    """Give one criterion its points. The mark is decided once every criterion has points. Raises PointsError."""
    criterion = _criterion(mark, question, position)
    most = float(question.criteria[position]["points"])
    if not (math.isfinite(points) and 0 <= points <= most):
        raise PointsError(N_("This criterion gives 0 to {most} points."), most=_figure(most))
    if abs(points / STEP - round(points / STEP)) > 1e-9:
        raise PointsError(N_("Points go in steps of {step}."), step=_figure(STEP))
    _note(session, mark, user, f"criterion {position + 1} points", criterion["points"], points)
    _write(mark, position, points=points)
    _settle(session, mark, user)


async def set_comment(
    session: AsyncSession, mark: Mark, question: Question, user: User, position: int, comment: str
) -> None:
    """Write the comment of one criterion."""
    criterion = _criterion(mark, question, position)
    comment = _clean(comment)
    if comment == criterion["comment"]:
        return
    _note(session, mark, user, f"criterion {position + 1} comment", criterion["comment"], comment)
    _write(mark, position, comment=comment)
    mark.version += 1


async def set_feedback(session: AsyncSession, mark: Mark, user: User, feedback: str) -> None:
    """Write the feedback of the question."""
    feedback = _clean(feedback)
    if feedback == mark.feedback:
        return
    _note(session, mark, user, "feedback", mark.feedback, feedback)
    mark.feedback = feedback
    mark.version += 1


async def accept(session: AsyncSession, mark: Mark, user: User) -> None:
    """Make the proposal the teacher's own decision. Raises NothingToAcceptError while points are missing."""
    if any(entry["points"] is None for entry in mark.criteria) or not mark.criteria:
        raise NothingToAcceptError(
            N_("There is no complete proposal to accept here. Give each criterion its points.")
        )
    _settle(session, mark, user)


async def accept_all(session: AsyncSession, paper: Paper, user: User) -> list[Mark]:
    """Accept every complete proposal of a paper; what needs the teacher stays as it is. Returns what was decided."""
    decided = []
    for mark in await store.locked_of_paper(session, paper.id):
        if mark.state == MarkState.GRADED:
            _settle(session, mark, user)
            decided.append(mark)
    return decided


async def reopen(session: AsyncSession, mark: Mark, user: User) -> None:
    """Take a decision back: the criteria show the proposal again, comments and feedback stay."""
    if mark.state != MarkState.DECIDED:
        return
    before = mark.points
    mark.criteria = [{**entry, "points": entry["proposed"]} for entry in mark.criteria]
    mark.points = mark.proposed
    complete = mark.proposed is not None
    mark.state = MarkState.GRADED if complete else MarkState.NEEDS_TEACHER
    mark.decided_by, mark.decided_at = None, None
    mark.version += 1
    _note(session, mark, user, "state", MarkState.DECIDED.value, mark.state)
    if before != mark.points:
        _note(session, mark, user, "points", before, mark.points)


def _fit(mark: Mark, question: Question) -> None:
    """Give the mark one entry for every criterion the question has now."""
    entries: list[dict[str, Any]] = [dict(entry) for entry in mark.criteria[: len(question.criteria)]]
    while len(entries) < len(question.criteria):
        entries.append({"points": None, "proposed": None, "quote": "", "start": 0, "end": 0, "comment": ""})
    if entries != mark.criteria:
        mark.criteria = entries


def _criterion(mark: Mark, question: Question, position: int) -> dict[str, Any]:
    if not 0 <= position < len(question.criteria):
        raise PointsError(
            N_("The marking scheme has changed: this criterion is no longer there. Reload the page.")
        )
    entry: dict[str, Any] = mark.criteria[position]
    return entry


def _write(mark: Mark, position: int, **values: Any) -> None:
    # A new list: a JSON column notices replacement, not change in place.
    mark.criteria = [
        {**entry, **values} if index == position else entry for index, entry in enumerate(mark.criteria)
    ]


def _settle(session: AsyncSession, mark: Mark, user: User) -> None:
    """Sum up; the mark is the teacher's as soon as nothing is missing."""
    mark.version += 1
    given: Sequence[float | None] = [entry["points"] for entry in mark.criteria]
    known = [points for points in given if points is not None]
    if len(known) < len(given):
        return
    total = sum(known)
    if mark.points != total:
        _note(session, mark, user, "points", mark.points, total)
    if mark.state != MarkState.DECIDED:
        _note(session, mark, user, "state", mark.state, MarkState.DECIDED.value)
    mark.points = total
    mark.state = MarkState.DECIDED
    mark.decided_by = user.id
    mark.decided_at = datetime.now(UTC)


def _note(session: AsyncSession, mark: Mark, user: User, what: str, before: object, after: object) -> None:
    if before != after:
        session.add(
            MarkChange(
                mark_id=mark.id, user_id=user.id, what=what, before=_words(before), after=_words(after)
            )
        )


def _words(value: object) -> str | None:
    if value is None:
        return None
    return _figure(value) if isinstance(value, float | int) else str(value)


def _figure(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _clean(text: str) -> str:
    return text.replace("\0", "").replace("\r\n", "\n").strip()[:LONGEST_TEXT]


async def _who_was_faster(session: AsyncSession, mark: Mark) -> Text:
    name = await store.last_changed_by(session, mark.id)
    if name is None:
        return Text(N_("This mark was graded anew meanwhile. Look at it as it is now, then decide again."))
    return Text(
        N_("{name} changed this mark meanwhile. Look at it as it is now, then decide again."), {"name": name}
    )


async def assignment_of(session: AsyncSession, paper: Paper) -> Assignment:
    """The assignment a paper belongs to."""
    found = await session.get(Assignment, paper.assignment_id)
    assert found is not None
    return found
