"""Serves only the hosts it was told about: a forged Host header must not end up in a link."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from app.keys import SETTINGS


def host_of(netloc: str) -> str:
    """The host of `host:port`, lower case, with the brackets of an IPv6 address removed."""
    name = netloc.rsplit("]", 1)[0].lstrip("[") if netloc.startswith("[") else netloc.partition(":")[0]
    return name.lower()


def matches(host: str, patterns: Sequence[str]) -> bool:
    """Whether a host is one of the patterns: an exact name, `*.example.com`, or `*`."""
    return any(
        pattern == "*" or host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]))
        for pattern in patterns
    )


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """421 for a host that is not ours. Health checks and Prometheus come by address and pass."""
    allowed = request.app[SETTINGS].allowed_hosts
    if request.path.startswith(("/health", "/metrics")) or matches(host_of(request.host), allowed):
        return await handler(request)
    raise web.HTTPMisdirectedRequest
