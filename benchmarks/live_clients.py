"""The screens of `make bench-live`, in a process of their own: plain sockets' protocols, so cheap that the server is
what is measured.

Commands are JSON lines on standard input, each answered by one on standard output; times are `time.perf_counter()`,
which processes of one machine share.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from typing import Any

import uvloop

MARK = b"tick-"  # what the benchmark writes into a board, with a number and a full stop
CONNECTING = 100  # at a time


class Screen(asyncio.Protocol):
    """One client: notes when it sees which mark. Comes back as hx-sse does, after its own `retry` with jitter."""

    __slots__ = ("back", "fleet", "last_id", "live", "mark", "port", "retry", "tail", "token", "transport")

    def __init__(self, fleet: Fleet, port: int, token: str) -> None:
        self.fleet, self.port, self.token = fleet, port, token
        self.transport: asyncio.Transport | None = None
        self.tail, self.mark, self.last_id, self.retry, self.back = b"", -1, "", 1.0, False
        self.live = False

    def connection_made(self, transport: Any) -> None:
        """Ask for the stream."""
        self.transport = transport
        last = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id else ""
        transport.write(
            f"GET /kiosk/events HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: zhupi_screen={self.token}\r\n"
            "User-Agent: Mozilla/5.0 (X11; CrOS x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0\r\n"
            f"Accept: text/event-stream\r\nAccept-Language: en,zh;q=0.8\r\n{last}\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Look for the newest mark."""
        now = time.perf_counter()
        fleet = self.fleet
        if not self.live:
            self.live = True
            if b" 200 " not in data[:40]:
                fleet.refused += 1
            fleet.live += 1
            at = data.find(b"retry: ")
            if at >= 0:
                self.retry = int(data[at + 7 : data.index(b"\n", at)]) / 1000
        if self.tail:
            data = self.tail + data
        at = data.rfind(MARK)
        if at >= 0:
            end = data.find(b".", at, at + 20)
            if end > 0:
                mark = int(data[at + 5 : end])
                if mark != self.mark:
                    if mark < self.mark:
                        fleet.backwards += 1
                    fleet.seen.append((mark, self.mark, now))
                    self.mark = mark
        at = data.rfind(b"id: ")
        if at >= 0 and (end := data.find(b"\n", at)) > 0:
            self.last_id = data[at + 4 : end].decode()
        self.tail = data[-24:]

    def connection_lost(self, _: Exception | None) -> None:
        """Come back, unless the benchmark ended this client."""
        self.transport = None
        if self.live:
            self.live = False
            self.fleet.live -= 1
        if not self.fleet.ending:
            self.fleet.lost += 1
            jitter = random.uniform(0.7, 1.3)
            asyncio.get_running_loop().call_later(self.retry * jitter, self.fleet.again, self)


class Fleet:
    """All clients of this process."""

    def __init__(self) -> None:
        self.screens: list[Screen] = []
        self.seen: list[tuple[int, int, float]] = []
        self.live = self.lost = self.refused = self.backwards = 0
        self.ending = False
        self.tasks: set[asyncio.Task[None]] = set()

    async def open(self, port: int, tokens: list[str]) -> dict[str, Any]:
        """Connect one client a token; answers when all have a first answer."""
        limit = asyncio.Semaphore(CONNECTING)
        self.ending = False

        async def one(token: str) -> None:
            async with limit:
                screen = Screen(self, port, token)
                await asyncio.get_running_loop().create_connection(lambda: screen, "127.0.0.1", port)
                self.screens.append(screen)
                while not screen.live:  # noqa: ASYNC110 - thousands of them; cheap is what counts here
                    await asyncio.sleep(0.002)

        await asyncio.gather(*(one(token) for token in tokens))
        return {"live": self.live, "refused": self.refused}

    def again(self, screen: Screen) -> None:
        """Connect a client anew."""

        async def connect() -> None:
            try:
                await asyncio.get_running_loop().create_connection(lambda: screen, "127.0.0.1", screen.port)
            except OSError:
                screen.connection_lost(None)

        if not self.ending:
            task = asyncio.get_running_loop().create_task(connect())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def drop(self, ports: list[int] | None) -> dict[str, Any]:
        """Break all lines at once; clients come back, to other ports in turn if they are given."""
        for number, screen in enumerate(self.screens):
            if ports:
                screen.port = ports[number % len(ports)]
            if screen.transport is not None:
                screen.transport.abort()
        return {}

    async def close(self) -> dict[str, Any]:
        """End all clients for good."""
        self.ending = True
        for screen in self.screens:
            if screen.transport is not None:
                screen.transport.abort()
        self.screens.clear()
        await asyncio.sleep(0.5)
        answer = {"lost": self.lost, "refused": self.refused, "backwards": self.backwards}
        self.seen, self.lost, self.refused, self.backwards = [], 0, 0, 0
        return answer

    async def report(self, wanted: int, seconds: float) -> dict[str, Any]:
        """What was seen since the last report, when all clients have seen `wanted` or the time is over."""
        limit = time.perf_counter() + seconds
        while any(screen.mark < wanted for screen in self.screens) and time.perf_counter() < limit:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        seen, self.seen = self.seen, []
        right = sum(screen.mark >= wanted for screen in self.screens)
        return {
            "seen": seen,
            "right": right,
            "live": self.live,
            "lost": self.lost,
            "backwards": self.backwards,
        }


async def main() -> None:
    """Obey until standard input ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if soft < 20_000 else soft, hard))
    fleet, loop = Fleet(), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        answer = await getattr(fleet, command.pop("do"))(**command)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
