"""`make bench-live`: classroom screens. How many one process holds, how fast a change is on all of them, what happens
when they lose the server, and whether a day leaves anything behind.

The real server (gunicorn, PostgreSQL, Valkey) against a bare aiohttp loop that writes the same bytes to its streams, in
the same run; the screens are sockets in a process of their own. `python -m benchmarks.live --small` is a rehearsal.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import embedded, migrate
from app.settings import Settings
from benchmarks import live_parts as parts
from benchmarks.live_order import order
from benchmarks.live_parts import Clients, Publisher, percentile, settled, tokens
from benchmarks.live_quiz import quiz_round
from benchmarks.report import Figure, write

ROUNDS = 15  # events to all; the bare loop as many
PAUSE = 1.0  # s between them
WARM = 300  # screens that come and go before anything is measured: what a process allocates once


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done; the defaults are what is asked for."""

    screens: int = 5_000
    busy_screens: int = 1_000
    busy_seconds: float = 60.0
    storm: int = 2_000
    day_screens: int = 200
    hours: int = 24
    orders: int = 10


SMALL = Size(500, 200, 8.0, 400, 60, 8, 4)


def many(settings: Settings, clients: Clients, size: Size) -> list[Figure]:
    """Memory of each screen and the time of one event to all of them, ours and the bare loop's."""
    with parts.server(settings) as (place, process):
        memory, body = _memory(clients, place, process, size.screens)
        ours, right = asyncio.run(_events(settings, clients, size.screens))
        after = (settled(process) - body) / size.screens
        clients.do("close")
    with parts.bare() as (place, process):
        bare_memory, _ = _memory(clients, place, process, size.screens)
        theirs = _bare_events(clients, place, size.screens)
        clients.do("close")
    name = f"{size.screens} screens on a process"
    return [
        Figure(f"{name}: resident memory each", memory / 1000, "kB", bare_memory / 1000, 25),
        Figure(f"{name}: the same after {ROUNDS} events", after / 1000, "kB", None, 25),
        Figure(f"{name}: one event to all, p50", 1000 * percentile(ours, 0.5), "ms", 1000 * percentile(theirs, 0.5)),
        Figure(
            f"{name}: one event to all, p99", 1000 * percentile(ours, 0.99), "ms", 1000 * percentile(theirs, 0.99),
            1.5, "ratio",
        ),
        Figure(f"{name}: boards that did not arrive", size.screens * ROUNDS - right, "boards", None, 0),
    ]  # fmt: skip


def _memory(clients: Clients, place: int, process: Any, count: int) -> tuple[float, int]:
    """Bytes a screen, and what the process had before they came."""
    clients.do("open", port=place, tokens=tokens(WARM))
    clients.do("close")
    before = settled(process)
    answer = clients.do("open", port=place, tokens=tokens(count))
    if answer["live"] != count or answer["refused"]:
        raise SystemExit(f"only {answer} of {count} screens were let in")
    return (settled(process) - before) / count, before


async def _events(settings: Settings, clients: Clients, screens: int) -> tuple[list[float], int]:
    publisher, delays, right = Publisher(settings), [], 0
    for _ in range(ROUNDS):
        number = await publisher.tick()
        answer = clients.do("report", wanted=number, seconds=15)
        delays += [at - publisher.times[mark] for mark, _, at in answer["seen"] if mark == number]
        right += answer["right"]
        await asyncio.sleep(PAUSE)
    await publisher.close()
    return delays, right


def _bare_events(clients: Clients, place: int, screens: int) -> list[float]:
    delays = []
    filler = "data: " + "x" * 60 + "\n"
    for number in range(1, ROUNDS + 1):
        body = f"id: {number}-0/0123456789abcdef\ndata: tick-{number}.\n{filler * 10}\n".encode()
        began = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{place}/tick", data=body, timeout=30):
            pass
        answer = clients.do("report", wanted=number, seconds=15)
        if answer["right"] != screens:
            raise SystemExit("the bare loop lost an event")
        delays += [at - began for mark, _, at in answer["seen"] if mark == number]
        time.sleep(PAUSE)
    return delays


def busy(settings: Settings, clients: Clients, size: Size) -> list[Figure]:
    """Twenty events a second: how old is what a screen shows, and does it miss the last one?"""
    with parts.server(settings) as (place, process):
        clients.do("open", port=place, tokens=tokens(size.busy_screens))
        cpu = process.cpu_times()
        answer, times, seconds = asyncio.run(_twenty(settings, clients, size.busy_seconds))
        now = process.cpu_times()
        clients.do("close")
    # An event has arrived with the first board that is as new; what came between two boards came with the second.
    first = min(times)
    delays = [
        at - times[mark] for new, old, at in answer["seen"] for mark in range(max(old + 1, first), new + 1)
    ]
    missing = len(times) * size.busy_screens - len(delays)
    name = f"20 events/s to {size.busy_screens} screens for {size.busy_seconds:.0f} s"
    return [
        Figure(f"{name}: p99", percentile(delays, 0.99), "s", None, 1),
        Figure(f"{name}: events not shown", missing, "events", None, 0),
        Figure(f"{name}: lines lost, boards out of order", answer["lost"] + answer["backwards"], "", None, 0),
        Figure(f"{name}: events published", len(times) / seconds, "events/s"),
        Figure(
            f"{name}: processor", 100 * (now.user + now.system - cpu.user - cpu.system) / seconds, "% of a core"
        ),
    ]  # fmt: skip


