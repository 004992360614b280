"""Sign-ins that are open, read from the sessions in Redis (`app.web.middleware.sessions` writes them)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
from redis.asyncio import Redis

from app.accounts.sessions import ALL_SESSIONS

BATCH = 500


async def count(redis: Redis, epochs: Mapping[int, int], hours: int) -> Counter[int]:
    """How many sign-ins each user has open. `epochs` are the users' session epochs by id.

    A session of an older epoch, or older than `hours`, is in Redis but no longer good, and is not counted. Raises
    RedisError, OSError.
    """
    oldest = time.time() - hours * 3600
    found: Counter[int] = Counter()
    async for _, session in _sessions(redis):
        user_id = session.get("user_id", 0)
        if epochs.get(user_id) == session.get("epoch", 0) and session.get("signed_in_at", 0) >= oldest:
            found[user_id] += 1
    return found


async def end(redis: Redis, user_id: int) -> int:
    """Remove a user's sessions; how many there were. Raises RedisError, OSError."""
    keys = [key async for key, session in _sessions(redis) if session.get("user_id") == user_id]
    if keys:
        await redis.delete(*keys)
    return len(keys)


async def _sessions(redis: Redis) -> AsyncIterator[tuple[bytes, dict[str, Any]]]:
    """Every session with its key; what cannot be read is none."""
    keys: list[bytes] = []
    async for key in redis.scan_iter(match=ALL_SESSIONS, count=BATCH):
        keys.append(key)
        if len(keys) == BATCH:
            async for each in _read(redis, keys):
                yield each
            keys = []
    async for each in _read(redis, keys):
        yield each


async def _read(redis: Redis, keys: list[bytes]) -> AsyncIterator[tuple[bytes, dict[str, Any]]]:
    for key, value in zip(keys, await redis.mget(keys) if keys else (), strict=True):
        try:
            session = orjson.loads(value or b"{}").get("session", {})
        except (ValueError, AttributeError):
            continue
        if isinstance(session, dict):
            yield key, session
