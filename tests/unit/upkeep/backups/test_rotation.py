"""Names, turns, and that nothing but own whole archives is ever removed."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.i18n import ProblemError
from app.upkeep.backups import rotation
from app.upkeep.backups.archive import HEAD

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
OURS = HEAD.encode() + bytes(500)


def put(folder: Path, when: datetime, *, encrypted: bool = False) -> Path:
    path = folder / rotation.name_for(when, encrypted=encrypted)
    path.write_bytes(b"age-encryption.org/v1\n" if encrypted else OURS)
    return path


def test_a_name_says_when() -> None:
    assert rotation.name_for(NOON, encrypted=False) == "zhupi-20260131T120000Z.tar"
    assert rotation.name_for(NOON, encrypted=True) == "zhupi-20260131T120000Z.tar.age"


def test_two_in_one_second_have_two_names(tmp_path: Path) -> None:
    name = put(tmp_path, NOON).name
    second = rotation.free_name(tmp_path, name)
    assert second.name == "zhupi-20260131T120000Z-2.tar"
    second.write_bytes(OURS)
    assert rotation.free_name(tmp_path, name).name == "zhupi-20260131T120000Z-3.tar"
    assert [one.path.name for one in rotation.kept(tmp_path)] == [name, second.name]


def test_the_oldest_go(tmp_path: Path) -> None:
    made = [put(tmp_path, NOON + timedelta(days=day), encrypted=day % 2 == 1) for day in range(5)]
    assert rotation.prune(tmp_path, 2) == made[:3]
    assert sorted(tmp_path.iterdir()) == sorted(made[3:])
    assert rotation.prune(tmp_path, 2) == [] == rotation.prune(tmp_path, 0)


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    put(tmp_path, NOON)
    others = {
        "notes.txt": OURS,
        "zhupi-20200101T000000Z.tar": b"somebody else's of that name",
        "zhupi-20200101T000000Z.tar.partial": OURS,
        "zhupi-20209901T000000Z.tar": OURS,  # no date
        "zhupi-before-upgrade.tar": OURS,
        "my-zhupi-20200101T000000Z.tar": OURS,
    }
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "zhupi-20200102T000000Z.tar").mkdir()
    (tmp_path / "zhupi-20200103T000000Z.tar").symlink_to(tmp_path / "notes.txt")
    assert rotation.prune(tmp_path, 1) == []
    assert len(list(tmp_path.iterdir())) == len(others) + 3
    assert rotation.prune(tmp_path / "none", 1) == []


def test_when_the_next_is_due(tmp_path: Path) -> None:
    day = timedelta(days=1)
    assert rotation.wait_seconds(tmp_path, day, NOON) == 0
    put(tmp_path, NOON)
    assert rotation.wait_seconds(tmp_path, day, NOON + timedelta(hours=1)) == 23 * 3600
    assert rotation.wait_seconds(tmp_path, day, NOON + day) == 0
    # The clock was wrong when that one was made: better one too many.
    assert rotation.wait_seconds(tmp_path, day, NOON - timedelta(hours=1)) == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), (" 24 h ", 86400), ("7d", 604800), ("1w", 604800), ("60", 60)],
)
def test_a_time(text: str, seconds: int) -> None:
    assert rotation.duration(text).total_seconds() == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "24x", "-1h", "1.5h", "0d", "59s", "daily", "１h h", "99999999999h"]
)
def test_a_time_that_is_none(text: str) -> None:
    with pytest.raises(ProblemError, match="24h"):
        rotation.duration(text)


def test_whole_or_nothing(tmp_path: Path) -> None:
    final = tmp_path / "a.tar"
    with rotation.whole_or_nothing(final) as file:
        file.write(b"half")
        assert not final.exists()
    assert final.read_bytes() == b"half" and final.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyboardInterrupt), rotation.whole_or_nothing(tmp_path / "b.tar") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_a_dead_ones_rest_goes_and_a_living_ones_stays(tmp_path: Path) -> None:
    name = rotation.name_for(NOON, encrypted=False)
    dead = tmp_path / f"{name}.partial"
    living = tmp_path / f"{rotation.name_for(NOON, encrypted=True)}.partial"
    foreign = tmp_path / "film.mkv.partial"
    mine = tmp_path / "mine.tar.partial"
    for path in (dead, living, foreign, mine):
        path.write_bytes(b"x")
    holder = os.open(living, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert rotation.clear_partials(tmp_path) == [dead]
        assert sorted(rotation.clear_partials(tmp_path, "mine.tar")) == [mine]
    finally:
        os.close(holder)
    assert sorted(tmp_path.iterdir()) == sorted([living, foreign])
