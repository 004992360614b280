"""The review page hears of what others change: which marks, and nothing that does not concern it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from app.db import Database
from app.events.schema import GradingStarted, MarkChanged, PaperChanged, RunChanged
from app.keys import BUS
from app.main import create_app
from app.marks import store
from app.marks.models import MarkState
from app.settings import Settings
from app.web import paper_view
from tests import factories
from tests.conftest import Client, World
from tests.functional.review_help import HTMX, SCHEME, Graded, field, make_graded, mark_of
from tests.functional.test_presence import Stream, server_of, watch

SignIn = Callable[..., Any]


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[TestServer]:
    """A server that, as under gunicorn, cancels a handler when its client leaves."""
    running = TestServer(create_app(settings, grading=False))
    await running.start_server()
    yield running
    await running.close()


@pytest.fixture
async def heat(db: Database, world: World) -> Graded:
    """Ann's paper is graded, Ben's is not."""
    return await make_graded(db, world)


async def accept(client: Client, heat: Graded, question: Any, action: str = "accept", **form: str) -> str:
    """Decide a question as the page does, and return the answer."""
    page = await (await client.get(f"/papers/{heat.paper.id}")).text()
    sent = {
        "version": field(page, question, "version"),
        "was": field(page, question, "was"),
        "do": action,
        **form,
    }
    answer = await client.post(f"/papers/{heat.paper.id}/questions/{question.id}", data=sent, headers=HTMX)
    assert answer.status == 200
    return await answer.text()


async def changes(client: Client, heat: Graded, **query: str) -> str:
    answer = await client.get(f"/papers/{heat.paper.id}/changes", params=query, headers=HTMX)
    assert answer.status in (200, 204)
    return await answer.text()


async def test_a_decision_is_told_with_its_version(
    sign_in: SignIn, world: World, heat: Graded, db: Database
) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    stream = await watch(alice, heat, "a")
    await stream.next()
    await accept(bob, heat, heat.first)
    mark = await mark_of(db, heat.paper, heat.first)
    assert mark is not None
    assert await stream.named("marks") == f"{heat.first.id}:{mark.version}"


async def test_what_does_not_concern_the_paper_sends_nothing(
    sign_in: SignIn, world: World, heat: Graded
) -> None:
    alice = await sign_in(world.alice)
    stream = await watch(alice, heat, "a")
    await stream.next()
    bus, assignment = server_of(alice)[BUS], heat.assignment.id
    await bus.publish(MarkChanged(assignment, heat.other.id, heat.first.id))
    await stream.named("head")  # the page's own way through the papers is not known to its stream yet
    await bus.publish(
        RunChanged(assignment, 1),
        GradingStarted(assignment, heat.paper.id, heat.first.id),
        GradingStarted(assignment, heat.other.id, heat.first.id),
        MarkChanged(assignment, heat.other.id, heat.first.id),
        PaperChanged(assignment, heat.other.id),
    )
    assert await stream.quiet(paper_view.NEAR_SECONDS + 0.5)


async def test_the_way_through_the_papers_moves(
    sign_in: SignIn, world: World, heat: Graded, db: Database
) -> None:
    alice = await sign_in(world.alice)
    stream = await watch(alice, heat, "a")
    await stream.next()
    page = await (await alice.get(f"/papers/{heat.paper.id}")).text()
    assert "Only the 1 other paper" not in page
    async with db.begin() as session:
        await factories.mark(session, heat.other, heat.second, (1.0,), MarkState.NEEDS_TEACHER)
    await server_of(alice)[BUS].publish(MarkChanged(heat.assignment.id, heat.other.id, heat.second.id))
    await stream.named("head")
    shown = await changes(alice, heat, head="1")
    assert "Only the 1 other paper that needs you" in shown and 'hx-target="#question-' not in shown


async def test_too_much_was_missed(sign_in: SignIn, world: World, heat: Graded) -> None:
    alice = await sign_in(world.alice)
    stream = await watch(alice, heat, "a", more="&after=99999999999999-0")
    assert await stream.named("marks") == f"{heat.first.id}:1 {heat.second.id}:1"
    await stream.named("head")


async def test_a_removed_paper_is_gone(sign_in: SignIn, world: World, heat: Graded) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    stream = await watch(alice, heat, "a")
    await bob.post(f"/papers/{heat.paper.id}/remove")
    await stream.named("gone")


async def test_only_what_the_page_does_not_show(sign_in: SignIn, world: World, heat: Graded) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    have = f"{heat.first.id}:1,{heat.second.id}:1"
    assert await changes(alice, heat, have=have) == ""
    await accept(bob, heat, heat.first)
    shown = await changes(alice, heat, have=have)
    assert f'hx-target="#question-{heat.first.id}" hx-swap="outerMorph"' in shown
    assert f'hx-target="#question-{heat.second.id}"' not in shown and 'hx-target="#paper-total"' in shown
    assert "Question 1: Bob changed this mark meanwhile: 3 of 5" in shown and "Decided by Bob" in shown
    assert 'id="undo-' not in shown  # his step is not hers to take back


async def test_where_somebody_types_comes_a_line(sign_in: SignIn, world: World, heat: Graded) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    await accept(bob, heat, heat.first)
    have, busy = f"{heat.first.id}:1", str(heat.first.id)
    shown = await changes(alice, heat, have=have, busy=busy)
    assert f'hx-target="#question-{heat.first.id}"' not in shown
    assert (
        f'hx-target="#meanwhile-{heat.first.id}"' in shown
        and "Bob changed this mark meanwhile: 3 of 5" in shown
    )
    assert f'data-take="{heat.first.id}"' in shown
    assert "You changed this mark in another window: 3 of 5" in await changes(bob, heat, have=have, busy=busy)
    await accept(bob, heat, heat.second, "save", feedback="<b>Look</b>")
    shown = await changes(alice, heat, have=f"{heat.second.id}:1", busy=str(heat.second.id))
    assert "Bob changed this mark meanwhile <button" in shown


async def test_a_runs_proposal_is_told_too(sign_in: SignIn, world: World, heat: Graded, db: Database) -> None:
    alice = await sign_in(world.alice)
    async with db.begin() as session:
        mark = await store.of_paper(session, heat.paper.id)
        mark[heat.first.id].version += 1
    shown = await changes(alice, heat, have=f"{heat.first.id}:1", busy=str(heat.first.id))
    assert "This mark was graded meanwhile: 3 of 5" in shown


async def test_bad_questions_get_no_answer(sign_in: SignIn, world: World, heat: Graded) -> None:
    path = f"/papers/{heat.paper.id}/changes"
    nobody, stranger, bob = [await sign_in(who) for who in (None, world.charlie, world.bob)]
    assert (await nobody.get(path, allow_redirects=False)).status == 303
    assert (await stranger.get(path, headers=HTMX)).status == 404
    assert (await bob.post(path)).status == 405
    for wrong in ("0", "x", "-1", str(10**30)):
        assert (await bob.get(f"/papers/{wrong}/changes", headers=HTMX)).status == 404
    plain = await bob.get(path + "?order=needs", allow_redirects=False)
    assert plain.status == 303 and plain.headers["Location"] == f"/papers/{heat.paper.id}?order=needs"
    for have in ("", "x", "1", ":", "1:x,::,²:1", "999:1", f"{10**40}:1", "1:" + "9" * 3000, "\0"):
        answer = await bob.get(path, params={"have": have, "busy": have}, headers=HTMX)
        assert answer.status in (200, 204), have


# -- lists of assignments


async def signals(client: Client, path: str) -> Stream:
    response = await client.get(path)
    assert response.status == 200
    return Stream(response)


@pytest.mark.parametrize("page", ["/events", "/classes/{id}/events"])
async def test_lists_are_told_once_for_much(
    sign_in: SignIn, world: World, heat: Graded, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setattr("app.web.watching.GAP_SECONDS", 0.5)
    bob = await sign_in(world.bob)
    stream = await signals(bob, page.format(id=world.klass.id))
    assert await stream.next() == ("changed", "")  # whatever was missed
    bus = server_of(bob)[BUS]
    for _ in range(30):
        await bus.publish(MarkChanged(heat.assignment.id, heat.paper.id, heat.first.id))
    assert await stream.next() == ("changed", "")
    assert await stream.quiet(0.8)
    await bus.publish(GradingStarted(heat.assignment.id, 1, 1), MarkChanged(999, 1, 1))
    assert await stream.quiet()
    await bus.publish(RunChanged(heat.assignment.id, 1))
    assert await stream.next() == ("changed", "")


async def test_a_new_assignment_is_listened_to(
    sign_in: SignIn, world: World, heat: Graded, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"GAP_SECONDS": 0.1, "HEARTBEAT_SECONDS": 0.2, "LOOK_SECONDS": 0.3}.items():
        monkeypatch.setattr(f"app.web.watching.{name}", value)
    alice = await sign_in(world.alice)
    stream = await signals(alice, "/events")
    await stream.next()
    assert await stream.quiet(0.8)
    async with db.begin() as session:
        made = await factories.assignment(session, world.klass, SCHEME, "Light")
    assert await stream.next() == ("changed", "")
    await asyncio.sleep(0.2)
    await server_of(alice)[BUS].publish(PaperChanged(made.id, 1))
    assert await stream.next() == ("changed", "")


async def test_lists_of_others_are_not_told(sign_in: SignIn, world: World, heat: Graded) -> None:
    nobody, stranger, bob = [await sign_in(who) for who in (None, world.charlie, world.bob)]
    for path in ("/events", f"/classes/{world.klass.id}/events"):
        assert (await nobody.get(path, allow_redirects=False)).status == 303
        assert (await bob.post(path)).status == 405
        assert (await bob.head(path)).status == 405
    for wrong in (world.klass.id + 1, 0, "x", 10**30):
        assert (await bob.get(f"/classes/{wrong}/events")).status == 404
    assert (await stranger.get(f"/classes/{world.klass.id}/events")).status == 404
    stream = await signals(stranger, "/events")
    await stream.next()
    await server_of(bob)[BUS].publish(RunChanged(heat.assignment.id, 1))
    assert await stream.quiet()


async def test_the_lists_alone(sign_in: SignIn, world: World, heat: Graded) -> None:
    bob, stranger = await sign_in(world.bob), await sign_in(world.charlie)
    cards = await (await bob.get("/?part=cards", headers=HTMX)).text()
    assert 'id="class-cards"' in cards and "<html" not in cards and "Heat" in cards
    work = await (await bob.get(f"/classes/{world.klass.id}?part=work", headers=HTMX)).text()
    assert 'id="class-work"' in work and "<html" not in work and "Heat" in work
    assert "<html" in await (await bob.get("/?part=cards")).text()  # without htmx a whole page
    assert (await stranger.get(f"/classes/{world.klass.id}?part=work", headers=HTMX)).status == 404
    assert "Heat" not in await (await stranger.get("/?part=cards", headers=HTMX)).text()


async def test_a_stopping_server_ends_these_streams_at_once(
    settings: Settings, world: World, heat: Graded
) -> None:
    running = TestServer(create_app(settings, grading=False))
    await running.start_server()
    client: Client = TestClient(running)
    form = {"username": world.alice.username, "password": factories.PASSWORD}
    await client.post("/sign-in", data=form, allow_redirects=False)
    listing, paper = await signals(client, "/events"), await watch(client, heat, "a")
    await listing.next()
    await paper.next()
    began = asyncio.get_running_loop().time()
    await running.close()
    for stream in (listing, paper):
        with pytest.raises((EOFError, ConnectionError)):
            while True:
                await stream.next()
    assert asyncio.get_running_loop().time() - began < 3
    await client.close()
