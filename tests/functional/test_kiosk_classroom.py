"""The Classroom page: boards are hidden and shown, screens are moved, and none of it is for strangers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.assignments.models import Assignment
from app.classroom import boards, pairing, screens
from app.classroom.models import Board, BoardKind, Screen
from app.db import Database
from app.events.schema import BoardChanged, ScreenChanged
from app.keys import BUS
from tests import factories, graded
from tests.conftest import World

SignIn = Callable[..., Any]
ASKS = {"HX-Request": "true"}


@pytest.fixture
async def heat(database: Database, world: World) -> Assignment:
    """An assignment of Alice's class, its boards made."""
    async with database.begin() as db:
        assignment, _ = await graded.assignment(db, world.klass)
        await boards.of(db, assignment)
        return assignment


@pytest.fixture
async def light(database: Database, world: World) -> Assignment:
    """Another one of the same class."""
    async with database.begin() as db:
        assignment, _ = await graded.assignment(db, world.klass)
        assignment.title = "Light"
        return assignment


async def add_screen(database: Database, heat: Assignment, world: World, label: str = "Room 1") -> int:
    """A paired screen that shows progress."""
    async with database.begin() as db:
        board = await boards.board(db, heat, BoardKind.PROGRESS)
        token_hash = pairing.digest(label)
        return (await screens.pair(db, board, token_hash, label, world.alice.id)).id


async def hidden(database: Database, heat: Assignment) -> list[str]:
    """The kinds of the boards that are hidden."""
    async with database.begin() as db:
        made = await boards.existing(db, heat.id)
    return sorted(board.kind for board in made if board.hidden)


def at(assignment: Assignment, tail: str = "") -> str:
    return f"/assignments/{assignment.id}/classroom{tail}"


async def test_it_is_for_the_class_only(
    sign_in: SignIn, database: Database, world: World, heat: Assignment
) -> None:
    number = await add_screen(database, heat, world)
    nobody, stranger, colleague = (
        await sign_in(None),
        await sign_in(world.charlie),
        await sign_in(world.bob),
    )
    reads = [at(heat), "/boards/1", "/pair"]
    writes = [at(heat, "/cover"), at(heat, "/language"), "/boards/1/cover", f"/screens/{number}/move"]
    form = {"hidden": "1", "language": "zh", "kind": "quiz"}
    for path in reads:
        answer = await nobody.get(path, allow_redirects=False)
        assert answer.status == 303 and answer.headers["Location"].startswith("/sign-in")
        assert (await colleague.get(path)).status == 200
        assert (await colleague.delete(path)).status == 405
    for path in writes:
        answer = await nobody.post(path, data=form, allow_redirects=False)
        assert answer.status == 303 and answer.headers["Location"].startswith("/sign-in")
        assert (await stranger.post(path, data=form)).status == 404
        assert (await colleague.get(path)).status == 405
    for path in (at(heat), "/boards/1"):
        assert (await stranger.get(path)).status == 404
    for path in (
        "/assignments/99/classroom",
        "/assignments/x/classroom",
        "/boards/99",
        "/boards/x",
        "/boards/-1",
    ):
        assert (await colleague.get(path)).status == 404
    assert await hidden(database, heat) == []
    async with database.begin() as db:
        assert set(await db.scalars(select(Board.language))) == {"en"}
        screen = await db.get(Screen, number)
    assert screen is not None and screen.board_id == 1


async def test_a_colleagues_screen_of_another_class_is_not_moved_here_nor_ours_away(
    sign_in: SignIn, database: Database, world: World, heat: Assignment
) -> None:
    async with database.begin() as db:
        theirs = await factories.klass(db, world.charlie, name="9A")
        foreign, _ = await graded.assignment(db, theirs)
    number, far = await add_screen(database, heat, world), await add_screen(database, foreign, world, "Far")
    alice = await sign_in(world.alice)
    form = {"kind": "progress", "assignment": str(foreign.id)}
    assert (await alice.post(f"/screens/{number}/move", data=form)).status == 404
    form = {"kind": "progress", "assignment": str(heat.id)}
    assert (await alice.post(f"/screens/{far}/move", data=form)).status == 404
    assert "Far" not in await (await alice.get(at(heat))).text()


