"""Cross-site request forgery: a state-changing request must come from our own pages.

Browsers say where a request comes from in Sec-Fetch-Site; older ones in Origin. A request with neither is not a
browser's and carries no cookie by itself. Method: https://words.filippo.io/csrf/ (2025).
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from app.keys import SECURE, SETTINGS
from app.web.middleware.hosts import host_of, matches

SAFE = {"GET", "HEAD", "OPTIONS"}


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """403 for a state-changing request from another site."""
    if request.method in SAFE or comes_from_us(request):
        return await handler(request)
    raise web.HTTPForbidden


def comes_from_us(request: web.Request) -> bool:
    """Whether the browser says that our own page sent this."""
    origin = request.headers.get("Origin")
    if origin is not None and _trusted(origin, request.app[SETTINGS].csrf_trusted_origins):
        return True
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    if origin is None:
        return True
    # Where a proxy says that the browser came by https, a page by http is somebody else's: anyone on its way wrote it.
    plain = request.get(SECURE) is True and not origin.lower().startswith("https://")
    return not plain and _netloc(origin) == request.host.lower()


def _netloc(origin: str) -> str:
    """The host and port of an origin; "" for one that says none ("null") or nothing sensible."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _trusted(origin: str, patterns: Sequence[str]) -> bool:
    """Whether an origin is one of the patterns: same scheme, same port, a host that matches."""
    scheme, _, _ = origin.lower().partition("://")
    host, port = host_of(_netloc(origin)), _port(_netloc(origin))
    for pattern in patterns:
        wanted_scheme, _, netloc = pattern.partition("://")
        if scheme == wanted_scheme and port == _port(netloc) and matches(host, [host_of(netloc)]):
            return True
    return False


def _port(netloc: str) -> str:
    """What follows the host: ":8080", or "" for the scheme's own port."""
    return netloc[netloc.rfind("]") + 1 :].partition(":")[2]
