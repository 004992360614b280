"""The access log: one event a request, without what a path or a query may hold."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from aiohttp.abc import AbstractAccessLogger

from app.keys import ADDRESS
from app.logs import route_of

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest, StreamResponse

PATHS_OF_PROBES = ("/health", "/static/", "/metrics")


class AccessLog(AbstractAccessLogger):
    """aiohttp's access log as one event a request: id, method, route, status, bytes, milliseconds, client's address.

    Give it to `web.AppRunner(access_log_class=AccessLog)`. Probes and static files are logged at DEBUG only.
    """

    def log(self, request: BaseRequest, response: StreamResponse, time: float) -> None:
        """Log one finished request; `time` is in seconds."""
        level = logging.DEBUG if request.path.startswith(PATHS_OF_PROBES) else logging.INFO
        facts: MutableMapping[str, Any] = {
            "method": request.method,
            "route": route_of(request),
            "status": response.status,
            "bytes": response.body_length,
            "ms": round(time * 1000, 1),
            # A request that was too broken for any layer has neither.
            "address": request.get(ADDRESS, request.remote),
            "request": response.headers.get("X-Request-ID", ""),
        }
        self.logger.log(level, "request", extra=facts)

    @property
    def enabled(self) -> bool:
        """Whether anything is logged at all."""
        return self.logger.isEnabledFor(logging.INFO)
