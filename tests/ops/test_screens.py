"""Classroom screens while the server restarts, another process takes over, Redis or PostgreSQL die and come back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from pydantic import SecretStr
from sqlalchemy import update

from app import embedded, migrate
from app.assignments.models import Assignment
from app.classroom import screens, store
from app.classroom.models import Board, BoardKind
from app.classroom.pairing import digest
from app.db import Database
from app.events.bus import Bus
from app.events.schema import MarkChanged
from app.main import create_app
from app.settings import Settings
from app.web.connected import CONNECTED
from tests import factories, graded
from tests.ops.test_outage import kill
from tests.ops.test_serve import ROOT, free_port

pytestmark = pytest.mark.ops

TOKEN = "a-screen-of-8C"
RIGHT_SECONDS = 10.0  # from recovery to the right board


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[embedded.Services, Settings]]:
    """Services of this test alone, which their guard starts again when they die."""
    with embedded.temporary(tmp_path / "services") as services:
        settings = Settings(
            database_url=SecretStr(services.database_url),
            redis_url=SecretStr(services.redis_url),
            var_dir=tmp_path / "var",
            secret_key=SecretStr("x" * 40),
        )
        migrate.upgrade(settings)
        yield services, settings


@asynccontextmanager
async def paired(settings: Settings) -> AsyncIterator[tuple[Database, Board]]:
    """A class, an assignment, its progress board, and a screen that shows it."""
    db = Database(settings.sqlalchemy_url)
    try:
        async with db.begin() as session:
            alice = await factories.user(session, "alice")
            klass = await factories.klass(session, alice)
            assignment, _ = await graded.assignment(session, klass)
            board = await store.board_of(session, assignment.id, BoardKind.PROGRESS, "en")
            await screens.pair(session, board, digest(TOKEN), "", alice.id)
        yield db, board
    finally:
        await db.close()


class Screen:
    """A screen's page: keeps its stream open, comes back after `retry` with its last id, shows the newest board."""

    def __init__(self, *ports: int) -> None:
        self.ports = ports
        self.html = ""
        self.last_id = ""
        self.connects = 0
        self.boards = 0
        self.connected = False
        self.retry = 0.5
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Screen:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task})

    async def shows(self, words: str, seconds: float = RIGHT_SECONDS) -> None:
        """Until the board says so; TimeoutError when it does not."""
        async with asyncio.timeout(seconds):
            while words not in self.html:  # noqa: ASYNC110 - a person looks at it in the same way
                await asyncio.sleep(0.02)

    async def _run(self) -> None:
        async with aiohttp.ClientSession(cookies={"zhupi_screen": TOKEN}) as session:
            while True:
                with suppress(aiohttp.ClientError, OSError, TimeoutError):
                    await self._listen(session, self.ports[self.connects % len(self.ports)])
                self.connected = False
                await asyncio.sleep(min(self.retry, 2.0))

    async def _listen(self, session: aiohttp.ClientSession, port: int) -> None:
        self.connects += 1
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=40)
        url = f"http://127.0.0.1:{port}/kiosk/events"
        async with session.get(url, headers=headers, timeout=timeout) as answer:
            if answer.status != 200:
                return
            self.connected = True
            data: list[str] = []
            async for raw in answer.content:
                field, _, value = raw.decode().rstrip("\n").partition(": ")
                if field == "data" and value:
                    data.append(value)
                elif field == "id":
                    self.last_id = value
                elif field == "retry":
                    self.retry = int(value) / 1000
                elif not field and data:
                    self.html, data = "\n".join(data), []
                    self.boards += 1


async def rename(db: Database, title: str) -> None:
    """Change what the board shows, without telling anybody."""
    async with db.begin() as session:
        await session.execute(update(Assignment).values(title=title))


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[TestServer]:
    """One process's application."""
    server = TestServer(create_app(settings, grading=False))
    await server.start_server()
    try:
        yield server
    finally:
        await server.close()


