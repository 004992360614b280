"""Reading uploads in killable child processes, so that a hostile or broken file costs one process and no more.

A few children (`app.intake.child`) are started when first needed, kept warm and reused: a start costs about 0.1 s,
the PDF library as much again. The event loop only ever waits on pipes.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import asdict
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from app.document import Document
from app.i18n import Text
from app.intake.child import LENGTH
from app.intake.errors import Kind, UnreadableError
from app.intake.limits import MEGABYTE, Limits
from app.intake.roster import RosterImport

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0  # to start an interpreter on a machine that is busy with everything else
RETIRE_MEGABYTES = 256  # a child that still holds more than this after a job is ended, to give it back
JSON_BYTES = 12  # the most that one character takes in ASCII JSON (two \uXXXX)


class Readers:
    """At most `size` child processes that read files; further calls wait their turn, in order."""

    def __init__(self, size: int = 2) -> None:
        self._turns = asyncio.Semaphore(size)
        self._idle: list[Process] = []
        self._closed = False

    async def run(self, task: str, name: str, limits: Limits, **job: str) -> Any:
        """One job's result as JSON. Raises UnreadableError; never blocks the loop; a cancelled job's child is killed.

        The wait for a turn and the start of a child do not count against `limits.seconds`.
        """
        async with self._turns:
            child = await self._child()
            try:
                asking = _ask(child, {"task": task, "name": name, "limits": asdict(limits), **job}, limits)
                reply = await asyncio.wait_for(asking, limits.seconds)
            except TimeoutError:
                await _end(child)
                raise _failure("too_long", name, limits) from None
            except (asyncio.IncompleteReadError, ConnectionError, ValueError):
                # A child whose pipe has ended is dying already; our signal must not hide what it dies of.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(child.wait(), 1)
                await _end(child)
                raise _failure(_cause(child.returncode), name, limits) from None
            except BaseException:
                await _end(child)
                raise
            if self._closed or reply.get("held_megabytes", 0) > RETIRE_MEGABYTES:
                await _end(child)
            else:
                self._idle.append(child)
        if error := reply.get("error"):
            raise UnreadableError.from_json(error)
        return reply["result"]

    async def close(self) -> None:
        """End the idle children, and the busy ones after their job."""
        self._closed = True
        while self._idle:
            await _end(self._idle.pop())

    async def _child(self) -> Process:
        while self._idle:
            child = self._idle.pop()
            if child.returncode is None:
                return child
        return await _start()


_readers: WeakKeyDictionary[asyncio.AbstractEventLoop, Readers] = WeakKeyDictionary()


def readers() -> Readers:
    """The running loop's readers; one child fewer than there are processors, at least one, at most four."""
    loop = asyncio.get_running_loop()
    if loop not in _readers:
        _readers[loop] = Readers(max(1, min(4, (os.cpu_count() or 2) - 1)))
    return _readers[loop]


async def close_readers() -> None:
    """End the running loop's child processes; for the server's shutdown. A later read starts new ones."""
    if found := _readers.pop(asyncio.get_running_loop(), None):
        await found.close()


async def read_document(path: Path, name: str, limits: Limits | None = None) -> Document:
    """The text of a file (`app.intake.readers.read_file`), read in a child process with time and memory limits.

    Raises UnreadableError; for time its kind is "too_long", for memory "too_big", for a crash "broken".
    """
    limits = limits or Limits()
    return Document.from_json(await readers().run("document", name, limits, path=str(path)))


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


async def _start() -> Process:
    # No secrets: a reader that is taken over finds neither keys nor the database's address.
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.intake.child", stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment
    )
    try:
        await asyncio.wait_for(_receive(child, MEGABYTE), START_SECONDS)
    except BaseException:
        await _end(child)
        raise
    return child


async def _ask(child: Process, job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    assert child.stdin is not None
    body = json.dumps(job).encode()
    child.stdin.write(LENGTH.pack(len(body)) + body)
    await child.stdin.drain()
    return await _receive(child, limits.characters * JSON_BYTES + MEGABYTE)


async def _receive(child: Process, most: int) -> dict[str, Any]:
    """The next frame; ValueError when it is longer than `most` bytes or no JSON object."""
    assert child.stdout is not None
    length: int = LENGTH.unpack(await child.stdout.readexactly(LENGTH.size))[0]
    if length > most:
        raise ValueError(length)
    reply = json.loads(await child.stdout.readexactly(length))
    if not isinstance(reply, dict):
        raise ValueError("not an object")
    return reply


async def _end(child: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await child.wait()


def _cause(code: int | None) -> Kind:
    """Why a child ended: the processor limit, or a crash (`code` as subprocess has it)."""
    return "too_long" if code == -signal.SIGXCPU else "broken"


def _failure(kind: Kind, name: str, limits: Limits) -> UnreadableError:
    if kind == "too_long":
        values = {"name": name, "limit": round(limits.seconds)}
        return UnreadableError(kind, Text("Reading “{name}” took longer than {limit} seconds.", values))
    return UnreadableError(
        kind, Text("“{name}” is damaged in a way that crashed the reader.", {"name": name})
    )
