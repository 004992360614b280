"""Waiting for a database that is away, instead of losing what was just paid for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
import sqlalchemy.exc
import structlog
from asyncpg import DeadlockDetectedError, SerializationError

from app.jobs import AWAY

log = structlog.get_logger(__name__)
T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
# A conflict with another transaction is over when that one is.
_PASSING = (*AWAY, DeadlockDetectedError, SerializationError, psycopg.OperationalError)


def is_away(error: BaseException) -> bool:
    """Whether an error says that PostgreSQL is away, overloaded, or busy with another transaction."""
    if isinstance(error, sqlalchemy.exc.StatementError):
        original = error.orig.__cause__ if error.orig is not None else None
        invalidated = isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated
        return invalidated or isinstance(original or error.orig, _PASSING)
    return isinstance(error, (*_PASSING, sqlalchemy.exc.TimeoutError))


async def patiently(call: Callable[[], Awaitable[T]], stopping: asyncio.Event) -> T:
    """Call until PostgreSQL answers. Raises its error when `stopping` is set meanwhile, other errors at once.

    The call must bear being made twice: an answer may have been lost after the deed was done.
    """
    pause, told = FIRST_PAUSE, False
    while True:
        try:
            return await call()
        except Exception as error:
            if not is_away(error) or stopping.is_set():
                raise
            if not told:
                log.warning("the database is away; waiting", error=type(error).__name__)
                told = True
        try:
            await asyncio.wait_for(stopping.wait(), pause * (0.7 + 0.6 * random.random()))  # noqa: S311 - jitter
        except TimeoutError:
            pause = min(LONGEST_PAUSE, pause * 2)
