"""Security headers and a request id on every response, errors and streams included."""

from __future__ import annotations

import secrets

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from app.keys import REQUEST_ID
from app.web.pages import asset

CSP = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Set the headers on what comes back, also when it comes back as an exception.

    The id stands in every line that is logged meanwhile, those of libraries included.
    """
    request.setdefault(REQUEST_ID, secrets.token_hex(8))  # a trusted proxy may have given one
    with structlog.contextvars.bound_contextvars(request=request[REQUEST_ID]):
        try:
            response = await handler(request)
        except web.HTTPException as error:
            _stamp(request, error)
            raise
    if not response.prepared:
        _stamp(request, response)
    return response


def _stamp(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers["X-Request-ID"] = request[REQUEST_ID]
    if request.path.startswith("/static/") and response.status == 200:
        # Addresses carry the content's hash; without it the browser asks again. So it does with another's hash: while a
        # version is replaced, an old replica may be asked for a new one's style, and a year is long.
        fresh = "v" in request.query and request.path_qs == asset(request.path.removeprefix("/static/"))
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if fresh else "no-cache"


def for_stream(request: web.Request) -> dict[str, str]:
    """The headers a handler gives a response that it prepares itself."""
    return {**HEADERS, "X-Request-ID": request[REQUEST_ID]}
