"""The bus: a Redis Stream per assignment, and one hub a process that hands its entries to open pages.

An entry's id is the SSE id, so that a page resumes where it was (`Last-Event-ID`). One blocking XREAD a process serves
all its subscribers; each has a bounded queue, and one too slow is told to take a snapshot instead of being buffered
without end.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.exceptions import RedisError

from app import network
from app.events.schema import Event, pack, unpack

log = structlog.get_logger(__name__)

KEPT = 5_000  # entries of a stream, about
QUEUE = 500  # events a page may lag behind before it is told to resync
BLOCK_MS = 5_000
AGAIN_SECONDS = 0.1
# Streams of assignments that nobody touched for so long are given up.
EXPIRE_SECONDS = 7 * 86_400
START = "0-0"  # before all entries


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its place in the stream. `event` None means: too much was missed, take a snapshot."""

    id: str
    event: Event | None


@dataclass(eq=False, slots=True)
class Subscription:
    """One open page. Its entries end with None when the server shuts down.

    `after` is the place of the last entry handed over. While the page reads what it missed (`catching_up`), what the
    hub offers is only noted: it stands in the stream, and is read from there.
    """

    after: tuple[int, int]
    queue: asyncio.Queue[Entry | None] = field(default_factory=lambda: asyncio.Queue(QUEUE + 1))
    catching_up: bool = True
    offered: bool = False
    lost: bool = False
    ended: bool = False

    def offer(self, entry: Entry) -> None:
        """Hand over an entry of the stream, or note that this page is too slow for it."""
        if self.catching_up:
            self.offered = True
        elif parse(entry.id) > self.after and not self.lost:
            self.put(entry)

    def put(self, entry: Entry) -> None:
        """Queue an entry; a page that lags too far behind gets "take a snapshot" in place of all that waits."""
        self.after = max(self.after, parse(entry.id))
        if self.queue.qsize() >= QUEUE:
            self.resync()
        elif not self.lost and not self.ended:
            self.queue.put_nowait(entry)

    def resync(self) -> None:
        """Tell the page to take a snapshot; what comes before it does so is part of the snapshot."""
        if self.ended:
            return
        while not self.queue.empty():
            self.queue.get_nowait()
        self.lost = True
        self.queue.put_nowait(Entry(format_id(self.after), None))

    def end(self) -> None:
        """Tell the page that the server is going."""
        self.ended = True
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)

    async def next(self, timeout: float) -> list[Entry] | None:
        """The entries that wait, at least one; raises TimeoutError after `timeout` seconds; None at shutdown."""
        async with asyncio.timeout(timeout):
            entries = [await self.queue.get()]
        while not self.queue.empty():
            entries.append(self.queue.get_nowait())
        self.lost = False
        return None if None in entries else [entry for entry in entries if entry is not None]


