"""The bars of the questions board: what is left out so that nobody is recognised, and that all fit a screen."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from app.classroom.questions import LONGEST_PROMPT, MOST, QuestionBar, arrange, bar, first_line

BAR = QuestionBar("1", "", 50, 20, 30, 0, 0)


def row(**changes: Any) -> SimpleNamespace:
    """A row of the query: 10 pupils, half full, 4 decided."""
    found = {
        "label": "1",
        "prompt": "Why?",
        "share": 0.5,
        "seen": 10,
        "pupils": 10,
        "decided": 4,
        "pencil": 6,
    }
    return SimpleNamespace(**{**found, "asks": 0, "located": 10, "blank": 2, **changes})


def test_a_bar_is_as_long_as_the_mean_and_parted_by_the_number_of_marks() -> None:
    made = bar(row())
    assert (made.percent, made.decided, made.pencil, made.blank, made.asks) == (50, 20, 30, 2, 0)


@pytest.mark.parametrize(("decided", "pencil"), [(0, 7), (7, 0), (1, 2), (2, 5), (33, 64)])
def test_the_parts_are_the_whole(decided: int, pencil: int) -> None:
    made = bar(row(share=0.67, decided=decided, pencil=pencil))
    assert made.decided + made.pencil == made.percent == 67
    assert (made.decided == 0) == (decided == 0)


@pytest.mark.parametrize("pupils", [0, 1, 2])
def test_too_few_pupils_show_no_figure(pupils: int) -> None:
    share = 0.5 if pupils else None
    made = bar(row(share=share, pupils=pupils, seen=pupils, located=pupils, decided=0, pencil=pupils, asks=1))
    assert (made.percent, made.decided, made.pencil, made.blank, made.asks) == (None, 0, 0, None, None)
    assert not made.known


def test_two_marks_among_many_that_wait_show_no_mean_but_the_waiting() -> None:
    made = bar(row(pupils=2, seen=10, asks=8))
    assert (made.percent, made.asks, made.known) == (None, 8, True)


def test_three_pupils_are_enough_and_nothing_is_a_figure_too() -> None:
    made = bar(row(share=0.0, pupils=3, decided=1, pencil=2))
    assert (made.percent, made.decided, made.pencil) == (0, 0, 0)


def test_a_question_without_points_has_no_mean() -> None:
    assert bar(row(share=None)).percent is None


@pytest.mark.parametrize("count", range(1, 61))
def test_one_to_sixty_questions_have_a_place(count: int) -> None:
    made = arrange([BAR] * count)
    assert len(made.bars) == count and made.more == 0
    assert made.rows * made.columns >= count > (made.rows - 1) * made.columns
    assert made.rows <= 12 and made.columns <= 5


def test_more_than_a_screen_holds_are_counted() -> None:
    made = arrange([BAR] * (MOST + 7))
    assert (len(made.bars), made.more, made.columns, made.rows) == (MOST, 7, 6, 14)


def test_no_question_at_all() -> None:
    made = arrange([])
    assert (made.bars, made.rows, made.any, made.some_few) == ((), 0, False, False)


@pytest.mark.parametrize(
    ("prompt", "line"),
    [
        ("", ""),
        (" \n\t\n", ""),
        ("\n  Why is\tiron  cold?\nSay it in one sentence.", "Why is iron cold?"),
        ("为什么铁栏杆摸起来更冷？", "为什么铁栏杆摸起来更冷？"),
    ],
)
def test_the_first_line(prompt: str, line: str) -> None:
    assert first_line(prompt) == line


def test_a_long_prompt_is_cut() -> None:
    assert first_line("x" * 5_000) == "x" * (LONGEST_PROMPT - 1) + "…"
    assert first_line("x" * LONGEST_PROMPT) == "x" * LONGEST_PROMPT


def test_there_is_a_prompt_only_where_there_is_room() -> None:
    assert bar(row(), prompt=True).prompt == "Why?"
    assert bar(row()).prompt == ""
