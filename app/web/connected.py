"""All screens that are connected to this process: their channels, their limits, their signs of life, and their ends."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import structlog
from aiohttp import web

from app.classroom import seen
from app.classroom.seen import Place
from app.keys import DATABASE
from app.web import frames
from app.web.channels import GO, LIVE, SLICE, Channel, Line
from app.web.middleware.errors import is_away

log = structlog.get_logger(__name__)

TICK_SECONDS = 0.25
# A page that hears nothing for two of these, and a little, takes its line for dead (kiosk.js). TCP mends a shorter
# outage by itself: it tries again after at most as long as it was silent.
BEAT_SECONDS = 5.0
SEEN_SECONDS = 60.0
IDLE_SECONDS = 30.0  # a channel without screens is kept so long: they come back after a moment
RENDERINGS = 4  # at a time in a process, so that many boards after an outage leave connections to the pages

MOST_SCREENS = 12_000  # in a process; memory for 300 MB
OTHER_FILES = 512  # descriptors that the rest of the process needs
MOST_FILES = 65_536
PER_TOKEN = 4  # a screen that lost its network may leave streams behind that nobody has closed yet
YOUNG_SECONDS = 20.0  # a stream of this age is not such a one


# The last word of a stream whose time is over: nothing is wrong, come back at once.
AT_ONCE = frames.sign(LIVE, 200)


class FullError(Exception):
    """This process, or this token, has enough streams."""


class Connected:
    """One a process."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._channels: dict[tuple[int, str], Channel] = {}
        self._owners: dict[str, list[Line]] = {}
        self._task: asyncio.Task[None] | None = None
        self._ended = False
        self.rendering = asyncio.Semaphore(RENDERINGS)
        self.most = MOST_SCREENS
        self.screens = 0

    def start(self) -> None:
        """Begin to beat."""
        self.most = min(MOST_SCREENS, max(0, _files() - OTHER_FILES))
        self._task = asyncio.create_task(self._tick_for_ever(), name="screens")

    def end(self) -> None:
        """The server goes: every stream ends, and its client connects elsewhere."""
        self._ended = True
        for channel in self._channels.values():
            channel.end()

    async def close(self) -> None:
        """Stop all channels."""
        self.end()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for channel in list(self._channels.values()):
            await channel.stop()

    @property
    def channels(self) -> Sequence[Channel]:
        """What is listened to at present."""
        return list(self._channels.values())

    def admit(self, owner: str, most: int = PER_TOKEN) -> None:
        """Whether `owner` (a screen, a teacher) may open another stream; FullError when not.

        An old stream of the same owner makes room: it is most likely one whose network went away.
        """
        if self.screens >= self.most or self._ended:
            raise FullError
        mine = self._owners.get(owner, [])
        if len(mine) < most:
            return
        oldest = mine[0]
        if asyncio.get_running_loop().time() - oldest.opened_at < YOUNG_SECONDS:
            raise FullError
        oldest.transport.abort()
        self._forget(oldest)
        oldest.end()

    def join(self, place: Place, line: Line) -> Channel:
        """Add a line to the channel of its board; the channel is made when it is the first."""
        channel = self._channels.get((place.board_id, place.language))
        if channel is None or channel.over:
            if channel is not None:
                channel.cancel()
            channel = Channel(self._app, self, place)
            self._channels[place.board_id, place.language] = channel
            if not self._ended:
                channel.start()
        self.screens += 1
        self._owners.setdefault(line.owner, []).append(line)
        channel.add(line)
        if self._ended:
            line.end()
        return channel

    def leave(self, channel: Channel, line: Line) -> None:
        """A line is over."""
        self.screens -= 1
        channel.remove(line)
        self._forget(line)

    def _forget(self, line: Line) -> None:
        mine = self._owners.get(line.owner, [])
        if line in mine:
            mine.remove(line)
        if not mine:
            self._owners.pop(line.owner, None)

    async def look_again(self, lines: Sequence[Line]) -> None:
        """Ask which boards these screens may see now; the stream of one that has lost its board ends."""
        await self._compare(lines, touch=False)

    async def _compare(self, lines: Sequence[Line], *, touch: bool) -> None:
        numbers = {line.screen_id for line in lines if line.screen_id is not None}
        if not numbers:
            return
        try:
            async with self._app[DATABASE].begin() as db:
                found = await (seen.touch if touch else seen.boards_of)(db, numbers)
        except Exception as error:
            if not is_away(error):
                log.exception("screens not looked up")
            return  # within a minute they are looked up again
        for line in lines:
            if line.screen_id is not None and found.get(line.screen_id) != line.board_id:
                line.end(GO)

    async def _tick_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        beat, look = loop.time() + BEAT_SECONDS, loop.time() + SEEN_SECONDS
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = loop.time()
            try:
                for channel in self.channels:
                    channel.look_at_late()
                    self._drop_idle(channel, now)
                if now >= beat:
                    beat = now + BEAT_SECONDS
                    await self._beat(now)
                if now >= look:
                    look = now + SEEN_SECONDS
                    await self._compare([line for each in self.channels for line in each.lines], touch=True)
            except Exception:
                # Nothing known raises here; if it does, screens must not fall silent for it.
                log.exception("screens: a tick failed")

    async def _beat(self, now: float) -> None:
        written = 0
        for channel in self.channels:
            for line in list(channel.lines):
                if now >= line.ends_at:
                    line.end(AT_ONCE)
                else:
                    channel.beat(line)
                written += 1
                if written % SLICE == 0:
                    await asyncio.sleep(0)

    def _drop_idle(self, channel: Channel, now: float) -> None:
        key = (channel.place.board_id, channel.place.language)
        if channel.lines or (not channel.over and now - channel.idle_since < IDLE_SECONDS):
            return
        channel.cancel()
        if self._channels.get(key) is channel:
            del self._channels[key]


def _files() -> int:
    """How many files this process may open: the limit is raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST_FILES if soft == resource.RLIM_INFINITY else soft
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft


CONNECTED = web.AppKey("connected", Connected)


async def connected(app: web.Application) -> AsyncIterator[None]:
    """A part of the application (`cleanup_ctx`), after the bus."""
    app[CONNECTED].start()
    app.on_shutdown.append(_end)
    yield
    await app[CONNECTED].close()


async def _end(app: web.Application) -> None:
    app[CONNECTED].end()


def setup(app: web.Application) -> None:
    """Give an application its connected screens."""
    app[CONNECTED] = Connected(app)
    app.cleanup_ctx.append(connected)
