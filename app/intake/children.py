"""Killable child processes that read files, so that a hostile or broken file costs one process and no more.

Children (`app.intake.child`) are started when first needed, kept warm and reused. Light ones read text: a start costs
about 0.1 s, the PDF library as much again. Those that recognise text load their models before their first job, which
takes a second or two. The event loop only ever waits on pipes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog

from app.i18n import Text
from app.intake.child import LENGTH, RECOGNISES
from app.intake.errors import Kind, UnreadableError
from app.intake.limits import MEGABYTE, Limits

log = structlog.get_logger(__name__)

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0  # to start an interpreter on a machine that is busy with everything else
JSON_BYTES = 12  # the most that one character takes in ASCII JSON (two \uXXXX)
PICTURE_BYTES = (
    32 * MEGABYTE
)  # of a reply beside its text: two page pictures, their places and their thumbnails
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of children. `retire_megabytes`: one that still holds more after a job is ended, to give it back;
    `idle_seconds`: how long one without a job is kept."""

    recognises: bool
    retire_megabytes: int
    idle_seconds: float | None = None


LIGHT = Sort(recognises=False, retire_megabytes=256)
RECOGNISING = Sort(recognises=True, retire_megabytes=800, idle_seconds=60.0)


@dataclass(eq=False, slots=True)
class Child:
    """A child process, the file that it has opened, how many jobs it has done, and the timer that ends it when nobody
    needs it."""

    process: Process
    path: str = ""
    jobs: int = 0
    timer: asyncio.TimerHandle | None = None


class Children:
    """At most `size` child processes of a sort; further jobs wait their turn, in order, urgent ones before others."""

    def __init__(self, size: int = 2, sort: Sort = LIGHT) -> None:
        self._turns = _Turns(size)
        self._sort = sort
        self._idle: list[Child] = []
        self._closed = False

    async def run(
        self,
        task: str,
        name: str,
        limits: Limits,
        *,
        page: int | None = None,
        urgent: bool = False,
        **job: Any,
    ) -> Any:
        """One job's result as JSON. Raises UnreadableError; never blocks the loop; a cancelled job's child is killed.

        The wait for a turn and the start of a child do not count against the limit of time. `page`: which one of the
        file the job is about, said in the sentence when its child is killed.
        """
        asked = {"task": task, "name": name, "limits": asdict(limits), **job}
        if page is not None:
            asked["number"] = page
        async with self._turns.turn(urgent):
            child = await self._child(asked.get("path", ""))
            fresh = not child.jobs
            reply = await self._reply(child, asked, limits, page)
            if "memory" in reply and not fresh:
                # What earlier files have left behind may have been too much, and not this file.
                reply = await self._reply(Child(await start(self._sort)), asked, limits, page)
        if most := reply.get("memory"):
            values = {"name": name, "limit": most}
            raise UnreadableError(
                "too_big", Text("Reading “{name}” took more than {limit} MB of memory.", values)
            )
        if fault := reply.get("fault"):
            log.error("reader failed", task=task, fault=fault)
            raise failure("broken", name, page)
        if error := reply.get("error"):
            raise UnreadableError.from_json(error)
        return reply["result"]

    async def _reply(
        self, child: Child, asked: dict[str, Any], limits: Limits, page: int | None
    ) -> dict[str, Any]:
        name = asked["name"]
        seconds = limits.recognition_seconds if self._sort.recognises else limits.seconds
        try:
            reply = await asyncio.wait_for(_ask(child.process, asked, limits), seconds)
        except TimeoutError:
            await end(child.process)
            raise failure("too_long", name, page, seconds) from None
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            # A child whose pipe has ended is dying already; our signal must not hide what it dies of.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.process.wait(), 1)
            await end(child.process)
            raise failure(_cause(child.process.returncode), name, page, seconds) from None
        except BaseException:
            await end(child.process)
            raise
        child.path = asked.get("path", "")
        child.jobs += 1
        held = reply.get("held_megabytes", 0)
        if self._closed or "memory" in reply or held > self._sort.retire_megabytes:
            await end(child.process)
        else:
            self._keep(child)
        return reply

    async def close(self) -> None:
        """End the idle children, and the busy ones after their job."""
        self._closed = True
        while self._idle:
            await end(self._take(self._idle[-1]).process)

    def pids(self) -> list[int]:
        """The process ids of the children that have no job now."""
        return [child.process.pid for child in self._idle]

    async def _child(self, path: str) -> Child:
        """A child without a job, best the one that has this file open already; a new one when there is none."""
        self._idle = [child for child in self._idle if child.process.returncode is None]
        if not self._idle:
            return Child(await start(self._sort))
        same = (child for child in self._idle if path and child.path == path)
        return self._take(next(same, self._idle[-1]))

    def _keep(self, child: Child) -> None:
        self._idle.append(child)
        if self._sort.idle_seconds is not None:
            loop = asyncio.get_running_loop()
            child.timer = loop.call_later(self._sort.idle_seconds, self._give_up, child)

    def _take(self, child: Child) -> Child:
        self._idle.remove(child)
        if child.timer is not None:
            child.timer.cancel()
            child.timer = None
        return child

    def _give_up(self, child: Child) -> None:
        """End a child that nobody needed; the loop reaps it."""
        if child in self._idle:
            self._take(child)
            with contextlib.suppress(ProcessLookupError):
                child.process.kill()


