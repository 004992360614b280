"""Sessions in Redis (aiohttp-session): a random id in the cookie, everything else on the server."""

from __future__ import annotations

import secrets
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware
from aiohttp_session import Session, session_middleware
from aiohttp_session.redis_storage import RedisStorage

from app.keys import REDIS, SETTINGS

COOKIE = "zhupi"


class Sessions(RedisStorage):
    """RedisStorage that forgets: an ended session leaves nothing behind, and does not come back.

    The library's own keeps an empty session under the old id, and a request that was under way when its session
    ended would write it anew.
    """

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: Session
    ) -> None:
        """Keep a session that lives; remove one that was ended."""
        identity = session.identity
        if identity is None:
            if not session.empty:
                await super().save_session(request, response, session)
            return
        store, key = request.app[REDIS], key_of(str(identity))
        kept = False
        if session.empty:
            await store.delete(key)
        else:
            data = self._encoder(self._get_session_data(session))
            kept = bool(await store.set(key, data, ex=session.max_age, xx=True))
        self.save_cookie(response, str(identity) if kept else "", max_age=session.max_age)


def key_of(identity: str) -> str:
    """Where Redis keeps a session, by the id in its cookie."""
    return f"{COOKIE}_{identity}"


def make(app: web.Application) -> Middleware:
    """The session layer. `max_age` is the idle limit: every save starts it anew (see `sign_in`)."""
    settings = app[SETTINGS]
    return session_middleware(
        Sessions(
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
