"""The service that lasts: turns that are skipped, outages that are survived, old archives that go after a new one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.i18n import ProblemError
from app.upkeep.backups import rotation
from app.upkeep.backups.archive import HEAD
from app.upkeep.backups.making import Made
from app.upkeep.backups.schedule import FIRST_PAUSE, LONGEST_PAUSE, Schedule

DAY = timedelta(days=1)


def manifest(missing: int = 0) -> dict[str, Any]:
    return {"uploads": {"missing": {"count": missing}, "damaged": {"count": 0}}}


def maker(folder: Path, missing: int = 0) -> Any:
    """Makes what looks like a backup, now."""

    def once() -> Made:
        path = rotation.free_name(folder, rotation.name_for(datetime.now(UTC), encrypted=False))
        path.write_bytes(HEAD.encode() + bytes(100))
        return Made(path, 100, 0.1, False, manifest(missing))

    return once


def old(folder: Path, days: int) -> Path:
    path = folder / rotation.name_for(datetime.now(UTC) - days * DAY, encrypted=False)
    path.write_bytes(HEAD.encode() + bytes(100))
    return path


def test_a_fresh_one_skips_the_turn(tmp_path: Path) -> None:
    old(tmp_path, 0)
    assert 0 < Schedule(tmp_path, DAY, 3).turn(lambda: pytest.fail("not due")) <= 60


def test_the_oldest_go_after_the_new_one_is_whole(tmp_path: Path) -> None:
    paths = [old(tmp_path, days) for days in (4, 3, 2)]
    schedule = Schedule(tmp_path, DAY, 2)

    def fails() -> Made:
        raise ProblemError("The database does not answer: {why}", why="x")

    with capture_logs():
        schedule.turn(fails)
    assert all(path.exists() for path in paths)
    with capture_logs() as logs:
        schedule.turn(maker(tmp_path))
    assert [path.exists() for path in paths] == [False, False, True]
    assert [entry["event"] for entry in logs] == ["backup made", "old backup removed", "old backup removed"]


def test_an_outage_is_a_line_and_another_try(tmp_path: Path) -> None:
    schedule = Schedule(tmp_path, DAY, 0)

    def away() -> Made:
        raise ProblemError("The database does not answer: {why}", why="refused")

    def broken() -> Made:
        raise ZeroDivisionError

    with capture_logs() as logs:
        pauses = [schedule.turn(away) for _ in range(10)]
        schedule.turn(broken)
    assert pauses[0] == FIRST_PAUSE and pauses == sorted(pauses) and pauses[-1] == LONGEST_PAUSE
    assert logs[0]["log_level"] == "error" and "refused" in logs[0]["why"]
    assert logs[-1]["why"] == "ZeroDivisionError"
    with capture_logs():
        schedule.turn(maker(tmp_path))
    assert schedule.pause == FIRST_PAUSE


def test_missing_files_are_a_warning(tmp_path: Path) -> None:
    with capture_logs() as logs:
        Schedule(tmp_path, DAY, 0).turn(maker(tmp_path, missing=3))
    assert [(entry["log_level"], entry.get("count")) for entry in logs] == [("info", None), ("warning", 3)]


def test_it_ends_when_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_: float) -> None:
        raise SystemExit(0)

    monkeypatch.setattr("time.sleep", end)
    with pytest.raises(SystemExit), capture_logs():
        Schedule(tmp_path, DAY, 0).run(maker(tmp_path))
    assert len(rotation.kept(tmp_path)) == 1
