"""What can be taken back: the user's own steps, newest first, up to anybody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.marks.decide import UNDO, ink_left, last_step
from app.marks.models import MarkChange

ALICE, BOB = 1, 2
START = datetime(2026, 1, 1, tzinfo=UTC)


def history(*steps: tuple[int | None, str]) -> list[MarkChange]:
    """Changes, newest first, from steps of (who, what), oldest first."""
    made = [
        MarkChange(at=START + timedelta(seconds=number), user_id=who, what=what)
        for number, (who, what) in enumerate(steps)
    ]
    return made[::-1]


def named(*steps: tuple[int | None, str]) -> list[str]:
    return [change.what for change in last_step(history(*steps), ALICE)]


def test_steps_of_others_are_a_wall() -> None:
    assert named() == []
    assert named((None, "points")) == []
    assert named((ALICE, "points"), (BOB, "points")) == []
    assert named((ALICE, "points"), (None, "points"), (ALICE, "feedback")) == ["feedback"]
    assert named((ALICE, "points"), (None, "points"), (ALICE, "feedback"), (ALICE, UNDO + "feedback")) == []


def test_changes_of_one_moment_are_one_step() -> None:
    at = START
    changes = [MarkChange(at=at, user_id=ALICE, what=what) for what in ("state", "points")]
    assert last_step([*changes, *history((ALICE, "feedback"))[:0]], ALICE) == changes


def test_ink_stays_until_the_last_step_is_taken_back() -> None:
    def left(*steps: tuple[int | None, str]) -> bool:
        return ink_left(history(*steps))

    assert not left((ALICE, "feedback"))
    assert left((ALICE, "criterion 1 points"), (ALICE, "feedback"))
    assert not left((ALICE, "criterion 1 points"), (ALICE, "feedback"), (ALICE, UNDO + "feedback"))
    assert left((BOB, "feedback"), (ALICE, "criterion 1 points"))
    assert not left((ALICE, "feedback"), (None, "points"), (ALICE, "feedback"))
    reopened = history((ALICE, "state"), (ALICE, "feedback"))
    reopened[1].before = "decided"
    assert not ink_left(reopened)


@given(st.lists(st.booleans(), max_size=30))
def test_undo_takes_back_like_a_stack(presses: list[bool]) -> None:
    """True is a new change, False is undo; compared with a plain stack."""
    steps: list[tuple[int | None, str]] = []
    stack: list[str] = []
    for number, new in enumerate(presses):
        if new:
            steps.append((ALICE, f"change {number}"))
            stack.append(f"change {number}")
        elif stack:
            assert named(*steps) == [stack[-1]]
            steps.append((ALICE, UNDO + stack.pop()))
    assert named(*steps) == stack[-1:]
