"""Whose a scanned paper is: its file's name, which somebody typed, and its first page, which was recognised."""

from __future__ import annotations

from collections.abc import Sequence

from app.i18n import Text
from app.intake.matching import MAX_CANDIDATES, E, Match, match_paper
from app.intake.read_matching import Class
from app.intake.said import said


def match_scan(file_name: str, text: str, roster: Sequence[E]) -> Match[E]:
    """The student of a paper whose text was recognised, so that characters may be misread.

    The file's name and the page are asked each for itself. One of them is enough; where they point at different
    students, or both are unsure, the teacher is asked. Never raises.
    """
    by_name = match_paper(file_name, "", roster)
    by_page = Class(roster).match(said(text))
    if by_name.state == "unknown":
        return by_page
    if by_page.state == "unknown":
        # A name that is on the page and nobody's speaks against what the file is called.
        return by_name if by_page.reason is None or not said(text).names else _both(by_name, by_page)
    sure = [match for match in (by_name, by_page) if match.entry is not None]
    if sure and all(match.entry is sure[0].entry for match in sure):
        other = by_page if sure[0] is by_name else by_name
        if other.entry is not None or sure[0].entry in other.candidates:
            return sure[0]
    return _both(by_name, by_page)


def _both(one: Match[E], other: Match[E]) -> Match[E]:
    """Both are shown to the teacher, with the reason of the one that has one, or that they differ."""
    candidates = list({id(entry): entry for entry in (*one.candidates, *other.candidates)}.values())
    names = ", ".join(f"{entry.name} ({entry.number})" for entry in candidates[:MAX_CANDIDATES])
    text = Text("File name and paper point at different students: {students}.", {"students": names})
    return Match("doubtful", None, tuple(candidates[:MAX_CANDIDATES]), other.reason or one.reason or text)
