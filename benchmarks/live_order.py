"""Two processes over one Redis: lines break again and again, clients come back to the other process; nothing may be
lost, doubled or reordered.

Single events are counted on the teacher's stream of an assignment (`view=papers`: each names its paper), the final
state on screens.
"""

from __future__ import annotations

import asyncio
import random
import re
from typing import TYPE_CHECKING

import aiohttp

from app.events.bus import Bus
from app.events.schema import PaperChanged
from app.settings import Settings
from benchmarks import live_parts as parts
from benchmarks.live_parts import Clients, Publisher, tokens
from benchmarks.report import Figure
from tests import factories

if TYPE_CHECKING:
    from benchmarks.live import Size

RECONNECTS = 100  # in all
EVENTS = 1_200
EVENTS_A_SECOND = 40  # the bus keeps 500 for a page that lags: a machine that stands still for ten seconds
BREAK_EVERY = 80  # events between two breaks of all lines of screens
SCREENS = 40
FIRST = 1_000_000  # papers that there are not: their lines are taken away, which names them
PAPER = re.compile(rb"paper-(\d+)")


class Listener:
    """A teacher's page: notes the papers in the order they come, and goes on from its last id elsewhere."""

    def __init__(self, ports: list[int], cookies: dict[str, str]) -> None:
        self.ports, self.cookies = ports, cookies
        self.papers: list[int] = []
        self.last_id = "0-0"
        self.reconnects = self.snapshots = 0

    async def run(self, wanted: int, reconnects: int) -> None:
        """Listen until the last event has come; break the line after a random number of events."""
        async with aiohttp.ClientSession(cookies=self.cookies) as session:
            while not self.papers or self.papers[-1] < wanted:
                stop = len(self.papers) + random.randint(3, EVENTS // (reconnects + 1))
                stop = stop if self.reconnects < reconnects else 10**9
                await self._listen(session, self.ports[self.reconnects % len(self.ports)], wanted, stop)
                self.reconnects += 1

    async def _listen(self, session: aiohttp.ClientSession, port: int, wanted: int, stop: int) -> None:
        url = f"http://127.0.0.1:{port}/assignments/1/events?view=papers"
        async with session.get(url, headers={"Last-Event-ID": self.last_id}, timeout=_NEVER) as answer:
            assert answer.status == 200, answer.status
            event: list[bytes] = []
            async for line in answer.content:
                if line != b"\n":
                    event.append(line)
                    continue
                # Only a whole event counts, as in a browser: what broke off within one comes again.
                found = PAPER.search(b"".join(event))
                self.snapshots += b"event: resync\n" in event
                name = next((line[4:-1] for line in event if line.startswith(b"id: ")), b"")
                event = []
                self.last_id = name.decode() or self.last_id
                if found:
                    self.papers.append(int(found[1]) - FIRST)
                    if self.papers[-1] >= wanted or len(self.papers) >= stop:
                        return


_NEVER = aiohttp.ClientTimeout(total=None, sock_read=60)


def order(settings: Settings, clients: Clients, size: Size) -> list[Figure]:
    """Two servers, forced reconnects from one to the other."""
    with parts.server(settings) as (first, _), parts.server(settings) as (second, _):
        clients.do("open", port=first, tokens=tokens(SCREENS))
        listeners, screens = asyncio.run(_run(settings, clients, [first, second], size.orders))
        clients.do("close")
    right = list(range(1, EVENTS + 1))
    lost = sum(len(set(right) - set(each.papers)) for each in listeners)
    doubled = sum(len(each.papers) - len(set(each.papers)) for each in listeners)
    wrong = sum(each.papers != sorted(each.papers) for each in listeners)
    reconnects = sum(each.reconnects - 1 for each in listeners)
    snapshots = sum(each.snapshots for each in listeners)
    name = "two processes"
    return [
        Figure(
            f"{name}: forced reconnects of {len(listeners)} pages", reconnects, "", None, RECONNECTS, at_least=True
        ),
        Figure(f"{name}: pages told to take a snapshot", snapshots, "times", None, 0),
        Figure(f"{name}: events counted", sum(len(each.papers) for each in listeners), "events"),
        Figure(f"{name}: events lost", lost, "events", None, 0),
        Figure(f"{name}: events doubled", doubled, "events", None, 0),
        Figure(f"{name}: pages with events out of order", wrong, "pages", None, 0),
        Figure(f"{name}: screens wrong in the end", SCREENS - screens, "screens", None, 0),
    ]  # fmt: skip


async def _run(
    settings: Settings, clients: Clients, ports: list[int], count: int
) -> tuple[list[Listener], int]:
    cookies = await _signed_in(ports[0])
    listeners = [Listener(ports, cookies) for _ in range(count)]
    each = -(-RECONNECTS // count)
    bus, publisher = Bus(settings.redis_url.get_secret_value()), Publisher(settings)
    start = await bus.last_id(1)  # as a page says it of its own rows
    for listener in listeners:
        listener.last_id = start
    tasks = [asyncio.create_task(listener.run(EVENTS, each)) for listener in listeners]
    for number in range(1, EVENTS + 1):
        await bus.publish(PaperChanged(1, FIRST + number))
        if number % BREAK_EVERY == 0:
            await publisher.tick()
            clients.do("drop", ports=ports)
        await asyncio.sleep(1 / EVENTS_A_SECOND)
    wanted = await publisher.tick()
    async with asyncio.timeout(120):
        await asyncio.gather(*tasks)
    right = clients.do("report", wanted=wanted, seconds=20)["right"]
    await bus.close()
    await publisher.close()
    return listeners, right


async def _signed_in(port: int) -> dict[str, str]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        form = {"username": "bench", "password": factories.PASSWORD}
        async with session.post(f"http://127.0.0.1:{port}/sign-in", data=form) as answer:
            assert answer.status == 200
        return {cookie.key: cookie.value for cookie in session.cookie_jar}
