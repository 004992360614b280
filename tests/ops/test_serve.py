"""`zhupi serve` as a process: up, down, killed, twice, on a taken port."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.i18n import ProblemError
from app.serve import bind
from app.settings import Settings

pytestmark = pytest.mark.ops

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Server:
    """A server process on a port and a VAR_DIR of its own."""

    def __init__(self, var: Path, port: int) -> None:
        self.port = port
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve"],
            cwd=ROOT,
            env={**kept, "VAR_DIR": str(var), "PORT": str(port), "LANGUAGE": "en"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def get(self, path: str) -> int | None:
        """The status of a page, None when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def ready(self) -> None:
        limit = time.monotonic() + 60
        while self.get("/health/ready") != 200:
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < limit
            time.sleep(0.1)

    def family(self) -> list[psutil.Process]:
        """All its processes: workers, guard, services."""
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Server]]:
    """Servers to be killed at the end, whatever happened."""
    servers: list[Server] = []
    yield servers
    for server in servers:
        server.process.kill()
        server.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_says_where_and_ends_with_everything(
    tmp_path: Path, started: list[Server], number: signal.Signals
) -> None:
    started.append(server := Server(tmp_path / "var", free_port()))
    server.ready()
    family = server.family()
    assert {"postgres", "valkey-server"} <= {process.name() for process in family}
    server.process.send_signal(number)
    said, errors = server.process.communicate(timeout=30)
    assert server.process.returncode == 0, errors
    assert f"http://localhost:{server.port}/" in said
    assert "/set-up/" in said
    assert "Traceback" not in errors
    assert not psutil.wait_procs(family, timeout=5)[1]


def test_a_killed_server_leaves_nothing_and_starts_again(tmp_path: Path, started: list[Server]) -> None:
    port = free_port()
    started.append(first := Server(tmp_path / "var", port))
    first.ready()
    family = first.family()
    first.process.kill()
    first.process.wait()
    started.append(second := Server(tmp_path / "var", port))  # at once: the workers still hold the port
    assert not psutil.wait_procs(family, timeout=10)[1]
    second.ready()  # only now: a worker of the first might have answered
    second.process.terminate()
    assert second.process.wait(30) == 0


def test_many_wait_while_it_is_held(tmp_path: Path, started: list[Server]) -> None:
    """A stall of seconds under load is a wait for those who come: their connections are not dropped."""
    started.append(server := Server(tmp_path / "var", free_port()))
    server.ready()
    time.sleep(2)  # the worker looks around every second
    family = server.family()
    for process in family:
        process.suspend()
    waiting: list[socket.socket] = []
    try:
        for _ in range(400):
            waiting.append(socket.create_connection(("127.0.0.1", server.port), timeout=2))
    finally:
        for process in family:
            process.resume()
        for one in waiting:
            one.close()
    assert len(waiting) == 400
    assert server.get("/health/live") == 200


def test_a_second_server_on_the_same_folder_says_so_and_ends(tmp_path: Path, started: list[Server]) -> None:
    started.append(first := Server(tmp_path / "var", free_port()))
    first.ready()
    started.append(second := Server(tmp_path / "var", free_port()))
    _, errors = second.process.communicate(timeout=30)
    assert second.process.returncode == 2
    assert errors.startswith("Zhupi already runs on ")
    assert str(first.process.pid) in errors
    assert first.get("/health/ready") == 200


def test_a_taken_port_is_said_plainly(tmp_path: Path, started: list[Server]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        started.append(server := Server(tmp_path / "var", taken.getsockname()[1]))
        _, errors = server.process.communicate(timeout=30)
    assert server.process.returncode == 2
    assert errors == f"Port {server.port} is taken; set PORT to another one.\n"
    assert not (tmp_path / "var" / "services").exists()


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "a" * 300])
def test_an_address_of_another_machine(host: str) -> None:
    with pytest.raises(ProblemError, match="is not an address of this machine"):
        bind(host, free_port())


def test_bind_listens_so_that_nobody_else_can() -> None:
    with bind(Settings().host, free_port()) as one, pytest.raises(ProblemError, match="is taken"):
        bind("127.0.0.1", one.getsockname()[1])


def test_a_folder_for_uploads_that_cannot_be_used_is_said_in_words(tmp_path: Path) -> None:
    """UPLOAD_DIR lies below a file: exit code 2 and one sentence, no traceback, and no process is left."""
    (tmp_path / "file").write_text("")
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    place = {"VAR_DIR": str(tmp_path / "var"), "UPLOAD_DIR": str(tmp_path / "file" / "uploads")}
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "serve"],
        cwd=ROOT,
        env={**kept, **place, "PORT": str(free_port()), "LANGUAGE": "en"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "(UPLOAD_DIR) cannot be used" in done.stderr and "Traceback" not in done.stderr
