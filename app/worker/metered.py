"""A model's calls, counted for `/metrics`: what came of them, how long they took, what they cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from app import metrics
from app.grading.model import ChatModel, ChatReply, ModelError, SeeingModel, ShownPicture
from app.grading.replies import BilledModelError

ANSWERED, UNUSABLE, FAILED, BROKEN_OFF = "answered", "unusable", "failed", "broken off"
# By the kind of the client's own exception beneath a ModelError.
CAUSES = {"APITimeoutError": "timeout", "APIConnectionError": "unreachable", "RateLimitError": "limited"}


@dataclass(frozen=True, slots=True)
class MeteredChat:
    """A ChatModel before another one, behind the cache: what is kept is not called, and not counted."""

    chat: ChatModel

    @property
    def name(self) -> str:
        """The model's name as its provider calls it."""
        return self.chat.name

    async def complete(self, system: str, user: str, schema: Mapping[str, Any]) -> ChatReply:
        """The model's own answer. Raises ModelError."""
        return await counted(self.chat.complete(system, user, schema))

    async def distrust(self, system: str, user: str, schema: Mapping[str, Any]) -> None:
        """Passed on."""
        await self.chat.distrust(system, user, schema)


@dataclass(frozen=True, slots=True)
class MeteredEyes:
    """A SeeingModel before another one, counted as MeteredChat is."""

    model: SeeingModel

    @property
    def name(self) -> str:
        """The model's name as its provider calls it."""
        return self.model.name

    async def see(
        self, system: str, user: str, picture: ShownPicture, schema: Mapping[str, Any]
    ) -> ChatReply:
        """The model's own answer. Raises ModelError."""
        return await counted(self.model.see(system, user, picture, schema))


async def counted(call: Awaitable[ChatReply]) -> ChatReply:
    """Await one call of a model and count it, whatever comes of it. Raises what the call raises."""
    began = time.perf_counter()
    reply, outcome = ChatReply(""), FAILED
    try:
        reply = await call
        outcome = ANSWERED
        return reply
    except ModelError as error:
        outcome = outcome_of(error)
        if isinstance(error, BilledModelError):
            reply = error.reply
        raise
    except asyncio.CancelledError:
        outcome = BROKEN_OFF
        raise
    finally:
        metrics.model_call(
            outcome, time.perf_counter() - began, reply.tokens_in, reply.tokens_out, reply.cost
        )


def outcome_of(error: ModelError) -> str:
    """Why there is no answer, as one of a few words.

    "unusable" was paid for and is none; "limited", "timeout", "unreachable"; "fault" is the endpoint's, "refused" its
    answer to what was asked (key, model, credit); "failed" is anything else.
    """
    if isinstance(error, BilledModelError):
        return UNUSABLE
    cause = error.__cause__
    status = getattr(cause, "status_code", None)
    if isinstance(status, int) and status != 429:
        return "fault" if status >= 500 else "refused"
    return CAUSES.get(type(cause).__name__, FAILED)
