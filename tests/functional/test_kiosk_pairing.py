"""Pairing a screen: the code it shows, who may enter it, and what a token is worth before and after."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.assignments.models import Assignment
from app.audit.models import Action, AuditEntry
from app.classroom import pairing
from app.classroom.models import Board, Screen
from app.db import Database
from app.events.schema import ScreenChanged
from app.keys import BUS, REDIS
from tests import graded
from tests.conftest import Client, World

SignIn = Callable[..., Any]
CODE = re.compile(r'class="code" aria-label="([^"]+)"')


@pytest.fixture
async def heat(database: Database, world: World) -> Assignment:
    """An assignment of Alice's class."""
    async with database.begin() as db:
        assignment, _ = await graded.assignment(db, world.klass)
        return assignment


async def code_of(screen: Client) -> str:
    """The code that a screen shows."""
    answer = await screen.get("/kiosk")
    assert answer.status == 200
    found = CODE.search(await answer.text())
    assert found
    return found[1].replace(" ", "")


async def enter(teacher: Client, assignment: Assignment, code: str, **form: str) -> Any:
    """Enter a code on the Classroom page."""
    return await teacher.post(
        f"/assignments/{assignment.id}/screens",
        data={"kind": "progress", "code": code, **form},
        allow_redirects=False,
    )


async def the_screens(database: Database) -> list[Screen]:
    async with database.begin() as db:
        return list((await db.scalars(select(Screen).order_by(Screen.id))).all())


