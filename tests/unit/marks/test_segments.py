"""Cutting a text at quotes: nothing is lost, every character knows its quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.marks.segments import Span, differing, place, segments

texts = st.text(alphabet=st.sampled_from("ab因为\n<&😀"), max_size=30)
spans = st.lists(st.builds(Span, st.integers(-3, 35), st.integers(-3, 35), st.integers(1, 4)), max_size=6)


@given(texts, spans)
def test_every_character_lies_in_its_spans(text: str, found: list[Span]) -> None:
    pieces = segments(text, found)
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text for piece in pieces)
    at = 0
    for piece in pieces:
        for offset in range(at, at + len(piece.text)):
            assert set(piece.numbers) == {s.number for s in found if s.start <= offset < s.end}
        at += len(piece.text)


@given(texts, spans)
def test_every_span_ends_once(text: str, found: list[Span]) -> None:
    pieces = segments(text, found)
    whole = {
        (max(0, s.start), min(len(text), s.end), s.number)
        for s in found
        if max(0, s.start) < min(len(text), s.end)
    }
    ends = {(end, number) for _, end, number in whole}
    assert sum(len(piece.ends) for piece in pieces) == len(ends)


def test_overlapping_quotes() -> None:
    pieces = segments("abcdef", [Span(0, 4, 1), Span(2, 6, 2)])
    assert [(p.text, p.numbers, p.ends) for p in pieces] == [
        ("ab", (1,), ()),
        ("cd", (1, 2), (1,)),
        ("ef", (2,), (2,)),
    ]


@given(texts, st.integers(0, 30), st.integers(0, 30))
def test_a_quote_is_found_at_its_place(text: str, start: int, end: int) -> None:
    quote = text[start:end]
    assert place(text, quote, start) == ((start, start + len(quote)) if quote else None)


def test_a_quote_of_an_answer_that_was_read_anew() -> None:
    assert place("so: iron is cold", "iron", 0) == (4, 8)
    assert place("iron", "iron", -1) == (0, 4)
    assert place("wood", "iron", 0) is None
    assert place("iron", "", 0) is None


A, B = "a" * 20, "b" * 20


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("same", "same", ("same", "same")),
        ("", "new", ("–", "new")),
        ("old", "", ("old", "–")),
        (
            "a" * 30 + "x" + "b" * 30,
            "a" * 30 + "b" * 30,
            ("…" + "a" * 20 + "x" + "b" * 20 + "…", "…" + "a" * 20 + "b" * 20 + "…"),
        ),
        ("aa", "aaa", ("aa", "aaa")),
        ("x" * 1000, "y", ("x" * 300 + "…", "y")),
    ],
)
def test_only_what_differs_is_shown(before: str, after: str, shown: tuple[str, str]) -> None:
    assert differing(before, after) == shown
