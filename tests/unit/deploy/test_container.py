"""The container's health checks, run as the container runs them."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[3] / "deploy" / "container"


def run(script: str, *arguments: str, **variables: str) -> tuple[int, str]:
    """Exit code and words of a script, isolated as in the container."""
    command = [sys.executable, "-I", "-S", str(FOLDER / script), *arguments]
    done = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


@contextmanager
def server(answer: bytes | None) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers one request so, or not at all; its port and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                asked.append(connection.recv(1000))
                if answer is None:
                    time.sleep(6)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield str(listening.getsockname()[1]), asked


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\n{}", 0, ""),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n{}", 1, "HTTP/1.1 503 Service Unavailable"),
        (b"HTTP/1.1 2000 Odd\r\n\r\n", 1, "HTTP/1.1 2000 Odd"),
        (b"\xff\xfe", 1, "\xff\xfe"),
        (b"", 1, ""),
    ],
)
def test_ready_is_a_200_and_nothing_else(answer: bytes, code: int, words: str) -> None:
    with server(answer) as (port, asked):
        assert run("ready.py", PORT=port, PYTHONIOENCODING="latin-1") == (code, words)
    assert asked[0].startswith(b"GET /health/ready HTTP/1.0\r\n")


def test_nobody_there_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
    code, words = run("ready.py", PORT=port)
    assert code == 1 and words.startswith("no answer: ")


def test_who_does_not_answer_is_not_ready_in_time() -> None:
    with server(None) as (port, _):
        began = time.monotonic()
        code, words = run("ready.py", PORT=port)
    assert code == 1 and "timed out" in words
    assert time.monotonic() - began < 7


@pytest.fixture
def fresh() -> ModuleType:
    """backup_fresh.py as a module."""
    spec = importlib.util.spec_from_file_location("backup_fresh", FOLDER / "backup_fresh.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "seconds"), [("24h", 86400), ("90m", 5400), ("7d", 604800), ("30", 30), (" 1w ", 604800)]
)
def test_intervals(fresh: ModuleType, text: str, seconds: int) -> None:
    assert fresh.interval(text) == seconds


@pytest.mark.parametrize("text", ["", "0h", "h", "-1h", "1.5h", "24 h", "1y", "1h30m"])
def test_what_is_no_interval(fresh: ModuleType, text: str) -> None:
    with pytest.raises(ValueError):
        fresh.interval(text)
    assert run("backup_fresh.py", text)[0] == 2


def look(
    fresh: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    age_hours: float | None,
    up_hours: float,
) -> int:
    """The check with a newest archive of an age (None: there is none) in a container that is up for so long."""
    if age_hours is not None:
        archive = folder / "zhupi-1.tar"
        archive.write_text("x")
        then = time.time() - age_hours * 3600
        os.utime(archive, (then, then))
    monkeypatch.setenv("BACKUP_DIR", str(folder))
    monkeypatch.setattr(fresh, "started", lambda: time.time() - up_hours * 3600)
    return int(fresh.main(["backup_fresh.py", "24h"]))


@pytest.mark.parametrize(
    ("age", "up", "code"),
    [
        (1, 100, 0),
        (47, 100, 0),
        (49, 100, 1),
        (None, 1, 0),  # the first one has its interval
        (None, 26, 1),
        (100, 1, 0),  # after a long break, the next one has its interval too
        (100, 26, 1),
    ],
)
def test_a_backup_that_is_due_is_missed(
    fresh: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    age: float | None,
    up: float,
    code: int,
) -> None:
    # What is no whole archive does not count.
    (tmp_path / "zhupi-2.tar.partial").write_text("x")
    (tmp_path / ".hidden").write_text("x")
    assert look(fresh, monkeypatch, tmp_path, age, up) == code


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    code, words = run("backup_fresh.py", "24h", BACKUP_DIR=str(tmp_path / "gone"))
    assert code == 1 and "No such file" in words


def test_when_the_container_was_started(fresh: ModuleType) -> None:
    assert 0 < fresh.started() <= time.time()
