"""How questions are numbered."""

from __future__ import annotations

import pytest

from app.scheme.labels import Style, han_number, read_head, split_circled


@pytest.mark.parametrize(
    ("line", "style", "label", "rest"),
    [
        ("1. a", Style.PLAIN, "1", "a"), ("1、a", Style.PLAIN, "1", "a"), ("1)a", Style.PLAIN, "1", "a"),
        ("12．x", Style.PLAIN, "12", "x"), ("（1）a", Style.PAREN, "1", "a"),
        ("(1) a", Style.PAREN, "1", "a"),
        ("①a", Style.CIRCLED, "1", "a"), ("第1题 (8分)", Style.WORD, "1", "(8分)"),
        ("第十二题：x", Style.WORD, "12", "x"),
        ("一、选择题", Style.HAN, "一", "选择题"), ("Q1 foo", Style.WORD, "1", "foo"),
        ("Question 1: foo", Style.WORD, "1", "foo"),
        ("Q1(a) x", Style.WORD, "1(a)", "x"), ("1a foo", Style.LETTERED, "1a", "foo"),
        ("2(b) foo", Style.LETTERED, "2(b)", "foo"),
        ("1.1 foo", Style.DECIMAL, "1.1", "foo"), ("1. (a) foo", Style.LETTERED, "1(a)", "foo"),
        ("(ii) foo", Style.ALPHA, "ii", "foo"), ("2 Explain", Style.BARE, "2", "Explain"),
        ("3. (2) foo", Style.PLAIN, "3", "(2) foo"),
    ],
)  # fmt: skip
def test_a_number_is_read(line: str, style: Style, label: str, rest: str) -> None:
    head = read_head(line)
    assert head is not None
    assert (head.style, head.label, head.rest) == (style, label, rest)


@pytest.mark.parametrize(
    "line", ["", "2024. x", "10:30", "Questions 1-5", "Point", "text", "A. option", "3(x)+1", "1e5"]
)
def test_a_line_that_is_not_numbered(line: str) -> None:
    assert read_head(line) is None


def test_chinese_numbers() -> None:
    assert [han_number(text) for text in ("一", "十", "十二", "二十", "三十五", "一百零五")] == [
        1,
        10,
        12,
        20,
        35,
        105,
    ]
    assert han_number("甲") == 0


def test_circled_numbers_part_a_line_only_when_there_are_several() -> None:
    assert split_circled("①a；②b") == ["①a", "②b"]
    assert split_circled("①a") == ["①a"]
