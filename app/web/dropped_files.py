"""Removes the files of deleted papers, a little after the deletion has been committed."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog
from aiohttp import web

from app.keys import DATABASE, STORAGE
from app.papers import files

log = structlog.get_logger(__name__)

PERIOD_SECONDS = 20.0


async def remove(app: web.Application) -> int:
    """Remove every noted file that no paper has; how many notes were settled.

    One transaction a file. A file that cannot be removed now keeps its note and does not stand in the others' way.
    While a backup copies the files, all keep theirs.
    """
    after, settled = 0, 0
    while True:
        dropped = None
        try:
            async with app[DATABASE].begin() as db:
                dropped = None if await files.removal_waits(db) else await files.next_note(db, after)
                if dropped is None:
                    return settled
                after = dropped.id
                await files.settle(db, dropped, app[STORAGE].delete)
            settled += 1
        except Exception as error:
            log.warning("dropped file not removed", error=type(error).__name__)
            if dropped is None:  # the database is away
                return settled


async def remove_for_ever(app: web.Application) -> None:
    """Do so now and then, until cancelled. Every process may: what one has taken up, the others leave to it."""
    while True:
        await remove(app)
        await asyncio.sleep(PERIOD_SECONDS)


async def stop(task: asyncio.Task[None]) -> None:
    """End `remove_for_ever`; what was under way is undone and done at the next start."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
