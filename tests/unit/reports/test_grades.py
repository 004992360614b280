"""Grade lines and levels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.reports import grades

LINES = {"A": 85, "B": 70, "C": 60, "D": 50}


@pytest.mark.parametrize(
    ("percent", "level"),
    [(100, "A"), (85, "A"), (84.999, "B"), (60, "C"), (50, "D"), (49.99, "F"), (0, "F"), (None, "")],
)
def test_levels(percent: float | None, level: str) -> None:
    assert grades.grade_of(percent, LINES) == level


@given(st.integers(1, 400), st.integers(1, 100))
def test_a_line_is_reached_exactly(maximum: int, line: int) -> None:
    """Whoever has line % of the points has reached it, whatever binary fractions say."""
    points = maximum * line / 100
    assert grades.grade_of(points / maximum * 100, {"A": line}) == "A"


def test_lines_may_be_missing() -> None:
    assert grades.grade_of(99, {}) == "F"


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"A": 85, "B": 70, "C": 60},
        {"A": 101, "B": 70, "C": 60, "D": 50},
        {"A": 85, "B": 70, "C": 60, "D": 0},
        {"A": 85, "B": 85, "C": 60, "D": 50},
        {"A": 60, "B": 70, "C": 50, "D": 40},
        {"A": float("nan"), "B": 70, "C": 60, "D": 50},
        {"A": float("inf"), "B": 70, "C": 60, "D": 50},
        {"A": None, "B": 70, "C": 60, "D": 50},
    ],
)
def test_lines_that_make_no_order(typed: dict[str, float | None]) -> None:
    with pytest.raises(grades.GradeLinesError):
        grades.checked(typed)


def test_good_lines() -> None:
    assert grades.checked({"A": 90.005, "B": 75, "C": 60, "D": 0.5}) == {
        "A": 90.0,
        "B": 75,
        "C": 60,
        "D": 0.5,
    }
