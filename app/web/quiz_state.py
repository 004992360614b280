"""What phones ask every few seconds: is the question still open, is there another one? One lookup serves them all."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

from aiohttp import web

from app.classroom import quiz_store
from app.classroom.quiz_board import clock_of
from app.keys import DATABASE
from app.web.middleware.sign_in import public
from app.web.phones import plain_code

STATE_SECONDS = 0.7  # a round's state is looked up at most so often, however many phones ask
STATES_KEPT = 500

States = OrderedDict[str, tuple[float, dict[str, Any]]]
STATES = web.AppKey("quiz_states", States)


def setup(app: web.Application) -> None:
    """Give an application what its phones share."""
    app[STATES] = OrderedDict()


@public
async def show(request: web.Request) -> web.StreamResponse:
    """Whether the question is still open, as JSON: {"round", "open", "left"}; phones ask every few seconds."""
    found = await _state(request.app, plain_code(request.match_info["code"]))
    response = web.json_response(found, status=200 if found else 404)
    response.headers["Cache-Control"] = "no-store"
    return response


async def _state(app: web.Application, code: str) -> dict[str, Any]:
    """The kept state, or a fresh one; empty where the code leads to nothing."""
    kept = app[STATES]
    moment, found = kept.get(code, (float("-inf"), {}))
    if time.monotonic() - moment < STATE_SECONDS:
        return found
    found = {}
    if code:
        async with app[DATABASE].begin() as db:
            asked = await quiz_store.by_code(db, code)
            if asked is not None:
                clock = clock_of(asked, await quiz_store.now(db))
                is_open = asked.closed_at is None and (clock is None or clock.left > 0)
                found = {
                    "round": asked.id,
                    "open": is_open,
                    "left": clock.left if clock and is_open else None,
                }
    kept[code] = (time.monotonic(), found)
    kept.move_to_end(code)
    while len(kept) > STATES_KEPT:
        kept.popitem(last=False)
    return found
