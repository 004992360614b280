"""The streams of boards: who may listen, what arrives, and that slow, revoked and greedy screens harm nobody."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import delete, select, update

from app.assignments.models import Assignment
from app.classroom import screens, store
from app.classroom.models import Board, BoardKind, Screen
from app.classroom.pairing import digest
from app.db import Database
from app.events.schema import BoardChanged, MarkChanged, PresenceChanged, ScreenChanged
from app.keys import BUS
from app.main import create_app
from app.settings import Settings
from app.web import channels, connected
from app.web.channels import Channel
from app.web.connected import CONNECTED, Connected
from tests import graded
from tests.conftest import Client, World

SignIn = Callable[..., Any]
TOKEN = "token-of-a-screen"


@pytest.fixture
async def board(db: Database, world: World) -> Board:
    """A board of Alice's class, which the screen of TOKEN shows."""
    async with db.begin() as session:
        assignment, _ = await graded.assignment(session, world.klass)
        made = await store.board_of(session, assignment.id, BoardKind.PROGRESS, "en")
        await screens.pair(session, made, digest(TOKEN), "front", world.alice.id)
    return made


@pytest.fixture
async def screen(server: TestServer) -> AsyncIterator[Client]:
    """A screen's browser."""
    client: Client = TestClient(server, cookies={"zhupi_screen": TOKEN})
    yield client
    await client.close()


class Stream:
    """An open stream as a browser reads it."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.id = ""
        self.retry = 0

    async def event(self) -> tuple[str, str]:
        """The next event's name ("" for a board) and data; EOFError at the end."""
        name, data = "", []
        while (line := (await asyncio.wait_for(self.response.content.readline(), 10)).decode()) != "\n":
            if not line:
                raise EOFError
            field, _, value = line.rstrip("\n").partition(": ")
            if field == "id":
                self.id = value
            elif field == "retry":
                self.retry = int(value)
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
        return name, "\n".join(data)

    async def board(self) -> str:
        """The next board's HTML."""
        while True:
            name, data = await self.event()
            if not name:
                return data


async def listen(client: Client, path: str = "/kiosk/events", **headers: str) -> Stream:
    response = await client.get(path, headers=headers)
    assert response.status == 200, await response.text()
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    return Stream(response)


def the_channel(server: TestServer) -> Channel:
    (found,) = server.app[CONNECTED].channels
    return found


async def rename(db: Database, board: Board, title: str) -> None:
    """Change what the board shows."""
    async with db.begin() as session:
        await session.execute(
            update(Assignment).where(Assignment.id == board.assignment_id).values(title=title)
        )


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells a test of it
            await asyncio.sleep(0.01)


async def test_a_screen_gets_its_board_at_once_and_each_change(
    server: TestServer, db: Database, board: Board, screen: Client
) -> None:
    stream = await listen(screen)
    assert await stream.event() == ("live", "")
    assert 500 <= stream.retry <= 4_000
    first = await stream.board()
    assert 'id="board"' in first and "Heat" in first and "style=" not in first
    assert re.fullmatch(r"\d+-\d+/[0-9a-f]{16}", stream.id)
    await rename(db, board, "Warmth")
    await server.app[BUS].publish(MarkChanged(board.assignment_id, 1, 1))
    assert "Warmth" in await stream.board()


async def test_who_may_listen(
    server: TestServer, sign_in: SignIn, world: World, board: Board, screen: Client
) -> None:
    nobody, alice, bob, charlie = [
        await sign_in(who) for who in (None, world.alice, world.bob, world.charlie)
    ]
    assert (await nobody.get("/kiosk/events")).status == 404
    # A teacher is no screen.
    assert (await alice.get("/kiosk/events")).status == 404
    path = f"/boards/{board.id}/events"
    assert (await charlie.get(path)).status == 404
    assert (await screen.get(path, allow_redirects=False)).status in (303, 404)
    assert (await nobody.get(path, headers={"HX-Request": "true"})).status in (401, 404)
    for bad in ("0", "-1", "x", "9" * 30, f"{board.id}a", "%00"):
        assert (await alice.get(f"/boards/{bad}/events")).status == 404, bad
    for method in ("POST", "HEAD", "DELETE"):
        assert (await bob.request(method, path)).status == 405
        assert (await screen.request(method, "/kiosk/events")).status == 405
    assert "Heat" in await (await listen(bob, path)).board()


