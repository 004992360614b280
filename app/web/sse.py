"""Server-sent events as text, and the response that carries them."""

from __future__ import annotations

from aiohttp import web

from app.web.middleware.headers import for_stream

RETRY_MS = 1_000
BEAT = ":\n\n"  # a comment: shows both sides that the other is there


async def opened(request: web.Request) -> web.StreamResponse:
    """A response whose head is sent, with the time after which a client comes back."""
    response = web.StreamResponse(
        headers={
            **for_stream(request),
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
    )
    await response.prepare(request)
    await response.write(f"retry: {RETRY_MS}\n\n".encode())
    return response


def frame(entry_id: str, html: str) -> str:
    """One server-sent event; every line of the HTML becomes a data line. Without an id the client's place stays."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"id: {entry_id}\n{lines}\n" if entry_id else f"{lines}\n"


def signal(name: str, entry_id: str = "", data: str = "") -> str:
    """A named event: the page itself asks for what it shows."""
    place = f"id: {entry_id}\n" if entry_id else ""
    return f"event: {name}\n{place}data: {data}\n\n"
