"""The stream of an assignment as server-sent events: what changes is sent as partials that htmx swaps in."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import ClientConnectionResetError, web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.events.bus import Subscription
from app.keys import BUS, DATABASE
from app.papers.models import Paper
from app.web.access import the_assignment
from app.web.forms import to_int
from app.web.live_views import ResultsView, RowsView, View
from app.web.middleware.sign_in import still_signed_in
from app.web.paper_view import PaperView
from app.web.pile_stream import PileStream
from app.web.quiz_stream import QuizView
from app.web.sse import BEAT, opened

HEARTBEAT_SECONDS = 15.0
# A stream ends after this time; the client comes back with its place, and its access is checked again.
LIFE_SECONDS = 600.0


async def stream(request: web.Request) -> web.StreamResponse:
    """Send events from `Last-Event-ID` (or `after`) on, until the client leaves, is signed out, or the server stops.

    `view` is the page that listens: "run"; "papers" for the rows of the papers page and a named event `resync` when
    its list is to be loaded anew; "results" for a named event `marks` when its figures are; "paper" for one `paper`;
    "quiz" for a named event `quiz` when a round or its answers change; "pile" for `pile` when one `pile` does.
    """
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
        view = await _view(request, db, assignment)
    after = request.headers.get("Last-Event-ID") or request.query.get("after", "")
    async with request.app[BUS].subscribe(assignment.id, after) as page:
        response = await opened(request)
        coming_back = False
        try:
            # A client that leaves while something is written to it has left; that is no error.
            with suppress(ClientConnectionResetError):
                await response.write((await view.opening()).encode())
                coming_back = await _send(request, response, page, view)
        finally:
            await view.closing(coming_back)
    return response


async def _view(request: web.Request, db: AsyncSession, assignment: Assignment) -> View:
    name = request.query.get("view", "papers")
    if name in ("run", "papers"):
        return RowsView(request, assignment.id, name)
    if name == "results":
        return ResultsView()
    if name == "quiz":
        return QuizView()
    if name == "pile":
        return PileStream(to_int(request.query.get("pile", "")))
    if name != "paper":
        raise web.HTTPBadRequest
    paper_id = to_int(request.query.get("paper", ""))
    paper = await db.get(Paper, paper_id) if paper_id is not None else None
    if paper is None or paper.assignment_id != assignment.id:
        raise web.HTTPNotFound
    return PaperView(request, paper)


async def _send(request: web.Request, response: web.StreamResponse, page: Subscription, view: View) -> bool:
    """Until the stream's end; whether the client is to come back at once."""
    loop = asyncio.get_running_loop()
    checked = loop.time()
    end, beat = checked + LIFE_SECONDS, checked + min(HEARTBEAT_SECONDS, view.patience())
    while (now := loop.time()) < end:
        if now - checked >= HEARTBEAT_SECONDS:
            if not await still_signed_in(request):
                return False
            checked = now
        if now >= beat:
            await response.write((await view.beat() or BEAT).encode())
            beat = loop.time() + min(HEARTBEAT_SECONDS, view.patience())
        try:
            entries = await page.next(max(0.0, min(beat, end) - loop.time()))
        except TimeoutError:
            continue
        if entries is None:
            return True
        body = await view.changes(entries)
        if body:
            await response.write(body.encode())
        beat = min(beat, loop.time() + view.patience())
    return True
