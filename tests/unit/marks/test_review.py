"""Buttons for points, fingerprints of fields, order of students."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.marks.order import natural
from app.marks.review import choices, figure, fingerprint


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (1.0, (0.0, 0.5, 1.0)),
        (2.5, (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)),
        (0.25, (0.0, 0.25)),
        (4.0, (0.0, 1.0, 2.0, 3.0, 4.0)),
        (4.5, (0.0, 1.0, 2.0, 3.0, 4.0, 4.5)),
        (12.0, (0.0, 12.0)),
    ],
)
def test_buttons(most: float, expected: tuple[float, ...]) -> None:
    assert choices(most) == expected


@given(st.integers(1, 400).map(lambda n: n / 4), st.none() | st.integers(0, 40).map(lambda n: n / 4))
def test_there_are_always_zero_and_the_most_and_not_too_many(most: float, proposed: float | None) -> None:
    values = choices(most, proposed)
    assert values[0] == 0.0 and most in values
    assert proposed is None or proposed in values
    assert len(values) <= 13
    assert list(values) == sorted(set(values))


@given(st.text(alphabet=st.characters(exclude_characters="\r"), max_size=40))
def test_a_fingerprint_does_not_mind_line_breaks_of_browsers(text: str) -> None:
    assert fingerprint(text) == fingerprint(text.replace("\n", "\r\n")) == fingerprint(text + "  ")


def test_figures() -> None:
    assert [figure(value) for value in (None, 0.0, 3.0, 2.5, 1 / 3)] == ["", "0", "3", "2.5", "0.333333"]


def test_two_comes_before_ten() -> None:
    assert sorted(["S10", "x", "S2", "10a", "s1", "2"], key=natural) == ["2", "10a", "s1", "S2", "S10", "x"]


@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_texts_can_be_sorted(texts: list[str]) -> None:
    assert len(sorted(texts, key=natural)) == len(texts)
