"""What a code leads to right now. One lookup serves all phones that ask within a moment: a class asks all at once."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from app.classroom import quiz_store
from app.classroom.models import QuizRound
from app.classroom.quiz_board import Clock, clock_of
from app.keys import DATABASE
from app.web.middleware.sign_in import public
from app.web.phones import plain_code

STATE_SECONDS = 0.7  # a round is looked up at most so often, however many phones ask
STATES_KEPT = 500


@dataclass(frozen=True, slots=True)
class State:
    """The round under a code, None for no round, as it was at `moment` of the database's clock."""

    asked: QuizRound | None
    moment: datetime
    at: float

    @property
    def clock(self) -> Clock | None:
        """The countdown by now; None where there is none."""
        if self.asked is None:
            return None
        return clock_of(self.asked, self.moment + timedelta(seconds=time.monotonic() - self.at))

    @property
    def open(self) -> bool:
        """Whether answers are taken, as far as this process knows; the database has the last word."""
        clock = self.clock
        return self.asked is not None and self.asked.closed_at is None and (clock is None or clock.left > 0)


States = OrderedDict[str, tuple[float, asyncio.Future[State]]]
STATES = web.AppKey("quiz_states", States)


def setup(app: web.Application) -> None:
    """Give an application what its phones share."""
    app[STATES] = OrderedDict()


def forget(app: web.Application, code: str) -> None:
    """A round changed: who asks from now on is told so. Other processes know within STATE_SECONDS."""
    app[STATES].pop(code, None)


async def state_of(app: web.Application, code: str, *, fresh: bool = False) -> State:
    """The state of a plain code, at most STATE_SECONDS old, or with `fresh` looked up now. Raises what the database
    raises."""
    kept = app[STATES]
    until, found = kept.get(code, (0.0, None))
    if (
        found is None
        or fresh
        or time.monotonic() >= until
        or (found.done() and found.exception() is not None)
    ):
        # A task of its own: the phone that asked first may leave while others wait for it.
        found = asyncio.ensure_future(_look(app, code))
        kept[code] = (time.monotonic() + STATE_SECONDS, found)
        kept.move_to_end(code)
        while len(kept) > STATES_KEPT:
            kept.popitem(last=False)
    return await asyncio.shield(found)


async def _look(app: web.Application, code: str) -> State:
    async with app[DATABASE].begin() as db:
        moment = await quiz_store.now(db)
        return State(await quiz_store.by_code(db, code), moment, time.monotonic())


@public
async def show(request: web.Request) -> web.StreamResponse:
    """Whether the question is still open, as JSON: {"round", "open", "left"}; phones ask every few seconds."""
    code = plain_code(request.match_info["code"])
    state = await state_of(request.app, code) if code else None
    if state is None or state.asked is None:
        response = web.json_response({}, status=404)
    else:
        left = state.clock.left if state.clock and state.open else None
        response = web.json_response({"round": state.asked.id, "open": state.open, "left": left})
    response.headers["Cache-Control"] = "no-store"
    return response
