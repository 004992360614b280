"""The stream of one paper's page: which of its marks changed, how the queue around it moved, and who else marks it.

What the teacher is typing must not be swapped away, and what is shown is this teacher's own (what can be undone), so
marks are not sent but told: question and version. The page asks for what it does not show yet (web.paper_changes).
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Sequence
from itertools import takewhile

import aiohttp_jinja2
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.classroom import presence
from app.events.bus import Entry
from app.events.schema import MarkChanged, PaperChanged, PresenceChanged
from app.keys import BUS, DATABASE, REDIS
from app.marks import store
from app.marks.neighbours import Neighbours, neighbours
from app.papers.models import Paper
from app.web.live_views import FOR_EVER, due_in
from app.web.middleware.sign_in import user_of
from app.web.paper import order_of
from app.web.presence_view import LINE, Naming, first_end
from app.web.sse import frame, signal

PAGE = re.compile(r"[0-9a-f]{16}")
# A run changes a class's papers many times a second: the way through them is looked at so often at most.
NEAR_SECONDS = 2.0


class PaperView:
    """One open page of a paper.

    It is sent `marks` ("question:version question:version"), `head` when what stands above the questions changed,
    `gone` when the paper was removed, and the line about colleagues as HTML.
    """

    def __init__(self, request: web.Request, paper: Paper) -> None:
        page = request.query.get("page", "")
        if not PAGE.fullmatch(page):
            raise web.HTTPBadRequest
        self._app = request.app
        self._template = aiohttp_jinja2.get_env(request.app).get_template(LINE)
        self._place = presence.Place(
            paper.assignment_id, paper.id, user_of(request).id, page, secrets.token_hex(8)
        )
        self._naming = Naming(request)
        self._needing = bool(order_of(request)[0])
        self._line = ""
        self._renew_at = 0.0
        self._until = FOR_EVER
        self._near: Neighbours | None = None
        self._near_from = 0.0  # when it may be looked at again
        self._near_wanted = False

    async def opening(self) -> str:
        """Be there, and see who was before."""
        return await self._stay()

    async def changes(self, entries: Sequence[Entry]) -> str:
        """What of these events concerns this page."""
        ours, others, all_ = set[int](), False, False
        head = present = False
        for entry in entries:
            event = entry.event
            if event is None:
                all_ = head = present = True
            elif isinstance(event, PresenceChanged):
                present = present or event.paper_id == self._place.paper_id
            elif not isinstance(event, MarkChanged | PaperChanged):
                continue
            elif event.paper_id != self._place.paper_id:
                others = True
            elif isinstance(event, MarkChanged):
                ours.add(event.question_id)
            else:
                head = True
        body = await self._told(entries[-1].id, None if all_ else ours, head) if ours or head else ""
        self._near_wanted = self._near_wanted or others
        if present:
            body += await self._who()
        return body + await self._queue()

    async def beat(self) -> str:
        """Stay there, and see who is gone; then the way through the papers, if it waits."""
        body = await self._stay() if due_in(self._renew_at) == 0 else await self._who()
        return body + await self._queue()

    def patience(self) -> float:
        """Until the next of these is wanted."""
        waits = [due_in(self._renew_at), max(0.0, self._until - time.time())]
        if self._near_wanted:
            waits.append(due_in(self._near_from))
        return min(waits)

    async def closing(self, coming_back: bool) -> None:
        """Leave, unless the page is back in a moment: then colleagues see nothing of it."""
        if coming_back:
            return
        if await presence.leave(self._app[REDIS], self._place):
            await self._tell_colleagues()

    async def _told(self, entry_id: str, questions: set[int] | None, head: bool) -> str:
        """The versions of these questions' marks (None: all), as the page is to compare them with its own."""
        async with self._app[DATABASE].begin() as db:
            versions = await _versions(db, self._place.paper_id, questions)
        if versions is None:
            return signal("gone", entry_id)
        told = " ".join(f"{question}:{version}" for question, version in sorted(versions.items()))
        return (signal("marks", entry_id, told) if told else "") + (signal("head", entry_id) if head else "")

    async def _queue(self) -> str:
        """Whether the papers before and after, and how many ask, are others than the page knows."""
        if not self._near_wanted or due_in(self._near_from) > 0:
            return ""
        self._near_wanted = False
        self._near_from = asyncio.get_running_loop().time() + NEAR_SECONDS
        try:
            async with self._app[DATABASE].begin() as db:
                paper = await db.get(Paper, self._place.paper_id)
                near = await neighbours(db, paper, self._needing) if paper is not None else None
        except (SQLAlchemyError, OSError):
            self._near_wanted = True
            return ""
        if near is None or near == self._near:
            return ""
        self._near = near
        return signal("head")

    async def _stay(self) -> str:
        found, new = await presence.stay(self._app[REDIS], self._place)
        self._renew_at = asyncio.get_running_loop().time() + presence.RENEW_SECONDS
        if new:
            await self._tell_colleagues()
        return await self._drawn(found)

    async def _who(self) -> str:
        return await self._drawn(await presence.present(self._app[REDIS], self._place.assignment_id))

    async def _drawn(self, found: presence.Present) -> str:
        """The line about colleagues, if it is another one than the page has."""
        heres = found.get(self._place.paper_id, ())
        others = self._naming.others(heres)
        self._until = first_end([others])
        # Everybody, for one who is not there: Redis is away or came back empty.
        before = tuple(takewhile(lambda here: here.user_id != self._place.user_id, heres))
        names, first = await self._naming.names(others), await self._naming.names(before)
        line = self._template.render(names=names, first=first)
        if line == self._line:
            return ""
        self._line = line
        return frame("", f'<hx-partial hx-target="#presence" hx-swap="outerMorph">{line}</hx-partial>')

    async def _tell_colleagues(self) -> None:
        await self._app[BUS].publish(PresenceChanged(self._place.assignment_id, self._place.paper_id))


async def _versions(db: AsyncSession, paper_id: int, questions: set[int] | None) -> dict[int, int] | None:
    """Versions of a paper's marks by question; None when the paper is gone."""
    if await db.get(Paper, paper_id) is None:
        return None
    found = await store.versions(db, paper_id)
    return {key: value for key, value in found.items() if questions is None or key in questions}
