"""The verbs as processes: killed, told to end, with a disk that is really full, and what others can see of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyrage
import pytest

from app.settings import Settings
from app.upkeep.backups import programs, rotation
from tests.conftest import World
from tests.functional.backup_help import rows_of, with_files

ROOT = Path(__file__).parents[2]
BIG = 400 * 2**20  # bytes of a sparse upload: some seconds of copying

pytestmark = pytest.mark.ops


def environment(settings: Settings, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": settings.postgres_url,
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "VAR_DIR": str(settings.var_dir),
        "SECRET_KEY": "x" * 40,
        **more,
    }


def start(settings: Settings, *words: str, **more: str) -> subprocess.Popen[str]:
    """`zhupi` with a verb."""
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", "from app.cli import main; main()", *words],
        env=environment(settings, **more),
        cwd=settings.var_dir,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(settings: Settings, *words: str, **more: str) -> tuple[int, str, str]:
    """Exit code, output, complaints."""
    process = start(settings, *words, **more)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def wait_for(what: Any, seconds: float = 60.0) -> Any:
    limit = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < limit, "it took too long"
        time.sleep(0.01)
    return found


def partial(settings: Settings) -> list[Path]:
    """The archive that is being written, once it holds a good part of the big file."""
    return [path for path in settings.backups.glob("*.partial") if path.stat().st_size > 20 * 2**20]


@pytest.fixture
async def big(settings: Settings, world: World) -> str:
    """A paper with a file that takes a while; its key."""
    [key] = await with_files(settings, world.klass, [b"small"])
    os.truncate(Path(settings.uploads, key), BIG)
    return key


def test_killed_in_the_middle(settings: Settings, big: str) -> None:
    """Nothing that looks whole is left, nothing stays locked, and the next one clears up and says so."""
    process = start(settings, "backup")
    [rest] = wait_for(lambda: partial(settings))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert rotation.kept(settings.backups) == [] and list(settings.backups.iterdir()) == [rest]
    code, _, err = run(settings, "restore", str(rest), "--verify")
    assert code == 2 and "ends early" in err and "Traceback" not in err

    os.truncate(Path(settings.uploads, big), 5)  # quicker from here on
    code, out, err = run(settings, "backup")
    assert code == 0, err
    assert "had broken off" in err and rest.name in err
    [made] = settings.backups.iterdir()
    assert made.name in out and not made.name.endswith(".partial")


@pytest.mark.parametrize("encrypted", [False, True])
def test_told_to_end_in_the_middle(settings: Settings, big: str, tmp_path: Path, encrypted: bool) -> None:
    words = ["--encrypt-to", recipient()] if encrypted else []
    process = start(settings, "backup", *words)
    wait_for(lambda: partial(settings))
    began = time.monotonic()
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert time.monotonic() - began < 3
    assert process.returncode == 128 + signal.SIGTERM and "Traceback" not in err
    assert list(settings.backups.iterdir()) == []
    assert not [path for path in (settings.var_dir / "spool").iterdir() if path.name.startswith("postgres-")]


def recipient() -> str:
    return str(pyrage.x25519.Identity.generate().to_public())


async def test_one_after_the_other(settings: Settings, world: World) -> None:
    """The service: one at once, then it waits; a new start makes none while that one is fresh; it ends at once."""
    await with_files(settings, world.klass, [b"one"])
    words = ("backup", "--every", "24h", "--keep", "2")
    process = start(settings, *words)
    [made] = wait_for(lambda: rotation.kept(settings.backups))
    await asyncio.sleep(0.5)
    began = time.monotonic()
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0 and time.monotonic() - began < 1 and "backup made" in err
    again = start(settings, *words)
    await asyncio.sleep(6)
    again.terminate()
    again.communicate(timeout=10)
    assert again.returncode == 0 and rotation.kept(settings.backups) == [made]


async def test_the_service_survives_an_outage(settings: Settings, world: World) -> None:
    away = settings.postgres_url.replace("/zhupi?", "/nobody?")
    process = start(settings, "backup", "--every", "1h", DATABASE_URL=away, ENVIRONMENT="production")
    assert process.stderr is not None
    line = json.loads(process.stderr.readline())
    assert line["event"] == "backup failed" and "does not answer" in line["why"]
    assert process.poll() is None
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 0


async def test_a_restore_that_is_killed_changes_nothing(
    settings: Settings, world: World, tmp_path: Path
) -> None:
    """SIGKILL between two statements of the dump: psql sees the end of its input, and no COMMIT in it."""
    await with_files(settings, world.klass, [b"one"])
    code, out, err = run(settings, "backup", "--json")
    assert code == 0, err
    before = await asyncio.to_thread(rows_of, settings)
    real, folder, reached = programs.for_dump(18), tmp_path / "bin", tmp_path / "reached"
    folder.mkdir()
    for name in programs.NEEDED:
        words = f'exec {real.path(name)} "$@"'
        if name == "pg_restore":
            slowly = f"head -c 20000; touch {reached}; sleep 3; cat"
            words = f'[ "$1" = --list ] && {words}\n{real.path(name)} "$@" | {{ {slowly}; }}'
        (folder / name).write_text(f"#!/bin/sh\n{words}\n")
        (folder / name).chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    process = start(settings, "restore", json.loads(out)["file"], "--into-live", "--yes", PATH=path)
    wait_for(reached.exists)
    process.kill()
    process.communicate()
    assert await asyncio.to_thread(rows_of, settings) == before  # waits until the server has undone it
    code, _, err = run(settings, "restore", json.loads(out)["file"], "--into-live", "--yes")
    assert code == 0, err


async def test_no_password_is_where_others_can_see_it(
    settings: Settings, world: World, tmp_path: Path
) -> None:
    """Every program of PostgreSQL that is started notes its own command line and environment."""
    await with_files(settings, world.klass, [b"one"])
    real = programs.for_dump(18)
    folder, noted = tmp_path / "bin", tmp_path / "noted"
    folder.mkdir()
    for name in programs.NEEDED:
        (folder / name).write_text(
            f'#!/bin/sh\n{{ echo "{name} $*"; env; }} >>{noted}\nexec {real.path(name)} "$@"\n'
        )
        (folder / name).chmod(0o755)
    more = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "DATABASE_URL": settings.postgres_url.replace("//zhupi@", "//zhupi:hidden-word@"),
    }
    assert "hidden-word" in more["DATABASE_URL"]
    code, out, err = run(settings, "backup", "--json", **more)
    assert code == 0, err
    code, _, err = run(settings, "restore", json.loads(out)["file"], "--into-live", "--yes", **more)
    assert code == 0, err
    seen = noted.read_text()
    assert all(f"{name} --" in seen for name in programs.NEEDED) and "service=zhupi" in seen
    assert "hidden-word" not in seen and "SECRET_KEY" not in seen
    assert not [path for path in (settings.var_dir / "spool").iterdir() if path.name.startswith("postgres-")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this needs the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_disk_that_is_really_full(settings: Settings, world: World, small_disk: Path) -> None:
    """The uploads alone would fit; with the database they do not."""
    await with_files(settings, world.klass, [os.urandom(1_000_000)])
    code, out, err = run(settings, "backup", "--out", str(small_disk))
    assert (code, out) == (2, "") and "full" in err and "Traceback" not in err
    assert list(small_disk.iterdir()) == []


async def test_all_by_words(settings: Settings, world: World, tmp_path: Path) -> None:
    """Made, verified, refused, restored, in sentences and in JSON; in Chinese too."""
    await with_files(settings, world.klass, [b"one"])
    identity, key = pyrage.x25519.Identity.generate(), tmp_path / "key"
    key.write_text(f"{identity}\n")
    code, out, err = run(settings, "backup", "--encrypt-to", str(identity.to_public()), "--json")
    assert (code, err) == (0, "")
    made = json.loads(out)
    assert made["encrypted"] and made["uploads"]["count"] == 1 and made["database"]["counts"]["users"] == 3
    path, opened = made["file"], ["--identity-file", str(key)]
    code, out, err = run(settings, "restore", path, "--verify", "--json", *opened)
    assert code == 0 and json.loads(out)["uploads"]["count"] == 1
    code, out, err = run(settings, "restore", path, *opened, LANG="zh_CN.UTF-8")
    assert (code, out) == (2, "") and "--into-live" in err and "数据库" in err
    code, out, err = run(settings, "restore", path, "--into-live", *opened)
    assert code == 2 and "--yes" in err  # nobody is there to ask
    code, out, err = run(settings, "restore", path, "--into-live", "--yes", *opened)
    assert code == 0 and "is restored" in out, err
    code, out, err = run(settings, "restore", path, "--verify")
    assert code == 2 and "--identity-file" in err


async def test_keys_of_the_settings(settings: Settings, world: World, tmp_path: Path) -> None:
    """The service's backups are encrypted without a word in its command; an own word outranks it."""
    await with_files(settings, world.klass, [b"one"])
    own, other = (pyrage.x25519.Identity.generate() for _ in range(2))
    key = tmp_path / "key"
    key.write_text(f"{own}\n")
    for words, works in ((), True), (("--encrypt-to", str(other.to_public())), False):
        code, out, err = run(settings, "backup", "--json", *words, BACKUP_ENCRYPT_TO=str(own.to_public()))
        assert code == 0 and json.loads(out)["encrypted"], err
        code, _, err = run(
            settings, "restore", json.loads(out)["file"], "--verify", "--identity-file", str(key)
        )
        assert (code == 0) == works, err
    code, _, err = run(settings, "backup", BACKUP_ENCRYPT_TO=str(own))
    assert code == 2 and "BACKUP_ENCRYPT_TO" in err and str(own) not in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backup", "--every", "daily"], "24h"),
        (["backup", "--every", "24h", "--out", "/tmp/none/x.tar"], "folder"),
        (["backup", "--encrypt-to", "bob"], "no public key"),
        (["backup", "--encrypt-to", "age1x", "--passphrase-file", "x"], "not both"),
        (["backup", "--passphrase-file", "/none"], "cannot be read"),
        (["backup", "--out", "/none/x.tar"], "no folder"),
        (["backup", "--keep", "-1"], "--keep"),
        (["restore", "/none/x.tar", "--verify"], "cannot be read"),
        (["restore", "/etc/hostname", "--verify"], "no backup"),
        (["restore", "/etc/hostname", "--identity-file", "/etc/hostname"], "no private key"),
        (["restore"], "FILE"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else "",
)
def test_bad_words(settings: Settings, words: Sequence[str], said: str) -> None:
    code, out, err = run(settings, *words)
    assert (code, out) == (2, "") and said in err and "Traceback" not in err, err
