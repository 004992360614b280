"""The worker's sign of life, and the quick look at it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.i18n import ProblemError
from app.worker import alive, heartbeat
from app.worker.heartbeat import Heartbeat

ROOT = Path(__file__).parents[3]


def look(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.worker.alive", *map(str, arguments)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


async def test_it_beats_until_its_block_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.02)
    path = tmp_path / "beat"
    async with Heartbeat(path):
        first = path.read_text()
        assert alive.problem(str(path)) is None
        assert path.stat().st_mode & 0o777 == 0o600
        await asyncio.sleep(0.1)
        assert path.read_text() != first
        assert len(path.read_text()) == len(first)
        assert (await asyncio.to_thread(look, path)).returncode == 0
        assert (await asyncio.to_thread(look, HEARTBEAT_FILE=str(path))).returncode == 0
    assert not path.exists()
    gone = await asyncio.to_thread(look, path)
    assert gone.returncode == 1
    assert "No such file" in gone.stderr


def test_a_beat_that_was_rounded_up_is_no_beat_of_the_future(tmp_path: Path) -> None:
    path = tmp_path / "beat"
    path.write_text(f"{os.getpid()} {time.monotonic() + 0.2:.3f}\n")
    assert alive.problem(str(path)) is None
    path.write_text(f"{os.getpid()} {time.monotonic() + 60:.3f}\n")
    assert alive.problem(str(path)) is not None


async def test_a_loop_that_stands_still_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "beat"
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(alive, "DEAD_SECONDS", 0.2)
    async with Heartbeat(path):
        time.sleep(0.3)  # noqa: ASYNC251 - it is to hold the loop
        said = alive.problem(str(path))
        assert said is not None and f"process {os.getpid()}" in said
        await asyncio.sleep(0.1)
        assert alive.problem(str(path)) is None


@pytest.mark.parametrize(
    ("content", "good"),
    [
        ("1 {now}", True),
        ("1 {before}", False),
        ("1 {after}", False),
        ("", False),
        ("1", False),
        ("one two", False),
        ("1 2 3", False),
        ("1 nan", False),
        ("中 1", False),
    ],
)
def test_what_counts_as_a_beat(tmp_path: Path, content: str, good: bool) -> None:
    path = tmp_path / "beat"
    now = time.monotonic()
    path.write_text(content.format(now=now - 1, before=now - 60, after=now + 3600), encoding="utf-8")
    assert (alive.problem(str(path)) is None) is good


def test_the_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTBEAT_FILE", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert alive.place() == str(tmp_path / f"zhupi-worker-{os.getuid()}.alive")
    monkeypatch.setenv("HEARTBEAT_FILE", "/run/beat")
    assert alive.place() == "/run/beat"


async def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r"HEARTBEAT_FILE=.* cannot be written: No such file"):
        await Heartbeat(tmp_path / "no" / "beat").__aenter__()


async def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "beat").symlink_to(tmp_path / "target")
    with pytest.raises(ProblemError, match="cannot be written"):
        await Heartbeat(tmp_path / "beat").__aenter__()
    assert not (tmp_path / "target").exists()


async def test_a_disk_that_fills_up_is_logged_once_and_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.01)
    real = Heartbeat.beat
    async with Heartbeat(tmp_path / "beat"):

        def full(_: Heartbeat) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Heartbeat, "beat", full)
        await asyncio.sleep(0.1)
        monkeypatch.setattr(Heartbeat, "beat", real)
        before = (tmp_path / "beat").read_text()
        await asyncio.sleep(0.05)
        assert (tmp_path / "beat").read_text() != before


def test_the_look_is_light(tmp_path: Path) -> None:
    """It runs every few seconds: nothing of ours but its own few lines is imported."""
    code = (
        "import sys, runpy; before = set(sys.modules); sys.argv = ['alive', '/no/such/file']\n"
        "try: runpy.run_module('app.worker.alive', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("app")} <= {"app", "app.worker", "app.worker.alive"}
    assert not loaded & {"pydantic", "sqlalchemy", "asyncio", "structlog", "aiohttp", "pathlib"}