async def test_without_screens_it_says_where_to_begin(
    sign_in: SignIn, world: World, heat: Assignment
) -> None:
    alice = await sign_in(world.alice)
    text = await (await alice.get(at(heat))).text()
    assert "No screen shows this assignment yet" in text and "/kiosk" in text
    assert "means this computer only" in text  # the tests' server is at 127.0.0.1
    assert text.count('class="card"') == 4

    async def heads(path: str) -> str:
        return await (await alice.get(path)).text()

    assert 'aria-current="page">Classroom' in text and ">Classroom</a>" in await heads(
        f"/assignments/{heat.id}/papers"
    )


async def test_one_board_is_hidden_and_shown(
    sign_in: SignIn, server: Any, database: Database, world: World, heat: Assignment
) -> None:
    alice = await sign_in(world.alice)
    async with server.app[BUS].subscribe(heat.id, await server.app[BUS].last_id(heat.id)) as heard:
        answer = await alice.post("/boards/1/cover", data={"hidden": "1"}, allow_redirects=False)
        assert answer.status == 303 and answer.headers["Location"] == at(heat)
        assert [entry.event for entry in await heard.next(5)] == [BoardChanged(heat.id, 1)]
    assert len(await hidden(database, heat)) == 1
    assert "Eyes on the teacher" in await (await alice.get("/boards/1")).text()
    async with database.begin() as db:
        board = await db.get(Board, 1)
        assert board is not None and board.version == 2
    await alice.post("/boards/1/cover", data={"hidden": "0"})
    assert await hidden(database, heat) == []
    # Without scripts, or before they are there: back to the page with the button, and to no other.
    ours = ("/boards/1", f"/assignments/{heat.id}/misconceptions")
    for page in (*ours, "/users", "/boards/1/x", "//boards/1"):
        sent = {"Referer": f"{alice.make_url('/')}{page[1:]}"}
        answer = await alice.post(
            "/boards/1/cover", data={"hidden": "0"}, headers=sent, allow_redirects=False
        )
        back = page if page in ours else at(heat)
        assert answer.status == 303 and answer.headers["Location"] == back
    for bad in ("", "2", "yes", "-1", "\0"):
        assert (await alice.post("/boards/1/cover", data={"hidden": bad})).status == 400


async def test_everything_is_hidden_at_once_and_what_was_hidden_before_stays_so(
    sign_in: SignIn, server: Any, database: Database, world: World, heat: Assignment
) -> None:
    alice = await sign_in(world.alice)
    await alice.post("/boards/2/cover", data={"hidden": "1"})
    before = await hidden(database, heat)
    page = {"Referer": str(alice.make_url(at(heat))), **ASKS}
    answer = await alice.post(at(heat, "/cover"), data={"hidden": "1"}, headers=page)
    text = await answer.text()
    assert answer.status == 200 and "Show everything again" in text and 'hx-target="#board-cards"' in text
    assert len(await hidden(database, heat)) == 4
    covered = re.findall(r'name="board" value="(\d+)"', text)
    assert len(covered) == 3 and "2" not in covered
    form = [("hidden", "0"), *(("board", number) for number in covered)]
    answer = await alice.post(at(heat, "/cover"), data=form, headers=page)
    assert "Hide everything" in await answer.text()
    assert await hidden(database, heat) == before
    # A page that does not know what was hidden together shows all.
    await alice.post(at(heat, "/cover"), data={"hidden": "1"})
    await alice.post(at(heat, "/cover"), data={"hidden": "0"})
    assert await hidden(database, heat) == []
    # Strange boards are none of ours.
    await alice.post(at(heat, "/cover"), data={"hidden": "1"})
    await alice.post(at(heat, "/cover"), data=[("hidden", "0"), ("board", "x"), ("board", "99")])
    assert len(await hidden(database, heat)) == 4


