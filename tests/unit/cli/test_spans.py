"""Spans and moments as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.cli.spans import moment, span
from app.i18n import ProblemError


@pytest.mark.parametrize(
    ("typed", "days"),
    [("7d", 7), (" 4W ", 28), ("2y", 730), ("12h", 0.5), ("0d", 0), ("3 d", 3), ("36500d", 36_500)],
)
def test_spans(typed: str, days: float) -> None:
    assert span("--x", typed) == timedelta(days=days)


@pytest.mark.parametrize(
    "typed", ["", "7", "d", "-7d", "7m", "1.5y", "7dd", "７d日", "999999y", "36501d", "1d 2h"]
)
def test_what_is_no_span(typed: str) -> None:
    with pytest.raises(ProblemError, match="--x takes a span"):
        span("--x", typed)


def test_moments() -> None:
    now = datetime.now(UTC)
    assert abs(moment("--since", "1d") - (now - timedelta(days=1))) < timedelta(seconds=5)
    assert moment("--since", "2026-01-31T10:00+08:00") == datetime(2026, 1, 31, 2, tzinfo=UTC)
    assert moment("--since", "2026-01-31") == datetime(2026, 1, 31).astimezone(UTC)


@pytest.mark.parametrize("typed", ["", "yesterday", "2026-02-30", "31.1.2026", "0001-01-01", "99999-01-01"])
def test_what_is_no_moment(typed: str) -> None:
    try:
        found = moment("--since", typed)
    except ProblemError as problem:
        assert "--since takes a span such as 7d or a date" in str(problem)
    else:
        assert typed == "0001-01-01" and found.tzinfo is UTC
