"""The streams of boards: for a paired screen by its cookie, and for a teacher's preview. Their channel writes them."""

from __future__ import annotations

import asyncio
import random

from aiohttp import HttpVersion11, web

from app.classroom import boards, seen
from app.classroom.pairing import digest
from app.classroom.seen import Place
from app.i18n import N_, Text
from app.keys import DATABASE
from app.web import frames
from app.web.channels import LIVE, Line
from app.web.connected import CONNECTED, PER_TOKEN, FullError
from app.web.forms import path_id
from app.web.middleware.headers import for_stream
from app.web.middleware.sign_in import SCREEN_COOKIE, public, still_signed_in, user_of

# A stream ends after so many seconds, spread by a quarter, and is begun anew a moment later: screens move to a replica
# that came later, and before nginx, reloaded, cuts off what its old workers still hold (nginx.conf).
LIFE_SECONDS = 480.0
SIGNED_IN_SECONDS = 15.0  # a preview is looked at so often: is its teacher still signed in?
# What a client waits before it comes back, each its own time: after a restart 2,000 come back over four seconds.
RETRY_MS = (500, 4_000)
AFTER_FULL_SECONDS = 10
PER_PREVIEW = 12  # a teacher's open tabs of one board

FULL = Text(N_("Too many screens are connected here. This one tries again by itself."))


@public
async def screen(request: web.Request) -> web.StreamResponse:
    """The board of the screen whose token is in the cookie; 404 for a token that is not paired (any more)."""
    number, place = await _found(request)
    return await _hold(request, place, f"screen {number}", number)


async def preview(request: web.Request) -> web.StreamResponse:
    """A board as its screens see it, for a teacher of its class."""
    place = await _seen_by_teacher(request)
    return await _hold(request, place, f"user {user_of(request).id} board {place.board_id}", None)


# On their own, so that no database session lives on in the frame of a request that sleeps for minutes.
async def _found(request: web.Request) -> tuple[int, Place]:
    token = request.cookies.get(SCREEN_COOKIE, "")
    async with request.app[DATABASE].begin() as db:
        found = await seen.by_token(db, digest(token)) if token else None
    if found is None:
        raise web.HTTPNotFound
    return found


async def _seen_by_teacher(request: web.Request) -> Place:
    async with request.app[DATABASE].begin() as db:
        board = await boards.for_teacher(db, path_id(request), user_of(request).id)
    if board is None:
        raise web.HTTPNotFound
    return seen.place_of(board)


async def _hold(request: web.Request, place: Place, owner: str, screen_id: int | None) -> web.StreamResponse:
    """Join the board's channel and sleep until the stream is over."""
    connected = request.app[CONNECTED]
    try:
        connected.admit(owner, PER_TOKEN if screen_id else PER_PREVIEW)
    except FullError:
        return web.Response(status=503, text=f"{FULL}\n", headers={"Retry-After": str(AFTER_FULL_SECONDS)})
    if request.transport is None or request.transport.is_closing():
        return web.Response()  # gone while we looked its board up; nobody reads this
    response = web.StreamResponse(
        headers={
            **for_stream(request),
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
    )
    if request.version >= HttpVersion11:
        response.enable_chunked_encoding()
    await response.prepare(request)
    # aiohttp keeps the headers back until the first bytes of the body.
    hello = frames.sign(LIVE, random.randint(*RETRY_MS))  # noqa: S311 - spreads clients, not a secret
    await response.write(hello.plain)
    transport = request.transport
    if transport is None:  # gone already
        return response
    now = asyncio.get_running_loop().time()
    line = Line(
        transport=transport,
        chunked=response.chunked,
        ended=asyncio.get_running_loop().create_future(),
        ends_at=now + LIFE_SECONDS * random.uniform(0.75, 1.25),  # noqa: S311
        opened_at=now,
        shown=frames.digest_of(request.headers.get("Last-Event-ID", "")),
        owner=owner,
        screen_id=screen_id,
        board_id=place.board_id,
    )
    channel = connected.join(place, line)
    try:
        if screen_id is None:
            await _while_signed_in(request, line)
        else:
            await line.ended
    finally:
        connected.leave(channel, line)
    return response


async def _while_signed_in(request: web.Request, line: Line) -> None:
    while not line.ended.done():
        await asyncio.wait({line.ended}, timeout=SIGNED_IN_SECONDS)
        if not line.ended.done() and not await still_signed_in(request):
            return
