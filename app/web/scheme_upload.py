"""A marking scheme that comes in pasted or as a file; what was typed survives whatever is wrong with the file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from app.i18n import N_, ProblemError, Text
from app.intake.process import read_document
from app.keys import SETTINGS, STORAGE
from app.scheme.notes import ParsedScheme
from app.scheme.parse import parse_scheme
from app.storage import TooLargeError
from app.web.forms import form_of

MAX_FORM_BYTES = 4 * 2**20  # all typed fields together


class TextTooLargeError(ProblemError):
    """More was pasted than is taken."""

    status = 413


@dataclass(slots=True)
class Sent:
    """The typed fields, the scheme's text (pasted, or a file's), and what is wrong with the file, if anything."""

    fields: dict[str, str] = field(default_factory=dict)
    text: str = ""
    problem: Text | None = None

    def field(self, name: str, longest: int = 1000) -> str:
        """A typed field, "" when it is missing."""
        return self.fields.get(name, "")[:longest]


async def receive(request: web.Request) -> Sent:
    """Read the form. Raises TextTooLargeError for too much text; a bad file is told in `problem`."""
    sent = Sent()
    if request.content_type == "multipart/form-data":
        await _parts(request, sent)
    else:
        form = await form_of(request)
        sent.fields = {name: _storable(value) for name, value in form.items() if isinstance(value, str)}
    pasted = sent.fields.get("text", "")
    if sent.text and pasted.strip():
        sent.problem = Text(N_("You pasted a text and chose a file as well. Keep one of them."))
    sent.text = pasted if pasted.strip() else sent.text
    if not sent.text.strip() and sent.problem is None:
        sent.problem = Text(N_("Paste the marking scheme, or choose a file that holds it."))
    return sent


async def parse(text: str) -> ParsedScheme:
    """What a text says as a scheme; in a thread, as a long one takes a while."""
    return await asyncio.to_thread(parse_scheme, text)


async def _parts(request: web.Request, sent: Sent) -> None:
    left = MAX_FORM_BYTES
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or not part.name:
                raise web.HTTPBadRequest
            if part.filename is not None:
                if part.name == "file" and part.filename and not await _file(request, part, sent):
                    break
                continue
            data = await _field(part, left)
            left -= len(data)
            sent.fields[part.name] = _storable(data.decode("utf-8", "replace"))
    except (ValueError, AssertionError, RuntimeError, HttpProcessingError) as error:
        raise web.HTTPBadRequest from error


async def _field(part: BodyPartReader, left: int) -> bytes:
    data = bytearray()
    async for chunk in _chunks(part):
        data += chunk
        if len(data) > left:
            raise TextTooLargeError(
                N_(
                    "The text is larger than {limit} MB. That is no marking scheme; paste only the scheme itself."
                ),
                limit=MAX_FORM_BYTES // 2**20,
            )
    return bytes(data)


async def _file(request: web.Request, part: BodyPartReader, sent: Sent) -> bool:
    """Read a file's text into `sent`; False when the rest of the request is better left unread."""
    storage, limit = request.app[STORAGE], request.app[SETTINGS].max_file_size
    name = _storable(part.filename or "")[:200]
    try:
        path, _, _ = await storage.receive(_chunks(part), limit)
        try:
            document = await read_document(path, name)
        finally:
            storage.drop(path)
    except ProblemError as problem:
        sent.problem = problem.text
        return not isinstance(problem, TooLargeError)
    sent.text = _storable(document.text)
    return True


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(64 * 1024):
        yield chunk


def _storable(text: str) -> str:
    """Text as PostgreSQL stores it: without NULs and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
