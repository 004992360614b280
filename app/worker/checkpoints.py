"""LangGraph's checkpoints in PostgreSQL, patient while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from app.worker.patience import patiently

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]
CONNECTIONS = 4
CONNECT_SECONDS = 10.0


def open_pool(url: str) -> Pool:
    """A pool for the checkpoints, not open yet."""
    return AsyncConnectionPool(
        url,
        connection_class=AsyncConnection[DictRow],
        min_size=1,
        max_size=CONNECTIONS,
        timeout=CONNECT_SECONDS,
        open=False,
        name="checkpoints",
        # What LangGraph's saver asks of its connections.
        kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
    )


class PatientSaver(AsyncPostgresSaver):
    """Repeats what PostgreSQL did not take because it was away: every write here is an upsert or a deletion.

    A lost checkpoint would mean that a finished model call is made and paid for again.
    """

    def __init__(self, pool: Pool, stopping: asyncio.Event) -> None:
        super().__init__(pool)
        self._stopping = stopping

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The newest checkpoint of a thread."""
        return await patiently(lambda: super(PatientSaver, self).aget_tuple(config), self._stopping)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint."""
        return await patiently(
            lambda: super(PatientSaver, self).aput(config, checkpoint, metadata, new_versions), self._stopping
        )

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what one task has done."""
        await patiently(
            lambda: super(PatientSaver, self).aput_writes(config, writes, task_id, task_path), self._stopping
        )

    async def adelete_thread(self, thread_id: str) -> None:
        """Remove a finished thread."""
        await patiently(lambda: super(PatientSaver, self).adelete_thread(thread_id), self._stopping)

    async def threads(self, most: int = 1000) -> list[tuple[int, int]]:
        """(run, paper) of threads that have checkpoints."""
        async with self._cursor() as cursor:
            await cursor.execute("select distinct thread_id from checkpoints limit %s", (most,))
            rows = await cursor.fetchall()
        places = (row["thread_id"].split(":") for row in rows)
        return [(int(run), int(paper)) for run, paper in places]