@pytest.mark.parametrize("token", ["", "x", "ü" * 10, "a" * 4_000, digest(TOKEN)])
async def test_a_token_that_is_not_paired(server: TestServer, board: Board, token: str) -> None:
    client: Client = TestClient(server)
    answer = await client.get("/kiosk/events", headers={"Cookie": f"zhupi_screen={token}"})
    assert answer.status == 404
    await client.close()


async def test_a_screen_that_has_the_board_is_sent_nothing(
    server: TestServer, board: Board, screen: Client
) -> None:
    stream = await listen(screen)
    await stream.board()
    again = await listen(screen, **{"Last-Event-ID": stream.id})
    await again.event()
    line = list(the_channel(server).lines)[1]
    await asyncio.sleep(0.1)
    assert line.shown == the_channel(server).frame.digest  # type: ignore[union-attr]
    # As hx-sse and EventSource do it, an event of another board or of no sense brings the whole one.
    for strange in ("9999999999999-0/0123456789abcdef", "9999999999999-5", "ä/", "x" * 3_000, "/" * 17, "0"):
        assert "Heat" in await (await listen(screen, **{"Last-Event-ID": strange})).board()
        await asyncio.sleep(0)
        server.app[CONNECTED]._owners.clear()


async def test_many_events_are_few_renderings(
    server: TestServer, db: Database, board: Board, screen: Client
) -> None:
    stream = await listen(screen)
    await stream.board()
    channel = the_channel(server)
    before = channel.rendered
    began = asyncio.get_running_loop().time()
    for number in range(60):
        await rename(db, board, f"No {number}.")
        await server.app[BUS].publish(MarkChanged(board.assignment_id, 1, number))
        await asyncio.sleep(0.01)
    while "No 59." not in await stream.board():
        pass
    seconds = asyncio.get_running_loop().time() - began
    assert channel.rendered - before <= seconds / channels.RENDER_SECONDS + 2


async def test_what_does_not_concern_the_board_renders_nothing(
    server: TestServer, board: Board, screen: Client
) -> None:
    stream = await listen(screen)
    await stream.board()
    channel = the_channel(server)
    before = channel.rendered
    await server.app[BUS].publish(
        PresenceChanged(board.assignment_id, 1), BoardChanged(board.assignment_id, board.id + 1)
    )
    await asyncio.sleep(0.4)
    assert channel.rendered == before


async def test_all_screens_of_a_board_share_a_channel_and_the_last_one_ends_it(
    server: TestServer,
    sign_in: SignIn,
    world: World,
    board: Board,
    screen: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connected, "IDLE_SECONDS", 0.0)
    alice = await sign_in(world.alice)
    streams = [await listen(screen), await listen(screen), await listen(alice, f"/boards/{board.id}/events")]
    assert len({await stream.board() for stream in streams}) == 1
    assert len(the_channel(server).lines) == server.app[CONNECTED].screens == 3
    assert server.app[BUS].open_pages == 1
    for stream in streams:
        stream.response.close()
    await until(lambda: not server.app[CONNECTED].channels)
    await until(lambda: server.app[BUS].open_pages == 0)
    assert server.app[CONNECTED].screens == 0 and not server.app[CONNECTED]._owners


async def test_an_unpaired_screen_is_told_and_shut_out(
    server: TestServer, db: Database, board: Board, screen: Client
) -> None:
    stream = await listen(screen)
    await stream.board()
    async with db.begin() as session:
        number = await session.scalar(select(Screen.id))
        await session.execute(delete(Screen))
    await server.app[BUS].publish(ScreenChanged(board.assignment_id, number or 0))
    assert await stream.event() == ("moved", "")
    with pytest.raises(EOFError):
        await stream.event()
    assert (await screen.get("/kiosk/events")).status == 404


async def test_an_unpaired_screen_is_found_without_the_event(
    server: TestServer, db: Database, board: Board, screen: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connected, "SEEN_SECONDS", 0.0)
    stream = await listen(screen)
    await stream.board()
    async with db.begin() as session:
        await session.execute(delete(Screen))
    await server.app[CONNECTED]._compare(list(the_channel(server).lines), touch=True)
    assert await stream.event() == ("moved", "")


async def test_seen_at_moves(server: TestServer, db: Database, board: Board, screen: Client) -> None:
    await (await listen(screen)).board()
    await server.app[CONNECTED]._compare(list(the_channel(server).lines), touch=True)
    async with db.begin() as session:
        assert await session.scalar(select(Screen.seen_at)) is not None
    assert len(the_channel(server).lines) == 1


