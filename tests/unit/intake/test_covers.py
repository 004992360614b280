"""What cover sheets say: read back exactly, and never out of anything else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.intake.covers import ALPHABET, MAX_ID, Cover, parse, payload

ids = st.integers(1, MAX_ID)


@settings(max_examples=100, deadline=None)
@given(ids, ids)
def test_a_cover_is_read_back(assignment_id: int, student_id: int) -> None:
    text = payload(assignment_id, student_id)
    assert parse(text) == parse(f" {text}\n") == Cover(assignment_id, student_id)
    assert set(text) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ/")  # QR's alphanumeric mode


@settings(max_examples=100, deadline=None, derandomize=True)
@given(ids, ids, st.data())
def test_one_misread_character_is_never_another_student(
    assignment_id: int, student_id: int, data: st.DataObject
) -> None:
    text = payload(assignment_id, student_id)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from([each for each in ALPHABET + "OIL/" if each != text[at]]))
    assert parse(text[:at] + other + text[at + 1 :]) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "ZHUPI", "ZHUPI/1/3/4", "ZHUPI/1/3/4/", "ZHUPI/1/3/4/0000", "ZHUPI/2/3/4/0000", "https://example.org/ZHUPI/1/3/4",
        "ZHUPI/1/-3/4/0000", "ZHUPI/1/٣/4/0000", "ZHUPI/1/" + "9" * 5000 + "/1/0000", "ZHUPI/1/03/4/0000", "\x00" * 20,
        "ZHUPI/1/9999999999999999999/1/0000",
    ],
)  # fmt: skip
def test_other_codes_are_no_covers(text: str) -> None:
    assert parse(text) is None


@given(st.text(max_size=80))
def test_hostile_codes_never_raise(text: str) -> None:
    assert parse(text) is None
    assert parse("ZHUPI/1/" + text) is None


@pytest.mark.parametrize(("assignment_id", "student_id"), [(0, 1), (1, 0), (-1, 1), (MAX_ID + 1, 1)])
def test_only_row_ids_make_a_cover(assignment_id: int, student_id: int) -> None:
    with pytest.raises(ValueError, match="row id"):
        payload(assignment_id, student_id)
