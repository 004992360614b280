"""The drills' own eyes: a listener that misses an event is found out."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.compose.teacher import Listener, Teacher, place

ENTRIES: list[tuple[str, str, dict[str, Any]]] = [
    ("1-0", "run", {"run_id": 1}),
    ("2-0", "grading", {"paper_id": 1, "question_id": 1}),
    ("2-1", "mark", {"paper_id": 1, "question_id": 1}),
    ("3-0", "paper", {"paper_id": 1}),
    ("10-0", "run", {"run_id": 1}),
]


def heard(*ids: str) -> Listener:
    return Listener(cast(Teacher, None), 1, ids=list(ids))


@pytest.mark.parametrize(
    ("ids", "first", "lost"),
    [
        (("1-0", "2-0", "2-1", "3-0", "10-0"), "0-0", []),
        (("2-1", "3-0", "10-0"), "0-0", []),  # what is newer about the same subject stands for the older
        (("2-0", "3-0", "10-0"), "0-0", ["2-1"]),
        (("2-1", "3-0"), "0-0", ["10-0", "1-0"]),
        (("2-1", "10-0"), "0-0", ["3-0"]),
        (("10-0",), "3-0", []),  # the page was read after the others
        ((), "10-0", []),
    ],
)
def test_what_was_not_heard(ids: tuple[str, ...], first: str, lost: list[str]) -> None:
    assert heard(*ids).lost(ENTRIES, first) == lost


def test_places_compare_as_numbers() -> None:
    assert place("9-5") < place("10-0") < place("10-1")


def test_only_whole_events_move_the_place() -> None:
    """A stream that breaks off inside an event asks for that event again."""
    page = heard()
    for line in ("id: 5-0\n", "data: x\n", "\n", "id: 6-0\n", "data: y\n"):
        page._take(line)
    page._take("\n")
    assert page.ids == ["5-0", "6-0"]
    broken = heard()
    for line in ("id: 5-0\n", "data: x\n", "\n", "id: 6-0\n"):
        broken._take(line)
    assert broken.last == "5-0"
