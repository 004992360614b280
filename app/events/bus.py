"""The bus: a Redis Stream per assignment, and one hub a process that hands its entries to open pages.

An entry's id is the SSE id, so that a page resumes where it was (`Last-Event-ID`). One blocking XREAD a process serves
all its subscribers; each has a bounded queue, and one too slow is told to take a snapshot instead of being buffered
without end.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError

from app.events.schema import Event, pack, unpack

log = structlog.get_logger(__name__)

KEPT = 5_000  # entries of a stream, about
QUEUE = 500  # events a page may lag behind before it is told to resync
BLOCK_MS = 5_000
# Streams of assignments that nobody touched for so long are given up.
EXPIRE_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its place in the stream. `event` None means: too much was missed, take a snapshot."""

    id: str
    event: Event | None


@dataclass(eq=False, slots=True)
class Subscription:
    """One open page. `entries` ends with None when the server shuts down."""

    key: str
    after: tuple[int, int]
    queue: asyncio.Queue[Entry | None] = field(default_factory=lambda: asyncio.Queue(QUEUE + 1))
    lost: bool = False

    def offer(self, entry: Entry) -> None:
        """Hand over an entry, or note that this page is too slow for it."""
        place = parse(entry.id)
        if place <= self.after or self.lost:
            return
        if self.queue.qsize() >= QUEUE:
            self.lost = True
            while not self.queue.empty():
                self.queue.get_nowait()
            entry = Entry(entry.id, None)
        self.after = place
        self.queue.put_nowait(entry)

    async def next(self, timeout: float) -> Entry | None:
        """The next entry; raises TimeoutError after `timeout` seconds without one; None at shutdown."""
        async with asyncio.timeout(timeout):
            entry = await self.queue.get()
        if entry is not None and entry.event is None:
            self.lost = False
        return entry


def key_of(assignment_id: int) -> str:
    """The stream of an assignment."""
    return f"events:{assignment_id}"


def parse(entry_id: str) -> tuple[int, int]:
    """A stream id "ms-seq" as two numbers; (0, 0) for anything else, which is before all entries."""
    milliseconds, _, sequence = entry_id.partition("-")
    if not (milliseconds.isascii() and milliseconds.isdigit() and sequence.isascii() and sequence.isdigit()):
        return (0, 0)
    if len(milliseconds) > 15 or len(sequence) > 15:
        return (0, 0)
    return int(milliseconds), int(sequence)


class Bus:
    """Publishes events and hands them to this process's open pages."""

    def __init__(self, url: str) -> None:
        # redis-py's default socket timeout is shorter than a blocking XREAD.
        # Untyped: redis-py types every answer as bytes, str or None alike.
        self._reader: Any = redis.Redis.from_url(url, socket_timeout=None, socket_connect_timeout=5)
        self._redis: Any = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
        self._pages: dict[str, set[Subscription]] = {}
        self._places: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ended = False

    async def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._read_forever(), name="bus")

    async def close(self) -> None:
        """Stop reading and give the connections back."""
        self.end_streams()
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._reader.aclose()
        await self._redis.aclose()

    def end_streams(self) -> None:
        """Tell every open page that this process is going; their clients reconnect."""
        self._ended = True
        for pages in self._pages.values():
            for page in pages:
                if page.queue.full():
                    page.queue.get_nowait()
                page.queue.put_nowait(None)

    async def publish(self, *events: Event) -> None:
        """Append events to their streams. Marks are stored first, so a failure here loses no mark, only liveness."""
        pipeline = self._redis.pipeline(transaction=False)
        for event in events:
            key = key_of(event.assignment_id)
            pipeline.xadd(key, pack(event), maxlen=KEPT, approximate=True)
        for assignment_id in {event.assignment_id for event in events}:
            pipeline.expire(key_of(assignment_id), EXPIRE_SECONDS)
        try:
            await pipeline.execute()
        except (RedisError, OSError) as error:
            log.warning("event not published", error=type(error).__name__)

    async def last_id(self, assignment_id: int) -> str:
        """The newest entry's id, "0-0" for an empty stream: where a page that was just rendered goes on from."""
        newest = await self._redis.xrevrange(key_of(assignment_id), count=1)
        return newest[0][0].decode() if newest else "0-0"

    async def _missed(self, key: str, after: str) -> list[Entry]:
        """What a page missed since `after`: its entries, or one resync entry when the stream no longer has them all."""
        info = await self._redis.xrevrange(key, count=1)
        newest = info[0][0].decode() if info else "0-0"
        if parse(after) == parse(newest):
            return []
        oldest = await self._redis.xrange(key, count=1)
        gone = not oldest or parse(after) > parse(newest)
        trimmed = bool(oldest) and parse(after) < parse(oldest[0][0].decode()) and parse(after) != (0, 0)
        found = [] if gone else await self._redis.xrange(key, min=f"({after}", count=QUEUE)
        if gone or trimmed or len(found) >= QUEUE:
            return [Entry(newest, None)]
        return [Entry(entry_id.decode(), unpack(fields)) for entry_id, fields in found if unpack(fields)]

    @asynccontextmanager
    async def subscribe(self, assignment_id: int, after: str) -> AsyncIterator[Subscription]:
        """A page's subscription from a place in the stream on; what it missed comes first."""
        key = key_of(assignment_id)
        if parse(after) == (0, 0):
            after = "0-0"
        page = Subscription(key, parse(after))
        # Registered before the past is read: nothing falls between, and `offer` drops what comes twice.
        held: list[Entry] = []
        self._pages.setdefault(key, set())
        missed = await self._missed(key, after)
        for entry in missed:
            page.after = parse(entry.id)
            page.queue.put_nowait(entry)
        if key not in self._places:
            self._places[key] = held[-1].id if held else (missed[-1].id if missed else after)
        self._pages[key].add(page)
        if self._ended:
            page.queue.put_nowait(None)
        self._changed.set()
        # The hub may be further than the past that was read; the gap is read once more, now as a subscriber.
        for entry in await self._missed(key, format_id(page.after)):
            page.offer(entry)
        try:
            yield page
        finally:
            self._pages[key].discard(page)
            if not self._pages[key]:
                del self._pages[key]
                self._places.pop(key, None)

    async def _read_forever(self) -> None:
        while True:
            try:
                await self._read()
            except (RedisError, OSError) as error:
                log.warning("event stream away", error=type(error).__name__)
                await asyncio.sleep(0.5 + random.random())  # noqa: S311 - jitter, not a secret

    async def _read(self) -> None:
        """Read all watched streams; wakes up when the set of streams grows."""
        while True:
            self._changed.clear()
            if not self._places:
                await self._changed.wait()
                continue
            reading = asyncio.ensure_future(
                self._reader.xread(dict(self._places), block=BLOCK_MS, count=1000)
            )
            waking = asyncio.ensure_future(self._changed.wait())
            try:
                await asyncio.wait({reading, waking}, return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    continue
                for name, entries in reading.result() or []:
                    self._deliver(name.decode(), entries)
            finally:
                waking.cancel()
                if not reading.done():
                    reading.cancel()
                    with suppress(asyncio.CancelledError, RedisError):
                        await reading

    def _deliver(self, key: str, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        for entry_id, fields in entries:
            self._places[key] = entry_id.decode()
            event = unpack(fields)
            if event is None:
                continue
            entry = Entry(entry_id.decode(), event)
            for page in self._pages.get(key, ()):
                page.offer(entry)
        if key not in self._pages:
            self._places.pop(key, None)


def format_id(place: tuple[int, int]) -> str:
    """The inverse of `parse`."""
    return f"{place[0]}-{place[1]}"
