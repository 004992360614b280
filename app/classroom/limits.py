"""A small counter in Redis: how often somebody may do something within a while."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from redis.asyncio import Redis


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` times in `seconds`, counted from the first. `name` tells the counters of different deeds apart."""

    name: str
    most: int
    seconds: int

    def key(self, who: str) -> str:
        """Where Redis counts for `who`: hashed, so that it holds neither names nor addresses, nor long keys."""
        return f"limit:{self.name}:{hashlib.sha256(who.encode()).hexdigest()[:32]}"

    async def allows(self, redis: Redis, who: str, times: int = 1) -> bool:
        """Count `times` more, and say whether that was within the limit. Raises RedisError."""
        pipeline = redis.pipeline()
        pipeline.incrby(self.key(who), times)
        pipeline.expire(self.key(who), self.seconds, nx=True)
        count, _ = await pipeline.execute()
        return int(count) <= self.most

    async def give_back(self, redis: Redis, who: str) -> None:
        """Take one time back that turned out not to count. Raises RedisError."""
        pipeline = redis.pipeline()
        pipeline.decr(self.key(who))
        # The window may have ended meanwhile: then this made a new key, which must not stay for ever.
        pipeline.expire(self.key(who), self.seconds, nx=True)
        await pipeline.execute()
