"""The review page: what it shows, what the teacher decides, and two teachers at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.accounts.models import User
from app.db import Database
from app.events.schema import MarkChanged, unpack
from app.keys import BUS
from app.marks.models import MarkState
from tests import factories
from tests.conftest import Client, TestServer, World
from tests.functional.review_help import HTMX, Graded, changes, field, make_graded, mark_of

SignIn = Callable[[User | None], Awaitable[Client]]


@pytest.fixture
async def graded(database: Database, world: World) -> Graded:
    return await make_graded(database, world)


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


@pytest.fixture
async def bob(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.bob)


def at(graded: Graded) -> str:
    return f"/papers/{graded.paper.id}"


def decide_at(graded: Graded, second: bool = False) -> str:
    return f"{at(graded)}/questions/{(graded.second if second else graded.first).id}"


async def post(client: Client, address: str, status: int = 200, **form: Any) -> str:
    """Send a form as htmx does."""
    data = {key.replace("_", "-"): str(value) for key, value in form.items()}
    response = await client.post(address, data=data, headers=HTMX)
    text = await response.text()
    assert response.status == status, text
    return text


async def test_the_page_shows_answer_quotes_and_proposals(alice: Client, graded: Graded) -> None:
    page = await (await alice.get(at(graded))).text()
    assert "<mark>Iron conducts heat better<sup>1</sup></mark>," in page
    assert "The quote is not in the answer." in page
    assert '<b class="ask">3+</b>' in page
    assert "Accept 1 proposal" in page
    assert "confidence 80%" in page
    assert "Next: Ben Okafor" in page
    assert "1 question without points" in page


async def test_an_answer_is_data(alice: Client, database: Database, graded: Graded) -> None:
    nasty = '<script>alert(1)</script> {{ 7*7 }} "quoted" <b>'
    async with database.begin() as db:
        await factories.answers(db, graded.other, {graded.first: nasty})
        await factories.mark(
            db, graded.other, graded.first, (1.0, 1.0), quotes=("<script>alert",), answer=nasty
        )
    page = await (await alice.get(f"/papers/{graded.other.id}")).text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "{{ 7*7 }}" in page


@pytest.mark.parametrize("address", ["", "/accept", "/questions/{first}"])
async def test_who_may(
    sign_in: SignIn, database: Database, world: World, graded: Graded, address: str
) -> None:
    path = at(graded) + address.format(first=graded.first.id)
    nobody, charlie, bob = [await sign_in(who) for who in (None, world.charlie, world.bob)]
    form = {"version": "1", "do": "accept", "seen": f"{graded.first.id}:1"}

    async def ask(client: Client, **more: Any) -> Any:
        return await (client.post(path, data=form, **more) if address else client.get(path, **more))

    away = await ask(nobody, allow_redirects=False)
    assert away.status == 303 and away.headers["Location"].startswith("/sign-in")
    assert (await ask(charlie)).status == 404
    assert await changes(database) == []
    assert (await ask(bob)).status == 200
    for method in ("DELETE", "PUT", "GET" if address else "POST"):
        assert (await bob.request(method, path)).status == 405
    for wrong in ("999999", "x", "99999999999999999999"):
        assert (await bob.get(f"/papers/{wrong}")).status == 404
        assert (await bob.post(f"{at(graded)}/questions/{wrong}", data=form)).status == 404


async def test_points_decide_the_mark(
    alice: Client, server: TestServer, database: Database, graded: Graded
) -> None:
    said = await post(alice, decide_at(graded), do="points:1:1.5", version=1)
    assert f'hx-target="#question-{graded.first.id}"' in said
    assert "decided: 1.5" in said
    mark = await mark_of(database, graded.paper, graded.first)
    assert mark is not None
    assert (mark.state, mark.points, mark.proposed, mark.version) == (MarkState.DECIDED, 4.5, 3.0, 2)
    assert mark.decided_by is not None and mark.decided_at is not None
    assert await changes(database) == [
        ("criterion 2 points", "0", "1.5"),
        ("points", "3", "4.5"),
        ("state", "graded", "decided"),
    ]
    entries = await server.app[BUS]._redis.xrange(f"events:{graded.assignment.id}")
    assert [unpack(fields) for _, fields in entries] == [
        MarkChanged(graded.assignment.id, graded.paper.id, graded.first.id)
    ]


async def test_needs_teacher_is_decided_when_nothing_is_missing(
    alice: Client, database: Database, graded: Graded
) -> None:
    async with database.begin() as db:
        await factories.mark(db, graded.other, graded.first, None, MarkState.NEEDS_TEACHER)
    address = f"/papers/{graded.other.id}/questions/{graded.first.id}"
    await post(alice, address, do="points:0:2", version=1)
    mark = await mark_of(database, graded.other, graded.first)
    assert mark is not None and (mark.state, mark.points) == (MarkState.NEEDS_TEACHER, None)
    assert mark.decided_by is not None  # a run must keep its hands off from now on
    await post(alice, address, do="points:1:0", version=2)
    mark = await mark_of(database, graded.other, graded.first)
    assert mark is not None and (mark.state, mark.points) == (MarkState.DECIDED, 2.0)


async def test_grading_by_hand_without_any_proposal(
    alice: Client, database: Database, graded: Graded
) -> None:
    page = await (await alice.get(f"/papers/{graded.other.id}")).text()
    assert "not graded yet" in page
    address = f"/papers/{graded.other.id}/questions/{graded.second.id}"
    await post(alice, address, do="points:0:1", version=0)
    mark = await mark_of(database, graded.other, graded.second)
    assert mark is not None
    assert (mark.state, mark.points, mark.proposed, mark.version) == (MarkState.DECIDED, 1.0, None, 1)
    said = await post(alice, address, 409, do="points:0:0", version=0)
    assert "Alice changed this mark meanwhile" in said
    await post(alice, address, do="reopen", version=1)
    mark = await mark_of(database, graded.other, graded.second)
    assert mark is not None and (mark.state, mark.points) == (MarkState.NEEDS_TEACHER, None)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"do": "points:1:2.5"}, "Criterion 2 gives 0 to 2 points."),
        ({"do": "points:1:-1"}, "Criterion 2 gives 0 to 2 points."),
        ({"do": "points:1:1.1"}, "Points go in steps of 0.25."),
        ({"do": "points:1:nan"}, "Points are a number"),
        ({"do": "points:1:inf"}, "Points are a number"),
        ({"do": "points:7:1"}, "this criterion is no longer there"),
        ({"do": "save", "points-0": "two"}, "Points are a number"),
        ({"do": "save", "points-0": "1e300"}, "Points are a number"),
        ({"do": "save", "points-0": "4", "feedback": "Good"}, "Criterion 1 gives 0 to 3 points."),
        ({"do": "save", "feedback": "x" * 5001}, "at most 5000 characters"),
    ],
)
async def test_bad_input_saves_nothing_and_comes_back(
    alice: Client, database: Database, graded: Graded, form: dict[str, str], sentence: str
) -> None:
    response = await alice.post(decide_at(graded), data={"version": "1", **form}, headers=HTMX)
    page = await response.text()
    assert response.status == 422, page
    assert sentence in page
    assert form.get("feedback", "") in page
    mark = await mark_of(database, graded.paper, graded.first)
    assert mark is not None and (mark.version, mark.points, mark.feedback) == (1, 3.0, "")
    assert await changes(database) == []
    plain = await alice.post(decide_at(graded), data={"version": "1", **form})
    assert plain.status == 422
    assert sentence in await plain.text()


@pytest.mark.parametrize("form", [{}, {"version": "x"}, {"version": "1", "do": "explode"}])
async def test_forms_that_no_page_sends(
    alice: Client, database: Database, graded: Graded, form: dict[str, str]
) -> None:
    assert (await alice.post(decide_at(graded), data=form)).status == 400
    assert await changes(database) == []


async def test_a_colleague_was_faster(alice: Client, bob: Client, database: Database, graded: Graded) -> None:
    page = await (await alice.get(at(graded))).text()
    was = field(page, graded.first, "was")
    await post(bob, decide_at(graded), do="points:1:2", version=1, comment_0="Bob's words")
    form: dict[str, Any] = {"do": "save", "version": 1, "was": was, "points_0": "3", "points_1": "0"}
    said = await post(
        alice, decide_at(graded), 409, **form, comment_0="", comment_1="Alice's words", feedback=""
    )
    assert "Bob changed this mark meanwhile" in said
    assert "Bob&#39;s words" in said  # as it is now
    assert "Alice&#39;s words" in said  # and what she typed
    # Sent again, only her words are new: Bob's points and comment stay.
    version, was = field(said, graded.first, "version"), field(said, graded.first, "was")
    form |= {"version": version, "was": was, "points_1": "2"}
    await post(
        alice, decide_at(graded), **form, comment_0="Bob's words", comment_1="Alice's words", feedback=""
    )
    mark = await mark_of(database, graded.paper, graded.first)
    assert mark is not None and mark.points == 5.0
    assert [entry["comment"] for entry in mark.criteria] == ["Bob's words", "Alice's words"]


async def test_fields_left_alone_say_nothing(alice: Client, database: Database, graded: Graded) -> None:
    was = field(await (await alice.get(at(graded))).text(), graded.first, "was")
    form: dict[str, Any] = {
        "points_0": "3",
        "points_1": "0",
        "comment_0": "",
        "comment_1": "",
        "feedback": "",
    }
    await post(alice, decide_at(graded), do="save", version=1, was=was, **form)
    assert await changes(database) == []
    mark = await mark_of(database, graded.paper, graded.first)
    assert mark is not None and (mark.state, mark.version) == (MarkState.GRADED, 1)


async def test_accept_reopen_and_undo(alice: Client, database: Database, graded: Graded) -> None:
    await post(alice, decide_at(graded), do="accept", version=1)
    mark = await mark_of(database, graded.paper, graded.first)
    assert mark is not None and (mark.state, mark.points) == (MarkState.DECIDED, 3.0)
    await post(alice, decide_at(graded), do="points:1:2", version=2)
    await post(alice, decide_at(graded), do="save", version=3, feedback="Well\r\nsaid")
    await post(alice, decide_at(graded), do="undo", version=4)
    mark = await mark_of(database, graded.paper, graded.first)
    assert mark is not None and (mark.points, mark.feedback) == (5.0, "")
    await post(alice, decide_at(graded), do="undo", version=5)
    mark = await mark_of(database, graded.paper, graded.first)
    assert mark is not None and (mark.state, mark.points) == (MarkState.DECIDED, 3.0)
    await post(alice, decide_at(graded), do="undo", version=6)
    mark = await mark_of(database, graded.paper, graded.first)
    assert mark is not None and (mark.state, mark.points) == (MarkState.GRADED, 3.0)
    assert "no change of yours" in await post(alice, decide_at(graded), 422, do="undo", version=7)
    await post(alice, decide_at(graded), do="points:1:1", version=7)
    await post(alice, decide_at(graded), do="reopen", version=8)
    mark = await mark_of(database, graded.paper, graded.first)
    assert mark is not None and (mark.state, mark.points, mark.decided_by) == (MarkState.GRADED, 3.0, None)
    await post(alice, decide_at(graded), do="undo", version=9)
    mark = await mark_of(database, graded.paper, graded.first)
    assert mark is not None and (mark.state, mark.points) == (MarkState.DECIDED, 4.0)
    page = await (await alice.get(at(graded))).text()
    assert "Criterion 2, points" in page and "undone" in page


async def test_undo_stops_at_a_colleagues_change(alice: Client, bob: Client, graded: Graded) -> None:
    await post(alice, decide_at(graded), do="accept", version=1)
    await post(bob, decide_at(graded), do="points:1:1", version=2)
    await post(alice, decide_at(graded), 422, do="undo", version=3)


async def test_undo_keeps_words_being_written(alice: Client, graded: Graded) -> None:
    await post(alice, decide_at(graded), do="accept", version=1)
    said = await post(alice, decide_at(graded), do="undo", version=2, feedback="half a sent")
    assert "half a sent</textarea>" in said


async def test_a_doubtful_proposal_can_be_accepted_as_it_is(
    alice: Client, database: Database, graded: Graded
) -> None:
    await post(alice, decide_at(graded, second=True), do="accept", version=1)
    mark = await mark_of(database, graded.paper, graded.second)
    assert mark is not None and (mark.state, mark.points) == (MarkState.DECIDED, 1.0)
    await post(alice, decide_at(graded, second=True), do="reopen", version=2)
    mark = await mark_of(database, graded.paper, graded.second)
    assert mark is not None and (mark.state, mark.points) == (MarkState.NEEDS_TEACHER, None)


async def test_accept_the_whole_paper(alice: Client, database: Database, graded: Graded) -> None:
    seen = f"{graded.first.id}:1"
    said = await post(alice, f"{at(graded)}/accept", seen=seen)
    assert f'hx-target="#question-{graded.first.id}"' in said
    assert f'hx-target="#question-{graded.second.id}"' not in said
    first = await mark_of(database, graded.paper, graded.first)
    second = await mark_of(database, graded.paper, graded.second)
    assert first is not None and second is not None
    assert (first.state, second.state) == (MarkState.DECIDED, MarkState.NEEDS_TEACHER)
    assert "no proposal left" in await post(alice, f"{at(graded)}/accept", 422, seen=seen)


@pytest.mark.parametrize("seen", ["", "1:7", "x:y", ":", "1"])
async def test_a_proposal_nobody_saw_is_not_accepted(
    alice: Client, database: Database, graded: Graded, seen: str
) -> None:
    said = await post(alice, f"{at(graded)}/accept", seen=seen)
    assert "left for you to look at: 1." in said
    mark = await mark_of(database, graded.paper, graded.first)
    assert mark is not None and mark.state == MarkState.GRADED


async def test_without_script_every_button_leads_back(alice: Client, graded: Graded) -> None:
    response = await alice.post(
        decide_at(graded) + "?order=needs", data={"do": "accept", "version": "1"}, allow_redirects=False
    )
    assert response.status == 303
    assert response.headers["Location"] == f"{at(graded)}?order=needs#question-{graded.first.id}"


async def test_through_the_papers_that_need_the_teacher(
    alice: Client, database: Database, world: World, graded: Graded
) -> None:
    async with database.begin() as db:
        cat = await factories.student(db, world.klass, "Cat", "3")
        third = await factories.paper(db, graded.assignment, cat)
        await factories.mark(db, third, graded.first, None, MarkState.NEEDS_TEACHER)
    page = await (await alice.get(at(graded))).text()
    assert "Next: Cat" in page  # 3 before 10
    page = await (await alice.get(f"/papers/{graded.other.id}?order=needs")).text()
    assert "Next: Ann Lee" in page
    page = await (await alice.get(f"/papers/{third.id}?order=needs")).text()
    assert f"/papers/{graded.paper.id}?order=needs" in page


async def test_an_unreadable_paper_can_be_graded_by_hand(
    alice: Client, database: Database, graded: Graded
) -> None:
    async with database.begin() as db:
        broken = await factories.paper(
            db,
            graded.assignment,
            None,
            state="unreadable",
            pages=None,
            problem={"message": "The file is damaged.", "values": {}},
        )
    page = await (await alice.get(f"/papers/{broken.id}")).text()
    assert "The file is damaged." in page
    assert "Nobody knows yet whose paper this is" in page
    await post(alice, f"/papers/{broken.id}/questions/{graded.first.id}", do="points:0:3", version=0)


async def test_a_scheme_changed_since(alice: Client, database: Database, graded: Graded) -> None:
    async with database.begin() as db:
        question = await db.merge(graded.first)
        question.criteria = [
            {"text": "conducts", "points": 2.0},
            {"text": "b", "points": 2.0},
            {"text": "c", "points": 1.0},
        ]
        question.version = 2
    page = await (await alice.get(at(graded))).text()
    assert "has changed since it was graded" in page
    assert "no complete proposal" in await post(alice, decide_at(graded), 422, do="accept", version=1)
    await post(alice, decide_at(graded), do="save", version=1, points_0="2", points_1="1", points_2="1")
    mark = await mark_of(database, graded.paper, graded.first)
    assert mark is not None and (mark.points, len(mark.criteria)) == (4.0, 3)
