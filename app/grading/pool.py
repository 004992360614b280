"""Worker processes for work that may hang, eat memory or crash: hostile formulas, broken files.

A worker is a child of this program started with `python -m app.grading.pool`. Requests and answers are
pickled, length-prefixed frames on its standard input and output. A worker that passes its time limit is
killed and replaced; nothing here blocks the event loop. The child has a memory limit, no core dumps, its own
session (so that its own children die with it) and only the few environment variables named below: no
database address, no keys.

The answers are unpickled in the parent, so a function given to the pool may use hostile data but must not be
one that lets such data run code.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import pickle
import resource
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from app.i18n import ProblemError, Text

START_SECONDS = 60.0
"""Seconds a child may take to start and import the function's module; not counted in the call's own limit."""

CALLS_PER_CHILD = 500
"""A child is replaced after so many calls, so that caches (sympy keeps many) and leaks stay bounded."""

MEMORY_BYTES = 2 << 30
"""Default address space of a child in bytes: room for sympy, or for page images of one file."""

MAX_FRAME = 512 << 20
"""Largest request or answer in bytes."""

_KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
_HEAD = struct.Struct(">cQ")  # kind of frame, length of what follows
_STARTED, _RESULT, _PROBLEM, _FAILED, _MEMORY = b"s", b"r", b"p", b"f", b"m"


class PoolTimeout(ProblemError):  # noqa: N818 - named for what happened, as asyncio's own are
    """The call took longer than its limit; its process was killed."""


class PoolCrash(ProblemError):  # noqa: N818 - as above
    """The process died, ran out of memory, or the function raised something that is not a ProblemError."""


class _Stale(Exception):  # noqa: N818 - never leaves this module
    """A child had died while it was idle; the call has not begun and may go to another."""


class _Child:
    """One worker process and the calls it has served."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.calls = 0

    async def send(self, payload: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(_HEAD.pack(b"q", len(payload)) + payload)
        await self.process.stdin.drain()

    async def receive(self) -> tuple[bytes, bytes]:
        assert self.process.stdout is not None
        kind, size = _HEAD.unpack(await self.process.stdout.readexactly(_HEAD.size))
        if size > MAX_FRAME:
            raise PoolCrash("The result of a helper process was too large")
        return kind, await self.process.stdout.readexactly(size)

    async def kill(self) -> None:
        """End the process and whatever it started; safe to call twice."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


class ProcessPool:
    """At most `size` children, started when first needed, each serving one call at a time.

    `limit_seconds` is the wall time of a call unless the call says otherwise; `memory_bytes` bounds a child's
    address space (RLIMIT_AS). Use one pool in one event loop; `close()` it when the program ends.
    """

    def __init__(self, size: int, limit_seconds: float, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._limit = limit_seconds
        self._memory = memory_bytes
        self._slots = asyncio.Semaphore(max(1, size))
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._closed = False

    async def run(
        self, function: Callable[..., Any] | str, *args: Any, limit_seconds: float | None = None
    ) -> Any:
        """Call a function in a child and return what it returns.

        `function` is importable at module level, given itself or as "package.module:name" (which spares
        this process the import). Arguments and result must pickle. `limit_seconds` overrides the pool's limit
        for this call; waiting for a free child and importing the module do not count. Raises PoolTimeout,
        PoolCrash, or the ProblemError that the function raised. A cancelled call kills its child.
        """
        limit = self._limit if limit_seconds is None else limit_seconds
        payload = pickle.dumps((function, args, limit))
        async with self._slots:
            try:
                kind, body = await self._serve(payload, limit)
            except _Stale:
                kind, body = await self._serve(payload, limit)
        return _unpack(kind, body)

    async def close(self) -> None:
        """Kill every child, busy ones too; calls under way and later ones raise PoolCrash."""
        self._closed = True
        children = [*self._idle, *self._busy]
        self._idle.clear()
        await asyncio.gather(*(child.kill() for child in children))

    async def _serve(self, payload: bytes, limit: float) -> tuple[bytes, bytes]:
        child = await self._take()
        healthy = False
        try:
            kind, body = await self._exchange(child, payload, limit)
            healthy = kind != _MEMORY
            return kind, body
        finally:
            self._busy.discard(child)
            # Anything unfinished (time limit, crash, cancellation) leaves a child in an unknown state.
            await self._release(child, healthy)

    async def _take(self) -> _Child:
        if self._closed:
            raise PoolCrash("The server is shutting down")
        # The most recently used first: its imports are warm. One that died while idle is replaced silently.
        while self._idle:
            child = self._idle.pop()
            if child.process.returncode is None:
                self._busy.add(child)
                return child
        try:
            child = await _spawn(self._memory)
        except OSError as error:
            raise PoolCrash("A helper process could not be started") from error
        self._busy.add(child)
        return child

    async def _release(self, child: _Child, healthy: bool) -> None:
        child.calls += 1
        if healthy and not self._closed and child.calls < CALLS_PER_CHILD:
            self._idle.append(child)
        else:
            await asyncio.shield(child.kill())

    async def _exchange(self, child: _Child, payload: bytes, limit: float) -> tuple[bytes, bytes]:
        started = False
        try:
            async with asyncio.timeout(START_SECONDS):
                await child.send(payload)
                kind, body = await child.receive()
            if kind == _STARTED:
                started = True
                async with asyncio.timeout(limit):
                    kind, body = await child.receive()
        except TimeoutError as error:
            raise PoolTimeout(
                "This took longer than {seconds} seconds and was stopped", seconds=limit
            ) from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            if child.calls and not started and not self._closed:
                raise _Stale from error
            raise PoolCrash("A helper process ended unexpectedly") from error
        return kind, body


async def _spawn(memory_bytes: int) -> _Child:
    environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app.grading.pool",
        str(memory_bytes),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    return _Child(process)


def _unpack(kind: bytes, body: bytes) -> Any:
    if kind == _MEMORY:
        raise PoolCrash("This needed more memory than a helper process may use")
    if kind == _RESULT:
        return pickle.loads(body)  # noqa: S301 - written by our own child, see the module's docstring
    if kind == _PROBLEM:
        error_class, text = pickle.loads(body)  # noqa: S301 - as above
        # A subclass may ask for other arguments than ProblemError does; what people read is its text.
        problem: ProblemError = error_class.__new__(error_class)
        ProblemError.__init__(problem, Text.from_json(text))
        raise problem
    trace = body.decode("utf-8", "replace")
    name = trace.strip().rsplit("\n", 1)[-1].split(":", 1)[0]
    raise PoolCrash("A helper process failed ({error})", error=name) from RuntimeError(trace)


# What follows runs in the child.


def _read(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _reply(sink: BinaryIO, kind: bytes, body: bytes = b"") -> None:
    sink.write(_HEAD.pack(kind, len(body)) + body)
    sink.flush()


def _resolve(function: Callable[..., Any] | str) -> Callable[..., Any]:
    if callable(function):
        return function
    module, _, name = function.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _answer(request: bytes, sink: BinaryIO) -> tuple[bytes, bytes]:
    try:
        function, args, limit = pickle.loads(request)  # noqa: S301 - written by our own parent
        function = _resolve(function)
        _reply(sink, _STARTED)
        # Should the parent be gone, the kernel ends a call that runs on (the alarm's default action kills).
        signal.setitimer(signal.ITIMER_REAL, limit + 5)
        return _RESULT, pickle.dumps(function(*args))
    except ProblemError as error:
        return _PROBLEM, pickle.dumps((type(error), error.text.to_json()))
    except MemoryError:
        return _MEMORY, b""
    except Exception:
        return _FAILED, traceback.format_exc().encode()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _serve(memory_bytes: int) -> None:
    """The child's loop: requests until the parent closes the pipe."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not land between the frames, nor may it read them.
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            _, size = _HEAD.unpack(_read(source, _HEAD.size))
            _reply(sink, *_answer(_read(source, size), sink))


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
