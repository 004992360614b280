"""What the progress board says of counts and of a run."""

from __future__ import annotations

import pytest

from app.classroom.progress import TITLES, Counts, Stage, stage_of, stepped, summarise, whole_percent
from app.marks.models import RunState

CLASS = Counts(papers=10, received=0, unreadable=2, graded=8, asks=3, marks=40, asking=4, questions=5)


def counts(**changes: int) -> Counts:
    """CLASS with some counts changed."""
    return Counts(**{name: changes.get(name, getattr(CLASS, name)) for name in Counts.__dataclass_fields__})


@pytest.mark.parametrize(
    ("found", "run", "stage"),
    [
        (Counts(), None, Stage.EMPTY),
        (Counts(questions=5), None, Stage.EMPTY),
        (counts(marks=0, received=1), None, Stage.READING),
        (counts(marks=0), None, Stage.READ),
        (counts(marks=0), RunState.RUNNING, Stage.RUNNING),
        (counts(), RunState.RUNNING, Stage.RUNNING),
        (counts(), RunState.PAUSED, Stage.PAUSED),
        (counts(marks=39), None, Stage.PARTLY),
        (counts(received=1, papers=11), None, Stage.PARTLY),
        (counts(), None, Stage.DONE),
        (counts(questions=0, marks=0, graded=0), None, Stage.READ),
        (counts(unreadable=10, marks=0), None, Stage.READ),
    ],
)
def test_the_stage(found: Counts, run: RunState | None, stage: Stage) -> None:
    assert stage_of(found, run) is stage


def test_every_stage_has_a_title() -> None:
    assert set(TITLES) == set(Stage)


def test_unreadable_papers_are_not_waited_for() -> None:
    board = summarise(CLASS)
    assert (board.counts.readable, board.counts.read) == (8, 8)
    assert (board.done, board.total, board.percent) == (40, 40, 100)


def test_a_run_counts_its_own_questions_and_has_a_time_left() -> None:
    board = summarise(CLASS, RunState.RUNNING, done=3, total=12, seconds_left=61.0)
    assert (board.done, board.total, board.percent, board.seconds_left, board.open) == (3, 12, 25, 60, True)


def test_without_a_run_no_time_is_left_whatever_is_said() -> None:
    assert summarise(CLASS, seconds_left=30.0).seconds_left is None


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, None), (0.0, 5), (0.4, 5), (7.4, 5), (7.6, 10), (61.0, 60), (3599.0, 3600)]
)
def test_the_time_left_moves_in_steps(seconds: float | None, shown: int | None) -> None:
    assert stepped(seconds) == shown


@pytest.mark.parametrize(
    ("part", "whole", "percent"),
    [
        (0, 0, 0),
        (5, 0, 0),
        (0, 7, 0),
        (199, 200, 99),
        (999, 1000, 99),
        (29, 100, 29),
        (7, 7, 100),
        (9, 7, 100),
    ],
)
def test_what_is_not_complete_does_not_look_so(part: int, whole: int, percent: int) -> None:
    assert whole_percent(part, whole) == percent
