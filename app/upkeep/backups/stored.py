"""Uploaded files for code that waits: the storage's streams as plain iterators."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from obstore.exceptions import BaseError

from app.i18n import ProblemError
from app.settings import Settings
from app.storage import Storage

T = TypeVar("T")

# What a storage raises that is away, closed or broken.
TROUBLE = (BaseError, OSError)
# Files that are asked for before their turn comes: an S3 takes its time before the first byte.
AHEAD = 8


class StorageError(ProblemError):
    """The storage of the uploads does not do what it is asked."""


class Stored:
    """The storage of the settings, used from one thread that has no event loop."""

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self.storage = Storage(settings.uploads, settings.var_dir / "spool")
        self._loop = loop
        self._tasks: set[asyncio.Task[Any]] = set()
        # Not Runner.run: for its handler of Ctrl-C the signal module makes a repr of the task, with the bytes that it
        # returned in it, which took two thirds of a backup's time.
        self._run = loop.run_until_complete

    def opened(self, key: str) -> tuple[int, Iterator[bytes]]:
        """A file's size and its bytes in pieces. Raises FileNotFoundError; StorageError also while it is read."""
        try:
            size, chunks = self._run(self.storage.opened(key))
        except FileNotFoundError:
            raise
        except TROUBLE as error:
            raise _trouble(error) from None
        return size, self._iterated(chunks)

    def put(self, key: str, chunks: Iterable[bytes], size: int) -> str:
        """Store a file of `size` bytes under a key (its own content hash); returns the SHA-256 of what came.

        Raises StorageError, and what `chunks` raises.
        """
        try:
            return self._run(self._put(key, chunks, size))
        except TROUBLE as error:
            raise _trouble(error) from None

    async def _put(self, key: str, chunks: Iterable[bytes], size: int) -> str:
        async def given() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk

        path, sha256, _ = await self.storage.receive(given(), size)
        try:
            # The key's hash, not the content's: a file that was damaged before the backup comes back as it was.
            await self.storage.keep(path, key.rpartition("/")[2])
        except BaseException:
            self.storage.drop(path)
            raise
        return sha256

    def each(self, keys: Iterable[str]) -> Iterator[tuple[str, tuple[int, Iterator[bytes]] | None]]:
        """Every key with what `opened` gives for it, None for a file that is gone; the next are asked for meanwhile.

        Read a file's bytes before going on to the next one. Raises StorageError.
        """
        waiting: deque[tuple[str, asyncio.Task[tuple[int, AsyncIterator[bytes]]]]] = deque()
        rest = iter(keys)
        while True:
            while len(waiting) < AHEAD and (key := next(rest, None)) is not None:
                waiting.append((key, self._begun(self.storage.opened(key))))
            if not waiting:
                return
            key, task = waiting.popleft()
            try:
                size, chunks = self._ended(task)
            except FileNotFoundError:
                yield key, None
            except TROUBLE as error:
                raise _trouble(error) from None
            else:
                yield key, (size, self._iterated(chunks))

    def close(self) -> None:
        """End what was asked for and is not wanted any more."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            self._run(asyncio.wait(tasks))
        for task in tasks:
            if not task.cancelled():
                task.exception()  # seen: else it is complained about

    def _iterated(self, chunks: AsyncIterator[bytes]) -> Iterator[bytes]:
        """The pieces of a file; while one is worked on, the next is read."""

        async def following() -> bytes | None:
            return await anext(chunks, None)

        task = self._begun(following())
        while True:
            try:
                chunk = self._ended(task)
            except TROUBLE as error:
                raise _trouble(error) from None
            if chunk is None:
                return
            task = self._begun(following())
            self._run(asyncio.sleep(0))  # it begins now: the storage's own threads do the reading
            yield chunk

    def _begun(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        return task

    def _ended(self, task: asyncio.Task[T]) -> T:
        try:
            return self._run(task)
        finally:
            self._tasks.discard(task)


def _trouble(error: Exception) -> StorageError:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError("The disk of the uploads is full.")
    said = str(error).strip().splitlines()
    return StorageError(
        "The storage of the uploads does not answer: {why}", why=said[0][:200] if said else ""
    )


@contextmanager
def stored(settings: Settings) -> Iterator[Stored]:
    """The storage for the time of the block."""
    with asyncio.Runner() as runner:
        made = Stored(settings, runner.get_loop())
        try:
            yield made
        finally:
            made.close()
