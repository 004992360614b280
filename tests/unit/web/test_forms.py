"""Forms are read without surprises: numbers that fit, text that the database takes."""

from __future__ import annotations

import pytest
from multidict import MultiDict, MultiDictProxy

from app.web.forms import Form, float_of, text_of, to_int


def form(value: str | bytes) -> Form:
    return MultiDictProxy(MultiDict({"field": value}))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("7", 7),
        (" -7 ", -7),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("9" * 5000, None),
        ("", None),
        ("七", None),
        ("٣", None),
        ("1.0", None),
        ("--1", None),
        ("1e3", None),
        ("0x10", None),
        ("1_0", None),
    ],
)
def test_integers(value: str, number: int | None) -> None:
    assert to_int(value) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [("2.5", 2.5), ("2,5", 2.5), ("nan", None), ("inf", None), ("1e400", None), ("", None), ("x", None)],
)
def test_numbers(value: str, number: float | None) -> None:
    assert float_of(form(value), "field") == number


def test_text_is_what_the_database_takes() -> None:
    assert text_of(form("a\0b\ud800c"), "field") == "abc"
    assert text_of(form("x" * 20), "field", 5) == "xxxxx"
    assert text_of(form(b"bytes"), "field") == ""
    assert text_of(form("x"), "other") == ""
