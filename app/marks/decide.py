"""The teacher's hand: points, comments and feedback that no run overwrites, each change in the history.

A mark is opened first (`open_mark`): its row is locked, and the version that the teacher's page showed is compared
with the stored one, so that of two teachers the second is told and nothing is overwritten. Nothing here commits.
All changes of one transaction bear the same moment: together they are one step, which `undo_last` takes back.

`decided_by` names the teacher whose hand was last in a mark, from the first word on and not only once it is decided.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.assignments.models import Question
from app.i18n import N_, ProblemError, Text
from app.marks import store
from app.marks.models import Mark, MarkChange, MarkState
from app.papers.models import Paper

STEP = 0.25  # the smallest part of a mark that a teacher gives
LONGEST_TEXT = 5_000  # characters of a comment or of feedback
UNDO = "undo "  # begins `what` of a change that took another back
ANSWER = "answer"  # `what` of a corrected transcription: it is of the paper, and no step of the mark's


class PointsError(ProblemError):
    """Points that a criterion cannot give."""


class WordsError(ProblemError):
    """A comment or feedback that is too long."""


class StaleMarkError(ProblemError):
    """Another teacher, or a run, changed the mark after this page showed it."""

    status = 409


class NothingToAcceptError(ProblemError):
    """There is no proposal to accept."""


class NothingToUndoError(ProblemError):
    """The teacher has made no change that could be taken back."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a teacher writes into one mark at once; keys of `points` and `comments` are criteria from 0."""

    points: Mapping[int, float] = field(default_factory=dict)
    comments: Mapping[int, str] = field(default_factory=dict)
    feedback: str | None = None


async def open_mark(session: AsyncSession, paper: Paper, question: Question, version: int | None) -> Mark:
    """The mark of a question, locked; made empty, with version 0, when the question was never graded.

    `version` is what the teacher's page showed (0 for a mark that was not there); None skips the comparison.
    Raises StaleMarkError.
    """
    mark = await store.locked(session, paper.id, question.id)
    if mark is None:
        mark = await store.make_empty(session, paper, question)
    if version is not None and version != mark.version:
        raise StaleMarkError(await _who_was_faster(session, mark))
    _fit(mark, question)
    return mark


def write(session: AsyncSession, mark: Mark, question: Question, user: User, change: Change) -> None:
    """Write points, comments and feedback; what is as it was changes nothing.

    The mark is decided as soon as points were given and no criterion is without. Raises PointsError, WordsError.
    """
    for position, comment in change.comments.items():
        set_comment(session, mark, question, user, position, comment)
    if change.feedback is not None:
        set_feedback(session, mark, user, change.feedback)
    for position, points in change.points.items():
        _give(session, mark, question, user, position, points)
    if change.points:
        _settle(session, mark, user)


def set_points(
    session: AsyncSession, mark: Mark, question: Question, user: User, position: int, points: float
) -> None:
    """Give one criterion its points. The mark is decided once every criterion has points. Raises PointsError."""
    write(session, mark, question, user, Change(points={position: points}))


def set_comment(
    session: AsyncSession, mark: Mark, question: Question, user: User, position: int, comment: str
) -> None:
    """Write the comment of one criterion. Raises WordsError."""
    before, comment = _criterion(mark, question, position)["comment"], _clean(comment)
    if comment != before:
        _note(session, mark, user, f"criterion {position + 1} comment", before, comment)
        _put(mark, position, comment=comment)
        _touch(mark, user)


def set_feedback(session: AsyncSession, mark: Mark, user: User, feedback: str) -> None:
    """Write the feedback of the question. Raises WordsError."""
    feedback = _clean(feedback)
    if feedback != mark.feedback:
        _note(session, mark, user, "feedback", mark.feedback, feedback)
        mark.feedback = feedback
        _touch(mark, user)


def can_accept(mark: Mark, question: Question) -> bool:
    """Whether every criterion has points, the teacher's or proposed, that the scheme still allows."""
    entries = mark.criteria[: len(question.criteria)]
    return len(entries) == len(question.criteria) > 0 and all(
        (points := _offered(entry)) is not None and 0 <= points <= float(most["points"]) + 1e-9
        for entry, most in zip(entries, question.criteria, strict=True)
    )


