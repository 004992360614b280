"""Sessions in Redis (aiohttp-session): a random id in the cookie, everything else on the server.

Redis holds a session under an HMAC of its id with SECRET_KEY: who reads Redis, or a backup of it, learns no id to sign
in with; and with a new key no session is found again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware
from aiohttp_session import Session, session_middleware
from aiohttp_session.redis_storage import RedisStorage

from app.accounts.sessions import COOKIE
from app.keys import REDIS, SETTINGS
from app.web.middleware.proxies import cookies_secure


class Sessions(RedisStorage):
    """RedisStorage that forgets: an ended session leaves nothing behind, and does not come back.

    The library's own keeps an empty session under the old id, and a request that was under way when its session
    ended would write it anew.
    """

    async def load_session(self, request: web.Request) -> Session:
        """The session of the cookie's id, or a new one."""
        identity = self.load_cookie(request)
        if identity is None:
            return Session(None, data=None, new=True, max_age=self.max_age)
        found = await request.app[REDIS].get(key_of(request.app, str(identity)))
        if found is None:
            return Session(None, data=None, new=True, max_age=self.max_age)
        return Session(str(identity), data=orjson.loads(found), new=False, max_age=self.max_age)

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: Session
    ) -> None:
        """Keep a session that lives; remove one that was ended."""
        fresh = session.identity is None
        if fresh and session.empty:
            return
        identity = self._key_factory() if fresh else str(session.identity)
        store, key = request.app[REDIS], key_of(request.app, identity)
        kept = False
        if session.empty:
            await store.delete(key)
        else:
            data = self._encoder(self._get_session_data(session))
            kept = bool(await store.set(key, data, ex=session.max_age, xx=not fresh, nx=fresh))
        self.save_cookie(response, identity if kept else "", max_age=session.max_age)
        if cookies_secure(request):
            response.cookies[COOKIE]["secure"] = True


def key_of(app: web.Application, identity: str) -> str:
    """Where Redis keeps a session, by the id in its cookie."""
    secret = app[SETTINGS].secret_key.get_secret_value().encode()
    return f"{COOKIE}_{hmac.digest(secret, f'session:{identity}'.encode(), hashlib.sha256).hex()}"


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
