"""The worker's sign of life: a file that its event loop writes every few seconds, read by alive.py."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path

import structlog

from app.i18n import ProblemError
from app.worker.alive import BEAT_SECONDS, place

log = structlog.get_logger(__name__)


class Heartbeat:
    """Beats while its block runs: `async with Heartbeat(file): ...`. `file` None: the one that alive.py looks at.

    Entering raises ProblemError when the file cannot be written or is somebody else's. A beat that fails later (a full
    disk) is logged; the health check then finds the worker dead, and it is started again where there may be room.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._path = file or Path(place())
        self._told = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Heartbeat:
        try:
            self.beat()
        except OSError as error:
            why = error.strerror or str(error)
            message = "HEARTBEAT_FILE={path} cannot be written: {why}"
            raise ProblemError(message, path=str(self._path), why=why) from None
        self._task = asyncio.create_task(self._beat_forever(), name="heartbeat")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        with suppress(OSError):
            self._path.unlink()

    def beat(self) -> None:
        """Write the process id and the monotonic clock. Raises OSError."""
        # A temporary folder is everybody's: no link is followed, and a file that another user put there is refused.
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            if os.fstat(descriptor).st_uid != os.getuid():
                raise PermissionError(1, "the file is another user's")
            # One write of one length: a reader sees the old beat or the new one.
            os.pwrite(descriptor, f"{os.getpid():<10} {time.monotonic():<20.3f}\n".encode(), 0)
            os.ftruncate(descriptor, 32)
        finally:
            os.close(descriptor)

    async def _beat_forever(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                self.beat()
                self._told = False
            except OSError as error:
                if not self._told:
                    log.warning("no heartbeat", file=str(self._path), error=error.strerror)
                self._told = True