def accept(session: AsyncSession, mark: Mark, question: Question, user: User) -> None:
    """Make the proposal the teacher's own decision, a doubtful one included. Raises NothingToAcceptError."""
    if not can_accept(mark, question):
        raise NothingToAcceptError(
            N_("There is no complete proposal to accept here. Give each criterion its points.")
        )
    for position, entry in enumerate(mark.criteria):
        if entry["points"] is None:
            _give(session, mark, question, user, position, entry["proposed"], any_step=True)
    if mark.state != MarkState.DECIDED:
        _settle(session, mark, user)


async def accept_paper(
    session: AsyncSession, paper: Paper, questions: Sequence[Question], user: User, seen: Mapping[int, int]
) -> tuple[list[Mark], int]:
    """Accept the complete proposals of a paper; what needs the teacher stays as it is.

    `seen` are the versions the page showed, by question. Returns the decided marks, and how many proposals were left
    because they changed meanwhile. Raises NothingToAcceptError when there was nothing at all.
    """
    by_id = {question.id: question for question in questions}
    accepted, changed = [], 0
    for mark in await store.locked_of_paper(session, paper.id):
        question = by_id[mark.question_id]
        if mark.state != MarkState.GRADED or not can_accept(mark, question):
            continue
        if seen.get(question.id) != mark.version:
            changed += 1
            continue
        _fit(mark, question)
        accept(session, mark, question, user)
        accepted.append(mark)
    if not accepted and not changed:
        raise NothingToAcceptError(N_("There is no proposal left to accept on this paper."))
    return accepted, changed


def reopen(session: AsyncSession, mark: Mark, user: User) -> None:
    """Take a decision back: the criteria show the proposal again; comments and feedback stay."""
    if mark.state != MarkState.DECIDED:
        return
    complete = mark.proposed is not None
    for position, entry in enumerate(mark.criteria):
        points = entry["proposed"] if complete else None
        _note(session, mark, user, f"criterion {position + 1} points", entry["points"], points)
        _put(mark, position, points=points)
    state = MarkState.GRADED if complete else MarkState.NEEDS_TEACHER
    _note(session, mark, user, "points", mark.points, mark.proposed)
    _note(session, mark, user, "state", mark.state, state.value)
    mark.points, mark.state = mark.proposed, state
    mark.decided_by, mark.decided_at = None, None
    mark.version += 1


def last_step(changes: Sequence[MarkChange], user_id: int) -> Sequence[MarkChange]:
    """The user's last step that has not been taken back yet; empty when there is none.

    `changes` are a mark's, newest first. A run's or a colleague's change is a wall that undoing does not pass.
    """
    taken_back = 0
    for (_, who), group in _steps(changes):
        step = list(group)
        if who != user_id:
            return ()
        if step[0].what.startswith(UNDO):
            taken_back += 1
        elif taken_back:
            taken_back -= 1
        else:
            return step
    return ()


def ink_left(changes: Sequence[MarkChange]) -> bool:
    """Whether a teacher's hand is still in a mark once the last step is taken back. `changes` are newest first.

    A run that wrote the mark, and a decision that was given up, leave nothing of what was before.
    """
    taken_back = 1
    for (_, who), group in _steps(changes):
        step = list(group)
        if who is None:
            return False
        if step[0].what.startswith(UNDO):
            taken_back += 1
        elif taken_back:
            taken_back -= 1
        else:
            return not any(each.what == "state" and each.before == MarkState.DECIDED for each in step)
    return False


def _steps(
    changes: Sequence[MarkChange],
) -> Iterator[tuple[tuple[datetime, int | None], Iterator[MarkChange]]]:
    """What was changed at one moment by one hand, in the order of `changes`."""
    own = (change for change in changes if change.what != ANSWER)
    return groupby(own, key=lambda change: (change.at, change.user_id))


async def undo_last(session: AsyncSession, mark: Mark, user: User) -> None:
    """Take back what this user changed last in this mark, step by step. Raises NothingToUndoError."""
    found = (await store.history(session, [mark.id])).get(mark.id, [])
    step = last_step([change for change, _ in found], user.id)
    if not step:
        raise NothingToUndoError(N_("There is no change of yours to take back here."))
    for change in step:
        _restore(session, mark, user, change)
    decided = mark.state == MarkState.DECIDED
    mark.decided_at = datetime.now(UTC) if decided else None
    mark.decided_by = user.id if decided or ink_left([change for change, _ in found]) else None
    mark.version += 1


