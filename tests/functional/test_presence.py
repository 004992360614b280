"""Who is marking what: two teachers, several windows, an outage, and what the streams say of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import redis.asyncio as redis
from aiohttp.test_utils import TestServer
from redis.exceptions import ConnectionError as Away

from app.classroom import presence
from app.classroom.presence import Place
from app.db import Database
from app.events.schema import PaperChanged
from app.keys import BUS, REDIS
from app.main import create_app
from app.settings import Settings
from app.web import events
from tests import graded
from tests.conftest import Client, World
from tests.functional.review_help import HTMX, Graded, make_graded

SignIn = Callable[..., Any]
ALICE, BOB = 7, 8


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Any]:
    """Redis itself."""
    made = redis.Redis.from_url(settings.redis_url.get_secret_value())
    yield made
    await made.aclose()


def place(user: int, page: str = "a", stream: str = "s", paper: int = 3) -> Place:
    return Place(1, paper, user, page, stream)


def users(found: presence.Present, paper: int = 3) -> list[int]:
    return [here.user_id for here in found.get(paper, ())]


async def test_who_came_first_stands_first_and_stays_first(store: Any) -> None:
    found, new = await presence.stay(store, place(ALICE))
    assert new and users(found) == [ALICE]
    await asyncio.sleep(0.01)
    found, new = await presence.stay(store, place(BOB))
    assert new and users(found) == [ALICE, BOB]
    found, new = await presence.stay(store, place(ALICE))
    assert not new and users(found) == [ALICE, BOB]
    assert users(await presence.present(store, 1)) == [ALICE, BOB]
    assert await presence.present(store, 2) == {}
    assert 0 < await store.ttl(presence.key_of(1)) <= presence.SECONDS


async def test_two_windows_are_one_teacher(store: Any) -> None:
    await presence.stay(store, place(ALICE, "a"))
    found, new = await presence.stay(store, place(ALICE, "b"))
    assert not new and users(found) == [ALICE]
    assert not await presence.leave(store, place(ALICE, "a"))
    assert users(await presence.present(store, 1)) == [ALICE]
    assert await presence.leave(store, place(ALICE, "b"))
    assert await presence.present(store, 1) == {}
    assert not await presence.leave(store, place(ALICE, "b"))


async def test_a_page_that_came_back_is_not_removed_by_its_old_stream(store: Any) -> None:
    await presence.stay(store, place(ALICE, "a", "old"))
    await presence.stay(store, place(ALICE, "a", "new"))
    assert not await presence.leave(store, place(ALICE, "a", "old"))
    assert users(await presence.present(store, 1)) == [ALICE]


async def test_time_releases_what_nobody_releases(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "SECONDS", 1.0)
    await presence.stay(store, place(ALICE))
    await asyncio.sleep(0.6)
    await presence.stay(store, place(BOB))  # keeps the hash, not her
    await asyncio.sleep(0.6)
    assert users(await presence.present(store, 1)) == [BOB]
    found, new = await presence.stay(store, place(ALICE))
    assert new and users(found) == [BOB, ALICE]
    assert len(await store.hgetall(presence.key_of(1))) == 2


BROKEN = [("x", "y"), ("3:7:a", ""), ("3:7:a", "1 2"), ("::", "1 9e99 s"), ("²:³:a", "1 9e99 s")]


@pytest.mark.parametrize("field, value", BROKEN)
async def test_what_it_cannot_read_is_nobody(store: Any, field: str, value: str) -> None:
    await store.hset(presence.key_of(1), field, value)
    assert await presence.present(store, 1) == {}
    found, _ = await presence.stay(store, place(BOB))
    assert users(found) == [BOB]


async def test_without_redis_nobody_is_anywhere() -> None:
    class Gone:
        async def hgetall(self, _: str) -> None:
            raise Away

    assert await presence.stay(Gone(), place(ALICE)) == ({}, False)
    assert await presence.present(Gone(), 1) == {}
    assert not await presence.leave(Gone(), place(ALICE))


# -- the streams


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[TestServer]:
    """A server that, as under gunicorn, cancels a handler when its client leaves."""
    running = TestServer(create_app(settings, grading=False))
    await running.start_server()
    yield running
    await running.close()


@pytest.fixture
async def heat(db: Database, world: World) -> Graded:
    """Two papers, one graded."""
    return await make_graded(db, world)


class Stream:
    """A client that reads named and unnamed events."""

    def __init__(self, response: Any) -> None:
        self.response = response

    async def next(self, seconds: float = 10) -> tuple[str, str]:
        """(name, data) of the next event; heartbeats and the retry line are passed over."""
        async with asyncio.timeout(seconds):
            while True:
                lines = []
                while (line := (await self.response.content.readline()).decode()) != "\n":
                    if not line:
                        raise EOFError
                    lines.append(line.rstrip("\n"))
                fields = [line.partition(": ") for line in lines]
                data = "\n".join(value for name, _, value in fields if name == "data")
                event = next((value for name, _, value in fields if name == "event"), "")
                if data or event:
                    return event, data

    async def named(self, wanted: str, seconds: float = 10) -> str:
        """The data of the next event of a name; others are passed over."""
        async with asyncio.timeout(seconds):
            while True:
                name, data = await self.next(seconds)
                if name == wanted:
                    return data

    async def quiet(self, seconds: float = 0.4) -> bool:
        """Whether nothing comes."""
        try:
            await self.next(seconds)
        except TimeoutError:
            return True
        return False


def server_of(client: Client) -> Any:
    """The application that a client talks to."""
    return client.server.app  # type: ignore[attr-defined]  # a TestServer


def token(letter: str) -> str:
    return letter * 16


async def watch(client: Client, heat: Graded, page: str, paper: Any = None, more: str = "") -> Stream:
    query = f"view=paper&paper={(paper or heat.paper).id}&page={token(page)}{more}"
    response = await client.get(f"/assignments/{heat.assignment.id}/events?{query}")
    assert response.status == 200
    return Stream(response)


async def test_it_is_for_a_paper_of_the_assignment(
    sign_in: SignIn, world: World, heat: Graded, db: Database
) -> None:
    async with db.begin() as session:
        elsewhere, papers = await graded.assignment(session, world.klass)
    stranger, bob = await sign_in(world.charlie), await sign_in(world.bob)
    path = f"/assignments/{heat.assignment.id}/events?view=paper&page={token('a')}"
    assert (await stranger.get(f"{path}&paper={heat.paper.id}")).status == 404
    assert (await bob.post(f"{path}&paper={heat.paper.id}")).status == 405
    assert (await bob.head(f"{path}&paper={heat.paper.id}")).status == 405
    for wrong in (papers[0].id, 999, 10**30, "", "x", "-1"):
        assert (await bob.get(f"{path}&paper={wrong}")).status == 404, wrong
    for page in ("", "x", "A" * 16, "a" * 17, "a" * 5000):
        bad = f"/assignments/{heat.assignment.id}/events?view=paper&paper={heat.paper.id}&page={page}"
        assert (await bob.get(bad)).status == 400, page
    other = f"/assignments/{elsewhere.id}/events?view=paper&page={token('a')}"
    assert (await bob.get(f"{other}&paper={heat.paper.id}")).status == 404
    assert await presence.present(server_of(bob)[REDIS], heat.assignment.id) == {}


async def test_colleagues_see_each_other_come_and_go(sign_in: SignIn, world: World, heat: Graded) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    hers = await watch(alice, heat, "a")
    name, line = await hers.next()
    assert name == "" and 'hx-target="#presence"' in line and "marking" not in line
    rows = Stream(await bob.get(f"/assignments/{heat.assignment.id}/events?view=run"))
    assert f'id="here-{heat.paper.id}"' in (marks := (await rows.next())[1]) and "Alice is marking" in marks
    page = await (await bob.get(f"/papers/{heat.paper.id}")).text()
    assert "Alice is marking this paper. Mark it too?" in page
    his = await watch(bob, heat, "b")
    assert "Alice is marking this paper. Mark it too?" in (await his.next())[1]
    said = (await hers.next())[1]
    assert "Bob is marking this paper" in said and "data-ask" not in said
    # Neither a second window of his nor one on another paper is news to her.
    second = await watch(bob, heat, "c")
    third = await watch(bob, heat, "d", heat.other)
    assert await hers.quiet()
    his.response.close()
    assert await hers.quiet()
    second.response.close()
    assert "marking" not in (await hers.next())[1]
    assert await rows.quiet()  # he never sees himself
    hers.response.close()
    assert "Alice" not in (await rows.next())[1]
    third.response.close()


async def test_marks_come_again_into_rows_that_were_drawn_anew(
    sign_in: SignIn, world: World, heat: Graded
) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    await (await watch(alice, heat, "a")).next()
    listing = await (
        await bob.get(f"/assignments/{heat.assignment.id}/papers?part=list", headers=HTMX)
    ).text()
    assert listing.count("Alice is marking this paper</span>") == 1
    rows = Stream(await bob.get(f"/assignments/{heat.assignment.id}/events?view=papers"))
    assert "Alice" in (await rows.next())[1]
    await server_of(bob)[BUS].publish(PaperChanged(heat.assignment.id, heat.paper.id))
    assert f'hx-target="#paper-{heat.paper.id}"' in (await rows.next())[1]
    assert "Alice is marking" in (await rows.next())[1]


async def test_a_stream_that_only_reconnects_is_no_coming_and_going(
    sign_in: SignIn, world: World, heat: Graded, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    his = await watch(bob, heat, "b")
    await his.next()
    monkeypatch.setattr(events, "LIFE_SECONDS", 0.3)
    hers = await watch(alice, heat, "a")
    assert "Alice" in (await his.next())[1]
    with pytest.raises(EOFError):
        while True:
            await hers.next()
    assert await his.quiet()
    again = await watch(alice, heat, "a")
    assert "Bob is marking this paper. Mark it too?" in (await again.next())[1]  # he still was first
    assert await his.quiet(0.2)


async def test_who_is_gone_without_a_word_is_gone_in_time(
    sign_in: SignIn, world: World, heat: Graded, store: Any
) -> None:
    """A killed process: its teachers' time passes, and nobody says so."""
    alice = await sign_in(world.alice)
    killed = Place(heat.assignment.id, heat.paper.id, world.bob.id, token("b"), "killed")
    await presence.stay(store, killed)
    key = presence.key_of(heat.assignment.id)
    since, until, stream = (await store.hget(key, killed.field)).decode().split()
    await store.hset(key, killed.field, f"{since} {float(until) - presence.SECONDS + 1.5} {stream}")
    hers = await watch(alice, heat, "a")
    assert "Bob" in (await hers.next())[1]
    assert "Bob" not in (await hers.next(4))[1]