async def _twenty(
    settings: Settings, clients: Clients, seconds: float
) -> tuple[dict[str, Any], dict[int, float], float]:
    publisher = Publisher(settings)
    began = due = time.perf_counter()
    while due - began < seconds:
        await publisher.tick()
        due += 0.05
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    took = time.perf_counter() - began
    answer = clients.do("report", wanted=publisher.number, seconds=15)
    await publisher.close()
    return answer, publisher.times, took


def storm(settings: Settings, clients: Clients, size: Size) -> list[Figure]:
    """All lines break at once: when is every screen back and right, and is the loop held meanwhile?"""
    with parts.server(settings) as (place, _):
        clients.do("open", port=place, tokens=tokens(size.storm))
        back, answer, lag = asyncio.run(_storm(settings, clients, place))
        closed = clients.do("close")
    name = f"{size.storm} screens dropped at once"
    return [
        Figure(f"{name}: all back and right after", back, "s", None, 15),
        Figure(f"{name}: right in the end", answer["right"], "screens", None, size.storm, at_least=True),
        Figure(f"{name}: refused", closed["refused"], "screens", None, 0),
        Figure(f"{name}: event loop held, at most", 1000 * lag, "ms", None, 250),
    ]


async def _storm(settings: Settings, clients: Clients, place: int) -> tuple[float, dict[str, Any], float]:
    publisher = Publisher(settings)
    await asyncio.sleep(2)
    before = parts.held(place)
    began = time.perf_counter()
    clients.do("drop", ports=None)
    # What changes while they are away must be there when they are back.
    number = await publisher.tick()
    answer = clients.do("report", wanted=number, seconds=30)
    back = max(at for mark, _, at in answer["seen"] if mark == number) - began
    await publisher.close()
    await asyncio.sleep(1)
    return back, answer, parts.worst_lag(before, parts.held(place))


def day(settings: Settings, clients: Clients, size: Size) -> list[Figure]:
    """A day at speed: each hour every screen comes anew (as its stream's life ends) and a lesson's events pass."""
    memory = []
    with parts.server(settings) as (place, process):
        clients.do("open", port=place, tokens=tokens(size.day_screens))
        for _ in range(size.hours):
            asyncio.run(_hour(settings, clients))
            memory.append(settled(process, 4) / 1000)
        answer = clients.do("close")
    warm = memory[size.hours // 4 :]  # the first hours fill what a process allocates once
    return [
        Figure(f"{size.hours} hours at speed: memory slope", _slope(warm), "kB/hour", None, 50),
        Figure(f"{size.hours} hours at speed: memory from first to last", warm[-1] - warm[0], "kB"),
        Figure(f"{size.hours} hours at speed: reconnects", answer["lost"], "lines"),
    ]


async def _hour(settings: Settings, clients: Clients) -> None:
    publisher = Publisher(settings)
    clients.do("drop", ports=None)
    for _ in range(60):
        await publisher.tick()
        await asyncio.sleep(0.03)
    clients.do("report", wanted=publisher.number, seconds=15)
    await publisher.close()


def _slope(values: Sequence[float]) -> float:
    """The least-squares slope of values taken once an hour."""
    middle, mean = (len(values) - 1) / 2, sum(values) / len(values)
    over = sum((hour - middle) * (value - mean) for hour, value in enumerate(values))
    return over / sum((hour - middle) ** 2 for hour in range(len(values)))


PARTS: dict[str, Callable[[Settings, Clients, Size], list[Figure]]] = {
    "many": many,
    "busy": busy,
    "storm": storm,
    "order": order,
    "quiz": quiz_round,
    "day": day,
}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a rehearsal of a minute")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part (repeatable)")
    given = parser.parse_args()
    size = SMALL if given.small else Size()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    folder = Path(tempfile.mkdtemp(prefix="zhupi-bench-"))
    services, clients, figures = embedded.temporary(folder), Clients(), []
    try:
        settings = Settings.model_validate(
            {
                "database_url": services.database_url,
                "redis_url": services.redis_url,
                "var_dir": folder / "var",
                "secret_key": "bench-secret-" * 4,
            }
        )
        migrate.upgrade(settings)
        asyncio.run(parts.prepare(settings, size.screens))
        for name in given.only or PARTS:
            figures += PARTS[name](settings, clients, size)
    finally:
        clients.end()
        services.stop()
        shutil.rmtree(folder, ignore_errors=True)
    write("live-small" if given.small else "live", figures)


if __name__ == "__main__":
    main()
