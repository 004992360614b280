"""What upkeep works on, opened for one command: the database, Redis, and the storage when it is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

from redis.asyncio import Redis

from app import network
from app.db import Database
from app.settings import Settings
from app.storage import Storage

# For one statement: removing a whole class with its papers is one.
COMMAND_SECONDS = 300.0


@dataclass
class Parts:
    """The parts of a running system, with its settings."""

    settings: Settings
    database: Database
    redis: Redis

    @cached_property
    def storage(self) -> Storage:
        """The uploads. Opening them removes what is old in the spool, so a look alone leaves them closed."""
        return Storage(self.settings.uploads, self.settings.var_dir / "spool")


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Parts]:
    """The parts for the time of the block; nothing is connected before it is used."""
    database = Database(settings.sqlalchemy_url, pool_size=2, command_seconds=COMMAND_SECONDS)
    redis = network.redis_client(settings.redis_url.get_secret_value())
    try:
        yield Parts(settings, database, redis)
    finally:
        await redis.aclose()
        await database.close()
