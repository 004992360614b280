"""LangGraph's checkpoints in PostgreSQL, patient while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from app import network
from app.worker.patience import patiently

T = TypeVar("T")
Pool = AsyncConnectionPool[AsyncConnection[DictRow]]
CONNECTIONS = 4
CONNECT_SECONDS = 10.0
# For one checkpoint, which takes milliseconds. psycopg itself would wait for a silent server for ever.
CHECKPOINT_SECONDS = 12.0


def open_pool(url: str) -> Pool:
    """A pool for the checkpoints, not open yet."""
    return AsyncConnectionPool(
        network.following(url),
        connection_class=AsyncConnection[DictRow],
        min_size=1,
        max_size=CONNECTIONS,
        timeout=CONNECT_SECONDS,
        open=False,
        name="checkpoints",
        # What LangGraph's saver asks of its connections.
        kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row, **network.LIBPQ},
    )


class PatientSaver(AsyncPostgresSaver):
    """Repeats what PostgreSQL did not take because it was away: every write here is an upsert or a deletion.

    A lost checkpoint would mean that a finished model call is made and paid for again.
    """

    def __init__(self, pool: Pool, stopping: asyncio.Event) -> None:
        super().__init__(pool)
        self._pool, self._stopping = pool, stopping

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until PostgreSQL answers; raises as `patiently`, TimeoutError included."""

        async def limited() -> T:
            try:
                async with asyncio.timeout(CHECKPOINT_SECONDS):
                    return await call()
            except TimeoutError:
                # The other connections are as old: each would cost its own wait.
                await self._pool.drain()
                raise

        return await patiently(limited, self._stopping)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The newest checkpoint of a thread."""
        return await self._patiently(lambda: super(PatientSaver, self).aget_tuple(config))

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint."""
        return await self._patiently(
            lambda: super(PatientSaver, self).aput(config, checkpoint, metadata, new_versions)
        )

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what one task has done."""
        await self._patiently(
            lambda: super(PatientSaver, self).aput_writes(config, writes, task_id, task_path)
        )

    async def adelete_thread(self, thread_id: str) -> None:
        """Remove a finished thread."""
        await self._patiently(lambda: super(PatientSaver, self).adelete_thread(thread_id))

    async def threads(self, most: int = 1000) -> list[tuple[int, int]]:
        """(run, paper) of threads that have checkpoints."""
        async with asyncio.timeout(CHECKPOINT_SECONDS), self._cursor() as cursor:
            await cursor.execute("select distinct thread_id from checkpoints limit %s", (most,))
            rows = await cursor.fetchall()
        places = (row["thread_id"].split(":") for row in rows)
        return [(int(run), int(paper)) for run, paper in places]
