"""PostgreSQL and Valkey die in the middle of a run and come back: the run goes on, and pays for nothing twice."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from app import embedded, migrate
from app.db import Database
from app.events.bus import Bus
from app.marks import runs
from app.marks.models import RunState
from app.settings import Settings
from app.storage import Storage
from app.worker import Worker
from tests import factories, graded
from tests.stubs.processes import ModelServer

pytestmark = pytest.mark.ops


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[embedded.Services, Settings]]:
    """Services of this test alone, which their guard starts again when they die, and a model."""
    with embedded.temporary(tmp_path / "services") as services, ModelServer(latency=0.3) as model:
        settings = Settings(
            database_url=SecretStr(services.database_url),
            redis_url=SecretStr(services.redis_url),
            var_dir=tmp_path / "var",
            secret_key=SecretStr("x" * 40),
            llm_provider="custom",
            llm_base_url=model.url,
            llm_model="stub",
            max_parallel_workers=4,
        )
        migrate.upgrade(settings)
        yield services, settings


def kill(services: embedded.Services, name: str) -> None:
    """Kill the service whose program has this name, with all its children."""
    assert services._guard is not None
    found = [
        process
        for process in psutil.Process(services._guard.pid).children(recursive=True)
        if name in process.name()
    ]
    assert found
    for process in found:
        process.send_signal(signal.SIGKILL)


@pytest.mark.ops
async def test_both_services_die_in_a_run(own: tuple[embedded.Services, Settings]) -> None:
    services, settings = own
    db = Database(settings.sqlalchemy_url)
    bus = Bus(settings.redis_url.get_secret_value())
    await bus.start()
    worker = Worker(settings, db, bus, Storage(settings.uploads, settings.var_dir / "spool"))
    await worker.start()
    try:
        await die_and_come_back(services, db, bus)
    finally:
        await worker.stop()
        await bus.close()
        await db.close()


async def die_and_come_back(services: embedded.Services, db: Database, bus: Bus) -> None:
    """Kill a service three times in one run, and see it finished."""
    async with db.begin() as session:
        alice = await factories.user(session, "alice")
        klass = await factories.klass(session, alice)
        assignment, _ = await graded.assignment(session, klass, 6, 5, "model")
        run = await runs.start(session, assignment, alice, model="stub")

    async def done() -> int:
        try:
            return (await graded.progress_of(db, run.id)).done
        except Exception:
            return 0

    async def finished() -> bool:
        try:
            return (await graded.run_of(db, run.id)).state == RunState.FINISHED
        except Exception:
            return False

    async with bus.subscribe(assignment.id, "0-0") as page:
        for name, after in (("postgres", 4), ("valkey", 12), ("postgres", 16)):

            async def reached(after: int = after) -> bool:
                return await done() >= after

            await graded.until(reached, 60)
            await asyncio.to_thread(kill, services, name)
        await graded.until(finished, 90)
        assert await done() == 30
        assert any(entry.event is None for entry in await page.next(5) or [])