async def test_redis_dies_and_the_screen_stays(own: tuple[embedded.Services, Settings]) -> None:
    services, settings = own
    async with paired(settings) as (db, board), serving(settings) as server:
        assert server.port is not None
        async with Screen(server.port) as screen:
            await screen.shows("Heat")
            await asyncio.to_thread(kill, services, "valkey")
            # Nobody can be told of this one; the board must show it all the same.
            await rename(db, "Warmth")
            await screen.shows("Warmth", 20)
            assert screen.connects == 1, "the screen lost its stream with Redis"
            bus = Bus(settings.redis_url.get_secret_value())
            await asyncio.sleep(2)
            await rename(db, "Fire")
            await bus.publish(MarkChanged(board.assignment_id, 1, 1))
            await screen.shows("Fire")
            await bus.close()
            assert screen.connects == 1


async def test_a_screen_connects_while_redis_is_away(own: tuple[embedded.Services, Settings]) -> None:
    _services, settings = own
    nowhere = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    async with paired(settings), serving(nowhere) as server:
        assert server.port is not None
        async with Screen(server.port) as screen:
            await screen.shows("Heat")
            assert screen.connects == 1


async def test_postgresql_dies_and_the_board_stands_until_it_is_back(
    own: tuple[embedded.Services, Settings],
) -> None:
    services, settings = own
    async with paired(settings) as (db, board), serving(settings) as server:
        assert server.port is not None
        bus = Bus(settings.redis_url.get_secret_value())
        async with Screen(server.port) as screen:
            await screen.shows("Heat")
            await asyncio.to_thread(kill, services, "postgres")
            await bus.publish(MarkChanged(board.assignment_id, 1, 1))

            async def changed() -> bool:
                try:
                    await rename(db, "Warmth")
                except Exception:
                    return False
                return True

            await graded.until(changed, 60)
            await screen.shows("Warmth")
            assert screen.connects == 1, "the screen lost its stream with the database"
        await bus.close()


async def test_two_processes_show_the_same(own: tuple[embedded.Services, Settings]) -> None:
    _, settings = own
    async with paired(settings) as (db, board), serving(settings) as one, serving(settings) as two:
        assert one.port and two.port
        bus = Bus(settings.redis_url.get_secret_value())
        async with Screen(one.port) as first, Screen(two.port) as second, Screen(one.port, two.port) as third:
            for each in (first, second, third):
                await each.shows("Heat")
            await rename(db, "Warmth")
            await bus.publish(MarkChanged(board.assignment_id, 1, 1))
            for each in (first, second, third):
                await each.shows("Warmth", 2)
            # Another replica takes over: what did not change is not sent again.
            boards = third.boards
            one.app[CONNECTED].end()
            await graded.until(lambda: _is(third.connected and third.connects == 2), 10)
            await asyncio.sleep(0.5)
            assert third.boards == boards
        await bus.close()


async def _is(value: bool) -> bool:
    return value


def serve(settings: Settings, port: int) -> subprocess.Popen[bytes]:
    """The real server."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    values = {
        "VAR_DIR": str(settings.var_dir), "PORT": str(port), "LOG_LEVEL": "ERROR",
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "SECRET_KEY": settings.secret_key.get_secret_value(),
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve"],
        cwd=ROOT,
        env={**kept, **values},
        stdout=subprocess.DEVNULL,
    )


async def test_the_server_restarts_and_is_killed(own: tuple[embedded.Services, Settings]) -> None:
    _, settings = own
    port = free_port()
    async with paired(settings) as (db, _), Screen(port) as screen:
        process = serve(settings, port)
        try:
            await screen.shows("Heat", 60)
            for number, title in ((signal.SIGTERM, "Warmth"), (signal.SIGKILL, "Fire")):
                began = time.monotonic()
                process.send_signal(number)
                assert await asyncio.to_thread(process.wait, 30) is not None
                assert time.monotonic() - began < 8, "open streams held the stop"
                await rename(db, title)
                process = serve(settings, port)
                await graded.until(lambda: _is(screen.connected), 60)
                await screen.shows(title)
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 30)
