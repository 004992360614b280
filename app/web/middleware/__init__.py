"""What every request passes through, outermost first."""

from __future__ import annotations

from aiohttp import web

from app.web.middleware import (
    counting,
    errors,
    headers,
    hosts,
    language,
    origin,
    proxies,
    sessions,
    sign_in,
)


def install(app: web.Application) -> None:
    """Put the layers around all handlers. The order is the meaning: see each module."""
    app.middlewares.extend(
        [
            proxies.make(app),
            counting.middleware,
            headers.middleware,
            language.middleware,
            errors.middleware,
            hosts.middleware,
            origin.middleware,
            sessions.make(app),
            sign_in.middleware,
        ]
    )
