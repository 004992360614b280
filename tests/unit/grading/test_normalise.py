"""One spelling, and the way back to the original characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.grading.normalise import comparable, normalise, trim


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Ａｂｃ　１２３", "abc 123"),
        ("（甲），乙。", "(甲),乙."),
        ("“a”‘b’「c」", '"a"\'b\'"c"'),
        ("  a \t b  ", "a b"),
        ("a \r\n b", "a\nb"),
        ("x²+y³", "x^2+y^3"),
        ("10⁻³", "10^-3"),
        ("x¹²", "x^12"),
        ("H₂O", "h2o"),
        ("3½", "3 1/2"),
        ("½", "1/2"),
        ("①②⑩", "(1)(2)(10)"),
        ("25℃", "25°c"),
        ("12㎡", "12m^2"),
        ("a\u200bb\ufeff", "ab"),
        ("e\u0301", "é"),
        ("−3 — 4", "-3 - 4"),
        ("ＳＴＲＡßＥ", "strasse"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_one_spelling(text: str, folded: str) -> None:
    assert normalise(text).text == folded


def test_case_is_kept_on_request() -> None:
    assert normalise("ＡｂＣ", fold_case=False).text == "AbC"


@pytest.mark.parametrize(
    ("text", "part", "original"),
    [
        ("  Ａ  Ｂ ", "a b", "Ａ  Ｂ"),
        ("x²=4", "^2", "²"),
        ("答：25℃。", "°c", "℃"),
        ("e\u0301te\u0301", "t", "t"),
        ("①甲", "(1)", "①"),
    ],
)
def test_the_way_back(text: str, part: str, original: str) -> None:
    mapped = normalise(text)
    at = mapped.text.index(part)
    start, end = mapped.span(at, at + len(part))
    assert text[start:end] == original


def test_an_empty_range_is_nowhere() -> None:
    assert normalise("abc").span(2, 2) == (0, 0)
    assert normalise("").whole() == (0, 0)


@given(st.text(max_size=60))
def test_any_text_keeps_its_offsets(text: str) -> None:
    mapped = normalise(text)
    assert len(mapped.text) == len(mapped.starts) == len(mapped.ends)
    assert list(mapped.starts) == sorted(mapped.starts)
    assert all(0 <= start < end <= len(text) for start, end in zip(mapped.starts, mapped.ends, strict=True))
    assert mapped.text == mapped.text.strip(" \n")
    assert "  " not in mapped.text


@pytest.mark.parametrize(
    ("text", "trimmed"),
    [
        ("(a)", "a"),
        ("f(x)", "f(x)"),
        ("(a)(b)", "(a)(b)"),
        ('"a".', "a"),
        ("-3", "-3"),
        (".5", ".5"),
        ("5!", "5!"),
        ("hey!", "hey"),
        ("___", ""),
        ("((a))", "a"),
    ],
)
def test_edges(text: str, trimmed: str) -> None:
    start, end = trim(text)
    assert text[start:end] == trimmed


@pytest.mark.parametrize(
    ("one", "other"),
    [("光 合 作用", "光合作用"), ("New  York", "new york"), ("《红楼梦》。", "红楼梦"), ("a , b", "a,b")],
)
def test_comparable(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)


def test_words_keep_their_spaces() -> None:
    assert comparable("new york") != comparable("newyork")
