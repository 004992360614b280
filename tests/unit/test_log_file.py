"""One log file, many processes: no line is lost, cut or doubled when it is put aside."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from app import log_file
from app.log_file import SharedLogFile

ROOT = Path(__file__).parents[2]
LINES = 1500

# Writes lines of very different lengths, and forks first when told to: gunicorn's workers share what was open before.
WRITER = f"""
import logging, os, sys
from pathlib import Path
from app.log_file import SharedLogFile
path, largest, name, fork = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4] == "fork"
handler = SharedLogFile(path, largest, 10_000)
if fork and os.fork() == 0:
    name += "-child"
for number in range({LINES}):
    text = f"{{name}} {{number}} " + "x" * (20_000 if number % 200 == 0 else number % 120) + " end"
    handler.emit(logging.makeLogRecord({{"msg": text}}))
if fork and not name.endswith("-child"):
    os.wait()
"""


def write(path: Path, largest: int, name: str, fork: bool = False) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", WRITER, str(path), str(largest), name, "fork" if fork else "-"]
    return subprocess.Popen(arguments, cwd=ROOT)


def lines_of(folder: Path) -> list[str]:
    return [line for path in folder.iterdir() for line in path.read_text().splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def handler_of(path: Path, largest: int = 100, kept: int = 3) -> SharedLogFile:
    made = SharedLogFile(path, largest, kept)
    made.setFormatter(logging.Formatter("%(message)s"))
    return made


def emit(handler: SharedLogFile, *texts: str) -> None:
    for text in texts:
        handler.emit(logging.makeLogRecord({"msg": text}))


@pytest.mark.parametrize("fork", [False, True])
def test_several_processes_lose_nothing(tmp_path: Path, fork: bool) -> None:
    path = tmp_path / "log"
    writers = [write(path, 30_000, f"w{number}", fork) for number in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    found = lines_of(tmp_path)
    whole = 3 * LINES * (2 if fork else 1)
    assert len(found) == whole
    assert not [line[:60] for line in found if not line.endswith(" end")]
    counted = Counter(tuple(line.split()[:2]) for line in found)
    assert len(counted) == whole
    assert len(names(tmp_path)) > 5
    # No file is much larger than it may be: the others go on writing while one is about to rename it.
    assert max(each.stat().st_size for each in tmp_path.iterdir()) < 20 * 30_000


def test_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "log"
    (tmp_path / "log.9").write_text("from when more were kept\n")
    (tmp_path / "log.old").write_text("not ours\n")
    (tmp_path / "log.01").write_text("not ours\n")
    handler = handler_of(path, largest=10, kept=2)
    emit(handler, "first line", "second line", "third line", "fourth line")
    handler.close()
    assert names(tmp_path) == ["log", "log.01", "log.1", "log.2", "log.old"]
    assert [(tmp_path / name).read_text() for name in ("log", "log.1", "log.2")] == [
        "fourth line\n",
        "third line\n",
        "second line\n",
    ]


def test_nothing_is_put_aside_when_others_do_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    handler = handler_of(path, largest=0)
    emit(handler, *["a line"] * 100)
    assert names(tmp_path) == ["log"]
    path.rename(tmp_path / "log-20260101")  # logrotate
    emit(handler, "after it")
    assert path.read_text() == "after it\n"
    shutil.copy(path, tmp_path / "copy")  # logrotate with copytruncate
    os.truncate(path, 0)
    emit(handler, "after that")
    assert path.read_text() == "after that\n"
    handler.close()


def test_a_folder_without_rights_to_rename_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = handler_of(tmp_path / "log", largest=10)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(SharedLogFile, "_rename", refuse)
    emit(handler, "the first line", "the second line", "the third line", "the fourth line")
    handler.close()
    assert (
        tmp_path / "log"
    ).read_text() == "the first line\nthe second line\nthe third line\nthe fourth line\n"
    (told,) = capsys.readouterr().err.splitlines()
    assert json.loads(told) == {
        "event": "log file not written",
        "level": "error",
        "file": str(tmp_path / "log"),
        "error": "Permission denied",
    }


def test_a_full_disk_is_told_without_the_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = handler_of(tmp_path / "log")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(log_file.os, "write", full)
        emit(handler, "what a student wrote", "and more")
    emit(handler, "there is room again")
    handler.close()
    said = capsys.readouterr().err
    assert "No space left on device" in said and "student" not in said
    assert len(said.splitlines()) == 1
    assert (tmp_path / "log").read_text() == "there is room again\n"


def test_a_lock_that_another_holds_is_not_waited_for(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / "log"
    handler = handler_of(path, largest=10)
    emit(handler, "the first line")
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        emit(handler, "the second line")
    emit(handler, "the third line")
    handler.close()
    assert path.read_text() == "the third line\n"
    assert (tmp_path / "log.1").read_text() == "the first line\nthe second line\n"
