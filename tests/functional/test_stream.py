"""The stream of an assignment: who may listen, what arrives, and that nothing is missed or left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientConnectionResetError, ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from app.accounts.models import User
from app.assignments.models import Assignment
from app.db import Database
from app.events.bus import Entry
from app.events.schema import GradingStarted, MarkChanged, PaperChanged, RunChanged
from app.keys import BUS, REDIS
from app.main import create_app
from app.marks.models import Mark, MarkState
from app.papers.models import Paper
from app.settings import Settings
from app.web import events
from app.web.live_views import latest
from app.web.sse import frame
from app.web.stream import RENDERER
from tests import factories, graded
from tests.conftest import Client, World

SignIn = Callable[..., Any]


@pytest.fixture
async def heat(db: Database, world: World) -> tuple[Assignment, list[Paper]]:
    """An assignment of two papers and two questions."""
    async with db.begin() as session:
        return await graded.assignment(session, world.klass)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[TestServer]:
    """One process's server; like under gunicorn, a handler is cancelled when its client leaves."""
    server = TestServer(create_app(settings, grading=False))
    await server.start_server()
    try:
        yield server
    finally:
        await server.close()


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[TestServer]:
    """The server of these tests."""
    async with serving(settings) as running:
        yield running


async def enter(server: TestServer, world: World) -> Client:
    client: Client = TestClient(server)
    form = {"username": world.alice.username, "password": factories.PASSWORD}
    assert (await client.post("/sign-in", data=form, allow_redirects=False)).status == 303
    return client


