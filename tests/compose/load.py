"""Steady load from outside: so many requests a second, whatever the answers take, as a school that goes on working."""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from tests.compose.figures import Figures
from tests.compose.teacher import Teacher

POST_EVERY = 10  # of so many requests one is a form
GIVE_UP_SECONDS = 30.0
# Requests a second that the limits are for. A machine that has other work to do may be asked for fewer.
RATE = float(os.environ.get("DRILL_RATE", "50"))


@dataclass
class Load:
    """What was sent and what came back. `failed` holds a sentence for each request that no user should see fail."""

    paths: Sequence[str]
    rate: float
    name: str
    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    async def run(self, fresh: Teacher, keeping: Teacher) -> None:
        """Send until cancelled; then wait for the answers that are still out."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        out: set[asyncio.Task[Any]] = set()
        paths = itertools.cycle(self.paths)
        try:
            while True:
                number = self.sent
                if number % POST_EVERY == 0:
                    task = asyncio.create_task(self._post(fresh, f"{self.name} {number}"))
                else:
                    # Half with a connection of their own, half over kept ones, as browsers have both.
                    task = asyncio.create_task(self._get(keeping if number % 2 else fresh, next(paths)))
                out.add(task)
                task.add_done_callback(out.discard)
                self.sent += 1
                await asyncio.sleep(max(0.0, began + self.sent / self.rate - loop.time()))
        finally:
            if out:
                await asyncio.wait(out, timeout=GIVE_UP_SECONDS)

    async def _get(self, teacher: Teacher, path: str) -> None:
        await self._one("GET", teacher, path, None, 200)

    async def _post(self, teacher: Teacher, name: str) -> None:
        if await self._one("POST", teacher, "/classes", {"name": name, "language": "en"}, 303):
            self.made.append(name)

    async def _one(
        self, method: str, teacher: Teacher, path: str, data: dict[str, str] | None, wanted: int
    ) -> bool:
        began = time.monotonic()
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                answer = await teacher.ask(method, path, data=data)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.failed.append(f"{time.time():.3f} {method} {path}: {type(error).__name__} {error}")
            return False
        self.seconds.append(time.monotonic() - began)
        self.statuses[answer.status] += 1
        if answer.status != wanted:
            self.failed.append(f"{time.time():.3f} {method} {path}: {answer.status}")
        return answer.status == wanted

    def told(self, figures: Figures, what: str) -> None:
        """Note how many failed, none allowed; the failures are printed."""
        for sentence in self.failed[:40]:
            print(sentence)
        figures.note(
            f"{what}: failed of {self.sent} requests at {self.rate:g}/s", len(self.failed), "", limit=0
        )

    @property
    def median_ms(self) -> float:
        """The median time to a whole answer, in milliseconds."""
        return statistics.median(self.seconds) * 1000 if self.seconds else 0.0


@asynccontextmanager
async def loading(
    teacher: Teacher, name: str, paths: Sequence[str], rate: float = RATE
) -> AsyncIterator[Load]:
    """Load for the time of the block, `name` told in what it makes; all its answers are in when the block is left."""
    keeping = Teacher(teacher.stack, keep=True)
    cookies = [(cookie.key, cookie) for cookie in teacher.session.cookie_jar]
    keeping.session.cookie_jar.update_cookies(cookies, URL(teacher.stack.url))
    load = Load(paths, rate, name)
    task = asyncio.create_task(load.run(teacher, keeping))
    try:
        yield load
    finally:
        task.cancel()
        await asyncio.wait([task])
        await keeping.close()
