"""No text of a student can begin a formula."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from app.reports.neutral import LONGEST, neutral

STARTS = "=+-@\t\r\n＝＋－＠"


@given(st.text(max_size=60))
def test_nothing_begins_a_formula(text: str) -> None:
    made = neutral(text)
    assert made[:1] not in STARTS or made == ""
    assert made.lstrip()[:1] not in STARTS or not made.strip()
    assert len(made) <= LONGEST


@given(st.text(alphabet=st.characters(categories=("L", "N")), max_size=60))
def test_plain_words_stay(text: str) -> None:
    assert neutral(text) == text


@given(st.text(max_size=60))
def test_every_text_can_be_written(text: str) -> None:
    book = Workbook(write_only=True)
    book.create_sheet("a").append([neutral(text)])
    book.save(io.BytesIO())
    neutral(text).encode()


@pytest.mark.parametrize(
    "nasty", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n=cmd|' /C calc'!A0", "＝1", "\x00=1"]
)
def test_nasty_ones(nasty: str) -> None:
    made = neutral(nasty)
    assert made.startswith("'")
    book = Workbook()
    book.active.append([made])
    stored = io.BytesIO()
    book.save(stored)
    cell = load_workbook(stored).active["A1"]
    assert cell.data_type == "s"


def test_a_very_long_answer_fits_a_cell() -> None:
    assert len(neutral("=" + "x" * 40_000)) == LONGEST
