"""Spans of time as people type them after an option: 12h, 7d, 4w, 2y, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from app.i18n import ProblemError

UNITS = {"h": 1 / 24, "d": 1, "w": 7, "y": 365}  # in days; months differ too much to be a unit
LONGEST_DAYS = 36_500
_SPAN = re.compile(r"(\d{1,6})\s*([hdwy])", re.IGNORECASE)


def span(option: str, value: str) -> timedelta:
    """A span such as 7d; `option` is named in the sentence when it is none. Raises ProblemError."""
    found = _span(value)
    if found is None:
        raise ProblemError(
            "{option} takes a span such as 12h, 7d, 4w or 2y, not {value}.", option=option, value=value
        )
    return found


def moment(option: str, value: str) -> datetime:
    """A moment in the past: a span before now, or a date (2026-01-31) or date and time. Raises ProblemError.

    Without an offset a date is in the server's own time zone.
    """
    back = _span(value)
    if back is not None:
        return datetime.now(UTC) - back
    try:
        return datetime.fromisoformat(value.strip()).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ProblemError(
            "{option} takes a span such as 7d or a date such as 2026-01-31, not {value}.",
            option=option,
            value=value,
        ) from None


def _span(value: str) -> timedelta | None:
    found = _SPAN.fullmatch(value.strip())
    if found is None:
        return None
    days = int(found[1]) * UNITS[found[2].lower()]
    return timedelta(days=days) if days <= LONGEST_DAYS else None
