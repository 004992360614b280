"""Channels: one a process, board and language. Its task listens, renders, and writes to all screens itself.

What a screen is sent is always the whole board, the same bytes for all: see docs/decisions/0015. The tasks of the
screens' requests only sleep until their stream is over. A screen that has not taken the last bytes yet is skipped and
gets the newest board when it has: nothing is queued, so a slow one costs nothing and holds up nobody.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from redis.exceptions import RedisError

from app.classroom import seen
from app.classroom.seen import Place
from app.events.bus import START, Entry, Subscription, format_id
from app.events.schema import BoardChanged, ScreenChanged
from app.keys import BUS, DATABASE
from app.web import board_view, frames
from app.web.frames import Frame
from app.web.middleware.errors import is_away
from app.web.reactions import changes

if TYPE_CHECKING:
    from app.web.connected import Connected

log = structlog.get_logger(__name__)

RENDER_SECONDS = 0.2  # at most every so many a board is rendered; the first event after a pause at once
# Also without an event: an event that Redis lost, a renamed assignment, a deleted board show within this time.
REFRESH_SECONDS = 20.0
STUCK_SECONDS = 60.0  # a screen that drains nothing for so long is cut off
AGAIN_SECONDS = (0.5, 5.0)  # the first and the longest wait when the database or Redis is away
SLICE = 250  # screens that are written to before others get a turn: about 2 ms

# Signs, DOM events of the page: the line is alive; what the screen may see has changed, so open /kiosk anew.
LIVE, MOVED = "live", "moved"
BEAT, GO = frames.sign(LIVE), frames.sign(MOVED)


@dataclass(eq=False, slots=True)
class Line:
    """One connected screen or preview. `ended` wakes its request's task; after that nobody writes to it.

    `shown` is the digest of the board it has; `left` and `stuck_since` say how many bytes wait in its buffer and since
    when (the loop's clock) they have not become fewer. `screen_id` None is a teacher's preview.
    """

    transport: asyncio.WriteTransport
    chunked: bool
    ended: asyncio.Future[None]
    ends_at: float
    opened_at: float
    shown: str = ""
    owner: str = ""
    screen_id: int | None = None
    board_id: int = 0
    left: int = 0
    stuck_since: float = 0.0

    @property
    def open(self) -> bool:
        """Whether it may be written to."""
        return not self.ended.done() and not self.transport.is_closing()

    def write(self, frame: Frame) -> None:
        """Hand bytes to the transport; only for one that is `open`."""
        self.transport.write(frame.bytes_for(self.chunked))

    def end(self, last: Frame | None = None) -> None:
        """End the stream, with a last sign if the line is free; one that is not free is cut off."""
        if self.ended.done():
            return
        if not self.transport.is_closing():
            if self.transport.get_write_buffer_size() > 0 and self.left > 0:
                self.transport.abort()
            elif last is not None:
                self.write(last)
        self.ended.set_result(None)


@dataclass(eq=False, slots=True)
class Channel:
    """A board in a language, its newest frame, and the screens that show it."""

    app: web.Application
    connected: Connected
    place: Place
    lines: dict[Line, None] = field(default_factory=dict)  # a set that keeps its order
    late: set[Line] = field(default_factory=set)
    frame: Frame | None = None
    idle_since: float = 0.0
    rendered: int = 0
    over: bool = False
    _task: asyncio.Task[None] | None = None
    _earliest: float = 0.0
    _failures: int = 0

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._run(), name=f"channel {self.place.board_id}")

    def cancel(self) -> None:
        """Stop listening; the lines end."""
        self.end()
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        """Stop listening, and wait until that is done."""
        self.cancel()
        if self._task is not None:
            await asyncio.wait({self._task})

    def add(self, line: Line) -> None:
        """A screen joins: it gets the newest board, if it does not have it."""
        self.lines[line] = None
        if self.over:
            line.end()
        else:
            self.give(line)

    def remove(self, line: Line) -> None:
        """A screen has left."""
        self.lines.pop(line, None)
        self.late.discard(line)
        if not self.lines:
            self.idle_since = _now()

    def end(self, last: Frame | None = None) -> None:
        """End all streams of this channel; who comes later gets another channel."""
        self.over = True
        for line in list(self.lines):
            line.end(last)

    def give(self, line: Line) -> None:
        """Write the newest board to a screen that does not have it, if its line is free."""
        if self.frame is None or line.shown == self.frame.digest or not line.open:
            self.late.discard(line)
        elif self._free(line):
            line.write(self.frame)
            line.shown = self.frame.digest

    def beat(self, line: Line) -> None:
        """Write a sign of life, if the line is free."""
        if line.open and self._free(line):
            line.write(BEAT)

    def look_at_late(self) -> None:
        """Give those whose buffer has drained the newest board; cut off those that drain nothing."""
        for line in list(self.late):
            if not line.open:
                self.late.discard(line)
            elif self._free(line):
                self.give(line)
            elif _now() - line.stuck_since > STUCK_SECONDS:
                log.info("screen cut off: it reads nothing", board=self.place.board_id)
                line.transport.abort()
                line.end()

    def _free(self, line: Line) -> bool:
        waiting = line.transport.get_write_buffer_size()
        if waiting == 0:
            line.left = 0
            self.late.discard(line)
            return True
        if line.left == 0 or waiting < line.left:
            line.left, line.stuck_since = waiting, _now()
        self.late.add(line)
        return False

    async def _run(self) -> None:
        bus = self.app[BUS]
        while not self.over:
            try:
                cursor = await bus.last_id(self.place.assignment_id)
                async with bus.subscribe(self.place.assignment_id, cursor) as page:
                    await self._follow(page)
            except (RedisError, OSError) as error:
                log.warning("channel without events", error=type(error).__name__)
                # Redis is away: what the database says is shown, at the pace of the tries.
                await self._refresh(START)
                await asyncio.sleep(_jittered(2.0))

    async def _follow(self, page: Subscription) -> None:
        due = _now()
        while not self.over:
            entries = await _next(page, max(0.0, due - _now()))
            if entries is None:
                self.end()
                return
            await self._look_again(entries)
            if any(changes(entry, self.place.kind, self.place.board_id) for entry in entries):
                due = min(due, max(_now(), self._earliest))
            if _now() >= due:
                await self._refresh(format_id(page.after))
                due = self._earliest if self._failures else _now() + _jittered(REFRESH_SECONDS)

    async def _look_again(self, entries: list[Entry]) -> None:
        """What some screens may see may have changed: ask, and end the streams of those for which it has."""
        events = [entry.event for entry in entries]
        named: set[int | None] = {event.screen_id for event in events if isinstance(event, ScreenChanged)}
        if None in events:
            named = {line.screen_id for line in self.lines}
        if named:
            await self.connected.look_again([line for line in self.lines if line.screen_id in named])
        if any(isinstance(event, BoardChanged) for event in events) or None in events:
            await self._keep_language()

    async def _keep_language(self) -> None:
        """A board that speaks another language now has another channel, and its pages another language."""
        try:
            async with self.app[DATABASE].begin() as db:
                language = await seen.language_of(db, self.place.board_id)
        except Exception as error:
            self._failed(error)
            return
        if language != self.place.language:
            self.end(GO)

    async def _refresh(self, entry_id: str) -> None:
        """Render the board and send it to all, when it has changed. What fails keeps the old board standing."""
        try:
            async with self.connected.rendering:
                html = await board_view.render(self.app, self.place.board_id, self.place.language)
        except Exception as error:
            self._failed(error)
            return
        self._failures, self._earliest = 0, _now() + RENDER_SECONDS
        self.rendered += 1
        if html is None:
            self.end(GO)
            return
        frame = frames.of_board(entry_id, html)
        if self.frame is None or frame.digest != self.frame.digest:
            self.frame = frame
            await self._send()

    def _failed(self, error: Exception) -> None:
        if is_away(error):
            log.warning("board not rendered", board=self.place.board_id, error=type(error).__name__)
        else:
            log.exception("board not rendered", board=self.place.board_id)
        first, longest = AGAIN_SECONDS
        self._earliest = _now() + _jittered(min(longest, first * 2.0 ** min(self._failures, 10)))
        self._failures += 1

    async def _send(self) -> None:
        for number, line in enumerate(list(self.lines), 1):
            self.give(line)
            if number % SLICE == 0:
                await asyncio.sleep(0)


async def _next(page: Subscription, timeout: float) -> list[Entry] | None:
    try:
        return await page.next(timeout)
    except TimeoutError:
        return []


def _now() -> float:
    return asyncio.get_running_loop().time()


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 - spreads work, not a secret
