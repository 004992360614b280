"""Groups of a round's answers: sizes count answers, small ones are none, the question's words may be shared too."""

from __future__ import annotations

import pytest

from app.classroom.models import Verdict
from app.classroom.quiz_groups import _grouped
from app.classroom.quiz_store import Tally
from app.scheme.types import Kind

PROMPT = "Why does iron feel colder than wood?"


def tally(text: str, count: int = 1, verdict: Verdict = Verdict.WRONG, key: str = "") -> Tally:
    return Tally(text, key or text.lower(), verdict, count)


def test_equal_answers_count_as_often_as_they_came() -> None:
    found = _grouped(
        [tally("the temperature is lower", 4), tally("a lower temperature", 1)], Kind.TEXT, PROMPT
    )
    assert [group.count for group in found.groups] == [5] and found.others_count == 0
    assert found.groups[0].verdicts == {Verdict.WRONG: 5}
    assert found.groups[0].examples[0] == ("the temperature is lower", 4)


def test_fewer_than_three_are_no_group() -> None:
    found = _grouped([tally("You are a fool", 2), tally("Jenny did it", 1)], Kind.TEXT, PROMPT)
    assert found.groups == () and found.others_count == 3


def test_the_words_of_the_question_can_be_what_answers_share() -> None:
    texts = [
        "Iron is colder than wood",
        "the iron is colder than wood",
        "iron itself is colder than the wood",
    ]
    found = _grouped([tally(text) for text in texts], Kind.TEXT, PROMPT)
    assert [group.count for group in found.groups] == [3]


@pytest.mark.parametrize("text", ["a", "?", "the", "不", "😀😀"])
def test_the_very_same_is_a_group_whatever_it_says(text: str) -> None:
    found = _grouped([tally(text, 3)], Kind.TEXT, PROMPT)
    assert [group.count for group in found.groups] == [3]


def test_numbers_by_their_value() -> None:
    same = [
        tally("25 m/s", 2, Verdict.RIGHT, "25"),
        tally("25", 2, Verdict.RIGHT, "25"),
        tally("7", 1, key="7"),
    ]
    found = _grouped(same, Kind.NUMBER, "How fast?")
    assert [(group.count, group.verdicts) for group in found.groups] == [(4, {Verdict.RIGHT: 4})]
    assert [each.text for each in found.others] == ["7"]


def test_nothing() -> None:
    assert _grouped([], Kind.TEXT, PROMPT).groups == ()
