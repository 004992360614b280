"""Every page is for signed-in users, unless its handler is marked `public`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp_session import Session, get_session
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.accounts import store
from app.accounts.models import User
from app.i18n import LANGUAGES, language_of_request
from app.keys import DATABASE, REDIS, SETTINGS, USER
from app.web.middleware.sessions import key_of
from app.web.pages import is_partial, url

F = TypeVar("F", bound=Callable[..., object])
# A session is written back at most this often only to move its idle limit (more often where that limit is short).
TOUCH_SECONDS = 60
# A paired classroom screen's token (app/web/kiosk.py). A browser that carries one and no sign-in is a screen: it is not
# even asked to sign in.
SCREEN_COOKIE = "zhupi_screen"


def public(handler: F) -> F:
    """Mark a handler as open to anybody."""
    handler.public = True  # type: ignore[attr-defined]  # a mark on the function itself, read below
    return handler


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Load the user; send others to the sign-in page."""
    target = request.match_info.handler
    # Static files come through a handler of aiohttp's own.
    is_public = getattr(target, "public", False) or request.path.startswith("/static/")
    if is_public and request.path.startswith(("/static/", "/health", "/metrics")):
        return await handler(request)
    user = await current(request)
    if user is None:
        if is_public or request.match_info.http_exception is not None:
            return await handler(request)
        if SCREEN_COOKIE in request.cookies:
            raise web.HTTPNotFound
        return _ask_to_sign_in(request)
    request[USER] = user
    if user.language is not None and user.language in LANGUAGES:
        language_of_request.set(user.language)
    return await handler(request)


async def current(request: web.Request) -> User | None:
    """The signed-in user of a request, if the session is still good."""
    session = await get_session(request)
    user_id = session.get("user_id")
    if user_id is None:
        return None
    limit = request.app[SETTINGS].session_hours * 3600
    if time.time() - session.get("signed_in_at", 0) > limit:
        session.invalidate()
        return None
    async with request.app[DATABASE].begin() as db:
        user = await store.by_id(db, user_id)
    if user is None or user.disabled_at or user.session_epoch != session.get("epoch"):
        session.invalidate()
        return None
    _touch(session, request.app[SETTINGS].session_idle_minutes * 60)
    return user


async def still_signed_in(request: web.Request) -> bool:
    """Whether the sign-in that a long answer was begun with is good yet: for streams, which no middleware sees again.

    The session itself is left alone. A database or Redis that is away ends nothing.
    """
    session = await get_session(request)
    try:
        if not await request.app[REDIS].exists(key_of(request.app, str(session.identity))):
            return False
        async with request.app[DATABASE].begin() as db:
            user = await store.by_id(db, session.get("user_id", 0))
    except (RedisError, SQLAlchemyError, OSError):
        return True
    return user is not None and user.disabled_at is None and user.session_epoch == session.get("epoch")


def _touch(session: Session, idle_seconds: int) -> None:
    if time.time() - session.get("seen_at", 0) > min(TOUCH_SECONDS, idle_seconds / 4):
        session["seen_at"] = int(time.time())


def _ask_to_sign_in(request: web.Request) -> web.Response:
    location = url(request, "signin")
    if request.method == "GET" and request.path != "/":
        location += "?" + str(
            request.rel_url.with_path("/").with_query(next=str(request.rel_url)).query_string
        )
    if is_partial(request):
        return web.Response(status=401, headers={"HX-Redirect": url(request, "signin")})
    return web.Response(status=303, headers={"Location": location})


def user_of(request: web.Request) -> User:
    """The signed-in user; only for handlers that are not public."""
    user: User = request[USER]
    return user
