"""Server-sent events as text, and the response that carries them."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

from aiohttp import web

from app import network
from app.web.middleware.headers import for_stream

# A client comes back after so long, each after its own time: a restarted server is not asked by all at once.
RETRY_MS = (500, 2_000)
BEAT = ":\n\n"  # a comment: shows both sides that the other is there


async def opened(request: web.Request) -> web.StreamResponse:
    """A response whose head is sent, with the time after which a client comes back.

    A client that is gone without a word (a closed lid) is noticed by the heartbeat that it does not acknowledge.
    """
    _give_up_early(request)
    response = web.StreamResponse(
        headers={
            **for_stream(request),
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
    )
    await response.prepare(request)
    await response.write(f"retry: {random.randint(*RETRY_MS)}\n\n".encode())  # noqa: S311 - no secret
    return response


def _give_up_early(request: web.Request) -> None:
    connection = request.transport.get_extra_info("socket") if request.transport else None
    # Not over a unix socket, and not on a system without it.
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError, AttributeError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, network.UNSENT_SECONDS * 1000)


def frame(entry_id: str, html: str) -> str:
    """One server-sent event; every line of the HTML becomes a data line. Without an id the client's place stays."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"id: {entry_id}\n{lines}\n" if entry_id else f"{lines}\n"


def signal(name: str, entry_id: str = "", data: str = "") -> str:
    """A named event: the page itself asks for what it shows."""
    place = f"id: {entry_id}\n" if entry_id else ""
    return f"event: {name}\n{place}data: {data}\n\n"
