"""The keys under which the parts of the application, and what is known of a request, are found."""

from __future__ import annotations

from aiohttp import web
from redis.asyncio import Redis

from app.accounts.models import User
from app.db import Database
from app.events.bus import Bus
from app.settings import Settings
from app.storage import Storage

SETTINGS = web.AppKey("settings", Settings)
DATABASE = web.AppKey("database", Database)
REDIS = web.AppKey("redis", Redis)
BUS = web.AppKey("bus", Bus)
STORAGE = web.AppKey("storage", Storage)

REQUEST_ID = web.RequestKey("request_id", str)
# The client's address, "" over a unix socket; whether it came by https, None when that is not known (see
# web/middleware/proxies.py).
ADDRESS = web.RequestKey("address", str)
SECURE: web.RequestKey[bool | None] = web.RequestKey("secure", bool | None)  # type: ignore[arg-type]
USER = web.RequestKey("user", User)
# Set for a page that must not need the session: the page of an error.
PLAIN = web.RequestKey("plain", bool)
