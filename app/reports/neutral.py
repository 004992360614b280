"""Student text in spreadsheets is data: nothing in it may begin a formula.

OWASP, "CSV Injection": a cell that begins with = + - @, a tab or a carriage return may be run by Excel or LibreOffice.
Their full-width forms, and a formula behind blanks, are treated alike.
"""

from __future__ import annotations

import re

LONGEST = 32_767  # characters of one cell, Excel's limit
_STARTS = frozenset("=+-@\t\r\n＝＋－＠|%")
# XML 1.0 has no place for these; Excel would call the file broken.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def neutral(text: str) -> str:
    """The text as a cell that stays text: an apostrophe before what could begin a formula, no control characters."""
    plain = _UNWRITABLE.sub("", text)
    first, visible = plain[:1], plain.lstrip()[:1]
    if (first and first in _STARTS) or (visible and visible in _STARTS):
        plain = "'" + plain
    return plain[:LONGEST]