def _restore(session: AsyncSession, mark: Mark, user: User, change: MarkChange) -> None:
    before = change.before
    kind, _, rest = change.what.partition(" ")
    if kind == "criterion":
        number, _, name = rest.partition(" ")
        position = int(number) - 1
        if position >= len(mark.criteria):
            return  # the scheme has lost this criterion since
        value = _number(before) if name == "points" else before or ""
        _put(mark, position, **{name: value})
    elif kind == "points":
        mark.points = _number(before)
    elif kind == "state":
        mark.state = before or MarkState.NEEDS_TEACHER
    else:
        mark.feedback = before or ""
    _note(session, mark, user, UNDO + change.what, change.after, before)


def _give(
    session: AsyncSession,
    mark: Mark,
    question: Question,
    user: User,
    position: int,
    points: float,
    *,
    any_step: bool = False,
) -> None:
    """Write one criterion's points; an accepted proposal may be finer than what teachers give."""
    before = _criterion(mark, question, position)["points"]
    most = float(question.criteria[position]["points"])
    if not (math.isfinite(points) and 0 <= points <= most + 1e-9):
        raise PointsError(
            N_("Criterion {number} gives 0 to {most} points."), number=position + 1, most=_figure(most)
        )
    # The whole is always allowed: a scheme may give a third of a point.
    if not any_step and points != most and abs(points / STEP - round(points / STEP)) > 1e-9:
        raise PointsError(N_("Points go in steps of {step}."), step=_figure(STEP))
    _note(session, mark, user, f"criterion {position + 1} points", before, points)
    _put(mark, position, points=points)


def _settle(session: AsyncSession, mark: Mark, user: User) -> None:
    """Sum up; the mark is the teacher's as soon as nothing is missing."""
    _touch(mark, user)
    known = [entry["points"] for entry in mark.criteria if entry["points"] is not None]
    if len(known) < len(mark.criteria):
        return
    total = round(sum(known), 6)
    _note(session, mark, user, "points", mark.points, total)
    _note(session, mark, user, "state", mark.state, MarkState.DECIDED.value)
    mark.points, mark.state = total, MarkState.DECIDED
    mark.decided_at = datetime.now(UTC)


def _touch(mark: Mark, user: User) -> None:
    mark.version += 1
    mark.decided_by = user.id


def _offered(entry: Mapping[str, Any]) -> float | None:
    points = entry["points"] if entry["points"] is not None else entry["proposed"]
    return None if points is None else float(points)


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


def _put(mark: Mark, position: int, **values: Any) -> None:
    # A new list: a JSON column notices replacement, not change in place.
    mark.criteria = [
        {**entry, **values} if index == position else entry for index, entry in enumerate(mark.criteria)
    ]


def _note(session: AsyncSession, mark: Mark, user: User, what: str, before: object, after: object) -> None:
    if before != after:
        session.add(
            MarkChange(
                mark_id=mark.id,
                at=func.now(),  # the transaction's moment: what changes together is one step
                user_id=user.id,
                what=what,
                before=_words(before),
                after=_words(after),
            )
        )


def _words(value: object) -> str | None:
    if value is None:
        return None
    return _figure(value) if isinstance(value, float | int) else str(value)


def _figure(value: float) -> str:
    return f"{value:.6g}"


def _number(words: str | None) -> float | None:
    return None if words is None else float(words)


def _clean(text: str) -> str:
    plain = text.replace("\0", "").replace("\r\n", "\n").strip()
    if len(plain) > LONGEST_TEXT:
        raise WordsError(N_("A comment or feedback has at most {most} characters."), most=LONGEST_TEXT)
    return plain


async def _who_was_faster(session: AsyncSession, mark: Mark) -> Text:
    name = await store.last_changed_by(session, mark.id)
    if name is None:
        return Text(N_("This mark was graded anew meanwhile. Look at it as it is now, then decide again."))
    return Text(
        N_("{name} changed this mark meanwhile. Look at it as it is now, then decide again."), {"name": name}
    )
