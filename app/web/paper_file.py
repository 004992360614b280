"""A paper's file as it was uploaded, to be saved and never shown by the browser within our pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

from aiohttp import web
from aiohttp.hdrs import METH_HEAD
from obstore.exceptions import BaseError as StorageError

from app.intake.sniff import HEAD, TEXT, sniff
from app.keys import DATABASE, STORAGE
from app.web.access import the_paper
from app.web.middleware.headers import for_stream

# A student's file must not act as a page of ours, whatever it is and however a browser opens it.
SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"
UNKNOWN = "application/octet-stream"


async def show(request: web.Request) -> web.StreamResponse:
    """Stream the file as an attachment; 404 when the storage has lost it."""
    async with request.app[DATABASE].begin() as db:
        paper = await the_paper(request, db)
    try:
        size, chunks = await request.app[STORAGE].opened(paper.storage_key)
        first = await anext(chunks, b"")
    except (FileNotFoundError, StorageError) as error:
        raise web.HTTPNotFound from error
    response = web.StreamResponse(headers=for_stream(request))
    response.headers.update(
        {
            "Content-Type": media_type(first[:HEAD]),
            "Content-Disposition": disposition(paper.file_name),
            "Content-Security-Policy": SANDBOX,
            "Cache-Control": "private, no-store",
        }
    )
    response.content_length = size
    await response.prepare(request)
    await send(request, response, first, chunks)
    return response


def media_type(head: bytes) -> str:
    """The type by content; the encoding of a text is not known here, so none is claimed."""
    found = sniff(head) if head else None
    return found if found and found != TEXT else ("text/plain" if found else UNKNOWN)


def disposition(name: str) -> str:
    """RFC 6266: the name in ASCII for old clients, and as RFC 5987 UTF-8 for all others."""
    plain = "".join(mark if " " <= mark <= "~" and mark not in '"\\%;' else "_" for mark in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def send(
    request: web.Request, response: web.StreamResponse, first: bytes, rest: AsyncIterator[bytes]
) -> None:
    """Write a prepared response's body and end it; to HEAD, which the client expects no body after, only end it."""
    if request.method != METH_HEAD:
        await response.write(first)
        async for chunk in rest:
            await response.write(chunk)
    await response.write_eof()
