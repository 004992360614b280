"""Sorting as people do: 2 before 10."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"(\d+)")

Key = tuple[tuple[int, int, str], ...]


def natural(text: str) -> Key:
    """A key that sorts the numbers in a text by their value: "S2" before "S10"."""
    parts = _DIGITS.split(text.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)
