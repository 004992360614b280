"""Liveness (the process answers) apart from readiness (database and Redis answer too), and a summary of both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web
from sqlalchemy import text

from app.keys import DATABASE, REDIS, SETTINGS, STORAGE
from app.looplag import LOOP_LAG
from app.metrics import release
from app.upkeep.doctor.findings import Level
from app.upkeep.doctor.storage import LEAST_FREE
from app.upkeep.doctor.work import queue
from app.upkeep.state import Look, State
from app.web.middleware.sign_in import public

LIMIT_SECONDS = 3
LOOK = web.AppKey("look", Look)


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


@public
async def summary(request: web.Request) -> web.Response:
    """How the system is, at most 5 seconds old; 503 when pages or uploads cannot be served."""
    state, lag = await request.app[LOOK].now(), request.app[LOOP_LAG]
    body = {
        "status": status_of(state),
        "version": release(),
        "database": _word(state.database),
        "redis": _word(state.redis),
        "storage": _word(state.storage),
        "storage_free_bytes": state.free_bytes,
        "model": state.model,
        "loop_lag_seconds": {"last": round(lag.last, 4), "worst": round(lag.worst, 4)},
        **_work(state),
    }
    return web.json_response(body, status=200 if state.serves else 503, headers={"Cache-Control": "no-store"})


def status_of(state: State) -> str:
    """ "ok"; "degraded" where somebody should look at it before it breaks; "away" where something does not serve."""
    if not state.serves or state.work is None:
        return "away"
    full = state.free_bytes is not None and state.free_bytes < LEAST_FREE
    still = bool(state.work.stuck or state.work.lost) or queue(state.work).level is not Level.OK
    return "degraded" if full or still or state.model == "away" else "ok"


def _word(answers: bool) -> str:
    return "ok" if answers else "away"


def _work(state: State) -> dict[str, object]:
    work = state.work
    if work is None:
        return {"queue": None, "runs": None}
    return {
        "queue": {
            "waiting": work.waiting,
            "working": work.working,
            "oldest_seconds": round(work.oldest_seconds, 1),
        },
        "runs": {
            "running": work.runs.get("running", 0),
            "paused": work.runs.get("paused", 0),
            "stuck": len(work.stuck),
        },
    }


async def looked(app: web.Application) -> AsyncIterator[None]:
    """A part of the application (`cleanup_ctx`): what looks at the rest of it, once every few seconds."""
    app[LOOK] = Look(app[SETTINGS], app[DATABASE], app[REDIS], app[STORAGE])
    yield
    await app[LOOK].close()


async def _database(request: web.Request) -> None:
    async with asyncio.timeout(LIMIT_SECONDS), request.app[DATABASE].begin() as db:
        await db.execute(text("select 1"))


async def _redis(request: web.Request) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        await request.app[REDIS].ping()
