"""Pairing a screen: the code that it shows, in Redis until a teacher enters it.

`pairing:code:{code}` leads to the hash of the screen's token, `pairing:screen:{hash}` back to the code, so that a page
that asks again is shown the same one. Taking a code removes it (GETDEL): it works once.
"""

from __future__ import annotations

import hashlib
import secrets
import time
import unicodedata
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from app.classroom.limits import Limit
from app.i18n import N_, ProblemError

# No two of these look alike across a room, in any font: without 0 O Q, 1 I L, 2 Z, 5 S, 8 B, U V, G.
ALPHABET = "ACDEFHJKMNPRTWXY34679"
LENGTH = 6  # 21^6 = 86 million codes: whoever guesses WRONG_BY_TEACHER times meets one of 1,000 open ones once in 9,000
LIFE_SECONDS = 600
# What remains of a screen's claim on its token once its code was taken: the teacher's transaction takes far less.
TAKEN_SECONDS = 30

WRONG_BY_TEACHER = Limit("pair:teacher", 10, 900)
WRONG_BY_ADDRESS = Limit("pair:address", 50, 900)
# A school's screens may all come from one address, and each makes a code every ten minutes while nobody pairs it.
MADE_BY_ADDRESS = Limit("pair:codes", 300, LIFE_SECONDS)


class CodeError(ProblemError):
    """A code that pairs nothing: never made, over, or used. Which of these is not told."""

    def __init__(self) -> None:
        super().__init__(
            N_(
                "This code pairs no screen. A code works once and for ten minutes: enter what the screen shows now."
            )
        )


class TooManyError(ProblemError):
    """Too many wrong codes, by this teacher or from this address."""

    status = 429

    def __init__(self) -> None:
        super().__init__(
            N_("Too many wrong codes. Wait {minutes} minutes, then try again."),
            minutes=WRONG_BY_TEACHER.seconds // 60,
        )


@dataclass(frozen=True, slots=True)
class Code:
    """What a screen shows while it waits: the code, and when it ends in Unix seconds."""

    text: str
    ends: int

    @property
    def spaced(self) -> str:
        """In two groups, as people read it out."""
        return f"{self.text[: LENGTH // 2]} {self.text[LENGTH // 2 :]}"


def new_token() -> str:
    """A screen's secret, for its cookie: 256 random bits."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token: its SHA-256 in hex. It is random, so nothing slower is needed."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def normal(typed: str) -> str:
    """A code as people type it: small letters, wide ones (ＡＢＣ), with spaces or hyphens; "" when it cannot be one."""
    text = "".join(unicodedata.normalize("NFKC", typed[:100]).upper().split()).replace("-", "")
    return text if len(text) == LENGTH and set(text) <= set(ALPHABET) else ""


async def waiting(redis: Redis, token_hash: str) -> Code | None:
    """The code that a screen is shown at present; None when it needs another one. Raises RedisError."""
    kept: Any = await redis.get(_screen_key(token_hash))
    if kept is None:
        return None
    text, _, ends = kept.decode().partition(":")
    return Code(text, int(ends))


async def begin(redis: Redis, token_hash: str, address: str) -> Code | None:
    """A new code for a screen; None when too many were made from this address. Raises RedisError."""
    if not await MADE_BY_ADDRESS.allows(redis, address):
        return None
    while True:
        code = Code("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)), int(time.time()) + LIFE_SECONDS)
        if await redis.set(_code_key(code.text), token_hash, ex=LIFE_SECONDS, nx=True):
            break
    # A second less than the code: while a screen's claim stands, its code does.
    await redis.set(_screen_key(token_hash), f"{code.text}:{code.ends}", ex=LIFE_SECONDS - 1)
    return code


async def take(redis: Redis, typed: str, teacher_id: int, address: str) -> str:
    """The token's hash that a code stands for; the code is gone then.

    CodeError for one that pairs nothing; TooManyError, whatever the code, after too many of those. Raises RedisError.
    """
    # Both are counted always, and before the look: parallel guesses are counted too.
    by_teacher = await WRONG_BY_TEACHER.allows(redis, str(teacher_id))
    by_address = await WRONG_BY_ADDRESS.allows(redis, address)
    if not (by_teacher and by_address):
        raise TooManyError
    code = normal(typed)
    found: Any = await redis.getdel(_code_key(code)) if code else None
    if found is None:
        raise CodeError
    token_hash: str = found.decode()
    await redis.expire(_screen_key(token_hash), TAKEN_SECONDS)
    await WRONG_BY_TEACHER.give_back(redis, str(teacher_id))
    await WRONG_BY_ADDRESS.give_back(redis, address)
    return token_hash


async def done(redis: Redis, token_hash: str) -> None:
    """The screen is paired, and stored: nothing of its pairing remains. Raises RedisError."""
    await redis.delete(_screen_key(token_hash))


def _code_key(code: str) -> str:
    return f"pairing:code:{code}"


def _screen_key(token_hash: str) -> str:
    return f"pairing:screen:{token_hash}"