async def test_a_moved_screen_and_another_language_come_again(
    server: TestServer, db: Database, board: Board, screen: Client
) -> None:
    stream = await listen(screen)
    await stream.board()
    async with db.begin() as session:
        other = await store.board_of(session, board.assignment_id, BoardKind.QUESTIONS, "en")
        row = (await session.scalars(select(Screen))).one()
        row.board_id = other.id
    await server.app[BUS].publish(ScreenChanged(board.assignment_id, row.id))
    assert await stream.event() == ("moved", "")
    stream = await listen(screen)
    assert "board-questions" in await stream.board()
    async with db.begin() as session:
        await session.execute(update(Board).values(language="zh"))
    await server.app[BUS].publish(BoardChanged(board.assignment_id, other.id))
    assert await stream.event() == ("moved", "")


async def test_a_deleted_board_ends_its_streams(
    server: TestServer, db: Database, board: Board, screen: Client
) -> None:
    stream = await listen(screen)
    await stream.board()
    async with db.begin() as session:
        await session.execute(delete(Board))
    await server.app[BUS].publish(MarkChanged(board.assignment_id, 1, 1))
    assert await stream.event() == ("moved", "")
    assert (await screen.get("/kiosk/events")).status == 404


async def test_one_token_cannot_fill_the_server(server: TestServer, board: Board, screen: Client) -> None:
    streams = [await listen(screen) for _ in range(connected.PER_TOKEN)]
    refused = [await screen.get("/kiosk/events") for _ in range(20)]
    assert {answer.status for answer in refused} == {503}
    assert refused[0].headers["Retry-After"] == "10"
    assert "tries again by itself" in await refused[0].text()
    assert "Heat" in await streams[0].board()


