"""What happens to assignments: made, copied, set up, deleted, asked whether they can be graded.

Functions take the session and never commit. A scheme is kept with its problems while the teacher corrects it
(`app.assignments.edits`); `ready_to_grade` is what grading asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments import convert, store
from app.assignments.models import Assignment, Question
from app.assignments.store import Marked
from app.classes.models import Class
from app.i18n import N_, ProblemError, Text
from app.scheme import types
from app.scheme.check import problems
from app.scheme.clean import has_han, one_line
from app.scheme.notes import Note, ParsedScheme

LONGEST_TITLE = 200
GRADE_LINES = {"A": 85, "B": 70, "C": 60, "D": 50}
MAX_COST_CAP = 10_000.0  # US dollars; more is a slip of the keyboard


class AssignmentError(ProblemError):
    """Something about an assignment or its scheme that the person can mend; the text says what."""


class StaleError(AssignmentError):
    """The form was shown before somebody else's change; nothing was overwritten."""

    status = 409


class LossError(AssignmentError):
    """The change would delete marks, and nobody has confirmed that. `lost` is (label, marks) by question."""

    status = 409

    def __init__(self, text: str, lost: Sequence[tuple[str, Marked]]) -> None:
        super().__init__(
            text,
            questions=", ".join(label for label, _ in lost),
            marks=sum(entry.marks for _, entry in lost),
            decided=sum(entry.decided for _, entry in lost),
        )
        self.lost = tuple(lost)


@dataclass(frozen=True, slots=True)
class Options:
    """How an assignment is graded; the fields mean what the columns of Assignment say."""

    strictness: int
    feedback_language: str
    grader: str
    cost_cap: float | None


def clean_title(title: str) -> str:
    """A title on one line. Raises AssignmentError when it is empty or too long."""
    title = one_line(title)
    if not title:
        raise AssignmentError(N_("Give the assignment a title."))
    if len(title) > LONGEST_TITLE:
        raise AssignmentError(N_("The title is too long: use at most {most} characters."), most=LONGEST_TITLE)
    return title


def scheme_of(assignment: Assignment) -> types.Scheme:
    """An assignment's scheme as a value."""
    return convert.to_scheme(assignment.title, assignment.questions)


def ready_to_grade(assignment: Assignment) -> tuple[Note, ...]:
    """What keeps an assignment's scheme from being graded with; empty when it is ready.

    A note's `line` is the question's place from 1, 0 for the whole scheme. Questions must be loaded.
    """
    return tuple(note for note in problems(scheme_of(assignment)) if note.severity == "error")


async def create(
    session: AsyncSession, klass: Class, user_id: int, title: str, parsed: ParsedScheme | None, text: str = ""
) -> Assignment:
    """A new assignment with what was read of its scheme. A missing title is the scheme's own.

    Raises AssignmentError when there is no title either way.
    """
    made = Assignment(
        class_id=klass.id,
        title=clean_title(
            title if one_line(title) or parsed is None else parsed.scheme.title[:LONGEST_TITLE]
        ),
        created_by=user_id,
        feedback_language=klass.language if klass.language in ("zh", "en") else "en",
        grade_lines=dict(GRADE_LINES),
    )
    session.add(made)
    await session.flush()
    if parsed is not None:
        keep_text(made, parsed, text)
        for position, question in enumerate(parsed.scheme.questions):
            add_row(session, made.id, question, position, made.scheme_version)
    await session.flush()
    return made


async def duplicate(session: AsyncSession, assignment: Assignment, user_id: int) -> Assignment:
    """A copy of an assignment's scheme and options, without papers and marks."""
    pattern = "{title}（副本）" if has_han(assignment.title) else "{title} (copy)"
    made = Assignment(
        class_id=assignment.class_id,
        title=pattern.format(title=assignment.title[: LONGEST_TITLE - 10]),
        created_by=user_id,
        strictness=assignment.strictness,
        feedback_language=assignment.feedback_language,
        grader=assignment.grader,
        cost_cap=assignment.cost_cap,
        grade_lines=dict(assignment.grade_lines),
    )
    session.add(made)
    await session.flush()
    for position, row in enumerate(assignment.questions):
        add_row(session, made.id, convert.to_value(row), position, made.scheme_version)
    await session.flush()
    return made


async def delete(session: AsyncSession, assignment: Assignment) -> None:
    """Delete an assignment with its papers and marks. Raises AssignmentError while it is being graded."""
    await store.lock(session, assignment)
    await no_run(session, assignment)
    await session.delete(assignment)
    await session.flush()


def set_options(assignment: Assignment, options: Options, *, model_is_there: bool) -> None:
    """Change how an assignment is graded. Raises AssignmentError for a value that cannot be."""
    if options.strictness not in (1, 2, 3):
        raise AssignmentError(N_("Strictness is 1 (mild), 2 or 3 (strict)."))
    if options.feedback_language not in ("zh", "en"):
        raise AssignmentError(N_("Feedback is written in Chinese or in English."))
    if options.grader not in ("local", "model"):
        raise AssignmentError(N_("Choose who proposes the marks: this server or the language model."))
    if options.grader == "model" and assignment.grader != "model" and not model_is_there:
        raise AssignmentError(N_("No language model is set up on this server. Ask its administrator."))
    if options.cost_cap is not None and not 0 < options.cost_cap <= MAX_COST_CAP:
        raise AssignmentError(
            N_("The cost cap is an amount in dollars above 0 and up to {most}. Leave it empty for none."),
            most=round(MAX_COST_CAP),
        )
    assignment.strictness = options.strictness
    assignment.feedback_language = options.feedback_language
    assignment.grader = options.grader
    assignment.cost_cap = options.cost_cap


def add_row(
    session: AsyncSession, assignment_id: int, question: types.Question, position: int, version: int
) -> None:
    """Put a new question's row into the session."""
    row = Question(assignment_id=assignment_id, version=version)
    convert.fill(row, question, position)
    session.add(row)


def keep_text(assignment: Assignment, parsed: ParsedScheme, text: str) -> None:
    """Keep the text and the remarks on its lines; those that are rules of the scheme are checked anew each time."""
    rules = {(note.text.message, str(note.text.values)) for note in problems(parsed.scheme)}
    assignment.scheme_text = text
    assignment.scheme_notes = [
        {"line": note.line, "text": note.text.to_json(), "severity": note.severity}
        for note in parsed.notes
        if (note.text.message, str(note.text.values)) not in rules
    ]


def note_text(entry: dict[str, object]) -> Text:
    """The sentence of a stored remark."""
    return Text.from_json(entry["text"])  # type: ignore[arg-type]  # written by `keep_text`


async def no_run(session: AsyncSession, assignment: Assignment) -> None:
    """Raise AssignmentError while a grading run of the assignment is open."""
    if await store.run_is_open(session, assignment.id):
        raise AssignmentError(
            N_("This assignment is being graded. Wait until that has ended, or cancel it, then try again.")
        )
