"""How the system is right now, looked at every few seconds at most, however many ask: for `/health` and `/metrics`."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog
from redis.asyncio import Redis

from app.db import Database
from app.grading.endpoint import check_endpoint
from app.i18n import ProblemError
from app.settings import Settings
from app.storage import Storage
from app.upkeep.doctor.findings import Level, worst
from app.upkeep.doctor.model import reach
from app.upkeep.figures import Work, work

log = structlog.get_logger(__name__)
T = TypeVar("T")

KEPT_SECONDS = 5.0
LIMIT_SECONDS = 3.0
# The storage is written to and the model's endpoint is another's: both are asked less often.
STORAGE_SECONDS = 30.0
# Threads of their own for looking. When the database's host is not known, lookups of its name fill the loop's, and
# whoever asks how the system is must not wait behind them.
ASIDE = ThreadPoolExecutor(2, "aside")
MODEL_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class State:
    """What answers, and how much waits. `work` is None when the database is away, `free_bytes` with S3.

    `model`: "none" is set up, "unknown" before the first look, "ok" or "away" as of the last one.
    """

    database: bool
    redis: bool
    storage: bool
    free_bytes: int | None
    work: Work | None
    model: str

    @property
    def serves(self) -> bool:
        """Whether pages can be served and papers be stored."""
        return self.database and self.redis and self.storage


class Look:
    """Looks at everything a process leans on; keeps what it saw for KEPT_SECONDS."""

    def __init__(self, settings: Settings, database: Database, redis: Redis, storage: Storage) -> None:
        self._settings, self._database, self._redis, self._storage = settings, database, redis, storage
        self._seen: tuple[float, State] | None = None
        self._asking = asyncio.Lock()
        self._stored: tuple[float, bool] = (float("-inf"), False)
        self._model = "unknown" if settings.asks_model else "none"
        self._model_seen = float("-inf")
        self._model_task: asyncio.Task[None] | None = None

    async def now(self) -> State:
        """The state, at most KEPT_SECONDS old. Never raises; within a little more than LIMIT_SECONDS."""
        async with self._asking:
            if self._seen is None or time.monotonic() - self._seen[0] > KEPT_SECONDS:
                self._seen = (time.monotonic(), await self._look())
            return self._seen[1]

    async def _look(self) -> State:
        self._look_at_model()
        work_, redis, storage, free = await asyncio.gather(
            _or_none("database", self._work), _or_none("redis", self._ping), self._stores(), self._free()
        )
        return State(
            database=work_ is not None,
            redis=redis is not None,
            storage=storage,
            free_bytes=free,
            work=work_,
            model=self._model,
        )

    async def _work(self) -> Work:
        async with self._database.begin() as session:
            return await work(session)

    async def _ping(self) -> bool:
        return bool(await self._redis.ping())

    async def _stores(self) -> bool:
        if time.monotonic() - self._stored[0] > STORAGE_SECONDS:
            done = await _or_none("storage", self._probe)
            self._stored = (time.monotonic(), done is not None)
        return self._stored[1]

    async def _probe(self) -> bool:
        await self._storage.probe()
        return True

    async def _free(self) -> int | None:
        if self._settings.uploads.startswith("s3://"):
            return None
        loop, folder = asyncio.get_running_loop(), Path(self._settings.uploads)
        usage = await _or_none("disk", lambda: loop.run_in_executor(ASIDE, shutil.disk_usage, folder))
        return usage.free if usage is not None else None

    def _look_at_model(self) -> None:
        """Meanwhile, every MODEL_SECONDS: nobody waits for it."""
        idle = self._model_task is None or self._model_task.done()
        if self._model != "none" and idle and time.monotonic() - self._model_seen > MODEL_SECONDS:
            self._model_seen = time.monotonic()
            self._model_task = asyncio.create_task(self._reach_model(), name="model's endpoint")

    async def _reach_model(self) -> None:
        settings = self._settings
        try:
            endpoint = check_endpoint(
                settings.llm_provider,
                settings.llm_base_url,
                settings.llm_api_key.get_secret_value(),
                settings.llm_model,
            )
            seen = await reach(endpoint)
        except ProblemError:
            self._model = "away"
        else:
            self._model = "away" if worst(seen[:1]) is Level.PROBLEM else "ok"

    async def close(self) -> None:
        """End the look at the model's endpoint, if one is under way."""
        if self._model_task is not None:
            self._model_task.cancel()
            await asyncio.wait({self._model_task})


async def _or_none(name: str, ask: Callable[[], Awaitable[T]]) -> T | None:
    """What a part answers; None when it does not within LIMIT_SECONDS, or with an error."""
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await ask()
    except Exception as error:
        log.warning("part away", part=name, error=type(error).__name__)
        return None