async def test_signing_out_leaves(
    sign_in: SignIn, world: World, heat: Graded, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    hers = await watch(alice, heat, "a")
    await hers.next()
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.2)
    his = await watch(bob, heat, "b")
    assert "Bob" in (await hers.next())[1]
    await bob.post("/sign-out")
    with pytest.raises(EOFError):
        while True:
            await his.next()
    assert "Bob" not in (await hers.next())[1]


async def test_a_deleted_colleague_has_no_name(
    sign_in: SignIn, world: World, heat: Graded, store: Any
) -> None:
    await presence.stay(store, Place(heat.assignment.id, heat.paper.id, 999, token("b"), "s"))
    alice = await sign_in(world.alice)
    assert "marking" not in (await (await watch(alice, heat, "a")).next())[1]


async def test_pages_do_without_presence(
    sign_in: SignIn, world: World, heat: Graded, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    await (await watch(bob, heat, "b")).next()

    async def away(*_: object, **__: object) -> None:
        raise Away

    monkeypatch.setattr(server_of(alice)[REDIS], "hgetall", away)
    above = f"/assignments/{heat.assignment.id}"
    for path in (f"/papers/{heat.paper.id}", f"{above}/run", f"{above}/papers"):
        response = await alice.get(path)
        assert response.status == 200 and "marking this paper" not in await response.text()
    await watch(alice, heat, "a")
