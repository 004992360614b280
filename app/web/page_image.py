"""A page's picture: from storage, or for a page of a PDF made when it is looked at for the first time."""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import web
from obstore.exceptions import BaseError as StorageError

from app.i18n import ProblemError
from app.intake import process
from app.intake.sniff import HEAD, is_picture, sniff
from app.keys import DATABASE, STORAGE
from app.marks.picture import PDF, VERSION
from app.papers import pictures
from app.papers.models import PageState, PaperPage
from app.web.access import the_page
from app.web.middleware.headers import for_stream
from app.web.paper_file import SANDBOX, UNKNOWN, send

log = structlog.get_logger(__name__)

# Content never changes under a key, and the address names it; only this teacher's browser may keep it.
FOR_EVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"

Keys = tuple[str, str | None]


class Makers:
    """Pictures that are being made in this process, by the page's id: who asks meanwhile waits for the same one."""

    def __init__(self) -> None:
        self._under_way: dict[int, asyncio.Task[Keys]] = {}

    async def keys(self, app: web.Application, page: PaperPage) -> Keys:
        """The storage keys of a page's picture and of its small one, made where there are none.

        Raises ProblemError when the file cannot be drawn, FileNotFoundError or a StorageError when it is gone.
        """
        if page.image_key:
            return page.image_key, page.thumb_key
        if page.by != PDF or page.state != PageState.READ:
            raise FileNotFoundError(page.source_key)
        task = self._under_way.get(page.id)
        if task is None:
            task = asyncio.ensure_future(_make(app, page))
            self._under_way[page.id] = task
            task.add_done_callback(lambda _: self._under_way.pop(page.id, None))
        # A browser that leaves must not take the picture from the others who wait for it.
        return await asyncio.shield(task)


MAKERS = web.AppKey("page_pictures", Makers)


def setup(app: web.Application) -> None:
    """Give the application its makers."""
    app[MAKERS] = Makers()


async def show(request: web.Request) -> web.StreamResponse:
    """Stream the picture of a page, the small one with `?size=thumb`; 404 for a page that has none."""
    async with request.app[DATABASE].begin() as db:
        page = await the_page(request, db)
    try:
        large, small = await request.app[MAKERS].keys(request.app, page)
        key = small if request.query.get("size") == "thumb" and small else large
        tag = key.rpartition("/")[2]
        if any(each.value == tag for each in request.if_none_match or ()):
            return web.Response(status=304, headers=_caching(request, tag))
        size, chunks = await request.app[STORAGE].opened(key)
        first = await anext(chunks, b"")
    except (FileNotFoundError, StorageError, ProblemError) as error:
        raise web.HTTPNotFound from error
    response = web.StreamResponse(headers=for_stream(request))
    response.headers.update(_caching(request, tag))
    response.headers["Content-Type"] = _media_type(first)
    response.headers["Content-Security-Policy"] = SANDBOX
    response.content_length = size
    await response.prepare(request)
    await send(request, response, first, chunks)
    return response


async def _make(app: web.Application, page: PaperPage) -> Keys:
    """Draw a page of a PDF in a child process and keep it."""
    async with app[STORAGE].local(page.source_key) as path:
        drawn = await process.render_page(path, page.source_name, page.source_page)
    made = pictures.Made(drawn.data, drawn.thumb, drawn.width, drawn.height)
    async with app[DATABASE].begin() as db:
        kept = await pictures.keep(db, app[STORAGE], page.id, made)
    if kept is None or not kept.image_key:
        raise FileNotFoundError(page.source_key)
    return kept.image_key, kept.thumb_key


def _caching(request: web.Request, tag: str) -> dict[str, str]:
    named = request.query.get("v", "")
    fresh = len(named) == VERSION and tag.startswith(named)
    return {"ETag": f'"{tag}"', "Cache-Control": FOR_EVER if fresh else ASK_AGAIN}


def _media_type(first: bytes) -> str:
    """The type by content; what is no picture is not called one, whatever lies there."""
    found = sniff(first[:HEAD]) if first else None
    return found if found and is_picture(found) else UNKNOWN