class _Turns:
    """So many at a time; who waits comes in order, urgent ones first."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._waiting: tuple[deque[asyncio.Future[None]], deque[asyncio.Future[None]]] = (deque(), deque())

    @contextlib.asynccontextmanager
    async def turn(self, urgent: bool) -> AsyncIterator[None]:
        """Wait for a turn and have it."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(self._waiting[0 if urgent else 1])
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, line: deque[asyncio.Future[None]]) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on()  # the turn had come in the same moment
            elif mine in line:
                line.remove(mine)
            raise

    def _pass_on(self) -> None:
        for line in self._waiting:
            while line:
                following = line.popleft()
                if not following.done():
                    following.set_result(None)
                    return
        self._free += 1


async def start(sort: Sort = LIGHT) -> Process:
    """A child process that is ready for its first job. Raises RuntimeError when it does not start."""
    # No secrets: a reader that is taken over finds neither keys nor the database's address.
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        **dict.fromkeys(THREADS, "1"),
    }
    command = [sys.executable, "-m", "app.intake.child", *([RECOGNISES] if sort.recognises else [])]
    child = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment
    )
    try:
        await asyncio.wait_for(_receive(child, MEGABYTE), START_SECONDS)
    except (asyncio.IncompleteReadError, ValueError, TimeoutError) as error:
        await end(child)
        raise RuntimeError(f"a reader did not start ({child.returncode})") from error
    except BaseException:
        await end(child)
        raise
    return child


async def end(child: Process) -> None:
    """Kill a child and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await child.wait()


def failure(kind: Kind, name: str, page: int | None, seconds: float = 0.0) -> UnreadableError:
    """The error of a job whose child had to be killed ("too_long") or died of it ("broken")."""
    values: dict[str, Any] = {"name": name} if page is None else {"name": name, "page": page}
    if kind == "too_long" and page is None:
        text = Text("Reading “{name}” took longer than {limit} seconds.", {**values, "limit": round(seconds)})
    elif kind == "too_long":
        text = Text("Page {page} of “{name}” took too long to read.", values)
    elif page is None:
        text = Text("“{name}” is damaged in a way that crashed the reader.", values)
    else:
        text = Text("Page {page} of “{name}” is damaged in a way that crashed the reader.", values)
    return UnreadableError(kind, text)


async def _ask(child: Process, job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    assert child.stdin is not None
    body = json.dumps(job).encode()
    child.stdin.write(LENGTH.pack(len(body)) + body)
    await child.stdin.drain()
    return await _receive(child, limits.characters * JSON_BYTES + PICTURE_BYTES)


async def _receive(child: Process, most: int) -> dict[str, Any]:
    """The next frame; ValueError when it is longer than `most` bytes or no JSON object."""
    assert child.stdout is not None
    length: int = LENGTH.unpack(await child.stdout.readexactly(LENGTH.size))[0]
    if length > most:
        raise ValueError(length)
    body = await child.stdout.readexactly(length)
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:  # half a UTF-16 pair, in a file's name for instance
        reply = json.loads(body)
    if not isinstance(reply, dict):
        raise ValueError("not an object")
    return reply


def _cause(code: int | None) -> Kind:
    """Why a child ended: the processor limit, or a crash (`code` as subprocess has it)."""
    return "too_long" if code == -signal.SIGXCPU else "broken"
