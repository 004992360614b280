"""Sessions in Redis (aiohttp-session): a random id in the cookie, everything else on the server."""

from __future__ import annotations

import secrets
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware
from aiohttp_session import session_middleware
from aiohttp_session.redis_storage import RedisStorage

from app.keys import REDIS, SETTINGS

COOKIE = "zhupi"


def make(app: web.Application) -> Middleware:
    """The session layer. `max_age` is the idle limit: every save starts it anew (see `sign_in`)."""
    settings = app[SETTINGS]
    return session_middleware(
        RedisStorage(
            app[REDIS],
            cookie_name=COOKIE,
            max_age=settings.session_idle_minutes * 60,
            secure=settings.production,
            httponly=True,
            samesite="Lax",
            key_factory=lambda: secrets.token_urlsafe(32),
            encoder=_encode,
            decoder=orjson.loads,
        )
    )


def _encode(value: Any) -> str:
    return orjson.dumps(value).decode()
