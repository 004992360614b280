"""The figures of several processes add up, and the folder in which they do so comes and goes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import get_args

import pytest

from app import metrics, metrics_folder
from app.grading.state import MarkState
from app.i18n import ProblemError
from app.intake.errors import Kind as Unreadable
from app.scheme.types import Kind
from app.worker import metered

ROOT = Path(__file__).parents[2]

# Three processes count; one is killed, as gunicorn sees it; another is asked.
CHILDREN = """
import os, signal, time
from app import metrics_folder
with metrics_folder.shared(3):
    from app import metrics  # in the parent, before the fork, as `zhupi serve` does
    metrics.request("GET", "/x", 200, 0.5)
    pids = []
    for number in (1, 2, 3):
        pid = os.fork()
        if pid == 0:
            for _ in range(number):
                metrics.request("GET", "/x", 200, 0.5)
            metrics.OPEN_STREAMS.set(10 * number)
            metrics.sample_process()
            if number == 3:
                signal.pause()
            os._exit(0)
        pids.append(pid)
        if number < 3:
            os.waitpid(pid, 0)
    time.sleep(0.5)
    metrics.forget(pids[0])
    print(metrics.render().decode())
    os.kill(pids[2], signal.SIGKILL)
    os.waitpid(pids[2], 0)
    metrics.forget(pids[2])
    print("AFTERWARDS")
    print(metrics.render().decode())
    print("FOLDER", os.environ[metrics_folder.FOLDER])
"""


def test_several_processes_add_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILDREN],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    living, afterwards = done.stdout.split("AFTERWARDS")
    count = 'zhupi_http_requests_total{method="GET",route="/x",status="200"} 7.0'
    observed = 'zhupi_http_request_duration_seconds_bucket{le="0.5",method="GET",route="/x"} 7.0'
    assert count in living and observed in living
    # The first has ended: its streams are gone, what it counted stays.
    assert "zhupi_open_streams 50.0" in living and "zhupi_processes 2.0" in living
    assert count in afterwards and "zhupi_open_streams 20.0" in afterwards
    assert living.count("# TYPE zhupi_http_requests_total counter") == 1
    assert list(tmp_path.iterdir()) == []


def test_one_process_needs_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(metrics_folder.FOLDER, "/nowhere")  # a stale one of somebody else's shell
    with metrics_folder.shared(1):
        assert metrics_folder.FOLDER not in os.environ
    assert metrics.render()


def test_what_killed_servers_left_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead, living, other = (
        tmp_path / f"{metrics_folder.PREFIX}{name}" for name in (f"{ended.pid}-abc", "1-abc", "notes")
    )
    for folder in (dead, living, other):
        folder.mkdir()
        (folder / "counter_1.db").touch()
    with metrics_folder.shared(2):
        mine = Path(os.environ[metrics_folder.FOLDER])
        assert mine.parent == tmp_path and mine.stat().st_mode & 0o077 == 0
        assert not dead.exists() and living.exists() and other.exists()
    assert metrics_folder.FOLDER not in os.environ and not mine.exists()


def test_the_processs_own_figures() -> None:
    metrics.sample_process()
    used = metrics.CPU_SECONDS._value.get()
    sum(range(3_000_000))
    metrics.sample_process()
    assert used < metrics.CPU_SECONDS._value.get() < used + 30
    assert metrics.PROCESSES._value.get() == 1


def test_every_metric_has_a_help_and_a_name_by_the_rules() -> None:
    for family in metrics.REGISTRY.collect():
        assert family.name.startswith(("zhupi_", "process_"))
        assert family.documentation.endswith(".")
        assert not (family.type == "gauge" and family.name.endswith("_total"))


def test_a_process_without_pages_answers_on_a_port_of_its_own() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ProblemError, match=f"Port {port} for Prometheus cannot be used"):
            metrics.serve(port)
    metrics.serve(port)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        told = answer.read().decode()
    assert "zhupi_model_calls" in told and "zhupi_processes 1.0" in told


def test_every_value_of_a_label_is_told_from_the_start() -> None:
    assert set(metrics.KINDS) == set(Kind)
    assert set(metrics.OUTCOMES) == set(MarkState)
    assert set(metrics.REASONS) == {*get_args(Unreadable), "gone", "fault"}
    assert set(metrics.CALLS) == {
        metered.ANSWERED, metered.UNUSABLE, metered.FAILED, metered.BROKEN_OFF, "fault", "refused",
        *metered.CAUSES.values(),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", "from app import metrics; print(metrics.render().decode())"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'zhupi_uploads_total{outcome="failed"} 0.0' in done.stdout
    assert 'zhupi_intake_failures_total{reason="gone"} 0.0' in done.stdout
