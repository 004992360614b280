"""A run that was under way when the backup was made goes on after the restore, from where it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.db import Database
from app.events.bus import Bus
from app.marks import runs
from app.marks.models import Mark, MarkChange, RunState
from app.settings import Settings
from app.storage import Storage
from app.worker import Worker
from tests import graded
from tests.conftest import World
from tests.functional.backup_help import (
    back_up,
    bring_back,
)
from tests.stubs.processes import ModelServer

PAPERS, QUESTIONS = 4, 4
ALL = PAPERS * QUESTIONS


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Database]:
    """A worker on a system, for the time of the block; gives a database to look into."""
    database = Database(settings.sqlalchemy_url, pool_size=3)
    bus = Bus(settings.redis_url.get_secret_value())
    worker = Worker(settings, database, bus, Storage(settings.uploads, settings.var_dir / "spool"))
    await worker.start()
    try:
        yield database
    finally:
        await asyncio.wait_for(worker.stop(), 15)
        await bus.close()
        await database.close()


async def test_a_run_goes_on(settings: Settings, world: World, target: Settings) -> None:
    with ModelServer(latency=0.4) as model:
        asked = {"llm_provider": "custom", "llm_base_url": model.url, "llm_model": "stub"}
        settings, target = (each.model_copy(update=asked) for each in (settings, target))
        async with working(settings) as db:
            async with db.begin() as session:
                made, _ = await graded.assignment(session, world.klass, PAPERS, QUESTIONS, "model")
                run = await runs.start(session, made, world.alice, model="stub")

            async def some() -> bool:
                return await graded.count(db, Mark) >= 3

            await graded.until(some)
            backup = await back_up(
                settings
            )  # with jobs in the hands of a worker that the restored system has not
            saved = backup.manifest["database"]["counts"]
            assert 3 <= saved["marks"] < ALL and saved["pgqueuer"] > 0 and saved["checkpoints"] > 0
            await graded.finished(db, run.id)
            before = await graded.marks_of(db, made)
        await bring_back(target, backup.path)
        model.control(reset=True, latency=0.05)
        async with working(target) as db:
            ended = await graded.finished(db, run.id, 60)
            after = await graded.marks_of(db, made)
            assert ended.state == RunState.FINISHED and await graded.count(db, MarkChange) == 0
    assert len(after) == ALL == len(before)
    assert [(mark.paper_id, mark.question_id, mark.points) for mark in after] == [
        (mark.paper_id, mark.question_id, mark.points) for mark in before
    ]
