"""Papers come in: a form of many files, streamed part by part and never held in memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from app.i18n import N_, Text
from app.intake.names import clean_name
from app.keys import DATABASE
from app.web.access import the_assignment
from app.web.batch import Batch
from app.web.batch_checks import Verdict
from app.web.middleware.sign_in import user_of
from app.web.pages import flash, go, is_partial, render
from app.web.upload_pile import UploadError, close, token_of

CHUNK = 256 * 1024
TOLD = 20  # refused files that a page without script names one by one
# What a body raises that is cut short or was never a form of files. AssertionError is aiohttp's way to say so.
BROKEN = (ValueError, AssertionError, RuntimeError, HttpProcessingError, web.RequestPayloadError)
# Browsers escape only the quotation mark and line breaks; aiohttp's parser gives up at a name with two semicolons.
FILE_NAME = re.compile(r';\s*filename="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


class _BrokenOffError(Exception):
    """The form ended early or is none. Apart from BROKEN, so that a fault of our own is not told as the sender's."""


async def submit(request: web.Request) -> web.StreamResponse:
    """Take the files of a form, each for itself; pictures of one drop come with the same `?pile` and join."""
    token = token_of(request.query.get("pile"))
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
    batch = Batch(request.app, assignment.id, user_of(request).id, token)
    try:
        await _take_all(request, batch)
    except _BrokenOffError as error:
        done = sum(verdict.state != "refused" for verdict in batch.verdicts)
        raise UploadError(
            N_("The upload broke off. {count} files had arrived whole and are kept; send the others again."),
            count=done,
        ) from error
    finally:
        # Without a token the request is the whole upload. With one, the page says when its drop has ended.
        if "pile" not in request.query and any(verdict.picture for verdict in batch.verdicts):
            await close(request, assignment.id, token)
    if not batch.verdicts:
        raise UploadError(
            N_("Choose the papers first: photos, scans, PDF, DOCX, text files, or a ZIP archive of them.")
        )
    if is_partial(request):
        return await render(request, "partials/paper_verdicts.html", {"verdicts": batch.verdicts})
    for text, tone in _summary(batch.verdicts):
        await flash(request, text, tone)
    return go(request, "papers", id=assignment.id)


async def _take_all(request: web.Request, batch: Batch) -> None:
    if not request.content_type.startswith("multipart/"):
        return
    with _reading():
        reader = await request.multipart()
    while (part := await _next_part(reader)) is not None:
        name = file_name(part)
        if name is None:
            continue  # a plain field; the reader skips what was not read
        await batch.take(clean_name(name), _chunks(part))


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        raise _BrokenOffError from error


async def _next_part(reader: MultipartReader) -> BodyPartReader | None:
    with _reading():
        part = await reader.next()
        if isinstance(part, MultipartReader):
            raise ValueError("a form within the form")
    return part


def file_name(part: BodyPartReader) -> str | None:
    """What the sender calls a file; None for a field that is none, or for "no file chosen"."""
    header = part.headers.get("Content-Disposition", "")
    if plain := FILE_NAME.search(header):
        name = re.sub(r'\\(["\\])', r"\1", plain[1])
        for escape, character in (("%22", '"'), ("%0D", " "), ("%0A", " ")):
            name = name.replace(escape, character)
        # Header bytes that are no UTF-8 come as lone surrogates; old clients in China send GB18030.
        with suppress(UnicodeError):
            name = name.encode("utf-8", "surrogateescape").decode("gb18030") if not _is_text(name) else name
    else:
        name = part.filename or ""
    return name or None


def _is_text(name: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in name)


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    # An empty piece is not the end: only the boundary is, and a body that stops before it raises.
    while not part.at_eof():
        with _reading():
            chunk = await part.read_chunk(CHUNK)
        if chunk:
            yield chunk


def _summary(verdicts: Sequence[Verdict]) -> list[tuple[Text, str]]:
    """Sentences for a page without script: how many of each, and why the refused ones were refused."""
    counts = Counter("pictures" if verdict.picture else verdict.state for verdict in verdicts)
    said: list[tuple[Text, str]] = []
    if counts["stored"]:
        said.append((Text(N_("Papers stored: {count}."), {"count": counts["stored"]}), "good"))
    if counts["pictures"]:
        text = N_("Pictures stored: {count}. They are read, then put together as papers.")
        said.append((Text(text, {"count": counts["pictures"]}), "good"))
    if counts["known"]:
        said.append((Text(N_("Files that were here already: {count}."), {"count": counts["known"]}), "ask"))
    refused = [verdict for verdict in verdicts if verdict.state == "refused"]
    for verdict in refused[:TOLD]:
        values = {"name": verdict.name, "why": str(verdict.text)}
        said.append((Text(N_("“{name}” was not taken: {why}"), values), "bad"))
    if len(refused) > TOLD:
        said.append((Text(N_("Further files not taken: {count}."), {"count": len(refused) - TOLD}), "bad"))
    return said
