"""Renders events for open pages: once an event and language in a process, however many pages are open."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import aiohttp_jinja2
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.events.bus import Entry
from app.events.schema import Event, GradingStarted, MarkChanged, PaperChanged, PileChanged, RunChanged
from app.i18n import language_of_request
from app.keys import DATABASE, SETTINGS
from app.marks import claims
from app.marks import matrix as matrices
from app.papers import service as papers
from app.web import pile_view
from app.web.run_view import start_of, status_of

KEPT = 2_000
TEMPLATE = "partials/run_events.html"
Key = tuple[str, str, str]  # view, language, entry id


class Renderer:
    """One a process. Pages that ask for the same event at the same time wait for the same rendering."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._kept: OrderedDict[Key, asyncio.Future[str]] = OrderedDict()
        self.rendered = 0

    async def render(
        self, assignment_id: int, entries: Sequence[Entry], language: str, view: str
    ) -> list[tuple[str, str]]:
        """(entry id, HTML) of entries in order; "" where a view shows nothing of an event."""
        keys = [(view, language, entry.id) for entry in entries]
        fresh = [
            (key, entry) for key, entry in zip(keys, entries, strict=True) if self._usable(key, entry) is None
        ]
        if fresh:
            # A task of its own: the page that asked first may leave while others wait for it.
            task = asyncio.create_task(  # noqa: RUF006 - held by those who wait for its parts
                self._render_all(assignment_id, [entry for _, entry in fresh], language, view)
            )
            for index, (key, _) in enumerate(fresh):
                self._kept[key] = asyncio.ensure_future(_nth(task, index))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        html = await asyncio.gather(*(asyncio.shield(self._kept[key]) for key in keys))
        return [(entry.id, text) for entry, text in zip(entries, html, strict=True)]

    def _usable(self, key: Key, entry: Entry) -> asyncio.Future[str] | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        failed = kept.done() and (kept.cancelled() or kept.exception() is not None)
        # A snapshot shows the moment it is made: an older one is shared only while it is in the making.
        return None if failed or (entry.event is None and kept.done()) else kept

    async def _render_all(
        self, assignment_id: int, entries: Sequence[Entry], language: str, view: str
    ) -> list[str]:
        language_of_request.set(language)
        env = aiohttp_jinja2.get_env(self._app)
        template = env.get_template(TEMPLATE)
        async with self._app[DATABASE].begin() as db:
            contexts = await self._contexts(db, assignment_id, [entry.event for entry in entries], view)
        self.rendered += len(entries)
        return [template.render(context) if context else "" for context in contexts]

    async def _contexts(
        self, db: AsyncSession, assignment_id: int, events: Sequence[Event | None], view: str
    ) -> list[dict[str, Any]]:
        touched = {
            event.paper_id
            for event in events
            if isinstance(event, MarkChanged | GradingStarted)
            or (isinstance(event, PaperChanged) and view == "run")
        }
        rows = await matrices.rows(db, touched) if touched and view == "run" else {}
        contexts = []
        for event in events:
            context: dict[str, Any] = {}
            if event is None or isinstance(event, RunChanged):
                context = await self._run(db, assignment_id, event is None) if view == "run" else {}
            elif isinstance(event, PaperChanged):
                context = await _paper(db, event.paper_id, rows, view)
            elif isinstance(event, PileChanged):
                context = {"piles": await pile_view.lines(db, assignment_id)} if view == "papers" else {}
            elif isinstance(event, MarkChanged | GradingStarted) and event.paper_id in rows:
                row = rows[event.paper_id]
                cells = [cell for cell in row.cells if cell.question_id == event.question_id]
                context = {"cells": cells, "totals": [row.total] if isinstance(event, MarkChanged) else []}
            contexts.append({**_NOTHING, **context} if context else {})
        return contexts

    async def _run(self, db: AsyncSession, assignment_id: int, whole: bool) -> dict[str, Any]:
        status = await status_of(db, assignment_id)
        context: dict[str, Any] = {"status": status, "assignment_id": assignment_id, "start": None}
        # A run that begins, pauses or ends changes what every cell waits for: the whole matrix then.
        if not whole and status.running and status.progress and status.progress.done:
            return context
        assignment = await claims.assignment_of(db, assignment_id)
        if assignment is None:
            return {}
        matrix = await matrices.matrix(db, assignment_id)
        context["start"] = start_of(assignment, status, matrix, self._app[SETTINGS].llm_model)
        context["matrix"] = matrix
        return context


_NOTHING: dict[str, Any] = {
    "cells": [],
    "totals": [],
    "rows": [],
    "papers": [],
    "gone": [],
    "piles": None,
    "matrix": None,
    "status": None,
    "change": None,
}


async def _nth(task: asyncio.Future[list[str]], index: int) -> str:
    return (await task)[index]


async def _paper(db: AsyncSession, paper_id: int, rows: dict[int, matrices.Row], view: str) -> dict[str, Any]:
    """Its line as it is now; a removed paper's line goes."""
    if view == "run":
        return {"rows": [rows[paper_id]]} if paper_id in rows else {"gone": [f"row-{paper_id}"]}
    row = await papers.row(db, paper_id)
    return {"papers": [row]} if row is not None else {"gone": [f"paper-{paper_id}"]}


RENDERER = web.AppKey("renderer", Renderer)


def setup(app: web.Application) -> None:
    """Give an application its renderer."""
    app[RENDERER] = Renderer(app)
