"""What the doctor says of the age of the last backup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.upkeep.doctor.backup import DAYS, age
from app.upkeep.doctor.findings import Level

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def test_none_is_a_warning() -> None:
    found = age(None, NOW)
    assert found.level is Level.WARNING and found.advice is not None
    assert found.facts == {"made": None}


def test_an_old_one_is_a_warning_from_its_day_on() -> None:
    young = age(NOW - timedelta(days=DAYS) + timedelta(seconds=1), NOW)
    old = age(NOW - timedelta(days=DAYS), NOW)
    assert (young.level, old.level) == (Level.OK, Level.WARNING)
    assert f"{DAYS} days old (2026-05-13 12:00 UTC)" in str(old.text)
