"""A classroom screen behind nginx: paired, and right again by itself whatever of the stack is killed."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from tests import graded
from tests.compose.figures import Figures
from tests.compose.stack import Stack
from tests.compose.teacher import Teacher
from tests.compose.test_kills import VICTIMS, all_healthy

pytestmark = pytest.mark.compose
COVERED = "Eyes on the teacher"
RIGHT_SECONDS = 10.0  # from the moment the teacher's page is served again
SILENT_SECONDS = 12.0  # a line that says nothing for longer is dead (kiosk.js)


class Screen:
    """A browser at the back of the room: holds its board's stream, and comes back as kiosk.js does."""

    def __init__(self, stack: Stack) -> None:
        self.browser = Teacher(stack)
        self.board = ""
        self.retry = 1.0
        self.opened = 0

    async def pair(self, teacher: Teacher, assignment: int) -> None:
        """Show a code, have the teacher enter it, and get the token."""
        page = await self.browser.get("/kiosk")
        code = re.search(r'class="code" aria-label="([^"]+)"', page.text)
        assert code is not None, page.text[:2000]
        form = {"code": code[1].replace(" ", ""), "kind": "progress"}
        answer = await teacher.post(f"/assignments/{assignment}/screens", form)
        assert answer.status == 303, answer.text[:2000]
        await self.browser.get("/kiosk/pairing")
        assert 'class="board board-progress"' in (await self.browser.get("/kiosk")).text
        assert (await self.browser.get(f"/assignments/{assignment}/run")).status == 404

    async def run(self) -> None:
        """Follow the board until cancelled."""
        while True:
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                await self._follow()
            await asyncio.sleep(min(self.retry, 3.0) * random.uniform(0.7, 1.3))

    async def _follow(self) -> None:
        url = f"{self.browser.stack.url}/kiosk/events"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=6, sock_read=SILENT_SECONDS)
        async with self.browser.session.get(url, timeout=timeout) as answer:
            if answer.status != 200:
                return
            self.opened += 1
            lines: list[str] = []
            async for raw in answer.content:
                line = raw.decode().rstrip("\n")
                if line.startswith("retry: "):
                    self.retry = int(line[7:]) / 1000
                elif line.startswith("data: <") or (lines and line.startswith("data: ")):
                    lines.append(line[6:])
                elif not line and lines:
                    self.board, lines = "\n".join(lines), []


@asynccontextmanager
async def screen_of(teacher: Teacher, assignment: int) -> AsyncIterator[Screen]:
    """A paired screen that follows its board."""
    screen = Screen(teacher.stack)
    await screen.pair(teacher, assignment)
    following = asyncio.create_task(screen.run())
    try:
        yield screen
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await screen.browser.close()


async def cover(teacher: Teacher, assignment: int, hidden: bool) -> None:
    """Hide all boards or show them, as soon as the server takes it."""

    async def taken() -> bool:
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            path = f"/assignments/{assignment}/classroom/cover"
            return (await teacher.post(path, {"hidden": str(int(hidden))})).status == 303
        return False

    await graded.until(taken, 60)


async def test_a_screen_is_right_again(teacher: Teacher, figures: Figures) -> None:
    """Whatever dies, what the teacher does when the page is served again is on the screen within ten seconds."""
    klass = await teacher.new_class("screens")
    assignment = await teacher.new_assignment(klass, "screens", 2, grader="local")
    async with screen_of(teacher, assignment) as screen:

        async def shows(hidden: bool) -> float:
            began = time.monotonic()

            async def right() -> bool:
                return (COVERED in screen.board) is hidden and "board-progress" in screen.board

            await graded.until(right, 60)
            return time.monotonic() - began

        await shows(False)
        hidden = False
        for victim, which in VICTIMS.items():
            containers = await asyncio.to_thread(which, teacher.stack)
            await asyncio.to_thread(teacher.stack.kill, *containers)
            hidden = not hidden
            await cover(teacher, assignment, hidden)
            seconds = await shows(hidden)
            figures.note(f"kill -9 {victim}: a screen is right after", seconds, "s", RIGHT_SECONDS)
            await all_healthy(teacher.stack, victim)
        assert screen.opened >= 2
