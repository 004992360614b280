"""A question's form: what is typed becomes a value, or a sentence for each field that is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from multidict import MultiDict, MultiDictProxy

from app.scheme.types import Criterion, Kind, Question
from app.web.scheme_draft import Draft, draft_from, draft_of, points_of, value_of

DRAFT = Draft("1", "number", "4", "How much?", "4.2", (("right", "4"),), "2%", "J")


@pytest.mark.parametrize(
    ("written", "value"),
    [("4", 4), ("2.5", 2.5), ("2,5", 2.5), (" ３．５ ", 3.5), (".5", 0.5), ("", 0), ("10000", 10_000)],
)
def test_points_as_people_type_them(written: str, value: float) -> None:
    assert points_of(written) == value


@pytest.mark.parametrize(
    "written", ["NaN", "inf", "1e3", "1e999", "-1", "2_5", "four", "1,2,3", "10000.5", "九", "٣"]
)
def test_what_is_no_points(written: str) -> None:
    assert points_of(written) is None


@pytest.mark.parametrize(
    "question",
    [
        Question("1", Kind.NUMBER, "How much?", 4, ("4.2",), (Criterion("right", 4),), 0.02, True, "J"),
        Question("2", Kind.ESSAY, "Write.\n\n  On heat.", 10, ("First.\n\n  Second.\nThird", "Other"), ()),
        Question(
            "3", Kind.BLANK, "__ and __", 2, ("a | b", "c"), (Criterion("one\ntwo", 1), Criterion("", 0))
        ),
        Question("4", Kind.TEXT, "", 0, (), (Criterion("", 0),)),
    ],
)
def test_a_stored_question_survives_its_form(question: Question) -> None:
    draft = draft_of(question)
    assert value_of(draft) == (question, ())
    windows = replace(draft, prompt=draft.prompt.replace("\n", "\r\n"), references=draft.references + "\r\n")
    assert value_of(windows) == (question, ())


def test_every_wrong_field_is_told() -> None:
    bad = replace(DRAFT, label="", kind="x", points="many", criteria=(("a", "b"),))
    value, wrong = value_of(bad)
    assert value is None
    assert len(wrong) == 4
    assert len(value_of(replace(DRAFT, tolerance="about", points="-1"))[1]) == 2


def test_tolerance_and_unit_belong_to_numbers() -> None:
    value, _ = value_of(replace(DRAFT, kind="text"))
    assert value is not None
    assert (value.tolerance, value.relative, value.unit) == (None, False, None)


def test_buttons_add_and_remove_a_criterion() -> None:
    fields = [("points", "4"), ("criterion_points", "1"), ("criterion_text", "a")]

    def read(*more: tuple[str, str]) -> Draft:
        return draft_from(MultiDictProxy(MultiDict([*fields, *more])))

    assert read(("add", "1")).criteria == (("a", "1"), ("", "3"))
    assert read(("remove", "0")).criteria == ()
    assert read(("remove", "7")).criteria == (("a", "1"),)
    assert read(("remove", "٣")).criteria == (("a", "1"),)
    assert read(("criterion_text", "lonely")).criteria == (("a", "1"),)
