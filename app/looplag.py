"""How long the event loop is held: whoever blocks it stops every page and every stream of the process.

A task sleeps for a moment, again and again, and looks how much later than asked it wakes. What it measures is the
longest stretch of work without an `await`, of whatever task it was.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import structlog
from aiohttp import web

log = structlog.get_logger(__name__)

PERIOD_SECONDS = 0.05
# Longer than a person takes for "at once" (https://web.dev/articles/inp), and far above what rendering a page takes.
WARN_SECONDS = 0.25


class LoopLag:
    """Measures the running loop from `start` to `stop`. `last` and `worst` are seconds."""

    def __init__(self, observe: Callable[[float], object] = lambda seconds: None) -> None:
        """`observe` is told every measurement."""
        self._observe = observe
        self.last = 0.0
        self.worst = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to measure."""
        self._task = asyncio.create_task(self._measure(), name="loop lag")

    async def stop(self) -> None:
        """End; the values stay."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _measure(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + PERIOD_SECONDS
            await asyncio.sleep(PERIOD_SECONDS)
            self.last = max(0.0, clock() - due)
            self.worst = max(self.worst, self.last)
            self._observe(self.last)
            if self.last > WARN_SECONDS:
                log.warning("event loop was held", seconds=round(self.last, 3))


LOOP_LAG = web.AppKey("loop_lag", LoopLag)


async def measured(app: web.Application) -> AsyncIterator[None]:
    """A part of the application (`cleanup_ctx`): its loop is measured while it runs."""
    app[LOOP_LAG].start()
    yield
    await app[LOOP_LAG].stop()


def settle() -> None:
    """Take everything that is loaded by now out of garbage collection: it lives as long as the process.

    A full collection holds the interpreter, and with it the loop, while it looks at every object there is: 0.2 s with
    the libraries loaded, a second on a busy machine, several times in every run. Afterwards it looks only at what
    came since. Method: https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.collect()
    gc.freeze()
