"""Edits of a marking scheme, one by one or as a whole.

Every edit holds the assignment (`store.lock`), raises `scheme_version` and stamps it on the rows that changed; a
form that was shown before a row's stamp is stale, and overwrites nothing. Functions never commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments import convert, store
from app.assignments.models import Assignment, Question
from app.assignments.service import AssignmentError, LossError, StaleError, add_row, keep_text, no_run
from app.i18n import N_
from app.scheme import types
from app.scheme.check import MAX_QUESTIONS
from app.scheme.notes import ParsedScheme


async def save_question(
    session: AsyncSession,
    assignment: Assignment,
    question_id: int,
    question: types.Question,
    version: int | None,
) -> Question:
    """Write a question as the teacher corrected it. Without a change nothing is raised and nothing is stale.

    `version` is the scheme_version that the form showed. Raises StaleError when somebody changed or deleted the
    question since, AssignmentError when its label is another question's.
    """
    await store.lock(session, assignment)
    row = find(assignment, question_id)
    stored = convert.to_value(row)
    question = _points_follow(stored, question)
    if question == stored:
        return row
    _not_stale(row, version)
    if any(other.label == question.label for other in assignment.questions if other is not row):
        raise AssignmentError(
            N_("Another question has the label {label} already. Choose a different one."),
            label=question.label,
        )
    assignment.scheme_version += 1
    convert.fill(row, question, row.position)
    row.version = assignment.scheme_version
    await session.flush()
    return row


async def add_question(session: AsyncSession, assignment: Assignment) -> Question:
    """One more question at the end, with the next free number, for the teacher to fill in."""
    await store.lock(session, assignment)
    if len(assignment.questions) >= MAX_QUESTIONS:
        raise AssignmentError(N_("A scheme may have at most {most} questions."), most=MAX_QUESTIONS)
    taken = {row.label for row in assignment.questions}
    number = len(taken) + 1
    while str(number) in taken:
        number += 1
    kind = types.Kind(assignment.questions[-1].kind) if assignment.questions else types.Kind.TEXT
    question = types.Question(str(number), kind, "", 0.0, (), (types.Criterion("", 0.0),))
    return await _insert(session, assignment, question, len(assignment.questions))


async def move_question(session: AsyncSession, assignment: Assignment, question_id: int, step: int) -> None:
    """Change places with the question before (`step` -1) or behind (+1); at the end of the list nothing happens."""
    await store.lock(session, assignment)
    rows = list(assignment.questions)
    place = rows.index(find(assignment, question_id))
    target = place + step
    if not 0 <= target < len(rows):
        return
    rows.insert(target, rows.pop(place))
    _number(rows)
    assignment.scheme_version += 1
    await session.flush()
    await session.refresh(assignment, ["questions"])


async def delete_question(
    session: AsyncSession, assignment: Assignment, question_id: int, version: int | None, *, confirmed: bool
) -> None:
    """Delete a question; `undo_delete` brings it back, but not its marks.

    Raises StaleError as `save_question`, LossError when marks hang on it and `confirmed` is False, AssignmentError
    while the assignment is being graded.
    """
    await store.lock(session, assignment)
    row = find(assignment, question_id)
    _not_stale(row, version)
    await no_run(session, assignment)
    marks = (await store.marked(session, assignment.id)).get(row.id)
    if marks and not confirmed:
        raise LossError(N_("Question {questions} has {marks} marks. Confirm that they may be deleted with it."),
                        [(row.label, marks)])  # fmt: skip
    assignment.deleted_question = {
        "id": row.id, "position": row.position, "question": convert.to_json(convert.to_value(row)),
    }  # fmt: skip
    assignment.questions.remove(row)
    _number(assignment.questions)
    assignment.scheme_version += 1
    await session.flush()


async def undo_delete(session: AsyncSession, assignment: Assignment) -> Question:
    """Bring the question deleted last back, with its place. Raises AssignmentError when there is none."""
    await store.lock(session, assignment)
    await store.load_texts(session, assignment)
    deleted = assignment.deleted_question
    if not deleted:
        raise AssignmentError(N_("There is no deleted question to bring back."))
    question = convert.from_json(deleted["question"])
    if any(row.label == question.label for row in assignment.questions):
        raise AssignmentError(
            N_("Another question has the label {label} already. Change it, then bring the deleted one back."),
            label=question.label,
        )
    if len(assignment.questions) >= MAX_QUESTIONS:
        raise AssignmentError(N_("A scheme may have at most {most} questions."), most=MAX_QUESTIONS)
    assignment.deleted_question = None
    return await _insert(session, assignment, question, int(deleted["position"]), int(deleted["id"]))


async def replace_scheme(
    session: AsyncSession,
    assignment: Assignment,
    parsed: ParsedScheme,
    text: str,
    version: int | None,
    *,
    confirmed: bool,
) -> None:
    """Take over a scheme read from text. A question keeps its row, and its marks, where the label is the same.

    Raises StaleError when the scheme changed since `version`, LossError when questions with marks are missing in
    the text and `confirmed` is False, AssignmentError when the text has no question or a run is open.
    """
    await store.lock(session, assignment)
    if version != assignment.scheme_version:
        raise StaleError(
            N_("The scheme was changed meanwhile, perhaps by a colleague. Nothing was overwritten: "
               "compare your text with the scheme as it is now.")
        )  # fmt: skip
    if not parsed.scheme.questions:
        raise AssignmentError(N_("No question was found: number them, for example “1. … (4)”."))
    await no_run(session, assignment)
    labels = {question.label for question in parsed.scheme.questions}
    gone = [row for row in assignment.questions if row.label not in labels]
    marks = await store.marked(session, assignment.id)
    lost = [(row.label, marks[row.id]) for row in gone if row.id in marks]
    if lost and not confirmed:
        raise LossError(
            N_("The new text has no question {questions}, so {marks} marks would be lost, "
               "{decided} of them decided by a teacher. Nothing is changed yet."),
            lost,
        )  # fmt: skip
    assignment.scheme_version += 1
    rows = {row.label: row for row in assignment.questions}
    for row in gone:
        assignment.questions.remove(row)
    for position, question in enumerate(parsed.scheme.questions):
        known = rows.get(question.label)
        if known is None:
            add_row(session, assignment.id, question, position, assignment.scheme_version)
            continue
        if convert.to_value(known) != question:
            known.version = assignment.scheme_version
        convert.fill(known, question, position)
    keep_text(assignment, parsed, text)
    await session.flush()
    await session.refresh(assignment, ["questions"])


def find(assignment: Assignment, question_id: int) -> Question:
    """A question of an assignment. Raises StaleError when it is gone."""
    for row in assignment.questions:
        if row.id == question_id:
            return row
    raise StaleError(
        N_("This question was deleted meanwhile. Load the page again to see the scheme as it is now.")
    )


def _not_stale(row: Question, version: int | None) -> None:
    if version is None or row.version > version:
        raise StaleError(
            N_("Somebody changed question {label} meanwhile. Nothing was overwritten: it is shown as it is now. "
               "Make your change again if it is still needed."),
            label=row.label,
        )  # fmt: skip


def _points_follow(stored: types.Question, question: types.Question) -> types.Question:
    """A single criterion that gave all the points goes on giving all of them when only the question's are changed."""
    if (
        len(question.criteria) == len(stored.criteria) == 1
        and question.points != stored.points
        and question.criteria[0].points == stored.criteria[0].points == stored.points
    ):
        return replace(question, criteria=(replace(question.criteria[0], points=question.points),))
    return question


async def _insert(
    session: AsyncSession,
    assignment: Assignment,
    question: types.Question,
    position: int,
    row_id: int | None = None,
) -> Question:
    assignment.scheme_version += 1
    row = Question(assignment_id=assignment.id, version=assignment.scheme_version)
    if row_id is not None:
        row.id = row_id
    convert.fill(row, question, position)
    rows = list(assignment.questions)
    rows.insert(position, row)
    _number(rows)
    session.add(row)
    await session.flush()
    await session.refresh(assignment, ["questions"])
    return row


def _number(rows: Sequence[Question]) -> None:
    for position, row in enumerate(rows):
        row.position = position
