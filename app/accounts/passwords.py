"""Passwords: argon2id (argon2-cffi's defaults, RFC 9106 low-memory profile), always off the event loop."""

from __future__ import annotations

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.i18n import N_, ProblemError

SHORTEST = 10
LONGEST = 200
# Two at once: each costs 64 MB and a core, and a burst of sign-ins must not starve the pages.
_slots = asyncio.Semaphore(2)


class WeakPasswordError(ProblemError):
    """A new password that is too short, too long, or says the user's own name."""


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    """A hash to verify against when there is no such user, so that the answer takes as long."""
    return _hasher().hash("nobody")


def check(password: str, username: str) -> None:
    """Raise WeakPasswordError for a password that may not be set."""
    if len(password) < SHORTEST:
        raise WeakPasswordError(N_("The password needs at least {count} characters."), count=SHORTEST)
    if len(password) > LONGEST:
        raise WeakPasswordError(N_("The password may have at most {count} characters."), count=LONGEST)
    if password.strip().lower() == username.lower() or len(set(password)) < 4:
        raise WeakPasswordError(N_("That password is too easy to guess. Choose another."))


async def make(password: str) -> str:
    """The hash to store."""
    async with _slots:
        return await asyncio.to_thread(_hasher().hash, password)


async def verify(stored: str | None, password: str) -> bool:
    """Whether a password fits the stored hash; takes as long when there is none."""
    async with _slots:
        return await asyncio.to_thread(_verify, stored, password[: LONGEST + 1])


def _verify(stored: str | None, password: str) -> bool:
    try:
        good = _hasher().verify(stored or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return good and stored is not None
