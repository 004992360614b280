"""Lists of students that were read and shown but not taken over yet; kept in Redis for an hour."""

from __future__ import annotations

import re
import secrets
from typing import Any

import orjson
from redis.asyncio import Redis

SECONDS = 3600
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")


def _key(class_id: int, user_id: int, token: str) -> str:
    # The teacher's id is in the key: a token that got about is worth nothing to others.
    return f"roster:{class_id}:{user_id}:{token}"


async def keep(redis: Redis, class_id: int, user_id: int, data: dict[str, Any]) -> str:
    """Keep a list (JSON); returns the token under which its teacher finds it."""
    token = secrets.token_urlsafe(18)
    await redis.set(_key(class_id, user_id, token), orjson.dumps(data), ex=SECONDS)
    return token


async def find(redis: Redis, class_id: int, user_id: int, token: str) -> dict[str, Any] | None:
    """The list of a token; None when it is too old, was taken over, or is another teacher's."""
    if not _TOKEN.fullmatch(token):
        return None
    data = await redis.get(_key(class_id, user_id, token))
    found: dict[str, Any] | None = orjson.loads(data) if data is not None else None
    return found


async def drop(redis: Redis, class_id: int, user_id: int, token: str) -> None:
    """Forget a list."""
    await redis.delete(_key(class_id, user_id, token))
