"""Marks that do not hold go to the teacher, with the reason and without what is false in them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.grading.nodes.check import check_mark, grid, settle
from app.grading.state import Answer, CriterionMark, MarkState, QuestionMark, needs_teacher
from app.i18n import Text
from app.scheme.types import Criterion, Kind, Question

QUESTION = Question("1", Kind.TEXT, "", 3, ("x",), (Criterion("names it", 2), Criterion("says why", 1)))
ANSWER = Answer("1", "Water, because it is wet")
GOOD = QuestionMark(
    "1", "text", 3, MarkState.GRADED, 2.5, confidence=0.8, grader="fake", feedback="well", cost=0.1,
    criteria=(CriterionMark(0, 1.5, "Water", 0, 5), CriterionMark(1, 1.0, "because", 7, 14)),
)  # fmt: skip
FIRST, SECOND = GOOD.criteria


def with_first(**fields: object) -> QuestionMark:
    changed = replace(FIRST, **fields)  # type: ignore[arg-type]
    return replace(GOOD, criteria=(changed, SECOND), points=changed.points + SECOND.points)


def test_a_good_mark_passes_unchanged() -> None:
    assert check_mark(QUESTION, ANSWER, GOOD) == GOOD


def test_entries_are_put_in_order() -> None:
    assert check_mark(QUESTION, ANSWER, replace(GOOD, criteria=(SECOND, FIRST))) == GOOD


def test_no_points_need_no_quote() -> None:
    zero = replace(GOOD, points=0, criteria=(CriterionMark(0, 0), CriterionMark(1, 0)))
    assert check_mark(QUESTION, ANSWER, zero).state is MarkState.GRADED


@pytest.mark.parametrize(
    ("mark", "word"),
    [
        (replace(GOOD, label="2"), "question 2"),
        (replace(GOOD, criteria=(FIRST,), points=1.5), "exactly one entry"),
        (replace(GOOD, criteria=(FIRST, FIRST)), "exactly one entry"),
        (replace(GOOD, criteria=(FIRST, SECOND, replace(SECOND, position=2))), "exactly one entry"),
        (replace(GOOD, criteria=(FIRST, replace(SECOND, position=-1))), "exactly one entry"),
        (with_first(points=2.5), "out of bounds"),
        (with_first(points=-0.5), "out of bounds"),
        (with_first(points=float("nan")), "out of bounds"),
        (with_first(points=float("inf")), "out of bounds"),
        (with_first(points=1.3), "steps of 0.5"),
        (replace(GOOD, points=2.0), "do not add up"),
        (replace(GOOD, points=None), "do not add up"),
        (replace(GOOD, points=float("nan")), "do not add up"),
        (with_first(quote="Wine"), "not in the answer"),
        (with_first(start=1), "not in the answer"),
        (with_first(start=-24, end=-19), "not in the answer"),
        (with_first(quote="", start=3, end=3), "not in the answer"),
        (with_first(end=500), "not in the answer"),
        (with_first(quote="", start=0, end=0), "rest on no words"),
        (with_first(quote=" ", start=6, end=7), "rest on no words"),
    ],
)
def test_what_does_not_hold_goes_to_the_teacher(mark: QuestionMark, word: str) -> None:
    checked = check_mark(QUESTION, ANSWER, mark)
    assert checked.state is MarkState.NEEDS_TEACHER
    assert (checked.points, checked.confidence) == (None, None)
    assert checked.reason is not None and word in checked.reason.render("en")
    assert checked.reason.render("zh") != checked.reason.render("en")
    assert (checked.cost, checked.grader, checked.feedback) == (0.1, "fake", "well")
    for entry in checked.criteria:
        assert 0 <= entry.points <= QUESTION.criteria[entry.position].points
        assert ANSWER.text[entry.start : entry.end] == entry.quote


def test_a_criterion_in_full_may_break_the_steps() -> None:
    odd = replace(QUESTION, points=1.7, criteria=(Criterion("a", 0.7), Criterion("b", 1)))
    mark = replace(GOOD, max=1.7, points=1.7, criteria=(replace(FIRST, points=0.7), SECOND))
    assert check_mark(odd, ANSWER, mark).points == 1.7


@pytest.mark.parametrize(
    ("points", "step"),
    [((2, 1), 0.5), ((1.25, 2), 0.25), ((0.3, 1), 0.1), ((0.3, 0.25), 0.05), ((1 / 3,), 0.01)],
)
def test_a_scheme_with_finer_points_is_marked_in_finer_steps(points: tuple[float, ...], step: float) -> None:
    asked = replace(QUESTION, criteria=tuple(Criterion("c", p) for p in points))
    assert grid(asked, 0.5) == step


def test_finer_steps_when_asked_for() -> None:
    assert check_mark(QUESTION, ANSWER, with_first(points=1.25)).state is MarkState.NEEDS_TEACHER
    assert check_mark(QUESTION, ANSWER, with_first(points=1.25), step=0.25).state is MarkState.GRADED


def test_a_computed_verdict_may_lack_a_quote_but_not_lie() -> None:
    bare = with_first(quote="", start=0, end=0)
    assert check_mark(QUESTION, ANSWER, bare, needs_quotes=False).state is MarkState.GRADED
    lie = with_first(quote="Wine")
    assert check_mark(QUESTION, ANSWER, lie, needs_quotes=False).state is MarkState.NEEDS_TEACHER


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_confidence_that_means_nothing_is_dropped(confidence: float) -> None:
    assert check_mark(QUESTION, ANSWER, replace(GOOD, confidence=confidence)).confidence is None


def test_kind_and_maximum_are_the_questions() -> None:
    checked = check_mark(QUESTION, ANSWER, replace(GOOD, kind="maths", max=100))
    assert (checked.kind, checked.max) == ("text", 3)


def test_a_doubt_passes_without_points_and_with_a_reason() -> None:
    doubt = needs_teacher("1", "text", 3, Text("Cannot tell."), (replace(FIRST, quote="Wine"), FIRST))
    checked = check_mark(QUESTION, ANSWER, replace(doubt, points=2.0))
    assert (checked.points, checked.reason) == (None, Text("Cannot tell."))
    assert [entry.quote for entry in checked.criteria] == [""]
    assert check_mark(QUESTION, ANSWER, replace(doubt, reason=None)).reason is not None


@given(
    st.lists(
        st.builds(
            CriterionMark,
            st.integers(-1, 3),
            st.one_of(st.floats(), st.sampled_from([0, 0.5, 1, 2])),
            st.sampled_from(["", "Water", "because", "x"]),
            st.integers(-3, 30),
            st.integers(-3, 30),
        ),
        max_size=4,
    ),
    st.one_of(st.none(), st.floats()),
    st.sampled_from(MarkState),
)
def test_whatever_comes_in_what_goes_out_holds(
    entries: list[CriterionMark], points: float | None, state: MarkState
) -> None:
    checked = check_mark(
        QUESTION, ANSWER, QuestionMark("1", "text", 3, state, points, criteria=tuple(entries))
    )
    if checked.state is MarkState.GRADED:
        assert checked.points is not None and checked.points + 1e-5 >= 0 and checked.points <= 3 + 1e-5
        assert [entry.position for entry in checked.criteria] == [0, 1]
        assert all(entry.quote for entry in checked.criteria if entry.points > 0.001)
    else:
        assert checked.points is None and checked.reason is not None
    for entry in checked.criteria:
        assert ANSWER.text[entry.start : entry.end] == entry.quote


def test_a_question_has_exactly_one_mark() -> None:
    assert settle(QUESTION, [GOOD]) is GOOD
    for marks in ([], [GOOD, GOOD]):
        settled = settle(QUESTION, marks)
        assert settled.state is MarkState.NEEDS_TEACHER
        assert settled.points is None and settled.reason is not None
