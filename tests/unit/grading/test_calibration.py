"""The prediction learns from the teacher's marks, knows how sure it is, and takes any marks."""

import math
from dataclasses import replace

import numpy as np
import pytest

from app.grading.calibration import MOST_MARKS, Prediction, QuestionModel, snap, step_of, tolerance, usable
from app.grading.model import EarlierMark
from app.grading.prior import FITTED, MOST_UNSEEN, confidence_inputs
from app.scheme.types import Criterion, Kind, Question

ASKED = Question(
    "1",
    Kind.TEXT,
    "为什么铁会生锈？",
    4.0,
    ("铁与空气中的氧气和水发生反应",),
    (Criterion("提到氧气和水", 4.0),),
)
GOOD = [
    "铁和氧气还有水反应了",
    "空气里的氧气加上水使铁生锈",
    "因为有水和氧气",
    "氧气与水同时作用",
    "与水、氧气接触会生锈",
]
BAD = ["因为铁很重", "时间太久了", "铁本来就是这个颜色", "太阳晒的", "没有擦干净灰尘"]


def taught(good: float = 4.0, bad: float = 0.0) -> list[EarlierMark]:
    return [EarlierMark(text, good) for text in GOOD] + [EarlierMark(text, bad) for text in BAD]


def test_without_marks_the_references_speak() -> None:
    model = QuestionModel(ASKED, [])
    assert model.predict("铁与氧气和水反应").fraction > model.predict("因为铁很重").fraction + 0.2


def test_marks_overrule_the_references() -> None:
    """The teacher marks the other way round: so does the model, after ten marks."""
    model = QuestionModel(ASKED, taught(good=0.0, bad=4.0))
    assert model.predict("因为氧气和水").fraction < 0.4
    assert model.predict("因为铁太重了").fraction > 0.6


def test_marks_alone_suffice() -> None:
    bare = replace(ASKED, references=(), criteria=(Criterion("", 4.0),))
    assert QuestionModel(bare, []).blind
    model = QuestionModel(bare, taught())
    assert not model.blind
    assert model.predict("因为氧气和水").fraction > model.predict("因为铁太重了").fraction + 0.15


def test_a_strict_teacher_lowers_every_mark() -> None:
    mild, strict = QuestionModel(ASKED, taught(4.0, 2.0)), QuestionModel(ASKED, taught(2.0, 0.0))
    for text in ("氧气和水", "颜色", "时间久"):
        assert strict.predict(text).fraction < mild.predict(text).fraction - 0.1


def test_it_matches_kernel_ridge_done_plainly() -> None:
    """Leaving one out by the closed form is the same as really leaving it out."""
    marks = taught()
    model = QuestionModel(ASKED, marks)
    kernel = np.linalg.inv(model._inverse)
    count = len(marks)
    guesses = np.array([text.guess for text in model._texts])
    rest = np.array([m.points / 4 for m in marks] + [1.0]) - guesses
    rest[count:] *= FITTED.pull(count)
    keep = [i for i in range(len(rest)) if i != 3]
    plain = guesses[3] + kernel[3, keep] @ np.linalg.solve(kernel[np.ix_(keep, keep)], rest[keep])
    closed = guesses[3] + rest[3] - model._weights[3] / model._inverse[3, 3]
    assert closed == pytest.approx(plain)


def test_spread_is_smaller_near_what_was_marked() -> None:
    model = QuestionModel(ASKED, taught())
    assert model.predict(GOOD[0]).spread < model.predict("completely different words").spread


def test_clear_marks_earn_confidence_and_random_ones_lose_it() -> None:
    clear = QuestionModel(ASKED, taught())
    values = [4.0, 0.0, 2.0, 1.0, 3.0, 3.5, 0.5, 4.0, 0.0, 2.5]
    muddled = QuestionModel(ASKED, [EarlierMark(m.answer, p) for m, p in zip(taught(), values, strict=True)])
    sure, unsure = clear.predict("氧气和水"), muddled.predict("氧气和水")
    assert clear.confidence(sure, 4.0) > muddled.confidence(unsure, round(unsure.fraction * 8) / 2) + 0.2


def test_confidence_falls_away_from_the_prediction() -> None:
    model = QuestionModel(ASKED, taught())
    prediction = model.predict("氧气和水")
    assert model.confidence(prediction, 4.0) > model.confidence(prediction, 2.0) > 0


def test_unseen_confidence_is_at_most_one_half() -> None:
    model = QuestionModel(ASKED, [])
    prediction = Prediction(1.0, 1e-6, 0, None)
    assert model.confidence(prediction, 4.0) == MOST_UNSEEN
    assert model.confidence(prediction, 0.0) < 0.3


def test_confidence_inputs_are_finite_at_the_ends() -> None:
    for chance in (0.0, 1.0):
        assert all(math.isfinite(value) for value in confidence_inputs(chance, chance, 0))


@pytest.mark.parametrize("points", [math.nan, math.inf, -math.inf])
def test_marks_that_are_no_numbers_are_left_out(points: float) -> None:
    assert usable([EarlierMark("a", points), EarlierMark("b", 1.0)], 2.0) == (EarlierMark("b", 1.0),)


def test_marks_are_bounded_and_newest_first() -> None:
    many = [EarlierMark(str(i), float(i)) for i in range(MOST_MARKS + 50)]
    used = usable([EarlierMark("  ", 1.0), EarlierMark("x", -3.0), *many], 10.0)
    assert len(used) == MOST_MARKS
    assert used[0] == EarlierMark("x", 0.0)
    assert max(mark.points for mark in used) == 10.0


def test_the_same_answer_marked_differently_is_no_failure() -> None:
    model = QuestionModel(ASKED, [EarlierMark("水", 4.0)] * 6 + [EarlierMark("水", 0.0)] * 6)
    assert 0.3 < model.predict("水").fraction < 0.7


@pytest.mark.parametrize(
    ("points", "maximum", "step"),
    [
        ([0, 1, 0, 1, 1], 1.0, 1.0),
        ([0, 4, 4, 0, 0], 4.0, 4.0),
        ([4, 4, 4, 4, 4], 4.0, 1.0),
        ([0, 1, 3, 4, 4], 4.0, 1.0),
        ([0, 1, 3.5, 4, 4], 4.0, 0.5),
        ([0, 4, 4], 4.0, 0.5),
        ([1, 1, 1, 1, 1], 1.0, 0.5),
    ],
)
def test_step(points: list[float], maximum: float, step: float) -> None:
    assert step_of([EarlierMark("a", float(p)) for p in points], maximum) == step


@pytest.mark.parametrize(
    ("points", "step", "maximum", "expected"),
    [
        (1.3, 0.5, 4.0, 1.5),
        (1.2, 0.5, 4.0, 1.0),
        (-1.0, 0.5, 4.0, 0.0),
        (9.0, 0.5, 4.0, 4.0),
        (0.6, 1.0, 1.0, 1.0),
        (0.4, 1.0, 1.0, 0.0),
        (1.2, 0.5, 1.25, 1.25),
        (3.9, 4.0, 4.0, 4.0),
        (1.9, 4.0, 4.0, 0.0),
    ],
)
def test_snap(points: float, step: float, maximum: float, expected: float) -> None:
    assert snap(points, step, maximum) == expected


def test_tolerance() -> None:
    assert [tolerance(m) for m in (1.0, 2.0, 10.0)] == [0.25, 0.25, 1.0]
