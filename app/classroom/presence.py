"""Who has which paper open to mark it: in Redis only, so that time releases what nobody releases.

A hash for each assignment, because the matrix and the list of papers ask for all its papers at once. A field is one
open page ("paper:user:page"), so that a teacher with two tabs is there until both are closed; its value says since
when, until when, and which stream keeps it: a page's stream that comes back is faster than the end of the old one,
which then must not remove what is no longer its own.

Nothing here is a guard. The version of a mark is; see marks.decide. Redis away: nobody is anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

SECONDS = 45.0  # so long a page is there that says nothing any more
RENEW_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Place:
    """One open page of a paper: the page's own name, and the stream that keeps it there."""

    assignment_id: int
    paper_id: int
    user_id: int
    page: str
    stream: str

    @property
    def field(self) -> str:
        """Its field in the hash."""
        return f"{self.paper_id}:{self.user_id}:{self.page}"


@dataclass(frozen=True, slots=True)
class Here:
    """A teacher at a paper: with the first of their pages `since`, with the last `until` (seconds of time.time())."""

    user_id: int
    since: float
    until: float


Present = Mapping[int, tuple[Here, ...]]  # by paper id, who came first stands first


def key_of(assignment_id: int) -> str:
    """The hash of an assignment."""
    return f"presence:{assignment_id}"


async def stay(redis: Any, place: Place) -> tuple[Present, bool]:
    """Be there for SECONDS more; who is where then, and whether this teacher was not at this paper before."""
    key, now = key_of(place.assignment_id), time.time()
    try:
        found = _parsed(await redis.hgetall(key))
        old = found.get(place.field)
        since = old[0] if old is not None and old[1] > now else now
        before = _present(found, now)
        found[place.field] = (since, now + SECONDS, place.stream)
        pipeline = redis.pipeline(transaction=False)
        pipeline.hset(key, place.field, f"{since:.3f} {now + SECONDS:.3f} {place.stream}")
        pipeline.expire(key, int(SECONDS))
        gone = [name for name, (_, until, _) in found.items() if until <= now]
        if gone:
            pipeline.hdel(key, *gone)
        await pipeline.execute()
    except (RedisError, OSError):
        return {}, False
    new = all(here.user_id != place.user_id for here in before.get(place.paper_id, ()))
    return _present(found, now), new


async def leave(redis: Any, place: Place) -> bool:
    """Be there no longer; whether no other page of this teacher is at the paper either."""
    key = key_of(place.assignment_id)
    try:
        found = _parsed(await redis.hgetall(key))
        if place.field not in found or found[place.field][2] != place.stream:
            return False
        await redis.hdel(key, place.field)
    except (RedisError, OSError):
        return False
    del found[place.field]
    return all(here.user_id != place.user_id for here in _present(found, time.time()).get(place.paper_id, ()))


async def present(redis: Any, assignment_id: int) -> Present:
    """Who is at which paper of an assignment."""
    try:
        found = _parsed(await redis.hgetall(key_of(assignment_id)))
    except (RedisError, OSError):
        return {}
    return _present(found, time.time())


def _parsed(fields: Mapping[bytes, bytes]) -> dict[str, tuple[float, float, str]]:
    """Field to (since, until, stream); what cannot be read (of another version) is over."""
    found = {}
    for name, value in fields.items():
        parts = value.decode(errors="replace").split(" ")
        try:
            since, until, stream = float(parts[0]), float(parts[1]), parts[2]
        except (IndexError, ValueError):
            since, until, stream = 0.0, 0.0, ""
        found[name.decode(errors="replace")] = (since, until, stream)
    return found


def _present(found: Mapping[str, tuple[float, float, str]], now: float) -> Present:
    pages: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for name, (since, until, _) in found.items():
        paper, _, rest = name.partition(":")
        user = rest.partition(":")[0]
        if until > now and paper.isdecimal() and user.isdecimal():
            pages.setdefault((int(paper), int(user)), []).append((since, until))
    present: dict[int, tuple[Here, ...]] = {}
    for (paper_id, user_id), times in pages.items():
        here = Here(user_id, min(since for since, _ in times), max(until for _, until in times))
        at_paper = (*present.get(paper_id, ()), here)
        present[paper_id] = tuple(sorted(at_paper, key=lambda each: (each.since, each.user_id)))
    return present
