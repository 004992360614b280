"""The keys under which the parts of the application are found."""

from __future__ import annotations

from aiohttp import web
from redis.asyncio import Redis

from app.db import Database
from app.events.bus import Bus
from app.settings import Settings
from app.storage import Storage

SETTINGS = web.AppKey("settings", Settings)
DATABASE = web.AppKey("database", Database)
REDIS = web.AppKey("redis", Redis)
BUS = web.AppKey("bus", Bus)
STORAGE = web.AppKey("storage", Storage)
