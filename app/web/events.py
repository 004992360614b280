"""The stream of an assignment as server-sent events: what changes is sent as partials that htmx swaps in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web

from app.events.bus import Entry, Subscription
from app.events.schema import Event, GradingStarted, MarkChanged, PaperChanged, RunChanged
from app.i18n import language_of_request
from app.keys import BUS, DATABASE
from app.web.access import the_assignment
from app.web.middleware.headers import for_stream
from app.web.middleware.sign_in import still_signed_in
from app.web.stream import RENDERER

HEARTBEAT_SECONDS = 15.0
# A stream ends after this time; the client comes back with its place, and its access is checked again.
LIFE_SECONDS = 600.0
RETRY_MS = 1_000
VIEWS = ("run", "papers", "results")


async def stream(request: web.Request) -> web.StreamResponse:
    """Send events from `Last-Event-ID` (or `after`) on, until the client leaves, is signed out, or the server stops.

    `view` is the page that listens: "run"; "papers" for the rows of the papers page and a named event `resync` when
    its list is to be loaded anew; "results" for a named event `marks` when its figures are.
    """
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
    view = request.query.get("view", "papers")
    if view not in VIEWS:
        raise web.HTTPBadRequest
    after = request.headers.get("Last-Event-ID") or request.query.get("after", "")
    async with request.app[BUS].subscribe(assignment.id, after) as page:
        response = web.StreamResponse(
            headers={
                **for_stream(request),
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        await response.write(f"retry: {RETRY_MS}\n\n".encode())
        await _send(request, response, page, assignment.id, view)
    return response


async def _send(
    request: web.Request, response: web.StreamResponse, page: Subscription, assignment_id: int, view: str
) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + LIFE_SECONDS
    checked = loop.time()
    renderer, language = request.app[RENDERER], language_of_request.get()
    while loop.time() < end:
        if loop.time() - checked >= HEARTBEAT_SECONDS:
            if not await still_signed_in(request):
                return
            checked = loop.time()
        try:
            entries = await page.next(HEARTBEAT_SECONDS)
        except TimeoutError:
            await response.write(b":\n\n")
            continue
        if entries is None:
            return
        if view == "results":
            body = signal("marks", entries[-1].id) if any(map(_counts, entries)) else ""
        else:
            frames = await renderer.render(assignment_id, latest(entries), language, view)
            body = "".join(frame(entry_id, html) for entry_id, html in frames if html)
            if view == "papers" and any(entry.event is None for entry in entries):
                body += signal("resync", entries[-1].id)
        if body:
            await response.write(body.encode())


def _counts(entry: Entry) -> bool:
    """Whether an entry can change the results: a mark, a paper's student, or more than the page was told."""
    return entry.event is None or isinstance(entry.event, MarkChanged | PaperChanged)


def latest(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that still matter: of several about the same cell or the same run only the last."""
    kept: dict[object, Entry] = {}
    for entry in entries:
        subject = _subject(entry.event) or entry.id
        # Put anew at the end, so that ids only grow.
        kept.pop(subject, None)
        kept[subject] = entry
    return list(kept.values())


def _subject(event: Event | None) -> tuple[str, int, int] | None:
    if isinstance(event, MarkChanged | GradingStarted):
        # A mark's cell shows whatever "being graded" would have shown.
        return ("cell", event.paper_id, event.question_id)
    if isinstance(event, RunChanged):
        return ("run", event.run_id, 0)
    return None


def frame(entry_id: str, html: str) -> str:
    """One server-sent event; every line of the HTML becomes a data line."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"id: {entry_id}\n{lines}\n"


def signal(name: str, entry_id: str) -> str:
    """A named event without data: the page itself asks for what it shows."""
    return f"event: {name}\nid: {entry_id}\ndata: \n\n"
