"""Grade levels: from which percentage on a total is an A, B, C or D; below is F."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from app.i18n import N_, ProblemError

LEVELS = ("A", "B", "C", "D")
LOWEST = "F"
ALL = (*LEVELS, LOWEST)


class GradeLinesError(ProblemError):
    """Grade lines that make no order."""


def grade_of(percent: float | None, lines: Mapping[str, float]) -> str:
    """The level of a percentage (0..100); "" for none. Lines not given are never reached."""
    if percent is None:
        return ""
    # 17 of 20 is 85 %, whatever binary fractions make of it.
    reached = round(percent, 6)
    return next((level for level in LEVELS if level in lines and reached >= lines[level]), LOWEST)


def checked(typed: Mapping[str, float | None]) -> dict[str, float]:
    """Lines as typed, in percent. Raises GradeLinesError unless 100 >= A > B > C > D > 0."""
    lines: dict[str, float] = {}
    for level in LEVELS:
        value = typed.get(level)
        if value is None or not math.isfinite(value):
            raise GradeLinesError(N_("The line of {level} is a percentage, such as 85."), level=level)
        if not 0 < value <= 100:
            raise GradeLinesError(N_("The line of {level} lies above 0 and up to 100 percent."), level=level)
        lines[level] = round(value, 2)
    for upper, lower in pairwise(LEVELS):
        if lines[upper] <= lines[lower]:
            raise GradeLinesError(
                N_("The line of {upper} must be higher than that of {lower}."), upper=upper, lower=lower
            )
    return lines
