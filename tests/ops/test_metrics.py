"""`zhupi serve` with several processes: their figures add up, also over a kill; nothing is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.ops

ROOT = Path(__file__).parents[2]
SIGN_IN = 'zhupi_http_requests_total{method="GET",route="/sign-in",status="200"}'


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def read(port: int, path: str) -> str:
    """A page; "" while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return ""


def figure(port: int, name: str) -> float | None:
    """One figure, None when it is not told."""
    lines = (line.rpartition(" ") for line in read(port, "/metrics").splitlines() if line[:1] != "#")
    return next((float(value) for key, _, value in lines if key == name), None)


def until(check: Callable[[], bool], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < limit
        time.sleep(0.2)


def test_the_figures_of_several_processes_add_up(tmp_path: Path) -> None:
    temporary, port = tmp_path / "tmp", free_port()
    temporary.mkdir()
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    environment = {
        "VAR_DIR": str(tmp_path / "var"),
        "PORT": str(port),
        "WEB_CONCURRENCY": "2",
        "LANGUAGE": "en",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve"],
        cwd=ROOT,
        env={**kept, **environment, "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: figure(port, "zhupi_processes") == 2)
        for _ in range(20):
            assert read(port, "/sign-in")
        until(lambda: figure(port, SIGN_IN) == 20)
        worker = next(
            each
            for each in psutil.Process(server.pid).children()
            if each.cmdline() == psutil.Process(server.pid).cmdline()
        )
        worker.kill()
        until(lambda: not worker.is_running() and figure(port, "zhupi_processes") == 2)
        # Whoever is asked: what the killed one has counted stays.
        assert all(figure(port, SIGN_IN) == 20 for _ in range(10))
        assert list(temporary.glob("zhupi-metrics-*"))
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        assert not list(temporary.glob("zhupi-metrics-*"))
    finally:
        server.kill()
        server.wait()
