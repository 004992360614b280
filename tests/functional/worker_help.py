"""A worker for the time of a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.db import Database
from app.events.bus import Bus
from app.settings import Settings
from app.storage import Storage
from app.worker import Worker


def storage_of(settings: Settings) -> Storage:
    """The uploads of these settings."""
    return Storage(settings.uploads, settings.var_dir / "spool")


@asynccontextmanager
async def working(settings: Settings, db: Database) -> AsyncIterator[Worker]:
    """A worker that reads and grades with these settings until the block ends."""
    bus = Bus(settings.redis_url.get_secret_value())
    worker = Worker(settings, db, bus, storage_of(settings))
    await worker.start()
    try:
        yield worker
    finally:
        await asyncio.wait_for(worker.stop(), 15)
        await bus.close()