@dataclass(eq=False, slots=True)
class Watch:
    """One open page that only wants to know that something changed in some assignments, and then looks for itself.

    Without a place and without a queue: however much happens while it is busy, it looks once. It begins as changed,
    for nobody knows what it missed before.
    """

    kinds: tuple[type[Event], ...]
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, entry: Entry) -> None:
        """Note an event that counts."""
        if entry.event is None or isinstance(entry.event, self.kinds):
            self.changed.set()

    def resync(self) -> None:
        """After an outage: anything may have changed."""
        self.changed.set()

    def end(self) -> None:
        """Tell the page that the server is going."""
        self.over.set()
        self.changed.set()

    async def rest(self, seconds: float) -> None:
        """Let time pass, whatever happens; a server that stops does not wait for it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.over.wait()

    async def next(self, timeout: float) -> bool:
        """True once something changed since the last call; TimeoutError after `timeout` seconds; False at shutdown."""
        async with asyncio.timeout(timeout):
            await self.changed.wait()
        self.changed.clear()
        return not self.over.is_set()


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


def format_id(place: tuple[int, int]) -> str:
    """The inverse of `parse`."""
    return f"{place[0]}-{place[1]}"


class Bus:
    """Publishes events and hands them to this process's open pages."""

    def __init__(self, url: str) -> None:
        # Untyped: redis-py types every answer as bytes, str or None alike.
        # The reader tries once: its loop is what tries again, and tells the pages that they may have missed something.
        self._reader: Any = network.redis_client(url, blocking_seconds=BLOCK_MS / 1000, tries=1)
        self._redis: Any = network.redis_client(url)
        self._pages: dict[str, set[Subscription | Watch]] = {}
        self._places: dict[str, str] = {}
        self._grown = asyncio.Event()
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
                page.end()

    @property
    def open_pages(self) -> int:
        """How many pages of this process are subscribed."""
        return len(set().union(*self._pages.values()))

    async def publish(self, *events: Event) -> None:
        """Append events to their streams. Marks are stored first, so a failure here loses no mark, only liveness."""
        if not events:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for event in events:
            pipeline.xadd(key_of(event.assignment_id), pack(event), maxlen=KEPT, approximate=True)
        for assignment_id in {event.assignment_id for event in events}:
            pipeline.expire(key_of(assignment_id), EXPIRE_SECONDS)
        try:
            await pipeline.execute()
        except (RedisError, OSError) as error:
            log.warning("event not published", error=type(error).__name__)

    async def last_id(self, assignment_id: int) -> str:
        """The newest entry's id, START for an empty stream: where a page goes on whose rows are read after this."""
        return await self._newest(key_of(assignment_id))

    async def _newest(self, key: str) -> str:
        newest = await self._redis.xrevrange(key, count=1)
        return newest[0][0].decode() if newest else START

    async def _missed(self, key: str, after: tuple[int, int]) -> list[Entry]:
        """The entries after a place, or one "take a snapshot" when they are too many or not all there any more."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xrange(key, min=f"({format_id(after)}", count=QUEUE)
        pipeline.xrange(key, count=1)
        pipeline.xrevrange(key, count=1)
        found, oldest, newest = await pipeline.execute()
        last = parse(newest[0][0].decode()) if newest else (0, 0)
        # Redis began anew; the stream was cut behind the page; the page was away for long.
        trimmed = bool(oldest) and (0, 0) < after < parse(oldest[0][0].decode())
        if after > last or trimmed or len(found) >= QUEUE:
            return [Entry(format_id(last), None)]
        events = ((entry_id.decode(), unpack(fields)) for entry_id, fields in found)
        return [Entry(entry_id, event) for entry_id, event in events if event is not None]

    @asynccontextmanager
    async def subscribe(self, assignment_id: int, after: str) -> AsyncIterator[Subscription]:
        """A page's subscription from a place in the stream on; what it missed comes first."""
        key = key_of(assignment_id)
        page = Subscription(parse(after))
        # Where the hub begins with a stream that is new to it; whatever is older, the page reads itself.
        newest = await self._newest(key)
        self._watch(key, page, newest)
        try:
            await self._catch_up(key, page)
            if self._ended:
                page.end()
            yield page
        finally:
            self._leave(key, page)

    @asynccontextmanager
    async def watch(
        self, assignment_ids: Iterable[int], kinds: tuple[type[Event], ...]
    ) -> AsyncIterator[Watch]:
        """Whether events of these kinds happen in any of these assignments; see Watch."""
        page = Watch(kinds)
        page.changed.set()
        keys = [key_of(each) for each in dict.fromkeys(assignment_ids)]
        newest = await self._newest_of([key for key in keys if key not in self._pages])
        for key in keys:
            # Where nobody watched when we asked, or the last one has left since, anything after START is news enough.
            self._watch(key, page, newest.get(key, START))
        try:
            if self._ended:
                page.end()
            yield page
        finally:
            for key in keys:
                self._leave(key, page)

    async def _newest_of(self, keys: list[str]) -> dict[str, str]:
        if not keys:
            return {}
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.xrevrange(key, count=1)
        found = await pipeline.execute()
        return {key: rows[0][0].decode() if rows else START for key, rows in zip(keys, found, strict=True)}

    async def _catch_up(self, key: str, page: Subscription) -> None:
        while page.catching_up:
            page.offered = False
            missed = await self._missed(key, page.after)
            if len(missed) == 1 and missed[0].event is None:
                page.after = parse(missed[0].id)
                page.resync()
            else:
                for entry in missed:
                    page.put(entry)
            # No await since the answer: nothing was offered after it that was not in it.
            page.catching_up = page.offered

    def _watch(self, key: str, page: Subscription | Watch, newest: str) -> None:
        if key not in self._pages:
            self._pages[key] = set()
            self._places[key] = newest
            self._grown.set()
        self._pages[key].add(page)

    def _leave(self, key: str, page: Subscription | Watch) -> None:
        self._pages[key].discard(page)
        if not self._pages[key]:
            del self._pages[key], self._places[key]

    async def _read_forever(self) -> None:
        away = False
        while True:
            try:
                if away:
                    await self._redis.ping()
                    away = False
                    self._resync_all()
                await self._read()
            except (RedisError, OSError) as error:
                log.warning("event stream away", error=type(error).__name__)
                away = True
                await asyncio.sleep(0.5 + random.random())  # noqa: S311 - jitter, not a secret

    def _resync_all(self) -> None:
        """After an outage: events may have been lost, and the streams too; every page takes a snapshot."""
        for pages in self._pages.values():
            for page in pages:
                page.resync()

    async def _read(self) -> None:
        """Read all watched streams; begins anew when their set has grown."""
        while True:
            self._grown.clear()
            if not self._places:
                await self._grown.wait()
                continue
            reading = asyncio.ensure_future(
                self._reader.xread(dict(self._places), block=BLOCK_MS, count=1000)
            )
            growing = asyncio.ensure_future(self._grown.wait())
            try:
                await asyncio.wait({reading, growing}, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    for name, entries in reading.result() or []:
                        self._deliver(name.decode(), entries)
            finally:
                growing.cancel()
                # The connection is dropped with its unread answer; places move only with delivery.
                while not reading.done():
                    # Until it has ended: redis-py loses a cancellation that comes while it connects, and blocks.
                    reading.cancel()
                    # Waited for without taking its cancellation for one of ours: `close` cancels us at any moment.
                    await asyncio.wait({reading}, timeout=AGAIN_SECONDS)
                if not reading.cancelled():
                    reading.exception()

    def _deliver(self, key: str, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        if key not in self._pages:
            return
        for entry_id, fields in entries:
            self._places[key] = entry_id.decode()
            event = unpack(fields)
            if event is None:
                continue
            entry = Entry(entry_id.decode(), event)
            for page in self._pages[key]:
                page.offer(entry)
