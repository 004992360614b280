"""Whose a scanned paper is, by its file's name and by what was recognised on it."""

from __future__ import annotations

import pytest

from app.intake.roster import RosterEntry
from app.intake.whose import match_scan

ROSTER = [
    RosterEntry("8A01", "Amelia Hart"),
    RosterEntry("8A02", "Benjamin Cole"),
    RosterEntry("8B17", "王小明"),
]
AMELIA = "Name: Amelia Hart No.8A01\n1. Warm air rises."


@pytest.mark.parametrize(
    ("file_name", "text", "state", "who"),
    [
        ("scan.pdf", AMELIA, "matched", "8A01"),
        ("scan.pdf", "Narne: Amelia Hart No.8A01\n1. Air", "matched", "8A01"),
        ("Amelia Hart.pdf", AMELIA, "matched", "8A01"),
        ("8A01.pdf", "1. Warm air rises.", "matched", "8A01"),
        ("8A01.pdf", "Name: Amelja Hart\n1. Air", "matched", "8A01"),
        ("scan.pdf", "1. Warm air rises.", "unknown", ""),
    ],
)
def test_one_of_them_is_enough(file_name: str, text: str, state: str, who: str) -> None:
    match = match_scan(file_name, text, ROSTER)
    assert (match.state, match.entry.number if match.entry else "") == (state, who)


@pytest.mark.parametrize(
    ("file_name", "text", "among"),
    [
        ("Benjamin Cole.pdf", AMELIA, {"8A01", "8A02"}),
        ("8A02.pdf", "姓名：王小明 学号：8B17\n1. 因为", {"8A02", "8B17"}),
        ("8A02.pdf", "Name: Zoe Quint No. 9Z99\n1. Air", {"8A02"}),
    ],
)
def test_where_they_differ_the_teacher_is_asked(file_name: str, text: str, among: set[str]) -> None:
    match = match_scan(file_name, text, ROSTER)
    assert match.state == "doubtful" and match.entry is None and match.reason is not None
    assert {entry.number for entry in match.candidates} >= among
