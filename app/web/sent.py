"""The ledger of an assignment: every picture that left for a model, exactly as it left."""

from __future__ import annotations

from aiohttp import web
from obstore.exceptions import BaseError as StorageError

from app.keys import DATABASE, SETTINGS, STORAGE
from app.papers import ledger
from app.web.access import the_assignment
from app.web.forms import path_id, to_int
from app.web.middleware.headers import for_stream
from app.web.middleware.sign_in import user_of
from app.web.pages import render
from app.web.paper_file import SANDBOX, UNKNOWN, media_type, send


async def show(request: web.Request) -> web.StreamResponse:
    """The pictures of an assignment that left for a model, newest first; `?before` leads to older ones."""
    async with request.app[DATABASE].begin() as db:
        assignment, klass = await the_assignment(request, db)
        listed = await ledger.listed(db, assignment.id, to_int(request.query.get("before", "")))
    settings = request.app[SETTINGS]
    context = {
        "assignment": assignment,
        "klass": klass,
        "tab": "papers",
        "listed": listed,
        "shows": settings.shows_pages,
        "model": settings.vision_model,
    }
    return await render(request, "pages/sent.html", context)


async def image(request: web.Request) -> web.StreamResponse:
    """The picture of an entry, the very bytes that left; 404 when the storage has lost it."""
    async with request.app[DATABASE].begin() as db:
        entry = await ledger.for_teacher(db, path_id(request), user_of(request).id)
    if entry is None:
        raise web.HTTPNotFound
    try:
        size, chunks = await request.app[STORAGE].opened(entry.image_key)
        first = await anext(chunks, b"")
    except (FileNotFoundError, StorageError) as error:
        raise web.HTTPNotFound from error
    found = media_type(first)
    response = web.StreamResponse(headers=for_stream(request))
    response.headers.update(
        {
            "Content-Type": found if found.startswith("image/") else UNKNOWN,
            "Content-Security-Policy": SANDBOX,
            # An entry's picture never changes; another user of this browser must not see it.
            "Cache-Control": "private, no-store",
        }
    )
    response.content_length = size
    await response.prepare(request)
    await send(request, response, first, chunks)
    return response