async def test_a_preview_gets_the_parts_that_it_has(sign_in: SignIn, world: World, heat: Assignment) -> None:
    alice = await sign_in(world.alice)
    text = await (await alice.get("/boards/1")).text()
    assert 'hx-sse:connect="/boards/1/events"' in text and 'id="cover-1"' in text and "style=" not in text
    page = {"Referer": str(alice.make_url("/boards/1")), **ASKS}
    text = await (await alice.post(at(heat, "/cover"), data={"hidden": "1"}, headers=page)).text()
    targets = re.findall(r'hx-target="([^"]+)"', text)
    assert targets == ["#cover", "#cover-1", "#problems"]


async def test_a_screen_is_moved_to_another_board_and_another_assignment(
    sign_in: SignIn, server: Any, database: Database, world: World, heat: Assignment, light: Assignment
) -> None:
    number = await add_screen(database, heat, world)
    bob = await sign_in(world.bob)
    bus = server.app[BUS]
    async with bus.subscribe(heat.id, await bus.last_id(heat.id)) as heard:
        answer = await bob.post(f"/screens/{number}/move", data={"kind": "quiz"}, allow_redirects=False)
        assert answer.status == 303 and answer.headers["Location"] == at(heat)
        form = {"kind": "questions", "assignment": str(light.id)}
        assert "Room 1" in await (await bob.get(at(light))).text()
        answer = await bob.post(f"/screens/{number}/move", data=form, allow_redirects=False)
        assert answer.headers["Location"] == at(light)
        entries = await heard.next(5)
        while len(entries) < 2:
            entries += await heard.next(5)
    # Both times where the screen listened.
    assert [entry.event for entry in entries] == [ScreenChanged(heat.id, number)] * 2
    async with database.begin() as db:
        screen = await db.get(Screen, number)
        assert screen is not None
        board = await db.get(Board, screen.board_id)
    assert board is not None and (board.assignment_id, board.kind) == (light.id, "questions")
    text = await (await bob.get(at(heat), headers=ASKS, params={"part": "screens"})).text()
    assert "Light" in text and "<html" not in text
    for form in ({"kind": "x"}, {}, {"kind": "quiz\0x"}):
        assert (await bob.post(f"/screens/{number}/move", data=form)).status == 422
    assert (
        await bob.post(f"/screens/{number}/move", data={"kind": "quiz", "assignment": "99"})
    ).status == 404


async def test_the_boards_language_is_one_of_ours(
    sign_in: SignIn, database: Database, world: World, heat: Assignment
) -> None:
    alice = await sign_in(world.alice)
    for bad in ("", "de", "zh\0x", "x" * 1000):
        assert (await alice.post(at(heat, "/language"), data={"language": bad})).status == 400
    await alice.post(at(heat, "/language"), data={"language": "zh"})
    text = await (await alice.get("/boards/1")).text()
    assert 'lang="zh-CN" data-made' in text and '<html lang="en"' in text


async def test_a_label_is_shown_as_words(
    sign_in: SignIn, database: Database, world: World, heat: Assignment
) -> None:
    await add_screen(database, heat, world, '<script>alert("x")</script>')
    text = await (await (await sign_in(world.alice)).get(at(heat))).text()
    assert "<script>alert" not in text and "&lt;script&gt;" in text


async def test_a_deleted_assignment_leaves_no_screen(
    database: Database, world: World, heat: Assignment
) -> None:
    await add_screen(database, heat, world)
    async with database.begin() as db:
        found = await db.get(Assignment, heat.id)
        assert found is not None
        await db.delete(found)
    async with database.begin() as db:
        assert await screens.by_token(db, pairing.digest("Room 1")) is None
