"""Speed and size: the idle stack's memory, and what nginx adds to the results page."""

from __future__ import annotations

import asyncio
import re
import statistics
import time

import pytest

from tests import graded
from tests.compose.figures import Figures
from tests.compose.stack import PROJECT, Stack
from tests.compose.teacher import Teacher

pytestmark = pytest.mark.compose
PAPERS, QUESTIONS = 30, 6
IDLE_SECONDS = 20.0
MEMORY_MB = 700
NGINX_MS = 1.0
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
CHUNKS, TIMES = 24, 20  # the doors in turn, so many requests each over kept connections
# curl, for what a browser's own TLS costs; the time of a whole answer in seconds, a line each. The first to each
# address includes the connection's making and does not count. nginx gives each replica its turn: so does the direct way
# of asking.
ASK = 'exec curl -ksS --fail -o /dev/null -w "%{time_total}\\n" -H "Host: localhost" -K -'


def bytes_of(text: str) -> int:
    """Docker's "12.5MiB" in bytes."""
    found = re.fullmatch(r"([\d.]+)(\w+)", text.strip())
    assert found is not None, text
    return int(float(found[1]) * UNITS[found[2]])


def memory(stack: Stack) -> dict[str, float]:
    """What each container holds, in MB, as `docker stats` counts (without the page cache that the kernel may drop)."""
    said = stack.docker("stats", "--no-stream", "--format", "{{.Name}}\t{{.MemUsage}}", *stack.containers())
    rows = (line.split("\t") for line in said.splitlines())
    return {name: bytes_of(usage.split("/")[0]) / 2**20 for name, usage in rows if "model" not in name}


def test_idle_memory(school: Stack, figures: Figures) -> None:
    """All containers together, some seconds after the last request."""
    time.sleep(IDLE_SECONDS)
    held = memory(school)
    for name, megabytes in sorted(held.items()):
        figures.note(f"idle memory: {name}", megabytes, "MB")
    figures.note("idle memory: in all, 2 replicas", sum(held.values()), "MB", limit=MEMORY_MB)


async def test_what_nginx_adds(teacher: Teacher, figures: Figures) -> None:
    """The results page of thirty, asked from beside nginx: through it (TLS) and straight from the replicas."""
    stack = teacher.stack
    klass = await teacher.new_class("Speed", pupils=PAPERS)
    assignment = await teacher.new_assignment(klass, "Speed", QUESTIONS, grader="local")
    await teacher.hand_in(assignment, PAPERS, QUESTIONS)
    await teacher.start(assignment)

    async def done() -> bool:
        return await teacher.done(assignment) == PAPERS * QUESTIONS

    await graded.until(done, 120)
    nginx = stack.addresses(stack.containers("nginx")[0])["front"]
    replicas = [stack.addresses(one)["front"] for one in stack.containers("app")]
    path = f"/assignments/{assignment}/results"
    doors = {
        "app": ("identity", [f"http://{replica}:8080{path}" for replica in replicas]),
        "nginx": ("gzip", [f"https://{nginx}:8443{path}"]),
        "nginx, not compressed": ("identity", [f"https://{nginx}:8443{path}"]),
    }
    cookies = "; ".join(f"{cookie.key}={cookie.value}" for cookie in teacher.session.cookie_jar)
    seconds: dict[str, list[float]] = {name: [] for name in doors}
    for _ in range(CHUNKS):
        for name, (coding, urls) in doors.items():
            asked = await asyncio.to_thread(ask, stack, urls, coding, cookies)
            seconds[name] += asked
    medians = {name: statistics.median(each) * 1000 for name, each in seconds.items()}
    for name, median in medians.items():
        figures.note(f"results page of 30: from {name}, median", median, "ms")
    figures.note("results page of 30: nginx adds", medians["nginx"] - medians["app"], "ms", limit=NGINX_MS)


def ask(stack: Stack, urls: list[str], coding: str, cookies: str) -> list[float]:
    """Ask for one page again and again from beside nginx, at each address in turn; the seconds of each answer."""
    lines = [f'header = "Cookie: {cookies}"', f'header = "Accept-Encoding: {coding}"']
    asked = [urls[turn % len(urls)] for turn in range(TIMES + len(urls))]
    lines += [f'url = "{url}"\noutput = "/dev/null"' for url in asked]
    options = ("--rm", "-i", f"--network={PROJECT}_front", "--entrypoint=sh", "nginx:1.28")
    said = stack.docker("run", *options, "-c", ASK, given="\n".join(lines).encode())
    return [float(line) for line in said.split()][len(urls) :]