async def test_an_old_stream_makes_room_for_the_same_screen(
    server: TestServer, board: Board, screen: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A screen that lost its network left streams behind; it must not be shut out for them."""
    monkeypatch.setattr(connected, "YOUNG_SECONDS", 0.0)
    streams = [await listen(screen) for _ in range(connected.PER_TOKEN + 3)]
    assert "Heat" in await streams[-1].board()
    await until(lambda: server.app[CONNECTED].screens == connected.PER_TOKEN)


async def test_a_full_process_refuses(server: TestServer, board: Board, screen: Client) -> None:
    server.app[CONNECTED].most = 1
    await listen(screen)
    assert (await screen.get("/kiosk/events")).status == 503


async def test_a_client_of_http_1_0_gets_the_board_without_chunks(server: TestServer, board: Board) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        f"GET /kiosk/events HTTP/1.0\r\nHost: 127.0.0.1\r\nCookie: zhupi_screen={TOKEN}\r\n\r\n".encode()
    )
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert b"200 OK" in head and b"chunked" not in head.lower()
    body = await asyncio.wait_for(reader.readuntil(b"</div>\n\n"), 5)
    assert body.startswith(b"retry: ") and b"\nid: " in body
    writer.close()


async def stuck(server: TestServer) -> socket.socket:
    """A client that asks and reads nothing, with the least room in the kernel."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    line.setblocking(False)
    await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", server.port))
    ask = f"GET /kiosk/events HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: zhupi_screen={TOKEN}\r\n\r\n"
    await asyncio.get_running_loop().sock_sendall(line, ask.encode())
    return line


async def test_a_screen_that_reads_nothing_is_skipped_and_cut_off(
    server: TestServer, db: Database, board: Board, screen: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = await stuck(server)
    await until(lambda: server.app[CONNECTED].screens == 1)
    slow = next(iter(the_channel(server).lines))
    stream = await listen(screen)
    await stream.board()
    # Fill the kernel's buffers, as hours of boards would.
    slow.transport.write(b": \n" * 3_000_000)
    waiting = slow.transport.get_write_buffer_size()
    assert waiting > 0
    for number in range(5):
        await rename(db, board, f"No {number}.")
        await server.app[BUS].publish(MarkChanged(board.assignment_id, 1, number))
        assert f"No {number}." in await stream.board(), "a slow screen held up another one"
        await asyncio.sleep(0.1)
    assert slow.transport.get_write_buffer_size() <= waiting, (
        "boards were buffered for a screen that reads nothing"
    )
    monkeypatch.setattr(channels, "STUCK_SECONDS", 0.5)
    await until(lambda: server.app[CONNECTED].screens == 1)
    sleeper.close()
    await rename(db, board, "After")
    await server.app[BUS].publish(MarkChanged(board.assignment_id, 1, 1))
    assert "After" in await stream.board()


async def test_a_slow_screen_gets_the_newest_board_when_it_reads_again(
    server: TestServer, db: Database, board: Board
) -> None:
    sleeper = await stuck(server)
    await until(lambda: server.app[CONNECTED].screens == 1)
    channel = the_channel(server)
    await until(lambda: channel.frame is not None)
    slow = next(iter(channel.lines))
    filler = b": \n" * 2_000_000
    slow.transport.write(b"%x\r\n%b\r\n" % (len(filler), filler))
    for number in range(5):
        await rename(db, board, f"No {number}.")
        await server.app[BUS].publish(MarkChanged(board.assignment_id, 1, number))
        await asyncio.sleep(0.3)
    text = b""
    async with asyncio.timeout(20):
        while b"No 4." not in text:
            text = text[-2_000:] + await asyncio.get_running_loop().sock_recv(sleeper, 1 << 20)
    assert b"No 2." not in text and b"No 3." not in text
    sleeper.close()


async def test_the_database_away_keeps_the_board(
    server: TestServer, db: Database, board: Board, screen: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = await listen(screen)
    await stream.board()
    real = channels.board_view.render

    async def broken(*_: object) -> str:
        raise ConnectionRefusedError

    monkeypatch.setattr(channels.board_view, "render", broken)
    await rename(db, board, "Later")
    await server.app[BUS].publish(MarkChanged(board.assignment_id, 1, 1))
    await until(lambda: the_channel(server)._failures >= 2)
    assert server.app[CONNECTED].screens == 1
    monkeypatch.setattr(channels.board_view, "render", real)
    assert "Later" in await stream.board()


async def test_a_bug_in_a_board_does_not_end_its_screens(
    server: TestServer, db: Database, board: Board, screen: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = await listen(screen)
    await stream.board()
    real = channels.board_view.render

    async def broken(*_: object) -> str:
        raise KeyError("a template's fault")

    monkeypatch.setattr(channels.board_view, "render", broken)
    await server.app[BUS].publish(MarkChanged(board.assignment_id, 1, 1))
    await until(lambda: the_channel(server)._failures >= 1)
    await rename(db, board, "Mended")
    monkeypatch.setattr(channels.board_view, "render", real)
    assert "Mended" in await stream.board()


async def test_the_server_stops_and_all_streams_end(settings: Settings, db: Database, board: Board) -> None:
    server = TestServer(create_app(settings, grading=False))
    await server.start_server()
    client: Client = TestClient(server, cookies={"zhupi_screen": TOKEN})
    stream = await listen(client)
    await stream.board()
    await server.app.shutdown()
    with pytest.raises(EOFError):
        await stream.event()
    await client.close()
    assert not server.app[CONNECTED].screens


async def test_a_life_ends_and_a_signed_out_teacher_sees_nothing_more(
    server: TestServer,
    sign_in: SignIn,
    world: World,
    board: Board,
    screen: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.web.kiosk_stream.SIGNED_IN_SECONDS", 0.1)
    stream = await listen(screen)
    await stream.board()
    next(iter(the_channel(server).lines)).ends_at = 0.0
    await server.app[CONNECTED]._beat(1.0)
    assert await stream.event() == ("live", "") and stream.retry == 200
    with pytest.raises(EOFError):
        await stream.event()
    alice = await sign_in(world.alice)
    preview = await listen(alice, f"/boards/{board.id}/events")
    await preview.board()
    await alice.post("/sign-out", allow_redirects=False)
    with pytest.raises(EOFError):
        await preview.event()


async def test_a_sign_of_life(server: TestServer, board: Board, screen: Client) -> None:
    stream = await listen(screen)
    await stream.event()
    await stream.board()
    await server.app[CONNECTED]._beat(0.0)
    assert await stream.event() == ("live", "")


def test_the_limit_follows_the_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 1_024))
    assert connected._files() == 1_024
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, resource.RLIM_INFINITY))
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: asked.append(pair))
    assert connected._files() == connected.MOST_FILES
    assert asked == [(connected.MOST_FILES, resource.RLIM_INFINITY)]
    assert Connected is not None
