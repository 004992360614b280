"""A model's answers, kept for a while as they arrive: what was paid for is not asked again.

A question is asked again when a process died between the answer's arrival and its checkpoint, and when a paper is
graded anew with nothing changed. The first is the same call and keeps its price, which the run counts once; the
second cost nothing. An answer that came to no mark is good for the first alone: a teacher who starts another run wants
another answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.grading.model import ChatModel, ChatReply

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CachedChat:
    """A ChatModel before another one. `place` names the paper in its run; `seconds` is how long an answer is kept."""

    chat: ChatModel
    redis: Redis
    place: str
    seconds: int

    @property
    def name(self) -> str:
        """The model's name as its provider calls it."""
        return self.chat.name

    async def complete(self, system: str, user: str, schema: Mapping[str, Any]) -> ChatReply:
        """The kept answer to just these words, or the model's own, kept from now on. Raises ModelError."""
        key = self._key(system, user, schema)
        kept = await self._kept(key)
        if kept is not None:
            return kept
        reply = await self.chat.complete(system, user, schema)
        await self._keep(key, reply)
        return reply

    async def distrust(self, system: str, user: str, schema: Mapping[str, Any]) -> None:
        """Keep the answer to these words for this paper in this run alone."""
        key = self._key(system, user, schema)
        kept = await self._kept(key)
        if kept is not None:
            await self._keep(key, kept, trusted=False)

    def _key(self, system: str, user: str, schema: Mapping[str, Any]) -> str:
        words = orjson.dumps([self.name, system, user, schema])
        return f"model:{hashlib.sha256(words).hexdigest()}"

    async def _kept(self, key: str) -> ChatReply | None:
        try:
            found = await self.redis.get(key)
        except (RedisError, OSError) as error:
            log.warning("no kept answers", error=type(error).__name__)
            return None
        if found is None:
            return None
        place, content, tokens_in, tokens_out, cost, trusted = orjson.loads(found)
        reply = ChatReply(content, tokens_in, tokens_out, cost)
        if place == self.place:
            return reply
        return replace(reply, tokens_in=0, tokens_out=0, cost=0.0) if trusted else None

    async def _keep(self, key: str, reply: ChatReply, trusted: bool = True) -> None:
        value = [self.place, reply.content, reply.tokens_in, reply.tokens_out, reply.cost, trusted]
        try:
            await self.redis.set(key, orjson.dumps(value), ex=self.seconds)
        except (RedisError, OSError) as error:
            log.warning("answer not kept", error=type(error).__name__)
