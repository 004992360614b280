"""The streams of pages that list assignments: they only say that something changed, and the page loads its list.

Such a page looks at many assignments at once; what it shows of them is counted anew anyway. So there is no place to
resume from: a page that connects is told to look, whatever it missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from aiohttp import ClientConnectionResetError, web
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.assignments import store
from app.events.bus import Watch
from app.events.schema import MarkChanged, PaperChanged, RunChanged
from app.keys import BUS, DATABASE
from app.web.access import the_class
from app.web.middleware.sign_in import still_signed_in, user_of
from app.web.sse import BEAT, opened, signal

# What moves the state of an assignment in the lists.
KINDS = (MarkChanged, PaperChanged, RunChanged)
CHANGED = "changed"
HEARTBEAT_SECONDS = 15.0
LIFE_SECONDS = 600.0
GAP_SECONDS = 2.0  # from one `changed` to the next, at least
LOOK_SECONDS = 60.0  # so often it is asked which assignments there are


async def of_teacher(request: web.Request) -> web.StreamResponse:
    """Send `changed`, at most every 2 seconds, when an assignment of the teacher's classes changes."""
    return await _follow(request, None)


async def of_class(request: web.Request) -> web.StreamResponse:
    """Send `changed`, at most every 2 seconds, when an assignment of the class changes."""
    async with request.app[DATABASE].begin() as db:
        klass = await the_class(request, db)
    return await _follow(request, klass.id)


async def _follow(request: web.Request, class_id: int | None) -> web.StreamResponse:
    loop = asyncio.get_running_loop()
    end = loop.time() + LIFE_SECONDS
    ids = await _ids(request, class_id)
    response = await opened(request)
    # While Redis is away the stream ends, and the page comes back again and again. A client may leave at any time.
    with suppress(RedisError, ClientConnectionResetError):
        while loop.time() < end:
            async with request.app[BUS].watch(ids, KINDS) as watch:
                fresh = await _tell(request, response, watch, class_id, ids, end)
            if fresh is None:
                break
            ids = fresh
    return response


async def _tell(
    request: web.Request,
    response: web.StreamResponse,
    watch: Watch,
    class_id: int | None,
    ids: Sequence[int],
    end: float,
) -> Sequence[int] | None:
    """Until the set of assignments is another one, which is returned; None when the stream is over."""
    loop = asyncio.get_running_loop()
    checked = looked = loop.time()
    while (now := loop.time()) < end:
        if now - checked >= HEARTBEAT_SECONDS:
            if not await still_signed_in(request):
                return None
            checked = now
        if now - looked >= LOOK_SECONDS:
            fresh, looked = await _ids_or(request, class_id, ids), now
            if fresh != ids:
                return fresh
        try:
            if not await watch.next(HEARTBEAT_SECONDS):
                return None
        except TimeoutError:
            await response.write(BEAT.encode())
            continue
        await response.write(signal(CHANGED).encode())
        await watch.rest(GAP_SECONDS)
    return None


async def _ids(request: web.Request, class_id: int | None) -> Sequence[int]:
    async with request.app[DATABASE].begin() as db:
        return await store.listed(db, user_of(request).id, class_id)


async def _ids_or(request: web.Request, class_id: int | None, known: Sequence[int]) -> Sequence[int]:
    """Which assignments there are now; those known while the database is away."""
    try:
        return await _ids(request, class_id)
    except (SQLAlchemyError, OSError):
        return known
