"""What the parts of `make bench-live` share: servers, the process of the clients, a class with its screens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psutil
from sqlalchemy import insert, text

from app.classroom import store
from app.classroom.models import BoardKind, Screen
from app.classroom.pairing import digest
from app.db import Database
from app.events.bus import Bus
from app.events.schema import MarkChanged
from app.settings import Settings
from benchmarks.grading import scheme
from benchmarks.web import ROOT, listening, port
from tests import factories


def tokens(count: int) -> list[str]:
    """The tokens of the screens."""
    return [f"bench-screen-{number}" for number in range(count)]


async def prepare(settings: Settings, screens: int) -> int:
    """A class of teacher "bench", an assignment, its progress board and so many screens; the board's id."""
    database = Database(settings.sqlalchemy_url)
    async with database.begin() as db:
        teacher = await factories.user(db, "bench")
        klass = await factories.klass(db, teacher)
        assignment = await factories.assignment(db, klass, scheme())
        board = await store.board_of(db, assignment.id, BoardKind.PROGRESS, "en")
        await db.execute(
            insert(Screen), [{"board_id": board.id, "token_hash": digest(token)} for token in tokens(screens)]
        )
    await database.close()
    return board.id


class Publisher:
    """Changes what the board shows, and tells it: `tick-N.` in the assignment's title. N only grows in a run."""

    number = 0

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings.sqlalchemy_url, pool_size=2)
        self._bus = Bus(settings.redis_url.get_secret_value())
        self.times: dict[int, float] = {}

    async def tick(self) -> int:
        """One event; its time is noted when it is published, after the commit."""
        Publisher.number += 1
        number = self.number
        async with self._database.begin() as db:
            await db.execute(
                text("update assignments set title = :title where id = 1"), {"title": self.title()}
            )
        self.times[number] = time.perf_counter()
        await self._bus.publish(MarkChanged(1, 1, 1))
        return number

    def title(self) -> str:
        """What the screens look for."""
        return f"tick-{self.number}."

    async def close(self) -> None:
        """Give the connections back."""
        await self._bus.close()
        await self._database.close()


class Clients:
    """The process of the screens."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.live_clients"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def do(self, name: str, **values: Any) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"do": name, **values}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(20)


@contextmanager
def server(settings: Settings, **environment: str) -> Iterator[tuple[int, psutil.Process]]:
    """A real server; its port and the process that serves."""
    place = port()
    values = {
        **os.environ, "VAR_DIR": str(settings.var_dir), "DATABASE_URL": settings.postgres_url,
        "REDIS_URL": settings.redis_url.get_secret_value(), "LOG_LEVEL": "ERROR", "PORT": str(place),
        "SECRET_KEY": settings.secret_key.get_secret_value(), **environment,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve"], cwd=ROOT, env=values, stdout=subprocess.DEVNULL
    )
    try:
        listening(f"http://127.0.0.1:{place}/health/ready")
        yield place, _worker(process.pid)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def bare() -> Iterator[tuple[int, psutil.Process]]:
    """The yardstick."""
    place = port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.bare_live", str(place)], cwd=ROOT)
    try:
        listening(f"http://127.0.0.1:{place}/health/ready")
        yield place, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _worker(pid: int) -> psutil.Process:
    """The worker of a server: the child that listens and is no database."""
    children = psutil.Process(pid).children(recursive=True)
    found = [one for one in children if one.is_running() and "zhupi" in " ".join(one.cmdline())]
    return max(found or children, key=lambda one: one.memory_info().rss)


def resident(process: psutil.Process) -> int:
    """Resident memory in bytes, after what is warm has settled."""
    return int(process.memory_info().rss)


def settled(process: psutil.Process, seconds: float = 15.0) -> int:
    """Resident memory when it has stopped growing (less than 100 kB in two seconds), or after `seconds`."""
    limit, before = time.perf_counter() + seconds, resident(process)
    while time.perf_counter() < limit:
        time.sleep(2)
        now = resident(process)
        if abs(now - before) < 100_000:
            return now
        before = now
    return before


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def held(place: int) -> dict[float, float]:
    """How many measurements of the event loop's lag were at most so many seconds, from /metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{place}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    found = {}
    for line in lines:
        if line.startswith("zhupi_event_loop_lag_seconds_bucket"):
            limit = line.split('le="')[1].split('"')[0]
            found[float(limit)] = float(line.rsplit(" ", 1)[1])
    return found


def worst_lag(before: dict[float, float], after: dict[float, float]) -> float:
    """The least bucket's limit, in seconds, that holds every measurement made between two looks."""
    new = after[float("inf")] - before[float("inf")]
    return next(limit for limit in sorted(after) if after[limit] - before[limit] >= new)
