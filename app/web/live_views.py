"""What each page of an assignment is sent of its events: one class a page, one object an open stream."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from aiohttp import web

from app.events.bus import Entry
from app.events.schema import (
    Event,
    GradingStarted,
    MarkChanged,
    PaperChanged,
    PileChanged,
    PresenceChanged,
    RunChanged,
)
from app.i18n import language_of_request
from app.web.presence_view import Marks
from app.web.sse import frame, signal
from app.web.stream import RENDERER

FOR_EVER = float("inf")


class View(Protocol):
    """An open page, as its stream sees it. What is returned is server-sent text, "" for nothing."""

    async def opening(self) -> str:
        """What is sent first."""

    async def changes(self, entries: Sequence[Entry]) -> str:
        """What a page is told of entries."""

    async def beat(self) -> str:
        """Looks again at what no event tells; called with each heartbeat, and when `patience` is over."""

    def patience(self) -> float:
        """In how many seconds `beat` is wanted at the latest."""

    async def closing(self, coming_back: bool) -> None:
        """The stream has ended; `coming_back` when the page will open it again at once."""


class Quiet:
    """A view with nothing but changes."""

    async def opening(self) -> str:
        """Nothing."""
        return ""

    async def beat(self) -> str:
        """Nothing."""
        return ""

    def patience(self) -> float:
        """Never."""
        return FOR_EVER

    async def closing(self, coming_back: bool) -> None:
        """Nothing."""


class ResultsView(Quiet):
    """The results: a named event `marks` when their figures change."""

    async def changes(self, entries: Sequence[Entry]) -> str:
        """At most one event: the page loads everything anew."""
        return signal("marks", entries[-1].id) if any(map(_counts, entries)) else ""


class RowsView(Quiet):
    """The matrix of a run ("run") or the list of papers ("papers"): lines and cells, and who is at which paper.

    A named event `resync` tells the papers page to load its list anew.
    """

    def __init__(self, request: web.Request, assignment_id: int, name: str) -> None:
        self._renderer = request.app[RENDERER]
        self._assignment_id = assignment_id
        self._name = name
        self._language = language_of_request.get()
        self._marks = Marks(request, assignment_id)

    async def opening(self) -> str:
        """Who is where: the page's own rows may be a little older."""
        return await self._marks.changed()

    async def changes(self, entries: Sequence[Entry]) -> str:
        """The lines that changed; marks of presence come again into lines that were drawn anew."""
        told = [entry for entry in entries if not isinstance(entry.event, PresenceChanged)]
        frames = await self._renderer.render(self._assignment_id, latest(told), self._language, self._name)
        body = "".join(frame(entry_id, html) for entry_id, html in frames if html)
        if self._name == "papers" and any(entry.event is None for entry in entries):
            body += signal("resync", entries[-1].id)
        redrawn = any(
            entry.event is None or isinstance(entry.event, PaperChanged | RunChanged) for entry in told
        )
        return body + await self._marks.changed(redrawn) if redrawn or len(told) < len(entries) else body

    async def beat(self) -> str:
        """Whose time is over: a killed process tells nobody that its teachers are gone."""
        return await self._marks.changed()

    def patience(self) -> float:
        """Until the first teacher's time is over."""
        return self._marks.patience()


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
    if isinstance(event, PileChanged):
        # All piles of an assignment are shown in one place.
        return ("piles", event.assignment_id, 0)
    return None


def due_in(at: float) -> float:
    """Seconds until a moment of the loop's clock, not less than none."""
    return max(0.0, at - asyncio.get_running_loop().time())
