"""Where a request really comes from: what a trusted proxy says of it, else what the connection shows.

Only a connection from TRUSTED_PROXIES is believed, and only three headers of it, all of which nginx/ overwrites:
X-Real-IP (the client's address), X-Forwarded-Proto (whether it came by https) and X-Request-ID (so that the lines of
both logs belong together). Whatever others send under these names is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from app.keys import ADDRESS, REQUEST_ID, SECURE, SETTINGS

# nginx's $request_id is 32 hexadecimal digits; others send UUIDs. Nothing else gets into the log.
WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{7,63}")
Address = IPv4Address | IPv6Address


def make(app: web.Application) -> Middleware:
    """The layer for an application's settings."""
    networks = tuple(ip_network(each) for each in app[SETTINGS].trusted_proxies)

    @lru_cache(maxsize=256)
    def trusted(remote: str) -> bool:
        address = parse(remote)
        return address is not None and any(address in each for each in networks)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note address, scheme and request id for all that follow."""
        remote = request.remote or ""
        believed = bool(networks) and trusted(remote)
        request[ADDRESS] = str((believed and _header(request, "X-Real-IP")) or parse(remote) or remote)
        # None: not known, as behind a proxy that nobody told us of.
        request[SECURE] = _scheme(request.headers.getall("X-Forwarded-Proto", ())) if believed else None
        if believed and (given := _only(request.headers.getall("X-Request-ID", ()))) is not None:
            request[REQUEST_ID] = given
        return await handler(request)

    return middleware


def parse(text: str) -> Address | None:
    """An IP address; one of IPv4 within IPv6 as itself, without the zone of a link-local one. None for what is none."""
    try:
        address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _header(request: web.Request, name: str) -> Address | None:
    values = request.headers.getall(name, ())
    return parse(values[0]) if len(values) == 1 else None


def _scheme(values: Sequence[str]) -> bool | None:
    """Whether a proxy says https; None when it does not say, or says it twice."""
    return {"https": True, "http": False}.get(values[0].strip().lower()) if len(values) == 1 else None


def _only(values: Sequence[str]) -> str | None:
    return values[0] if len(values) == 1 and WELL_FORMED.fullmatch(values[0]) else None


def cookies_secure(request: web.Request) -> bool:
    """Whether cookies of this answer may only go back by https: always in production, else when it came by https."""
    return request.app[SETTINGS].production or request.get(SECURE) is True
