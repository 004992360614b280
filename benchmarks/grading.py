"""`make bench-grading`: 30 papers of 10 questions against a model that takes one second, 32 calls at once.

The worker runs in this process, on uvloop as in production, with real PostgreSQL and Valkey; the model is a separate
process over HTTP. The baseline is the bare minimum for the same 300 calls: 300 x 1 s / 32. The local graders are
measured alone, on one core.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import tempfile
import time
from datetime import datetime
from pathlib import Path

import redis.asyncio as redis
import uvloop

from app import embedded, migrate
from app.assignments.models import Assignment
from app.db import Database
from app.events.bus import Bus
from app.looplag import settle
from app.marks import runs
from app.marks.models import Run, RunState
from app.papers.models import Paper
from app.scheme.types import Criterion, Kind, Question, Scheme
from app.settings import Settings
from app.storage import Storage
from app.worker import Worker
from app.worker.warm import load
from benchmarks import local_graders
from benchmarks.report import Figure, LoopWatch, write
from tests import factories
from tests.stubs.processes import ModelServer

PAPERS, QUESTIONS, AT_ONCE, LATENCY = 30, 10, 32, 1.0
IDEAL = PAPERS * QUESTIONS * LATENCY / AT_ONCE
PATIENCE = 120


def scheme() -> Scheme:
    """Ten questions that only a model can answer."""
    return Scheme(
        "Bench",
        tuple(
            Question(
                str(number), Kind.TEXT, f"Why does metal {number} feel colder than wood?", 4.0,
                ("It conducts heat away from the hand faster.",),
                (Criterion("conducts heat better", 2.0), Criterion("takes the heat of the hand", 2.0)),
            )
            for number in range(1, QUESTIONS + 1)
        ),
    )  # fmt: skip


def paper(index: int) -> str:
    """A paper's text, different for every paper so that no answer is asked twice."""
    lines = [f"Name: Pupil {index}", ""]
    for number in range(1, QUESTIONS + 1):
        lines.append(f"{number}. Metal {number} conducts heat better than wood, says pupil {index} in words.")
    return "\n".join(lines)


async def prepare(database: Database, storage: Storage) -> int:
    """A class, an assignment and its papers; returns the assignment's id."""
    async with database.begin() as db:
        teacher = await factories.user(db, "bench")
        klass = await factories.klass(db, teacher)
        assignment = await factories.assignment(db, klass, scheme())
        assignment.grader = "model"
        for index in range(PAPERS):
            data = paper(index).encode()

            async def chunks(data: bytes = data) -> object:
                yield data

            path, sha256, _ = await storage.receive(chunks(), 10**6)  # type: ignore[arg-type]  # an async generator
            stored = await storage.keep(path, sha256)
            db.add(
                Paper(
                    assignment_id=assignment.id, file_name=f"{index}.txt", size=stored.size, sha256=sha256,
                    storage_key=stored.key,
                )
            )  # fmt: skip
        return assignment.id


async def grade(database: Database, assignment_id: int) -> tuple[float, float]:
    """Start a run and wait for its end; (seconds from start to end, CPU seconds of this process)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    async with database.begin() as db:
        assignment = await db.get(Assignment, assignment_id)
        assert assignment is not None
        await db.refresh(assignment, ["questions"])
        run = await runs.start(db, assignment, None, model="stub")
    while True:
        await asyncio.sleep(0.02)
        async with database.begin() as db:
            now = await db.get(Run, run.id)
            assert now is not None
            if now.state == RunState.FINISHED:
                break
        if time.perf_counter() - began > PATIENCE:
            raise SystemExit(f"the run did not end: {now.state}")
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    return wall, after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime


async def measure(settings: Settings, stub: ModelServer) -> list[Figure]:
    """One run over a warm worker: the first papers of a morning pay imports once, and that is not what is asked."""
    database, bus = Database(settings.sqlalchemy_url), Bus(settings.redis_url.get_secret_value())
    storage = Storage(settings.uploads, settings.var_dir / "spool")
    await bus.start()
    worker = Worker(settings, database, bus, storage)
    await worker.start()
    watch = LoopWatch()
    try:
        # As the server does at its start: modules first, then no more collections over them.
        load(settings)
        settle()
        stub.control(latency=0.01)
        await grade(database, await prepare(database, storage))
        store = redis.Redis.from_url(settings.redis_url.get_secret_value())
        await store.flushall()
        await store.aclose()
        second = await again(database)
        stub.control(latency=LATENCY, reset=True)
        with watch.watching():
            wall, cpu = await grade(database, second)
        counters = stub.counters()
    finally:
        await worker.stop()
        await bus.close()
        await database.close()
    questions = PAPERS * QUESTIONS
    assert counters["answered"] == questions, counters["answered"]
    return [
        Figure("30 papers x 10 questions, wall time", wall, "s", IDEAL, 1.15, "ratio"),
        Figure("model calls at once, most", counters["in_flight_max"], "calls"),
        Figure("CPU of the application a graded question", cpu / questions * 1000, "ms", None, 15),
        Figure("longest block of the event loop", watch.worst_ms, "ms", None, 100),
    ]


async def again(database: Database) -> int:
    """The same assignment with its marks and runs forgotten."""
    from sqlalchemy import text

    async with database.begin() as db:
        await db.execute(text("truncate marks, runs, mark_changes cascade"))
        found = await db.scalar(text("select max(id) from assignments"))
        assert isinstance(found, int)
        return found


def main() -> None:
    """Measure and report."""
    folder = Path(tempfile.mkdtemp(prefix="zhupi-bench-"))
    services = embedded.temporary(folder)
    started = datetime.now().astimezone()
    try:
        with ModelServer(latency=LATENCY) as stub:
            settings = Settings.model_validate(
                {
                    "database_url": services.database_url,
                    "redis_url": services.redis_url,
                    "var_dir": folder / "var",
                    "secret_key": "bench-secret-" * 4,
                    "llm_provider": "custom",
                    "llm_base_url": stub.url,
                    "llm_api_key": "none",
                    "llm_model": "stub",
                    "max_parallel_workers": AT_ONCE,
                    "enable_cache": False,
                }
            )
            migrate.upgrade(settings)
            figures = uvloop.run(measure(settings, stub))
    finally:
        services.stop()
        shutil.rmtree(folder, ignore_errors=True)
    figures.append(
        Figure("choice, blank and number graders, one core", local_graders.measure(), "questions/s", None, 150,
               "value", True)
    )  # fmt: skip
    print(f"measured {started:%Y-%m-%d %H:%M}")
    write("grading", figures)


if __name__ == "__main__":
    main()
