"""Questions to rows and JSON and back; what keeps a scheme from being graded with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.assignments import convert, models, service
from app.scheme.types import Criterion, Kind, Question, Scheme

NUMBER = Question(
    "1(a)", Kind.NUMBER, "2+2", 2.5, ("4", "four\nlines"), (Criterion("right", 2.5),), 0.02, True, "J"
)
TEXT = Question("2", Kind.TEXT, "为什么？", 4, (), (Criterion("甲", 1), Criterion("乙", 3)))


@pytest.mark.parametrize("question", [NUMBER, TEXT])
def test_round_trips(question: Question) -> None:
    assert convert.from_json(convert.to_json(question)) == question
    row = models.Question()
    convert.fill(row, question, 3)
    assert row.position == 3
    assert convert.to_value(row) == question


def assignment(*questions: Question) -> models.Assignment:
    made = models.Assignment(title="Heat")
    for place, question in enumerate(questions):
        row = models.Question()
        convert.fill(row, question, place)
        made.questions.append(row)
    return made


def test_ready_to_grade_names_the_questions_place() -> None:
    good = replace(NUMBER, references=("4",))
    assert service.ready_to_grade(assignment(good, TEXT)) == ()
    bad = replace(TEXT, points=8)
    notes = service.ready_to_grade(assignment(good, bad))
    assert [note.line for note in notes] == [2]
    assert "add up to 4" in notes[0].text.render("en")
    assert [note.line for note in service.ready_to_grade(assignment())] == [0]


def test_scheme_of_keeps_order() -> None:
    assert service.scheme_of(assignment(TEXT, NUMBER)) == Scheme("Heat", (TEXT, NUMBER))


@pytest.mark.parametrize("title", ["", " \n", "\u200b", "x" * 201])
def test_bad_titles(title: str) -> None:
    with pytest.raises(service.AssignmentError):
        service.clean_title(title)


def test_the_model_can_be_chosen_only_where_there_is_one() -> None:
    made = models.Assignment(
        title="Heat", strictness=2, feedback_language="zh", grader="local", cost_cap=None
    )
    options = service.Options(2, "zh", "model", 1.5)
    with pytest.raises(service.AssignmentError):
        service.set_options(made, options, model_is_there=False)
    assert (made.grader, made.cost_cap) == ("local", None)
    service.set_options(made, options, model_is_there=True)
    assert (made.grader, made.cost_cap) == ("model", 1.5)
    # A key that was taken away later must not keep the other options from being changed.
    service.set_options(made, service.Options(3, "en", "model", None), model_is_there=False)
    assert (made.strictness, made.grader) == (3, "model")
