"""What the scheme page shows: ready values for its templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments import convert, service, store
from app.assignments.models import Assignment, Question
from app.classes.models import Class
from app.i18n import N_, Text, gettext
from app.keys import SETTINGS
from app.scheme.check import agree, problems
from app.scheme.notes import Note
from app.scheme.numbers import plain_decimal
from app.scheme.types import Kind
from app.web.pages import render
from app.web.scheme_draft import Draft, draft_of

KINDS = {
    Kind.CHOICE: N_("Choice"),
    Kind.BLANK: N_("Gaps"),
    Kind.NUMBER: N_("Numerical"),
    Kind.MATHS: N_("Maths"),
    Kind.TEXT: N_("Short answer"),
    Kind.ESSAY: N_("Essay"),
}
SHOWN_PROBLEMS = 40
SHOWN_LINES = 1_000
AROUND = 2  # lines shown before and behind one with a remark, in a long text


@dataclass(frozen=True, slots=True)
class Row:
    """One question of the table. `focus` names the control that gets the focus when the row is swapped in."""

    id: int
    version: int
    draft: Draft
    sum: Text
    sum_good: bool
    notes: tuple[Note, ...]
    wrong: tuple[Text, ...] = ()
    marks: int = 0
    focus: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the pasted text with its remarks; `number` 0 stands for lines left out."""

    number: int
    text: str
    notes: tuple[tuple[Text, str], ...] = ()


def rows_of(
    assignment: Assignment, marked: Mapping[int, store.Marked], changed: Mapping[int, Row] | None = None
) -> list[Row]:
    """All questions as rows; `changed` takes the place of rows by id."""
    notes = _by_place(assignment)
    changed = changed or {}
    return [
        changed.get(question.id) or row_of(question, assignment, marked, notes=notes.get(place, ()))
        for place, question in enumerate(assignment.questions, 1)
    ]


def row_of(
    question: Question,
    assignment: Assignment,
    marked: Mapping[int, store.Marked],
    *,
    notes: Sequence[Note] | None = None,
    draft: Draft | None = None,
    version: int | None = None,
    wrong: Sequence[Text] = (),
    focus: str = "",
) -> Row:
    """One question as a row: as stored, or as typed (`draft`, against `version`) with what is `wrong` with it."""
    if notes is None:
        place = assignment.questions.index(question) + 1
        notes = _by_place(assignment).get(place, ())
    value = convert.to_value(question)
    total = sum(criterion.points for criterion in value.criteria)
    return Row(
        id=question.id,
        version=assignment.scheme_version if draft is None else version or 0,
        draft=draft or draft_of(value),
        sum=Text(
            N_("Criteria add up to {sum} of {points}"), {"sum": _shown(total), "points": _shown(value.points)}
        ),
        sum_good=agree(total, value.points),
        notes=tuple(notes),
        wrong=tuple(wrong),
        marks=marked[question.id].marks if question.id in marked else 0,
        focus=focus,
    )


def state_of(assignment: Assignment) -> dict[str, Any]:
    """The values of partials/scheme_state.html: total, problems with the questions they belong to."""
    found = problems(service.scheme_of(assignment))
    errors = sum(note.severity == "error" for note in found)
    ordered = sorted(found, key=lambda note: (note.severity != "error", note.line))
    return {
        "assignment": assignment,
        "count": len(assignment.questions),
        "total": sum(question.points for question in assignment.questions),
        "problems": [
            (note, assignment.questions[note.line - 1].id if note.line else None)
            for note in ordered[:SHOWN_PROBLEMS]
        ],
        "more_problems": max(0, len(found) - SHOWN_PROBLEMS),
        "errors": errors,
        "ready": errors == 0,
    }


def options_of(request: web.Request, assignment: Assignment) -> dict[str, Any]:
    """The values of partials/scheme_options.html."""
    settings = request.app[SETTINGS]
    there = model_is_there(request)
    return {
        "assignment": assignment,
        "cost_cap": "" if assignment.cost_cap is None else plain_decimal(assignment.cost_cap),
        "model_is_there": there,
        "model_missing": assignment.grader == "model" and not there,
        "model_name": settings.llm_model,
        "saved": False,
    }


def model_is_there(request: web.Request) -> bool:
    """Whether a language model is set up: a key, or an endpoint of one's own."""
    settings = request.app[SETTINGS]
    return bool(settings.llm_api_key.get_secret_value() or settings.llm_base_url)


async def context(
    request: web.Request,
    db: AsyncSession,
    assignment: Assignment,
    klass: Class,
    changed: Mapping[int, Row] | None = None,
) -> dict[str, Any]:
    """All values of pages/scheme.html; reads what it needs in the caller's transaction."""
    await store.load_texts(db, assignment)
    marked = await store.marked(db, assignment.id)
    deleted = assignment.deleted_question
    return {
        **state_of(assignment),
        **options_of(request, assignment),
        "klass": klass,
        "tab": "scheme",
        "kinds": kinds(),
        "rows": rows_of(assignment, marked, changed),
        "remarks": len(assignment.scheme_notes),
        "remark_list": [
            (entry["line"], service.note_text(entry), entry["severity"])
            for entry in assignment.scheme_notes[:SHOWN_PROBLEMS]
        ],
        "lines": _lines(assignment),
        "deleted_label": deleted["question"]["label"] if deleted else None,
        "papers": await store.papers(db, assignment.id),
        "marks": sum(entry.marks for entry in marked.values()),
    }


async def page(request: web.Request, values: Mapping[str, Any], status: int = 200) -> web.Response:
    """The scheme page."""
    return await render(request, "pages/scheme.html", values, status=status)


def kinds() -> list[tuple[str, str]]:
    """The kinds of question with their names in the reader's language."""
    return [(kind.value, gettext(name)) for kind, name in KINDS.items()]


def before(assignment: Assignment, row: Question) -> int | None:
    """The id of the question before a row, None for the first."""
    place = [question.id for question in assignment.questions].index(row.id)
    return assignment.questions[place - 1].id if place else None


def _by_place(assignment: Assignment) -> dict[int, list[Note]]:
    places: dict[int, list[Note]] = {}
    for note in problems(service.scheme_of(assignment)):
        places.setdefault(note.line, []).append(note)
    return places


def _lines(assignment: Assignment) -> list[Line]:
    """The pasted text with remarks beside their lines; of a long one only the lines around remarks."""
    notes: dict[int, list[tuple[Text, str]]] = {}
    for entry in assignment.scheme_notes:
        notes.setdefault(int(entry["line"]), []).append((service.note_text(entry), entry["severity"]))
    texts = assignment.scheme_text.replace("\r\n", "\n").split("\n") if assignment.scheme_text else []
    wanted = set(range(1, min(len(texts), SHOWN_LINES) + 1))
    if len(texts) > SHOWN_LINES:
        near = (range(line - AROUND, line + AROUND + 1) for line in list(notes)[:200])
        wanted = {number for numbers in near for number in numbers if 0 < number <= len(texts)}
    whole = [Line(0, "", tuple(notes[0]))] if 0 in notes else []
    before = 0
    for number in sorted(wanted):
        if number != before + 1:
            whole.append(Line(0, "…"))
        whole.append(Line(number, texts[number - 1][:2000], tuple(notes.get(number, ()))))
        before = number
    return whole


def _shown(value: float) -> str:
    return plain_decimal(round(value, 3))
