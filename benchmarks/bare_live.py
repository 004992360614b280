"""The yardstick of `make bench-live`: aiohttp alone, its streams in a list, a loop that writes the same bytes to each.

`python -m benchmarks.bare_live PORT`. GET /kiosk/events is a stream; POST /tick writes its body to all streams, as one
event each.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import web


def make() -> web.Application:
    """The bare application."""
    streams: dict[web.StreamResponse, asyncio.Event] = {}

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"event: live\ndata: \n\n")
        streams[response] = asyncio.Event()
        try:
            await streams[response].wait()
        finally:
            del streams[response]
        return response

    async def tick(request: web.Request) -> web.Response:
        body = await request.read()
        for response in list(streams):
            await response.write(body)
        return web.Response()

    async def ready(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/kiosk/events", stream)
    app.router.add_post("/tick", tick)
    app.router.add_get("/health/ready", ready)
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(
        make(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None, handler_cancellation=True,
        backlog=2048,
    )  # fmt: skip
