"""Counts every request for `/metrics`: what it came to, and how long it took."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web
from aiohttp.typedefs import Handler

from app import metrics
from app.logs import route_of

STREAM = "text/event-stream"


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count what every request came to, and how long it took. The outermost layer."""
    began, status, timed = time.perf_counter(), 500, True
    try:
        response = await handler(request)
        # A stream lasts as long as its page is open.
        status, timed = response.status, response.content_type != STREAM
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    except asyncio.CancelledError:
        status, timed = metrics.CLIENT_GONE, False
        raise
    finally:
        seconds = time.perf_counter() - began if timed else None
        metrics.request(request.method, route_of(request), status, seconds)
