"""Sign in, sign out, and the language switch."""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp_session import get_session, new_session
from yarl import URL

from app.accounts import limits, service, store
from app.accounts.models import User
from app.accounts.service import Verdict
from app.audit import service as audit
from app.audit.models import Action
from app.i18n import LANGUAGES, N_, Text
from app.keys import ADDRESS, DATABASE, REDIS
from app.web.audit import actor, note, stranger
from app.web.forms import form_of, text_of
from app.web.middleware.language import COOKIE
from app.web.middleware.proxies import cookies_secure
from app.web.middleware.sessions import key_of
from app.web.middleware.sign_in import current, public
from app.web.pages import go, render

TOO_MANY = (
    N_("Too many failed tries. Wait {minutes} minutes, then try again."),
    {"minutes": limits.WINDOW_SECONDS // 60},
)
SAID = {
    Verdict.WRONG: N_("The user name or the password is wrong."),
    Verdict.DISABLED: N_("This account is disabled. Ask your administrator."),
}
REFUSED = {Verdict.WRONG: Action.SIGN_IN_FAILED, Verdict.DISABLED: Action.SIGN_IN_DISABLED}


def safe_next(value: str) -> str:
    """A path of ours to go to after signing in; anything else is the start page."""
    # Browsers read \ as / and drop tabs and line ends: what is no plain path is not looked at further.
    if not value.startswith("/") or value.startswith("//") or "\\" in value or not value.isprintable():
        return "/"
    try:
        target = URL(value)
    except ValueError:
        return "/"
    return "/" if target.is_absolute() else str(target)


@public
async def show(request: web.Request) -> web.StreamResponse:
    """The sign-in page."""
    if await current(request):
        return go(request, "home")
    return await render(
        request, "pages/sign_in.html", {"next": request.query.get("next", ""), "problem": None}
    )


@public
async def submit(request: web.Request) -> web.StreamResponse:
    """Check name and password; a new session id for every sign-in."""
    form = await form_of(request)
    username, password = service.normal(text_of(form, "username", 200)), text_of(form, "password", 1000)
    address = request[ADDRESS]
    after = text_of(form, "next", 2000)
    if not await limits.allowed(request.app[REDIS], username, address):
        if await limits.refused_first(request.app[REDIS], username, address):
            await _note(request, Action.SIGN_IN_LIMITED, None)
        return await _again(request, after, Text(*TOO_MANY), 429)
    async with request.app[DATABASE].begin() as db:
        user = await store.by_username(db, username)
    verdict = await service.verdict(user, password)
    if user is None or verdict is not Verdict.GOOD:
        await _note(request, REFUSED[verdict], user)
        return await _again(request, after, Text(SAID[verdict]), 422)
    await limits.forget(request.app[REDIS], username, address)
    await _note(request, Action.SIGN_IN, user)
    await begin_session(request, user)
    return web.Response(status=303, headers={"Location": safe_next(after)})


async def _note(request: web.Request, action: Action, user: User | None) -> None:
    """Write down a try to sign in, in a transaction of its own. A name without an account is not written.

    It could be a password typed into the wrong field.
    """
    who = actor(request, user) if user is not None else stranger(request)
    async with request.app[DATABASE].begin() as db:
        await audit.record(db, who, action)


async def begin_session(request: web.Request, user: User) -> None:
    """A fresh session for a user; the old id is worth nothing afterwards."""
    old = await get_session(request)
    if old.identity is not None:
        await request.app[REDIS].delete(key_of(request.app, str(old.identity)))
    session = await new_session(request)
    now = int(time.time())
    session.update(user_id=user.id, epoch=user.session_epoch, signed_in_at=now, seen_at=now)


async def _again(request: web.Request, after: str, problem: Text, status: int) -> web.Response:
    return await render(request, "pages/sign_in.html", {"next": after, "problem": problem}, status=status)


async def sign_out(request: web.Request) -> web.StreamResponse:
    """End this session."""
    async with request.app[DATABASE].begin() as db:
        await note(request, db, Action.SIGN_OUT)
    session = await get_session(request)
    session.invalidate()
    return go(request, "signin")


@public
async def set_language(request: web.Request) -> web.StreamResponse:
    """Remember a language: on the account when signed in, in a cookie always."""
    form = await form_of(request)
    language = text_of(form, "language", 10)
    if language not in LANGUAGES:
        raise web.HTTPBadRequest
    user = await current(request)
    if user is not None:
        async with request.app[DATABASE].begin() as db:
            stored = await db.get(User, user.id)
            assert stored is not None
            stored.language = language
    response = web.Response(status=303, headers={"Location": safe_next(text_of(form, "next", 2000) or "/")})
    response.set_cookie(
        COOKIE,
        language,
        max_age=365 * 86400,
        httponly=True,
        samesite="Lax",
        secure=cookies_secure(request),
    )
    return response
