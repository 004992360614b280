"""Turns what goes wrong into a page or a partial in the user's language. One shape for all errors."""

from __future__ import annotations

import asyncio

import asyncpg
import sqlalchemy.exc
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from redis.exceptions import RedisError

from app.i18n import N_, ProblemError, Text
from app.keys import PLAIN, REQUEST_ID
from app.logs import route_of
from app.web.pages import came_from, is_partial, render

log = structlog.get_logger(__name__)

TITLES = {
    400: N_("That request could not be understood."),
    403: N_("You may not do that."),
    404: N_("There is nothing here, or it is not yours."),
    405: N_("That cannot be done here."),
    409: N_("Somebody else changed this meanwhile."),
    413: N_("That is too large."),
    421: N_("This address is not served here."),
    422: N_("Something needs to be mended."),
    429: N_("Too many tries. Wait a little, then try again."),
    500: N_("Something went wrong on our side. Nothing you entered was half-saved; please try again."),
    503: N_("The database or Redis is not answering. Your data is safe; try again in a moment."),
    507: N_("The server's disk is full, so nothing was saved. Tell your administrator, then try again."),
}
AWAY = (
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,  # a session that PostgreSQL just ended, see db.ENDED
    RedisError,
    ConnectionError,
    TimeoutError,
)


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors; redirects and streams pass."""
    try:
        return await handler(request)
    except ProblemError as problem:
        return await problem_response(request, getattr(problem, "status", 422), problem.text)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = await problem_response(request, error.status, None)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except asyncio.CancelledError:
        raise
    except Exception as error:
        if request.writer.output_size:
            # Half an answer is on its way, a stream's or a file's. A second one would be taken for more of it: only
            # a connection that breaks off tells the client, which then comes back.
            log.warning("answer broken off", route=route_of(request), error=type(error).__name__)
            raise
        if isinstance(_cause(error), asyncpg.DiskFullError):
            log.error("disk of the database full", route=route_of(request))
            return await problem_response(request, 507, None)
        if is_away(error):
            log.warning("service away", route=route_of(request), error=type(error).__name__)
            response = await problem_response(request, 503, None)
            response.headers["Retry-After"] = "5"
            return response
        log.exception("request failed", route=route_of(request))
        return await problem_response(request, 500, None)


def is_away(error: Exception) -> bool:
    """Whether an error says that the database or Redis does not answer, which passes."""
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(_cause(error), AWAY)


def _cause(error: Exception) -> BaseException:
    """The driver's own exception behind one of SQLAlchemy's; any other is its own."""
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


async def problem_response(request: web.Request, status: int, text: Text | None) -> web.Response:
    """The error page, or for htmx a sentence swapped into the page's place for problems (#problems)."""
    title = Text(TITLES.get(status, TITLES[400 if status < 500 else 500]))
    context = {"status": status, "title": title, "text": text, "request_id": request.get(REQUEST_ID)}
    if is_partial(request):
        response = await _render(request, "partials/problem.html", context, status)
        response.headers["HX-Retarget"] = "#problems"
        response.headers["HX-Reswap"] = "innerHTML"
        # A form that takes only a part of its answer (hx-select) would find none in this one, and show nothing.
        response.headers["HX-Reselect"] = ".notice"
        return response
    # After a form the way back is the page with the form; what was entered is still there in the browser.
    back = came_from(request) if status < 500 and request.method != "GET" else None
    return await _render(request, "pages/problem.html", {**context, "back": back}, status)


async def _render(
    request: web.Request, template: str, context: dict[str, object], status: int
) -> web.Response:
    request[PLAIN] = True
    return await render(request, template, context, status=status)
