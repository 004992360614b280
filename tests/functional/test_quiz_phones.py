"""The quiz from the phones' side: bad codes, bad answers, too many of them, and a class that answers at once."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import func, select, text

from app.assignments.models import Assignment
from app.classroom import pairing, quiz_store, store
from app.classroom.models import BoardKind, QuizAnswer
from app.db import Database
from app.events.schema import QuizChanged
from app.keys import BUS, REDIS
from app.web import board_view, phones, quiz_state
from tests.conftest import Client, World
from tests.functional.quiz_help import SignIn, begin, graded, heat, phone, send, stored, the_round

CLASS = 500
ARRIVAL_SECONDS = 5.0


@pytest.fixture
async def work(db: Database, world: World) -> Assignment:
    """The assignment of these tests."""
    return await heat(db, world)


@pytest.fixture
async def mine(server: TestServer) -> AsyncIterator[Client]:
    """One phone."""
    made = phone(server)
    yield made
    await made.session.close()


@pytest.fixture
async def teacher(sign_in: SignIn, world: World) -> Client:
    """Alice."""
    client: Client = await sign_in(world.alice)
    return client


async def asked(teacher: Client, db: Database, work: Assignment, place: int = 0) -> tuple[int, str]:
    """A round and its code."""
    round_id = await begin(teacher, work, place)
    return round_id, (await the_round(db, round_id)).code


async def test_a_code_leads_to_the_question(
    teacher: Client, db: Database, work: Assignment, mine: Client
) -> None:
    _, code = await asked(teacher, db, work)
    assert set(code) <= set(pairing.ALPHABET) and len(code) == 5
    page = await mine.get("/q")
    assert page.status == 200 and 'name="code"' in await page.text()
    cookie = SimpleCookie(page.headers["Set-Cookie"])["zhupi_phone"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/q"
    found = await mine.get("/q", params={"code": f" {code[:2].lower()}-{code[2:]} "}, allow_redirects=False)
    assert found.status == 303 and found.headers["Location"] == f"/q/{code}"
    page = await mine.get(f"/q/{code}")
    assert page.status == 200 and "Which conducts best?" in await page.text()
    assert "Set-Cookie" not in page.headers
    chinese = await mine.get(f"/q/{code}", headers={"Accept-Language": "zh-CN"})
    assert "不需要姓名和账号" in await chinese.text()
    assert (await mine.put(f"/q/{code}")).status == 405
    assert (await mine.post("/q", data={"code": code})).status == 405
    assert (await mine.post(f"/q/{code}/state")).status == 405
    assert (await mine.get("/")).url.path == "/sign-in"  # a phone's cookie opens nothing else


@pytest.mark.parametrize("code", ["AAAAA", "0OIL1", "x", "A" * 200, "%00", "%E9%A2%98", "..%2F", "'; drop"])
async def test_a_code_of_nothing(teacher: Client, mine: Client, code: str) -> None:
    for answer in (
        await mine.get(f"/q/{code}"),
        await mine.post(f"/q/{code}", data={"answer": "B"}),
    ):
        assert answer.status == 404, code
        assert 'name="code"' in await answer.text()
    assert (await mine.get(f"/q/{code}/state")).status == 404


async def test_guessing_codes_is_limited(
    mine: Client, monkeypatch: pytest.MonkeyPatch, teacher: Client, db: Database, work: Assignment
) -> None:
    _, code = await asked(teacher, db, work)
    monkeypatch.setattr(phones, "WRONG_CODES", phones.Limit("quiz:codes", 3, 60))
    statuses = [(await mine.get("/q/AAAAA")).status for _ in range(5)]
    assert statuses == [404, 404, 404, 429, 429]
    assert (await mine.get(f"/q/{code}")).status == 200  # the class behind the same address goes on


async def test_an_answer_may_be_changed_while_the_question_is_open(
    teacher: Client, db: Database, work: Assignment, mine: Client
) -> None:
    round_id, code = await asked(teacher, db, work)
    plain = await mine.post(f"/q/{code}", data={"answer": "A"}, allow_redirects=False)
    assert plain.status == 303 and plain.headers["Location"] == f"/q/{code}"
    assert 'value="A" class="chosen"' in await (await mine.get(f"/q/{code}")).text()
    await graded(db, round_id)
    await send(mine, code, "B")
    rows = await graded(db, round_id)
    assert [(row.text, row.verdict, row.version) for row in rows] == [("B", "right", 2)]
    state = await (await mine.get(f"/q/{code}/state")).json()
    assert state == {"round": round_id, "open": True, "left": None}
    await teacher.post(f"/assignments/{work.id}/quiz/{round_id}/close")
    assert "takes no answers any more" in await send(mine, code, "C", 409)
    assert [row.text for row in await stored(db, round_id)] == ["B"]
    await asyncio.sleep(quiz_state.STATE_SECONDS + 0.05)
    assert (await (await mine.get(f"/q/{code}/state")).json())["open"] is False
    closed = await (await mine.get(f"/q/{code}")).text()
    assert "This question is closed." in closed and "<form" not in closed


async def test_an_answer_to_the_question_before_is_not_taken_for_this_one(
    teacher: Client, db: Database, work: Assignment, mine: Client
) -> None:
    first, code = await asked(teacher, db, work)
    second, again = await asked(teacher, db, work, 2)
    assert again == code
    page = await send(mine, code, "B", 409, round=str(first))
    assert "Why does iron feel colder" in page
    assert await stored(db, second) == [] and await stored(db, first) == []


@pytest.mark.parametrize("answer", ["", "   ", "\0\0", "\u200b\u202e", "\n\t", "Z", "AB", "b" * 600])
async def test_an_empty_or_impossible_choice(
    teacher: Client, db: Database, work: Assignment, mine: Client, answer: str
) -> None:
    round_id, code = await asked(teacher, db, work)
    assert "Choose one of the options first." in await send(mine, code, answer, 422)
    assert await stored(db, round_id) == []


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (" Iron\0 is\r\ncold\x07 ", "Iron is cold"),
        ("x" * 700, "x" * 500),
        ("\u202eevil\u202c", "evil"),
        ("😀 好", "😀 好"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
    ],
)
async def test_what_is_left_of_a_strange_text(
    teacher: Client, db: Database, work: Assignment, mine: Client, answer: str, kept: str
) -> None:
    round_id, code = await asked(teacher, db, work, 2)
    page = await send(mine, code, answer)
    assert [row.text for row in await stored(db, round_id)] == [kept]
    assert "<img src=x" not in page


async def test_an_empty_text_is_refused_kindly(
    teacher: Client, db: Database, work: Assignment, mine: Client
) -> None:
    round_id, code = await asked(teacher, db, work, 2)
    for nothing in ("", " \0\n ", "\u200b"):
        assert "Write an answer first" in await send(mine, code, nothing, 422)
    assert (await mine.post(f"/q/{code}", json={"answer": "x"})).status == 400
    assert (
        await mine.post(f"/q/{code}", data=b"answer=%ff", headers={"Content-Type": phones.FORM})
    ).status == 400
    many = "&".join(f"x{number}=1" for number in range(100))
    refused = await mine.post(f"/q/{code}", data=many, headers={"Content-Type": phones.FORM})
    assert refused.status == 400
    assert await stored(db, round_id) == []


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_megabyte_is_refused_before_it_has_arrived(
    teacher: Client, db: Database, work: Assignment, mine: Client, chunked: bool
) -> None:
    round_id, code = await asked(teacher, db, work, 2)
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(64):
            sent += 2**14
            yield b"a" * 2**14

    data = body() if chunked else b"answer=" + b"a" * 2**20
    headers = {"Content-Type": phones.FORM, "Accept-Language": "zh"}
    answer = await mine.post(f"/q/{code}", data=data, headers=headers)
    assert answer.status == 413 and "内容太长" in await answer.text()
    assert await stored(db, round_id) == []


async def test_a_thousand_answers_of_one_phone_are_one(
    teacher: Client, db: Database, work: Assignment, mine: Client
) -> None:
    round_id, code = await asked(teacher, db, work)
    await mine.get(f"/q/{code}")
    statuses = []
    for start in range(0, 1000, 50):
        answers = [
            mine.post(f"/q/{code}", data={"answer": "B"}, headers={"X-Zhupi-Phone": "1"}) for _ in range(50)
        ]
        statuses += [answer.status for answer in await asyncio.gather(*answers)]
        assert start or 429 in statuses
    assert statuses.count(200) == 20 and statuses.count(429) == 980
    assert [row.version for row in await stored(db, round_id)] == [20]
    other = phone(mine.server)  # type: ignore[arg-type]  # the same server
    assert "has arrived" in await send(other, code, "A")
    await other.session.close()


async def test_new_phones_of_one_address_and_answers_of_a_round_are_limited(
    teacher: Client, db: Database, work: Assignment, server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id, code = await asked(teacher, db, work)
    monkeypatch.setattr(phones, "NEW_PHONES", phones.Limit("quiz:new", 5, 60))
    monkeypatch.setattr(quiz_store, "MOST_ANSWERS", 3)
    statuses = []
    for _ in range(7):
        fresh = phone(server)
        answer = await fresh.post(f"/q/{code}", data={"answer": "B"}, headers={"X-Zhupi-Phone": "1"})
        statuses.append(answer.status)
        if statuses == [200]:
            first = fresh
        else:
            await fresh.session.close()
    assert statuses == [200, 200, 200, 409, 409, 429, 429]
    assert "has arrived" in await send(first, code, "A")  # who is in it may change their mind
    await first.session.close()
    assert len(await stored(db, round_id)) == 3


async def test_redis_away_stops_no_lesson(
    teacher: Client,
    db: Database,
    work: Assignment,
    mine: Client,
    server: TestServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    round_id, code = await asked(teacher, db, work)

    def away(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(server.app[REDIS], "pipeline", away)
    await send(mine, code, "B")
    assert [row.verdict for row in await graded(db, round_id)] == ["right"]


async def test_a_class_answers_within_five_seconds(
    teacher: Client, db: Database, work: Assignment, server: TestServer, app: web.Application
) -> None:
    """500 phones, some of them twice: all stored, none doubled, few events, the board right soon after the last."""
    round_id, code = await asked(teacher, db, work, 2)
    said = [
        "Iron conducts heat better",
        "Iron is colder than wood",
        "Because it is metal, so it is cold",
        "no idea",
    ]
    client = phone(server)
    tokens = [f"{number:0>24}" for number in range(CLASS)]

    async def one(number: int) -> int:
        await asyncio.sleep(number % CLASS / CLASS * (ARRIVAL_SECONDS - 1))
        headers = {"Cookie": f"zhupi_phone={tokens[number % CLASS]}", "X-Zhupi-Phone": "1"}
        answer = await client.post(f"/q/{code}", data={"answer": said[number % 4]}, headers=headers)
        return answer.status

    async with app[BUS].subscribe(work.id, "0-0") as page:
        began = time.monotonic()
        statuses = await asyncio.gather(*(one(number) for number in range(CLASS + 50)))
        last = time.monotonic()
        assert set(statuses) == {200}
        async with db.begin() as session:
            board = await store.board_of(session, work.id, BoardKind.QUIZ, "en")
        html = await board_view.render(app, board.id, "en") or ""
        assert f"<b>{CLASS}</b>" in html and time.monotonic() - last < 2
        await graded(db, round_id, 30)
        entries = await page.next(1)
        assert entries is not None
        told = [entry for entry in entries if isinstance(entry.event, QuizChanged)]
        assert 1 <= len(told) <= 5 * (time.monotonic() - began) + 2
    await client.session.close()
    async with db.begin() as session:
        phones_heard = await session.scalar(select(func.count(func.distinct(QuizAnswer.device_hash))))
    assert phones_heard == len(await stored(db, round_id)) == CLASS
    groups = await (await teacher.get(f"/assignments/{work.id}/quiz")).text()
    assert re.search(r'class="n">\d+', groups)


async def test_answers_carry_nobody(teacher: Client, db: Database, work: Assignment, mine: Client) -> None:
    round_id, code = await asked(teacher, db, work)
    await send(mine, code, "B")
    token = next(each.value for each in mine.session.cookie_jar if each.key == "zhupi_phone")
    rows = await stored(db, round_id)
    assert token not in repr(vars(rows[0]))
    async with db.begin() as session:
        await session.execute(text("delete from assignments"))
    assert await stored(db, round_id) == []
