"""Reading uploads in child processes with limits on time, memory and output: what the rest of the application calls."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from app.document import Box, Document
from app.i18n import Text
from app.intake.children import LIGHT, RECOGNISING, Children, failure
from app.intake.errors import UnreadableError
from app.intake.inspection import Inspection, recognises
from app.intake.limits import MEGABYTE, Limits
from app.intake.page import PageReading, Picture, picture_from_json
from app.intake.readers import Collected
from app.intake.roster import RosterImport


@dataclass(frozen=True, slots=True)
class _Pools:
    light: Children
    recognising: Children


T = TypeVar("T")
_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pools] = WeakKeyDictionary()
_ocr_processes: int | None = None


def configure(*, ocr_processes: int | None = None) -> None:
    """How many children of this process may recognise text at once; None: one fewer than there are processors.

    To be called at start, before anything is read: pools that exist keep their size. Raises ValueError below 1.
    """
    global _ocr_processes
    if ocr_processes is not None and ocr_processes < 1:
        raise ValueError(ocr_processes)
    _ocr_processes = ocr_processes


def readers() -> Children:
    """The running loop's light readers; one child fewer than there are processors, at least one, at most four."""
    return _of_loop().light


def recognisers() -> Children:
    """The running loop's children that recognise text (`configure` says how many)."""
    return _of_loop().recognising


async def close_readers() -> None:
    """End the running loop's child processes; for the server's shutdown. A later read starts new ones."""
    if found := _pools.pop(asyncio.get_running_loop(), None):
        await found.light.close()
        await found.recognising.close()


async def inspect(path: Path, name: str, limits: Limits | None = None) -> Inspection:
    """What a file is and how many pages it has (`app.intake.readers.inspect`).

    Raises UnreadableError; for time its kind is "too_long", for memory "too_big", for a crash "broken".
    """
    reply = await readers().run("inspect", name, limits or Limits(), path=str(path))
    return _trusted(lambda: Inspection.from_json(reply), name, None)


async def read_page(
    path: Path, name: str, number: int, *, careful: bool = False, limits: Limits | None = None
) -> list[PageReading]:
    """One page of a file, counted from 1; two readings for a photo of two pages (`app.intake.readers.read_page`).

    A page with a text layer is read by a light child within `limits.seconds`; one that needs text recognition by
    another within `limits.recognition_seconds`. `careful` is a person's wish and goes before other pages.
    Raises UnreadableError for this page only: the next call gets a new child.
    """
    limits = limits or Limits()
    reply = None
    if not (careful and recognises()):
        reply = await readers().run("layer", name, limits, path=str(path), page=number)
    if reply is None:
        reply = await _recognised(path, name, number, careful, limits)
    return _trusted(lambda: _readings(reply), name, number)


async def render_page(path: Path, name: str, number: int, limits: Limits | None = None) -> Picture:
    """The picture of a PDF's page, for showing (`app.intake.readers.render_page`). Raises UnreadableError."""
    reply = await readers().run("render", name, limits or Limits(), path=str(path), page=number, urgent=True)
    return _trusted(lambda: picture_from_json(reply), name, number)


async def read_region(picture: Path, name: str, box: Box, limits: Limits | None = None) -> PageReading:
    """A part of a kept page picture read again, boxes on the whole picture; goes before other pages.

    Raises UnreadableError.
    """
    pool = recognisers() if recognises() else readers()
    reply = await pool.run(
        "region", name, limits or Limits(), path=str(picture), box=box.to_json(), urgent=True
    )
    return _trusted(lambda: PageReading.from_json(reply), name, None)


async def mask_picture(picture: Path, name: str, boxes: Sequence[Box], limits: Limits | None = None) -> bytes:
    """A kept page picture as JPEG, with boxes painted over (`app.intake.formats.picture.mask`).

    Raises UnreadableError.
    """
    reply = await readers().run(
        "mask", name, limits or Limits(), path=str(picture), boxes=[box.to_json() for box in boxes]
    )
    return _trusted(lambda: base64.b64decode(reply, validate=True), name, None)


async def read_document(path: Path, name: str, limits: Limits | None = None) -> Document:
    """All pages of a file as one document (`app.intake.readers.read_file`), each page within the limits of time.

    Raises UnreadableError, of the first page that cannot be read.
    """
    limits = limits or Limits()
    count = (await inspect(path, name, limits)).pages
    collected = Collected(name, count, limits)
    for number in range(1, count + 1):
        try:
            collected.add(await read_page(path, name, number, limits=limits))
        except UnreadableError as error:
            collected.miss(number, error)
    return collected.document()


async def read_roster_safely(data: bytes, name: str, limits: Limits | None = None) -> RosterImport:
    """`app.intake.roster.read_roster` in a child process: a spreadsheet is a ZIP of XML and as dangerous as any upload.

    Raises UnreadableError for time, memory and crashes only; what is wrong with the list is in `problems`.
    """
    limits = limits or Limits()
    if len(data) > limits.file_megabytes * MEGABYTE:
        values = {"name": name, "limit": limits.file_megabytes}
        raise UnreadableError("too_big", Text("“{name}” is larger than {limit} MB.", values))
    encoded = base64.b64encode(data).decode()
    return RosterImport.from_json(await readers().run("roster", name, limits, data=encoded))


def _of_loop() -> _Pools:
    loop = asyncio.get_running_loop()
    if loop not in _pools:
        spare = max(1, (os.cpu_count() or 2) - 1)
        _pools[loop] = _Pools(Children(min(4, spare), LIGHT), Children(_ocr_processes or spare, RECOGNISING))
    return _pools[loop]


async def _recognised(path: Path, name: str, number: int, careful: bool, limits: Limits) -> Any:
    """A page by text recognition. Where that breaks down, a layer that was to be compared is better than nothing."""
    try:
        return await recognisers().run(
            "page", name, limits, path=str(path), page=number, careful=careful, urgent=careful
        )
    except UnreadableError:
        if careful:
            raise  # the page was read before, and stays as it is
        layer = await readers().run("layer", name, limits, path=str(path), page=number, doubtful=True)
        if layer is None:
            raise
        return layer


def _readings(reply: Any) -> list[PageReading]:
    if not isinstance(reply, list) or not reply:
        raise ValueError("no readings")
    return [PageReading.from_json(each) for each in reply]


def _trusted(make: Callable[[], T], name: str, page: int | None) -> T:
    """A reply as what it should be; whatever else a child answers that was taken over by its file is a broken file."""
    try:
        return make()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, binascii.Error) as error:
        raise failure("broken", name, page) from error