class Listener:
    """A client that reads server-sent events."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.id = ""

    async def next(self) -> str:
        """The data of the next event; "" for a heartbeat; EOFError at the end."""
        while True:
            lines: list[str] = []
            while (line := (await asyncio.wait_for(self.response.content.readline(), 10)).decode()) != "\n":
                if not line:
                    raise EOFError
                lines.append(line.rstrip("\n"))
            if lines == [":"]:
                return ""
            self.id = next((line[4:] for line in lines if line.startswith("id: ")), self.id)
            data = [line[6:] for line in lines if line.startswith("data: ")]
            if data:
                return "\n".join(data)


async def listen(client: Client, assignment: Assignment, query: str = "view=run", **headers: str) -> Listener:
    response = await client.get(f"/assignments/{assignment.id}/events?{query}", headers=headers)
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    return Listener(response)


async def mark(db: Database, paper: Paper, question_id: int, points: float) -> None:
    async with db.begin() as session:
        session.add(
            Mark(
                paper_id=paper.id,
                question_id=question_id,
                state=MarkState.GRADED,
                points=points,
                criteria=[],
                scheme_version=1,
            )
        )


async def test_it_is_for_the_class_only(
    sign_in: SignIn, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    path = f"/assignments/{heat[0].id}/events"
    nobody, stranger, colleague = [await sign_in(who) for who in (None, world.charlie, world.bob)]
    assert (await nobody.get(path, allow_redirects=False)).status == 303
    assert (await nobody.get(path, headers={"HX-Request": "true"})).status == 401
    assert (await stranger.get(path)).status == 404
    assert (await colleague.post(path)).status == 405
    assert (await colleague.get(path + "?view=secret")).status == 400
    answer = await colleague.get(path)
    assert answer.status == 200
    answer.close()


async def test_a_mark_arrives_as_its_cell(
    server: TestServer, db: Database, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    assignment, papers = heat
    question = assignment.questions[0]
    client = await enter(server, world)
    listener = await listen(client, assignment)
    await mark(db, papers[0], question.id, 1.5)
    await server.app[BUS].publish(MarkChanged(assignment.id, papers[0].id, question.id))
    html = await listener.next()
    assert f'<hx-partial hx-target="#cell-{papers[0].id}-{question.id}" hx-swap="outerMorph">' in html
    assert 'class="graded f5"' in html and ">1.5</a>" in html
    assert f'<td id="sum-{papers[0].id}" class="sum">1.5+</td>' in html
    assert "style=" not in html
    await client.close()


async def test_results_are_told_that_marks_changed(
    server: TestServer, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    assignment, papers = heat
    client = await enter(server, world)
    page = await (await client.get(f"/assignments/{assignment.id}/results")).text()
    assert f"/assignments/{assignment.id}/events?view=results&amp;after=0-0" in page
    response = await client.get(f"/assignments/{assignment.id}/events?view=results")
    bus, body = server.app[BUS], response.content
    assert (await body.readline()).startswith(b"retry: ")
    # A run that moves on changes no figure.
    await bus.publish(RunChanged(assignment.id, 1))
    await bus.publish(GradingStarted(assignment.id, papers[0].id, assignment.questions[0].id))
    await bus.publish(MarkChanged(assignment.id, papers[0].id, assignment.questions[0].id))
    lines = [await asyncio.wait_for(body.readline(), 10) for _ in range(3)]
    assert lines[:2] == [b"\n", b"event: marks\n"] and lines[2].startswith(b"id: ")
    await client.close()


async def test_the_place_brings_what_was_missed(
    server: TestServer, db: Database, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    assignment, papers = heat
    first, second = assignment.questions
    bus = server.app[BUS]
    client = await enter(server, world)
    page = await (await client.get(f"/assignments/{assignment.id}/run")).text()
    assert "after=0-0" in page
    await mark(db, papers[0], first.id, 1)
    await bus.publish(MarkChanged(assignment.id, papers[0].id, first.id))
    listener = await listen(client, assignment, "view=run&after=0-0")
    assert f"cell-{papers[0].id}-{first.id}" in await listener.next()
    place = listener.id
    listener.response.close()
    await mark(db, papers[0], second.id, 2)
    await bus.publish(MarkChanged(assignment.id, papers[0].id, second.id))
    # The header outranks the address, which a reconnecting client repeats.
    again = await listen(client, assignment, "view=run&after=0-0", **{"Last-Event-ID": place})
    html = await again.next()
    assert f"cell-{papers[0].id}-{second.id}" in html and f"cell-{papers[0].id}-{first.id}" not in html
    lost = await listen(client, assignment, "view=run", **{"Last-Event-ID": "99999999999999-0"})
    html = await lost.next()
    assert 'hx-target="#run-matrix"' in html and 'hx-target="#run-state"' in html
    await client.close()


async def test_two_servers_serve_one_stream(
    settings: Settings, db: Database, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    assignment, papers = heat
    question = assignment.questions[0]
    async with serving(settings) as one, serving(settings) as two:
        clients = [await enter(one, world), await enter(two, world)]
        listeners = [await listen(client, assignment) for client in clients]
        await mark(db, papers[1], question.id, 3)
        await one.app[BUS].publish(MarkChanged(assignment.id, papers[1].id, question.id))
        first, second = [await listener.next() for listener in listeners]
        assert first == second and listeners[0].id == listeners[1].id
        for client in clients:
            await client.close()


async def test_many_pages_one_rendering(
    server: TestServer, db: Database, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    assignment, papers = heat
    question = assignment.questions[0]
    client = await enter(server, world)
    listeners = [await listen(client, assignment) for _ in range(20)]
    await mark(db, papers[0], question.id, 1)
    await server.app[BUS].publish(MarkChanged(assignment.id, papers[0].id, question.id))
    assert len({await listener.next() for listener in listeners}) == 1
    assert server.app[RENDERER].rendered == 1
    await client.close()


async def test_run_and_paper_events(
    server: TestServer, db: Database, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    assignment, papers = heat
    client = await enter(server, world)
    run_page = await listen(client, assignment)
    papers_page = await listen(client, assignment, "view=papers")
    bus = server.app[BUS]
    await bus.publish(RunChanged(assignment.id, 1))
    html = await run_page.next()
    assert 'hx-target="#run-state"' in html and "Not graded yet" in html and 'hx-target="#run-start"' in html
    await bus.publish(PaperChanged(assignment.id, papers[0].id))
    assert f'<tr id="row-{papers[0].id}"' in await run_page.next()
    assert f'hx-target="#paper-{papers[0].id}"' in await papers_page.next()
    await bus.publish(GradingStarted(assignment.id, 999, 1), MarkChanged(assignment.id, 999, 1))
    await bus.publish(PaperChanged(assignment.id, papers[1].id))
    assert f'<tr id="row-{papers[1].id}"' in await run_page.next()
    await client.close()


async def test_a_removed_papers_line_goes(
    server: TestServer, db: Database, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    assignment, papers = heat
    client, colleague = await enter(server, world), await enter(server, world)
    run_page = await listen(colleague, assignment)
    papers_page = await listen(colleague, assignment, "view=papers")
    assert (await client.post(f"/papers/{papers[0].id}/remove", allow_redirects=False)).status == 303
    line = '<hx-partial hx-target="#{}-{}" hx-swap="delete"></hx-partial>'
    assert (await run_page.next()).strip() == line.format("row", papers[0].id)
    assert (await papers_page.next()).strip() == line.format("paper", papers[0].id)
    await client.close()
    await colleague.close()


async def test_a_client_that_leaves_is_forgotten(
    server: TestServer, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    client = await enter(server, world)
    listeners = [await listen(client, heat[0]) for _ in range(3)]
    bus = server.app[BUS]
    assert bus.open_pages == 3
    for listener in listeners:
        listener.response.close()

    async def none() -> bool:
        return bus.open_pages == 0

    await graded.until(none, 5)
    await client.close()


async def test_heartbeats_and_a_bounded_life(
    server: TestServer,
    world: World,
    heat: tuple[Assignment, list[Paper]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(events, "LIFE_SECONDS", 0.4)
    client = await enter(server, world)
    listener = await listen(client, heat[0])
    assert await listener.next() == ""
    with pytest.raises(EOFError):
        while True:
            assert await listener.next() == ""
    await client.close()


async def test_a_stopping_server_ends_its_streams_at_once(
    settings: Settings, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    async with serving(settings) as running:
        client = await enter(running, world)
        listener = await listen(client, heat[0])
        began = asyncio.get_running_loop().time()
        await running.close()
        with pytest.raises((EOFError, ConnectionError)):
            await listener.next()
        assert asyncio.get_running_loop().time() - began < 3
        await client.close()


def test_only_the_latest_of_a_cell_is_sent() -> None:
    def entry(number: int, event: Any) -> Entry:
        return Entry(f"{number}-0", event)

    told = [
        entry(1, GradingStarted(1, 2, 3)),
        entry(2, RunChanged(1, 9)),
        entry(3, MarkChanged(1, 2, 3)),
        entry(4, PaperChanged(1, 2)),
        entry(5, RunChanged(1, 9)),
    ]
    assert [each.id for each in latest(told)] == ["3-0", "4-0", "5-0"]
    assert frame("1-0", "<b>\n\n x</b>\n") == "id: 1-0\ndata: <b>\ndata:  x</b>\n\n"


def test_routes_exist(app: web.Application) -> None:
    assert {"run", "run_start", "run_change", "events"} <= set(app.router.named_resources())


@pytest.mark.parametrize("how", ["disabled", "signed out", "busy"])
async def test_it_ends_with_the_sign_in(
    server: TestServer, world: World, db: Database, heat: tuple[Assignment, list[Paper]],
    monkeypatch: pytest.MonkeyPatch, how: str,
) -> None:  # fmt: skip
    """Also while events come so fast that there is never time for a heartbeat."""
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.2)
    client = await enter(server, world)
    listener = await listen(client, heat[0])
    assert await listener.next() == ""
    assert await listener.next() == ""  # a good sign-in was looked at and goes on
    if how == "signed out":
        await client.post("/sign-out")
    else:
        async with db.begin() as session:
            user = await session.get_one(User, world.alice.id)
            user.disabled_at, user.session_epoch = user.created_at, user.session_epoch + 1

    over = asyncio.Event()  # and no cancellation: a client of Redis may lose one

    async def publish() -> None:
        while not over.is_set():
            await server.app[BUS].publish(PaperChanged(heat[0].id, heat[1][0].id))
            await asyncio.sleep(0.02)

    busy = asyncio.create_task(publish()) if how == "busy" else None
    try:
        async with asyncio.timeout(5):
            with pytest.raises(EOFError):
                while True:
                    await listener.next()
    finally:
        over.set()
        if busy is not None:
            await busy


async def test_it_goes_on_while_redis_or_the_database_are_away(
    server: TestServer, world: World, heat: tuple[Assignment, list[Paper]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.2)
    client = await enter(server, world)
    listener = await listen(client, heat[0])

    async def away(*_: object) -> int:
        raise ConnectionError

    monkeypatch.setattr(server.app[REDIS], "exists", away)
    for _ in range(4):
        assert await listener.next() == ""
    await client.close()


@pytest.mark.parametrize("path", ["/assignments/1/events?view=run", "/events"])
async def test_a_client_that_leaves_in_the_middle_of_a_write_is_no_error(
    server: TestServer, world: World, heat: tuple[Assignment, list[Paper]], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, path: str,
) -> None:  # fmt: skip
    client = await enter(server, world)
    gone = asyncio.Event()
    write = web.StreamResponse.write

    async def leave(self: web.StreamResponse, data: bytes) -> None:
        if not data.startswith(b"retry"):
            gone.set()
            raise ClientConnectionResetError("Cannot write to closing transport")
        await write(self, data)

    monkeypatch.setattr(web.StreamResponse, "write", leave)
    async with client.get(path) as response:
        assert response.status == 200
        await server.app[BUS].publish(PaperChanged(heat[0].id, heat[1][0].id))
        await asyncio.wait_for(gone.wait(), 10)
        assert (await response.read()).startswith(b"retry")
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    await client.close()
