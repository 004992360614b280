"""Scopes as teachers write them."""

from __future__ import annotations

import pytest

from app.marks.scope import ScopeError, parse_scope

LABELS = ("1", "2", "3", "4", "5", "6(a)", "6(b)", "7", "10", "附加题")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", None),
        ("  \n", None),
        ("3", ("3",)),
        ("3, 1", ("1", "3")),
        ("3,3 3;3", ("3",)),
        ("2-4", ("2", "3", "4")),
        ("2 - 4", ("2", "3", "4")),
        ("3、5～7", ("3", "5", "6(a)", "6(b)", "7")),
        ("２，４", ("2", "4")),
        ("第3题、第5题", ("3", "5")),
        ("Q2 to-nothing"[:2], ("2",)),
        ("1至3", ("1", "2", "3")),
        ("6", ("6(a)", "6(b)")),
        ("6(b)", ("6(b)",)),
        ("6（a）", ("6(a)",)),
        ("5-6", ("5", "6(a)", "6(b)")),
        ("6-10", ("6(a)", "6(b)", "7", "10")),
        ("1", ("1",)),
        ("附加题", ("附加题",)),
        ("question 7", None),
    ],
)
def test_understood(text: str, labels: tuple[str, ...] | None) -> None:
    if text == "question 7":
        # A space parts, so a word alone is no question.
        with pytest.raises(ScopeError):
            parse_scope(text, LABELS)
    else:
        assert parse_scope(text, LABELS) == labels


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("9", "9"),
        ("1, 9, 12", "9, 12"),
        ("4-2", "4-2"),
        ("1-99", "1-99"),
        ("-", "-"),
        ("0", "0"),
        ("<b>", "<b>"),
        ("%", "%"),
    ],
)
def test_every_unknown_part_is_named(text: str, unknown: str) -> None:
    with pytest.raises(ScopeError) as caught:
        parse_scope(text, LABELS)
    assert f"There is no question {unknown}." in str(caught.value)


def test_a_label_with_a_dash_is_a_label() -> None:
    assert parse_scope("1-1, 2-1", ("1-1", "1-2", "2-1")) == ("1-1", "2-1")
    assert parse_scope("1", ("1-1", "1-2", "2-1")) == ("1-1", "1-2")
    assert parse_scope("9" * 5000, ("9" * 500,)) == ("9" * 500,)
