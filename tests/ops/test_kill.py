"""Kill the worker in the middle of a run: nothing is lost, and no finished model call is paid for twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db import Database
from app.marks import runs
from app.marks.models import Run
from app.settings import Settings
from tests import graded
from tests.conftest import World
from tests.stubs.processes import ModelServer

pytestmark = pytest.mark.ops

ROOT = Path(__file__).parents[2]
KILLS = 3
AT_ONCE = 4
PAPERS, QUESTIONS = 8, 6


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A model that answers after a third of a second."""
    with ModelServer(latency=0.3) as server:
        yield server


def start_worker(settings: Settings, model: ModelServer, **more: str) -> subprocess.Popen[bytes]:
    """`zhupi worker` as a process of its own."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": settings.postgres_url,
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "VAR_DIR": str(settings.var_dir),
        "SECRET_KEY": "x" * 40,
        "LLM_PROVIDER": "custom",
        "LLM_BASE_URL": model.url,
        "LLM_MODEL": "stub",
        "MAX_PARALLEL_WORKERS": str(AT_ONCE),
        **more,
    }
    command = [sys.executable, "-c", "from app.cli import main; main()", "worker"]
    return subprocess.Popen(command, env=environment, cwd=settings.var_dir, start_new_session=True)


def kill(worker: subprocess.Popen[bytes]) -> None:
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


async def begin(db: Database, world: World, papers: int = PAPERS, questions: int = QUESTIONS) -> Run:
    async with db.begin() as session:
        assignment, _ = await graded.assignment(session, world.klass, papers, questions, "model")
        return await runs.start(session, assignment, world.alice, model="stub")


@pytest.mark.ops
async def test_three_kills(db: Database, world: World, settings: Settings, model: ModelServer) -> None:
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    run = await begin(db, world)
    chance = random.Random(os.getpid())
    kills: list[float] = []

    async def done() -> int:
        return (await graded.progress_of(db, run.id)).done

    for turn in range(KILLS):
        worker = start_worker(settings, model)
        try:
            before = await done()

            async def further(before: int = before) -> bool:
                return await done() > before + 2

            await graded.until(further, 60)
            await asyncio.sleep(chance.random() * 0.4)
        finally:
            kills.append(time.time())
            kill(worker)
        marked = await done()
        assert marked > turn, "it goes on from where it was"
    worker = start_worker(settings, model)
    try:
        began = time.monotonic()
        await graded.finished(db, run.id, 60)
        print(f"taken over and finished in {time.monotonic() - began:.1f} s")
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(15) == 0
    progress = await graded.progress_of(db, run.id)
    assert (progress.done, progress.papers_done) == (PAPERS * QUESTIONS, PAPERS)
    counters = model.counters()
    print(f"{counters['calls']} calls, {counters['answered']} answered")
    assert len(counters["by_key"]) == PAPERS * QUESTIONS
    assert model.paid_again(kills, AT_ONCE) == []
    # What the run says it cost is what the answers cost.
    stored = await graded.run_of(db, run.id)
    assert stored.tokens_in + stored.tokens_out == progress.tokens > 0


@pytest.mark.ops
async def test_a_stop_gives_the_jobs_back_at_once(
    db: Database, world: World, settings: Settings, model: ModelServer
) -> None:
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    run = await begin(db, world)

    async def some() -> bool:
        return (await graded.progress_of(db, run.id)).done >= 3

    first = start_worker(settings, model)
    try:
        await graded.until(some, 60)
        first.send_signal(signal.SIGTERM)
        assert first.wait(15) == 0
    finally:
        if first.poll() is None:
            kill(first)
    second = start_worker(settings, model)
    try:
        await graded.finished(db, run.id, 30)
    finally:
        second.send_signal(signal.SIGTERM)
        second.wait(15)
    assert max(model.counters()["by_key"].values()) == 1
