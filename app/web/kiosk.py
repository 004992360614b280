"""A classroom screen's own pages: the code to pair it by, then its board. No account; its token is in a cookie."""

from __future__ import annotations

from typing import Any

import structlog
from aiohttp import web
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.classroom import pairing, screens, store
from app.classroom.models import Screen
from app.classroom.pairing import Code
from app.i18n import language_of_request
from app.keys import ADDRESS, DATABASE, PLAIN, REDIS
from app.web import qr
from app.web.board_view import values_of
from app.web.forms import to_int
from app.web.middleware.proxies import cookies_secure
from app.web.middleware.sign_in import SCREEN_COOKIE, public
from app.web.pages import go, is_partial, render, url

log = structlog.get_logger(__name__)

# Until it is paired a screen's token has a cookie of its own: only the other one closes the teachers' pages.
PAIRING_COOKIE = "zhupi_pairing"
PAIRING_SECONDS = 86_400
SCREEN_SECONDS = 365 * 86_400
AGAIN_SECONDS = 10  # when nothing is there yet, the page is loaded again after so long
AWAY = (SQLAlchemyError, RedisError, OSError, TimeoutError)


@public
async def show(request: web.Request) -> web.StreamResponse:
    """The screen's board, or a code to pair it by; while the database is away a page that tries again by itself."""
    request[PLAIN] = True  # whoever may be signed in at this browser: their notices are not for a screen
    try:
        screen, token = await _paired(request)
        context = await _board(request, screen) if screen is not None else None
        if context is None:
            return await _pairing(request)
        answer = await render(request, "pages/kiosk.html", context)
        _keep(request, answer, SCREEN_COOKIE, token, SCREEN_SECONDS)
        answer.del_cookie(PAIRING_COOKIE)
        return answer
    except AWAY as error:
        log.warning("kiosk waits", error=type(error).__name__)
        answer = await render(request, "pages/kiosk_waiting.html", status=503)
        answer.headers["Refresh"] = answer.headers["Retry-After"] = str(AGAIN_SECONDS)
        return answer


@public
async def pairing_state(request: web.Request) -> web.StreamResponse:
    """What the pairing page asks every two seconds: 204 for no news, or another code, or the way to the board."""
    screen, _ = await _paired(request)
    if screen is not None:
        return go(request, "kiosk")
    if PAIRING_COOKIE not in request.cookies:
        # Loaded anew, the page has one again; or this browser keeps none, and the page says so.
        location = f"{url(request, 'kiosk')}?cookies"
        if is_partial(request):
            return web.Response(headers={"HX-Redirect": location})
        return web.Response(status=303, headers={"Location": location})
    code, token = await _code(request)
    if code is None:
        return go(request, "kiosk")
    if code.ends == to_int(request.query.get("ends", "")):
        return web.Response(status=204, headers={"Cache-Control": "no-store"})
    answer = await render(request, "partials/kiosk_pairing.html", _context(request, code))
    _keep(request, answer, PAIRING_COOKIE, token, PAIRING_SECONDS)
    return answer


async def screen_of(request: web.Request, db: AsyncSession) -> Screen | None:
    """The screen whose token a request carries; None for one that is not paired (any more)."""
    token = request.cookies.get(SCREEN_COOKIE, "")
    return await screens.by_token(db, pairing.digest(token)) if token else None


async def _paired(request: web.Request) -> tuple[Screen | None, str]:
    """The paired screen of this browser and its token: one that was just paired, or that was before."""
    tokens = [each for name in (PAIRING_COOKIE, SCREEN_COOKIE) if (each := request.cookies.get(name))]
    if tokens:
        async with request.app[DATABASE].begin() as db:
            for token in tokens:
                if (screen := await screens.by_token(db, pairing.digest(token))) is not None:
                    return screen, token
    return None, ""


async def _board(request: web.Request, screen: Screen) -> dict[str, Any] | None:
    """What the board's page shows, in the board's language; None when the board was just deleted."""
    async with request.app[DATABASE].begin() as db:
        board = await store.board_by_id(db, screen.board_id)
        if board is None:
            return None
        language_of_request.set(board.language)
        await screens.seen(db, [screen.id])
        return await values_of(db, board.id)


async def _pairing(request: web.Request) -> web.Response:
    """The page that shows a code; or why there is none, and then it is loaded again after a while."""
    without = "cookies" in request.query and PAIRING_COOKIE not in request.cookies
    code, token = (None, "") if without else await _code(request)
    context = {**_context(request, code), "no_cookies": without}
    answer = await render(request, "pages/kiosk_pairing.html", context)
    if code is not None:
        _keep(request, answer, PAIRING_COOKIE, token, PAIRING_SECONDS)
    else:
        answer.headers["Refresh"] = str(AGAIN_SECONDS)
    if SCREEN_COOKIE in request.cookies:
        answer.del_cookie(SCREEN_COOKIE)
    return answer


async def _code(request: web.Request) -> tuple[Code | None, str]:
    """The code that waits for this browser's token, or a new one of a new token; None when too many were made."""
    redis, token = request.app[REDIS], request.cookies.get(PAIRING_COOKIE, "")
    if token and (code := await pairing.waiting(redis, pairing.digest(token))) is not None:
        return code, token
    # Never an old token again: one that was unpaired stays worth nothing.
    token = pairing.new_token()
    return await pairing.begin(redis, pairing.digest(token), request[ADDRESS]), token


def _context(request: web.Request, code: Code | None) -> dict[str, Any]:
    scheme = "https" if cookies_secure(request) else request.scheme
    # The host was checked by its layer: it is one of ours.
    place = f"{request.host}{url(request, 'pair')}"
    picture = qr.svg(f"{scheme}://{place}?code={code.text}") if code else ""
    return {"code": code, "qr": picture, "place": place}


def _keep(request: web.Request, answer: web.Response, name: str, token: str, seconds: int) -> None:
    answer.set_cookie(
        name, token, max_age=seconds, path="/", httponly=True, samesite="Lax", secure=cookies_secure(request)
    )
