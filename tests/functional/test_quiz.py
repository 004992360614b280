"""The quiz from the teacher's side: who may ask, what is stored and graded, what the room sees and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select, text, update

from app.assignments.models import Assignment
from app.classroom import quiz_store, store
from app.classroom.models import BoardKind, QuizAnswer, QuizRound
from app.db import Database
from app.web import board_view
from tests.conftest import Client, World
from tests.functional.quiz_help import (
    HTMX,
    SignIn,
    begin,
    graded,
    heat,
    phone,
    send,
    stored,
    the_round,
)


@pytest.fixture
async def work(db: Database, world: World) -> Assignment:
    """The assignment of these tests."""
    return await heat(db, world)


@pytest.fixture
async def phones(server: TestServer) -> AsyncIterator[list[Client]]:
    """Phones of five students."""
    made = [phone(server) for _ in range(5)]
    yield made
    for each in made:
        await each.session.close()


async def board(app: web.Application, db: Database, work: Assignment, language: str = "en") -> str:
    """The quiz board as a screen gets it."""
    async with db.begin() as session:
        found = await store.board_of(session, work.id, BoardKind.QUIZ, "en")
    html = await board_view.render(app, found.id, language)
    assert html is not None
    return html


async def test_it_is_for_the_class_only(sign_in: SignIn, world: World, work: Assignment) -> None:
    page = f"/assignments/{work.id}/quiz"
    alice, nobody, stranger, colleague = [
        await sign_in(who) for who in (world.alice, None, world.charlie, world.bob)
    ]
    round_id = await begin(alice, work)
    assert (await nobody.get(page, allow_redirects=False)).status == 303
    assert (await stranger.get(page)).status == 404
    assert (await colleague.get(page)).status == 200
    assert (await colleague.put(page)).status == 405
    for what in ("reveal", "close", "pick"):
        address = f"{page}/{round_id}/{what}"
        assert (await nobody.post(address, allow_redirects=False)).status == 303
        assert (await stranger.post(address, data={"key": "a", "label": "b"})).status == 404
        assert (await colleague.get(address)).status == 405
        for bad in ("0", "x", "99999", "9" * 30):
            answer = await colleague.post(f"{page}/{bad}/{what}", data={"key": "a", "label": "b"})
            assert answer.status == 404, (what, bad)
    assert (await stranger.post(page, data={"question": "1"})).status == 404
    assert (await colleague.post(page, data={"question": "99999"})).status == 404
    assert (await colleague.get(page + "?round=x")).status == 404
    assert (await colleague.get(page + "?round=99999")).status == 404
    assert (await colleague.get(f"/assignments/{work.id}/events?view=quiz")).status == 200


async def test_a_choice_from_the_question_to_the_room(
    sign_in: SignIn, world: World, work: Assignment, db: Database, server: TestServer, phones: list[Client]
) -> None:
    alice = await sign_in(world.alice)
    assert "The question comes in a moment." in await board(server.app, db, work)
    round_id = await begin(alice, work)
    asked = await the_round(db, round_id)
    page = await (await phones[0].get(f"/q/{asked.code.lower()}")).text()
    assert "Which conducts best?" in page and 'value="B"' in page and "iron" in page
    for each, letter in zip(phones, "BBBAC", strict=True):
        assert "Your answer has arrived" in await send(each, asked.code, letter, round=str(round_id))
    rows = await graded(db, round_id)
    assert [row.verdict for row in rows] == ["right"] * 3 + ["wrong"] * 2
    before = await board(server.app, db, work)
    assert f">{asked.code}<" in before and "<svg" in before and "<b>5</b>" in before
    assert "✓" not in before and "60%" not in before and "right" not in before
    teacher = await (await alice.get(f"/assignments/{work.id}/quiz?part=state", headers=HTMX)).text()
    assert "60%" in teacher and "✓" in teacher
    answer = await alice.post(f"/assignments/{work.id}/quiz/{round_id}/reveal", headers=HTMX)
    assert answer.status == 200 and "shown to the room" in await answer.text()
    after = await board(server.app, db, work)
    assert "60%" in after and after.count("✓") == 1 and 'width="60"' in after and asked.code not in after
    assert "正确" in await board(server.app, db, work, "zh")
    await send(phones[0], asked.code, "A", status=409)
    hidden = await alice.post(
        f"/assignments/{work.id}/quiz/{round_id}/reveal", data={"shown": "0"}, headers=HTMX
    )
    assert hidden.status == 200
    assert "60%" not in await board(server.app, db, work)


async def test_texts_are_shown_only_when_their_group_is_picked(
    sign_in: SignIn, world: World, work: Assignment, db: Database, server: TestServer, phones: list[Client]
) -> None:
    alice = await sign_in(world.alice)
    round_id = await begin(alice, work, 2)
    code = (await the_round(db, round_id)).code
    rude = "You are an utter fool"
    for each in phones[:3]:
        await send(each, code, "Iron is colder than wood by itself")
    await send(phones[3], code, rude)
    await send(
        phones[4], code, "<script>alert(1)</script> Iron conducts heat better, takes heat from hand faster"
    )
    rows = await graded(db, round_id)
    assert {row.verdict for row in rows} <= {"right", "partly", "wrong", "unsure"}
    page = f"/assignments/{work.id}/quiz"
    shown = await (await alice.post(f"{page}/{round_id}/reveal", headers=HTMX)).text()
    assert rude in shown and "<script>alert" not in shown
    html = await board(server.app, db, work)
    assert "colder than wood by" not in html and "fool" not in html and "script" not in html
    assert "Your teacher chooses which answers to show." in html
    key = shown.partition('name="key" value="')[2].partition('"')[0]
    assert key
    bad = await alice.post(f"{page}/{round_id}/pick", data={"key": key, "label": " \0 "}, headers=HTMX)
    assert bad.status == 422
    assert (await alice.post(f"{page}/{round_id}/pick", data={"label": "x"}, headers=HTMX)).status == 400
    # A group of one, guessed by its key, is not shown for all that.
    for name, label in ((key, "Iron is <colder>"), ("=nobody said this", "Ghost")):
        data = {"key": name, "label": label}
        picked = await alice.post(f"{page}/{round_id}/pick", data=data, headers=HTMX)
        assert picked.status == 200
    html = await board(server.app, db, work)
    assert "Iron is &lt;colder&gt;" in html and "60%" in html and "Ghost" not in html and "fool" not in html
    await alice.post(f"{page}/{round_id}/pick", data={"key": key, "drop": "1"}, headers=HTMX)
    assert "colder" not in (await board(server.app, db, work)).replace("feel colder than wood?", "")


async def test_numbers_and_formulas_are_graded(
    sign_in: SignIn, world: World, work: Assignment, db: Database, phones: list[Client]
) -> None:
    alice = await sign_in(world.alice)
    speed = await begin(alice, work, 1)
    code = (await the_round(db, speed)).code
    for each, said in zip(phones, ("25", "90 km/h", "24", "fast", "25 m/s"), strict=True):
        await send(each, code, said)
    rows = await graded(db, speed)
    assert rows[0].text == "25 m/s"  # the unit stands beside the field
    assert [row.verdict for row in rows[:3]] == ["right", "right", "wrong"]
    assert rows[3].verdict in ("unsure", "wrong") and rows[4].verdict == "right"
    formula = await begin(alice, work, 3)
    assert (await the_round(db, formula)).code == code  # phones stay where they are
    for each, said in zip(phones, ("(x+1)(x+1)", "x^2+1", "x^2+2x+1", "\\frac{", "1+x(2+x)"), strict=True):
        await send(each, code, said)
    rows = await graded(db, formula, 60)
    assert [row.verdict for row in rows][:3] == ["right", "wrong", "right"] and rows[3].verdict == "unsure"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"kind": "text", "prompt": " "}, "Write the question first."),
        ({"kind": "poem", "prompt": "Why?"}, "Choose how the question is to be answered."),
        ({"kind": "choice", "prompt": "Which?", "options": "one"}, "two to eight options"),
        ({"kind": "choice", "prompt": "Which?", "options": "\n".join("abcdefghi")}, "two to eight options"),
        (
            {"kind": "choice", "prompt": "Which?", "options": "a\nb", "reference": "C"},
            "one of the letters AB",
        ),
        ({"kind": "number", "prompt": "How many?", "reference": "many"}, "must be a number"),
        ({"kind": "text", "prompt": "Why?", "seconds": "7"}, "30, 60 or 90"),
    ],
)
async def test_a_question_that_cannot_be_asked(
    sign_in: SignIn, world: World, work: Assignment, db: Database, form: dict[str, str], said: str
) -> None:
    alice = await sign_in(world.alice)
    kept = await begin(alice, work)
    answer = await alice.post(f"/assignments/{work.id}/quiz", data=form, headers=HTMX)
    assert answer.status == 422 and said in await answer.text()
    assert (await the_round(db, kept)).closed_at is None  # the one before goes on


async def test_a_typed_question_and_an_opinion(
    sign_in: SignIn, world: World, work: Assignment, db: Database, server: TestServer, phones: list[Client]
) -> None:
    alice = await sign_in(world.alice)
    form = {
        "kind": "choice",
        "prompt": "More time?",
        "options": "yes\n\nno\n",
        "reference": "",
        "seconds": "",
    }
    answer = await alice.post(f"/assignments/{work.id}/quiz", data=form, allow_redirects=False)
    assert answer.status == 303
    async with db.begin() as session:
        asked = await quiz_store.current(session, work.id)
    assert asked is not None and asked.prompt == "More time?\nA. yes\nB. no" and asked.question_id is None
    for each, letter in zip(phones, "AABBB", strict=True):
        await send(each, asked.code, letter)
    assert {row.verdict for row in await graded(db, asked.id)} == {"unsure"}
    await alice.post(f"/assignments/{work.id}/quiz/{asked.id}/reveal", headers=HTMX)
    html = await board(server.app, db, work)
    assert "60%" in html and "40%" in html and "✓" not in html and "not judged" not in html


async def test_a_countdown_closes_by_itself(
    sign_in: SignIn, world: World, work: Assignment, db: Database, server: TestServer, phones: list[Client]
) -> None:
    alice = await sign_in(world.alice)
    round_id = await begin(alice, work, seconds="30")
    asked = await the_round(db, round_id)
    assert asked.ends_at is not None and 29 < (asked.ends_at - asked.created_at).total_seconds() <= 30
    assert 'data-total="30.0"' in await board(server.app, db, work)
    left = (await (await phones[0].get(f"/q/{asked.code}/state")).json())["left"]
    assert 25 < left <= 30
    async with db.begin() as session:
        over = update(QuizRound).where(QuizRound.id == round_id)
        await session.execute(over.values(ends_at=text("now() - interval '1 second'")))
    # Its time is over, whether it was closed by anybody or not.
    await send(phones[0], asked.code, "B", status=409)
    for _ in range(60):
        if (await the_round(db, round_id)).closed_at is not None:
            break
        await asyncio.sleep(0.1)
    assert (await the_round(db, round_id)).closed_at is not None
    assert await stored(db, round_id) == []


async def test_next_goes_through_the_scheme(
    sign_in: SignIn, world: World, work: Assignment, db: Database
) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    page = f"/assignments/{work.id}/quiz"
    assert "No question has been asked yet." in await (await alice.get(page)).text()
    first = await begin(alice, work)
    html = await (await alice.get(page)).text()
    assert f'name="question" value="{work.questions[1].id}"' in html
    second = await begin(bob, work, 1)
    assert (await the_round(db, first)).closed_at is not None
    assert (await the_round(db, second)).closed_at is None
    old = await (await alice.get(f"{page}?round={first}")).text()
    assert "This is an earlier round." in old and "Which conducts best?" in old
    async with db.begin() as session:
        await session.execute(text("delete from assignments"))
        assert (await session.scalars(select(QuizRound.id))).all() == []


async def test_two_teachers_ask_at_once(
    sign_in: SignIn, world: World, work: Assignment, db: Database
) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    data = {"question": str(work.questions[0].id)}
    answers = await asyncio.gather(
        *(each.post(f"/assignments/{work.id}/quiz", data=data, headers=HTMX) for each in (alice, bob) * 4)
    )
    assert {answer.status for answer in answers} <= {200, 422}
    async with db.begin() as session:
        still = await session.scalars(select(QuizRound.id).where(QuizRound.closed_at.is_(None)))
        assert len(still.all()) == 1


async def test_what_another_process_left_behind_is_graded(
    sign_in: SignIn,
    world: World,
    work: Assignment,
    db: Database,
    server: TestServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from app.classroom import quiz_live
    from app.web.quiz import LIVE

    alice = await sign_in(world.alice)
    round_id = await begin(alice, work)
    async with db.begin() as session:
        session.add(QuizAnswer(round_id=round_id, device_hash="0" * 64, text="B", group_key="B"))
    monkeypatch.setattr(quiz_live, "LEFT_SECONDS", 0.0)
    await server.app[LIVE]._pick_up()
    assert [row.verdict for row in await stored(db, round_id)] == ["right"]
