"""`make bench-web`: the results page of 40 papers, the start of the server, and its memory.

The page is fetched over HTTP from the real application (sessions, access, PostgreSQL, Valkey) and from a bare
aiohttp + jinja2 application that renders the same templates to the same HTML from values it has ready. Each serves in
a process of its own; this process asks, a few requests at a time.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import aiohttp
import psutil
import uvloop

from app import embedded, migrate
from app.db import Database
from app.marks.models import Mark, MarkState
from app.papers.models import MatchState, Paper, PaperState
from app.settings import Settings
from benchmarks.grading import scheme
from benchmarks.report import Figure, write
from tests import factories

PAPERS = 40
REQUESTS, AT_ONCE = 600, 8
ROUNDS = 3
ROOT = Path(__file__).parents[1]


async def prepare(settings: Settings) -> None:
    """A class of forty whose papers are graded: assignment 1 of teacher "bench"."""
    database = Database(settings.sqlalchemy_url)
    async with database.begin() as db:
        teacher = await factories.user(db, "bench")
        klass = await factories.klass(db, teacher)
        assignment = await factories.assignment(db, klass, scheme())
        for number in range(PAPERS):
            student = await factories.student(db, klass, f"Pupil {number}")
            paper = Paper(
                assignment_id=assignment.id, student_id=student.id, file_name=f"{number}.txt", size=1,
                sha256=f"{number:064}", storage_key="none", state=PaperState.READ, match=MatchState.MATCHED, pages=[],
            )  # fmt: skip
            db.add(paper)
            await db.flush()
            for place, question in enumerate(assignment.questions):
                half = float((number + place) % 3)
                db.add(
                    Mark(
                        paper_id=paper.id, question_id=question.id, state=MarkState.GRADED, points=half * 2,
                        proposed=half * 2, scheme_version=1, confidence=0.9, grader="local",
                        criteria=[
                            {"points": half, "proposed": half, "quote": "", "start": 0, "end": 0, "comment": ""}
                        ] * 2,
                    )
                )  # fmt: skip
    await database.close()


def port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(url: str, seconds: float = 60) -> float:
    """Seconds until a URL answers 200."""
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return time.perf_counter() - began
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"{url} never answered")


async def throughput(url: str, cookies: dict[str, str]) -> float:
    """Requests a second, the best of a few rounds."""
    best = 0.0
    async with aiohttp.ClientSession(cookies=cookies) as session:

        async def ask(count: int) -> None:
            for _ in range(count):
                async with session.get(url) as answer:
                    assert answer.status == 200
                    await answer.read()

        await ask(10)
        for _ in range(ROUNDS):
            began = time.perf_counter()
            await asyncio.gather(*(ask(REQUESTS // AT_ONCE) for _ in range(AT_ONCE)))
            best = max(best, REQUESTS / (time.perf_counter() - began))
    return best


async def signed_in(url: str) -> tuple[dict[str, str], str]:
    """The cookies of the bench teacher, and the page's HTML."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        form = {"username": "bench", "password": factories.PASSWORD}
        async with session.post(f"{url}/sign-in", data=form) as answer:
            assert answer.status == 200
        async with session.get(f"{url}/assignments/1/results") as answer:
            html = await answer.text()
        assert "Pupil 39" in html
        return {cookie.key: cookie.value for cookie in session.cookie_jar}, html


def measure(settings: Settings, folder: Path) -> list[Figure]:
    """Start the server, ask it, ask the bare one."""
    environment = {
        **os.environ, "VAR_DIR": str(settings.var_dir), "DATABASE_URL": settings.postgres_url,
        "REDIS_URL": settings.redis_url.get_secret_value(), "LOG_LEVEL": "WARNING",
    }  # fmt: skip
    place, bare_place = port(), port()
    real = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve"], cwd=ROOT, env={**environment, "PORT": str(place)},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    html = folder / "page.pickle"
    try:
        listening(f"http://127.0.0.1:{place}/health/ready")
        cookies, page = uvloop.run(signed_in(f"http://127.0.0.1:{place}"))
        html.write_bytes(pickle.dumps(page))
        ours = uvloop.run(throughput(f"http://127.0.0.1:{place}/assignments/1/results", cookies))
        family = [psutil.Process(real.pid), *psutil.Process(real.pid).children(recursive=True)]
        server = [one for one in family if "postgres" not in one.name() and "valkey" not in one.name()]
        memory = max(one.memory_info().rss for one in server) / 2**20
    finally:
        real.terminate()
        real.wait(30)
    bare = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_results", str(bare_place)], cwd=ROOT, env=environment
    )
    try:
        listening(f"http://127.0.0.1:{bare_place}/")
        theirs = uvloop.run(throughput(f"http://127.0.0.1:{bare_place}/", {}))
        with urllib.request.urlopen(f"http://127.0.0.1:{bare_place}/") as answer:
            assert len(answer.read()) > 0.9 * len(page.encode()), "the bare page is not the same page"
    finally:
        bare.terminate()
        bare.wait(30)
    return [
        Figure("results page of 40 papers", ours, "requests/s", theirs, 0.25, "ratio", True),
        Figure("results page, size", len(page.encode()) / 1000, "kB"),
        Figure("resident memory of the server process", memory, "MB", None, 250),
    ]


def start_time(folder: Path) -> Figure:
    """From the command on an installed tree to the first page, with own PostgreSQL and Valkey and the demo."""
    place = port()
    clean = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL")}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--demo"], cwd=ROOT, stdout=subprocess.DEVNULL,
        env={**clean, "VAR_DIR": str(folder / "first"), "PORT": str(place), "LOG_LEVEL": "ERROR"},
    )  # fmt: skip
    try:
        listening(f"http://127.0.0.1:{place}/sign-in")
        return Figure("first start to the first page", time.perf_counter() - began, "s", None, 8)
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    """Measure and report."""
    folder = Path(tempfile.mkdtemp(prefix="zhupi-bench-"))
    figures = [start_time(folder)]
    services = embedded.temporary(folder)
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
        asyncio.run(prepare(settings))
        figures += measure(settings, folder)
    finally:
        services.stop()
        shutil.rmtree(folder, ignore_errors=True)
    write("web", figures)


if __name__ == "__main__":
    main()
