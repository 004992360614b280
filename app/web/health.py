"""Liveness (the process answers) apart from readiness (database and Redis answer too)."""

from __future__ import annotations

import asyncio

from aiohttp import web
from sqlalchemy import text

from app.keys import DATABASE, REDIS
from app.web.middleware.sign_in import public

LIMIT_SECONDS = 3


@public
async def live(request: web.Request) -> web.Response:
    """200 while the event loop runs."""
    return web.json_response({"status": "live"})


@public
async def ready(request: web.Request) -> web.Response:
    """200 when the database and Redis answer, else 503 and which does not."""
    checks = {"database": _database(request), "redis": _redis(request)}
    answers = await asyncio.gather(*checks.values(), return_exceptions=True)
    state = {
        name: "ok" if not isinstance(answer, BaseException) else "away"
        for name, answer in zip(checks, answers, strict=True)
    }
    good = all(value == "ok" for value in state.values())
    return web.json_response({"status": "ready" if good else "away", **state}, status=200 if good else 503)


async def _database(request: web.Request) -> None:
    async with asyncio.timeout(LIMIT_SECONDS), request.app[DATABASE].begin() as db:
        await db.execute(text("select 1"))


async def _redis(request: web.Request) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        await request.app[REDIS].ping()
