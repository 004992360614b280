"""The upload that pictures belong to: its name, and its end."""

from __future__ import annotations

import re
import secrets

from aiohttp import web

from app.events.schema import PileChanged
from app.i18n import N_, ProblemError
from app.keys import BUS, DATABASE
from app.papers import piles
from app.web.access import the_assignment
from app.web.pages import go, is_partial

TOKEN = re.compile(r"[0-9a-f]{32}")  # 128 random bits: nobody joins another's upload by chance


class UploadError(ProblemError):
    """An upload without files, without a proper name, or one that broke off."""

    status = 400


async def end(request: web.Request) -> web.StreamResponse:
    """No more pictures of this drop will come: its pile is split as soon as its pages are read."""
    token = request.match_info["token"]
    if not TOKEN.fullmatch(token):
        raise web.HTTPNotFound
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
    await close(request, assignment.id, token)
    if is_partial(request):
        return web.Response(status=204)
    return go(request, "papers", id=assignment.id)


async def close(request: web.Request, assignment_id: int, token: str) -> None:
    """Close the pile of an upload, if it has one, and tell the open pages."""
    async with request.app[DATABASE].begin() as db:
        closed = [pile.id for pile in await piles.close_token(db, assignment_id, token)]
    await request.app[BUS].publish(*(PileChanged(assignment_id, each) for each in closed))


def token_of(given: str | None) -> str:
    """The name of an upload: the page's own, or a new one where it has none. Raises UploadError for a strange one."""
    if given is None:
        return secrets.token_hex(16)
    if not TOKEN.fullmatch(given):
        raise UploadError(
            N_("This upload has no proper name. Load the page again, then send the files once more.")
        )
    return given