async def test_a_screen_is_paired_by_its_code(
    sign_in: SignIn, database: Database, world: World, heat: Assignment
) -> None:
    screen, teacher = await sign_in(None), await sign_in(world.alice)
    code = await code_of(screen)
    assert len(code) == 6 and set(code) <= set(pairing.ALPHABET)
    assert await code_of(screen) == code  # loaded again it shows the same one
    cookie = screen.session.cookie_jar.filter_cookies(screen.make_url("/"))["zhupi_pairing"]
    assert len(cookie.value) >= 43 and cookie.value not in code

    answer = await enter(teacher, heat, f" {code[:3].lower()}-{code[3:].lower()} ", label="  Room\n 204 ")
    assert answer.status == 303 and answer.headers["Location"] == f"/assignments/{heat.id}/classroom"
    (paired,) = await the_screens(database)
    assert paired.label == "Room 204" and paired.paired_by == world.alice.id
    assert paired.token_hash == pairing.digest(cookie.value)
    page = await (await teacher.get(answer.headers["Location"])).text()
    assert "The screen is paired" in page and "Room 204" in page

    answer = await screen.get("/kiosk/pairing", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/kiosk"
    answer = await screen.get("/kiosk")
    text = await answer.text()
    assert 'id="board"' in text and "hx-sse:connect" in text and code not in text
    kept = answer.cookies["zhupi_screen"]
    assert kept.value == cookie.value and kept["httponly"] and kept["samesite"] == "Lax"
    assert int(kept["max-age"]) >= 364 * 86_400
    assert (await the_screens(database))[0].seen_at is not None
    async with database.begin() as db:
        entry = await db.scalar(select(AuditEntry).where(AuditEntry.action == Action.SCREEN_PAIRED))
    assert entry is not None and entry.actor == "alice" and entry.object_id == paired.id


async def test_the_page_that_waits_hears_of_news_only(sign_in: SignIn) -> None:
    screen = await sign_in(None)
    text = await (await screen.get("/kiosk")).text()
    asks = re.search(r'hx-get="([^"]+)"', text)
    assert asks and asks[1].startswith("/kiosk/pairing?ends=")
    assert (await screen.get(asks[1], headers={"HX-Request": "true"})).status == 204
    other = await screen.get("/kiosk/pairing?ends=x", headers={"HX-Request": "true"})
    assert other.status == 200 and "pairing" in await other.text()


async def test_when_a_code_ends_another_one_comes_with_another_token(sign_in: SignIn, server: Any) -> None:
    screen = await sign_in(None)
    code = await code_of(screen)
    jar = screen.session.cookie_jar
    token = jar.filter_cookies(screen.make_url("/"))["zhupi_pairing"].value
    assert 590 < await server.app[REDIS].ttl(f"pairing:code:{code}") <= 600
    await server.app[REDIS].delete(f"pairing:code:{code}", f"pairing:screen:{pairing.digest(token)}")
    answer = await screen.get("/kiosk/pairing?ends=1", headers={"HX-Request": "true"})
    found = CODE.search(await answer.text())
    assert answer.status == 200 and found and found[1].replace(" ", "") != code
    assert jar.filter_cookies(screen.make_url("/"))["zhupi_pairing"].value != token


async def test_a_browser_without_cookies_is_told(sign_in: SignIn) -> None:
    screen = await sign_in(None)
    answer = await screen.get("/kiosk/pairing", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/kiosk?cookies"
    answer = await screen.get("/kiosk?cookies")
    text = await answer.text()
    assert "keeps no cookies" in text and not CODE.search(text) and answer.headers["Refresh"]


async def test_wrong_used_and_old_codes_get_the_same_answer(
    sign_in: SignIn, server: Any, database: Database, world: World, heat: Assignment
) -> None:
    teacher = await sign_in(world.alice)
    used, old = await code_of(await sign_in(None)), await code_of(await sign_in(None))
    assert (await enter(teacher, heat, used)).status == 303
    await server.app[REDIS].delete(f"pairing:code:{old}")
    said = set()
    for code in (used, old, "AAAAAA", "O0I1L5", "", "A", "x" * 5000, "ＡＣＤＥＦＨ", "朱批朱批朱批"):
        answer = await enter(teacher, heat, code)
        assert answer.status == 422
        said.add(re.sub(r"[0-9a-f]{16}", "", await answer.text()))
        await server.app[REDIS].delete(*await server.app[REDIS].keys("limit:*"))
    assert len(said) == 1
    assert len(await the_screens(database)) == 1


async def test_guessing_is_limited_for_a_teacher_and_for_an_address(
    sign_in: SignIn, server: Any, database: Database, world: World, heat: Assignment
) -> None:
    alice, bob, screen = await sign_in(world.alice), await sign_in(world.bob), await sign_in(None)
    code = await code_of(screen)
    for _ in range(pairing.WRONG_BY_TEACHER.most):
        assert (await enter(alice, heat, "AAAAAA")).status == 422
    # The right one is refused as well: whoever guesses learns nothing.
    for guess in ("AAAAAA", code):
        answer = await enter(alice, heat, guess)
        assert answer.status == 429 and "Wait 15 minutes" in await answer.text()
    assert await the_screens(database) == []
    # A colleague is not kept from it, until the address has guessed too often as well.
    (key,) = await server.app[REDIS].keys(f"limit:{pairing.WRONG_BY_ADDRESS.name}:*")
    await server.app[REDIS].set(key, pairing.WRONG_BY_ADDRESS.most, ex=60)
    assert (await enter(bob, heat, code)).status == 429
    await server.app[REDIS].delete(key)
    assert (await enter(bob, heat, code)).status == 303
    # What succeeds does not count.
    for _ in range(pairing.WRONG_BY_TEACHER.most + 2):
        again = await sign_in(None)
        assert (await enter(bob, heat, await code_of(again))).status == 303


async def test_of_two_teachers_at_once_one_gets_the_screen(
    sign_in: SignIn, database: Database, world: World, heat: Assignment
) -> None:
    alice, bob, screen = await sign_in(world.alice), await sign_in(world.bob), await sign_in(None)
    code = await code_of(screen)
    answers = await asyncio.gather(*(enter(each, heat, code) for each in (alice, bob) * 3))
    assert sorted(answer.status for answer in answers) == [303, 422, 422, 422, 422, 422]
    assert len(await the_screens(database)) == 1


async def test_a_code_whose_pairing_broke_off_is_followed_by_another(
    sign_in: SignIn, server: Any, database: Database, world: World, heat: Assignment
) -> None:
    screen = await sign_in(None)
    code = await code_of(screen)
    redis = server.app[REDIS]
    token_hash = await pairing.take(redis, code, world.alice.id, "")
    # Between the code and the row the screen keeps its token, or the row would be of one that it no longer has.
    assert await code_of(screen) == code
    assert 0 < await redis.ttl(f"pairing:screen:{token_hash}") <= pairing.TAKEN_SECONDS
    await redis.delete(f"pairing:screen:{token_hash}")
    assert await code_of(screen) != code


async def test_making_codes_is_limited_for_an_address(sign_in: SignIn, server: Any) -> None:
    first = await sign_in(None)
    code = await code_of(first)
    (key,) = await server.app[REDIS].keys(f"limit:{pairing.MADE_BY_ADDRESS.name}:*")
    await server.app[REDIS].set(key, pairing.MADE_BY_ADDRESS.most, ex=60)
    second = await sign_in(None)
    answer = await second.get("/kiosk")
    text = await answer.text()
    assert not CODE.search(text) and "Too many codes" in text and int(answer.headers["Refresh"]) >= 5
    assert await code_of(first) == code  # who has one keeps it
    assert await server.app[REDIS].keys("pairing:code:*") == [f"pairing:code:{code}".encode()]


async def test_who_may_pair(sign_in: SignIn, database: Database, world: World, heat: Assignment) -> None:
    code = await code_of(await sign_in(None))
    nobody, stranger = await sign_in(None), await sign_in(world.charlie)
    answer = await enter(nobody, heat, code)
    assert answer.status == 303 and answer.headers["Location"].startswith("/sign-in")
    assert (await enter(stranger, heat, code)).status == 404
    answer = await stranger.post("/pair", data={"kind": "progress", "assignment": str(heat.id), "code": code})
    assert answer.status == 404
    assert (await stranger.post("/assignments/x/screens", data={"code": code})).status == 404
    assert (await stranger.get(f"/assignments/{heat.id}/screens")).status == 405
    assert (await stranger.post("/kiosk")).status == 405
    assert (await stranger.post("/kiosk/pairing")).status == 405
    assert await the_screens(database) == []
    colleague = await sign_in(world.bob)
    assert (await enter(colleague, heat, code, kind="everything")).status == 422
    assert (await enter(colleague, heat, code)).status == 303  # a mistake before it used nothing up


async def test_a_scanned_code_is_paired_signed_in(
    sign_in: SignIn, database: Database, world: World, heat: Assignment
) -> None:
    screen, nobody, teacher = await sign_in(None), await sign_in(None), await sign_in(world.alice)
    code = await code_of(screen)
    answer = await nobody.get(f"/pair?code={code}", allow_redirects=False)
    assert answer.status == 303 and code in answer.headers["Location"]
    page = await (await teacher.get(f"/pair?code={code}")).text()
    assert f'value="{code}"' in page and heat.title in page
    assert '"><script>' not in await (await teacher.get('/pair?code="><script>')).text()
    for form in ({}, {"assignment": "x"}, {"assignment": str(heat.id)}):
        assert (await teacher.post("/pair", data={"code": code, **form})).status == 422
    form = {"code": code, "assignment": str(heat.id), "kind": "questions"}
    answer = await teacher.post("/pair", data=form, allow_redirects=False)
    assert answer.headers["Location"] == f"/assignments/{heat.id}/classroom"
    async with database.begin() as db:
        board = await db.scalar(select(Board).join(Screen, Screen.board_id == Board.id))
    assert board is not None and board.kind == "questions" and board.assignment_id == heat.id
    stranger = await sign_in(world.charlie)
    assert heat.title not in await (await stranger.get(f"/pair?code={code}")).text()


async def test_a_revoked_token_falls_back_to_pairing_with_another_one(
    sign_in: SignIn, server: Any, database: Database, world: World, heat: Assignment
) -> None:
    screen, teacher, stranger = await sign_in(None), await sign_in(world.bob), await sign_in(world.charlie)
    await enter(teacher, heat, await code_of(screen))
    await screen.get("/kiosk")
    token = screen.session.cookie_jar.filter_cookies(screen.make_url("/"))["zhupi_screen"].value
    (row,) = await the_screens(database)
    assert (await stranger.post(f"/screens/{row.id}/unpair")).status == 404
    assert (await teacher.get(f"/screens/{row.id}/unpair")).status == 405
    for bad in ("x", "-1", "99", "9" * 30):
        assert (await teacher.post(f"/screens/{bad}/unpair")).status == 404
    cursor = await server.app[BUS].last_id(heat.id)
    async with server.app[BUS].subscribe(heat.id, cursor) as heard:
        assert (await teacher.post(f"/screens/{row.id}/unpair", allow_redirects=False)).status == 303
        entries = await heard.next(5)
    assert [entry.event for entry in entries] == [ScreenChanged(heat.id, row.id)]
    assert await the_screens(database) == []
    answer = await screen.get("/kiosk")
    assert CODE.search(await answer.text())
    assert answer.cookies["zhupi_screen"].value == "" and answer.cookies["zhupi_pairing"].value != token
    stolen = await sign_in(None)
    answer = await stolen.get("/kiosk", headers={"Cookie": f"zhupi_screen={token}"})
    assert CODE.search(await answer.text())
    async with database.begin() as db:
        assert await db.scalar(select(AuditEntry.id).where(AuditEntry.action == Action.SCREEN_UNPAIRED))


@pytest.mark.parametrize("value", ["", "x", "ü", "a" * 5000, "%00", '"; path=/'])
async def test_garbage_in_the_cookie_is_a_screen_without_a_pairing(sign_in: SignIn, value: str) -> None:
    screen = await sign_in(None)
    for name in ("zhupi_screen", "zhupi_pairing"):
        answer = await screen.get("/kiosk", headers={"Cookie": f"{name}={value}"})
        assert answer.status == 200 and CODE.search(await answer.text())


async def test_a_screen_gets_404_on_teachers_pages_and_public_ones_work(
    sign_in: SignIn, world: World, heat: Assignment
) -> None:
    screen, teacher = await sign_in(None), await sign_in(world.alice)
    await enter(teacher, heat, await code_of(screen))
    await screen.get("/kiosk")
    for path in (
        "/",
        "/classes/1",
        f"/assignments/{heat.id}/results",
        "/papers/1",
        "/boards/1",
        "/users",
        "/nothing",
    ):
        assert (await screen.get(path, allow_redirects=False)).status == 404, path
    for path in ("/sign-out", f"/assignments/{heat.id}/screens", "/screens/1/unpair", "/boards/1/cover"):
        assert (await screen.post(path, allow_redirects=False)).status == 404, path
    for path in ("/sign-in", "/health/live", "/kiosk"):
        assert (await screen.get(path)).status == 200, path
    # Before it was paired the same browser is anybody's.
    answer = await (await sign_in(None)).get(
        "/", headers={"Cookie": "zhupi_pairing=x"}, allow_redirects=False
    )
    assert answer.status == 303
    # A teacher who signs in at such a browser is a teacher.
    form = {"username": world.alice.username, "password": "correct horse 7"}
    assert (await screen.post("/sign-in", data=form, allow_redirects=False)).status == 303
    assert (await screen.get(f"/assignments/{heat.id}/classroom")).status == 200


async def test_the_picture_leads_here_and_its_host_is_checked(sign_in: SignIn) -> None:
    screen = await sign_in(None)
    text = await (await screen.get("/kiosk")).text()
    assert "<svg" in text and "style=" not in text and f"{screen.host}:{screen.port}/pair" in text
    assert (await screen.get("/kiosk", headers={"Host": "evil.example"})).status == 421


async def test_before_pairing_the_browsers_language_then_the_boards(
    sign_in: SignIn, database: Database, world: World, heat: Assignment
) -> None:
    screen, teacher = await sign_in(None), await sign_in(world.alice)
    zh = {"Accept-Language": "zh-CN,zh;q=0.9"}
    page = await (await screen.get("/kiosk", headers=zh)).text()
    assert 'lang="zh-CN"' in page and "配对" in page
    await enter(teacher, heat, await code_of(screen))
    assert 'lang="en"' in await (await screen.get("/kiosk", headers=zh)).text()
    answer = await teacher.post(f"/assignments/{heat.id}/classroom/language", data={"language": "zh"})
    assert answer.status == 200
    assert 'lang="zh-CN"' in await (await screen.get("/kiosk")).text()


async def test_while_the_database_is_away_the_page_waits_and_comes_back(
    sign_in: SignIn, world: World, heat: Assignment, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen, teacher = await sign_in(None), await sign_in(world.alice)
    await enter(teacher, heat, await code_of(screen))
    await screen.get("/kiosk")
    with monkeypatch.context() as away:

        async def refuse(*_: object) -> None:
            raise ConnectionRefusedError

        away.setattr("app.classroom.screens.by_token", refuse)
        answer = await screen.get("/kiosk")
        assert answer.status == 503 and int(answer.headers["Refresh"]) >= 5
        assert "zhupi_screen" not in answer.cookies
        answer = await screen.get("/kiosk/pairing", headers={"HX-Request": "true"})
        assert answer.status == 503
    assert 'id="board"' in await (await screen.get("/kiosk")).text()
