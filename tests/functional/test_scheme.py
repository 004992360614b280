"""The marking scheme's page: corrected question by question, as text, by two teachers at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.assignments import service, store
from app.assignments.models import Question
from app.db import Database
from app.marks.models import Mark, MarkState, Run
from app.papers.models import Paper
from tests.conftest import World
from tests.functional.test_assignments import made, stored

HX = {"HX-Request": "true"}
ONE: dict[str, Any] = {
    "scheme_version": "1",
    "label": "1",
    "kind": "text",
    "points": "4",
    "prompt": "What is heat?",
    "references": "energy",
    "criterion_points": "4",
    "criterion_text": "says energy",
}


async def mark(db: Database, assignment_id: int, question_id: int, state: str = MarkState.GRADED) -> None:
    async with db.begin() as session:
        paper = Paper(
            assignment_id=assignment_id, file_name="a", size=1, sha256=str(question_id), storage_key="0"
        )
        session.add(paper)
        await session.flush()
        session.add(
            Mark(paper_id=paper.id, question_id=question_id, state=state, criteria=[], scheme_version=1)
        )


async def test_the_page_shows_questions_problems_and_total(
    sign_in: Any, world: World, database: Database
) -> None:
    alice = await sign_in(world.alice)
    text = "1. What is heat?\nAnswer: energy\n2. Unit? (2)\nAnswer: joule\nTotal: 30\n"
    await alice.post(f"/classes/{world.klass.id}/assignments/new", data={"title": "Heat", "text": text})
    page = await (await alice.get("/assignments/1/scheme")).text()
    assert 'href="#q-1"' in page  # the question without points, linked from the top
    assert "problem to mend before grading" in page
    assert "source-lines" in page  # the total that disagrees stands beside its line
    async with database.begin() as session:
        assignment = await store.for_teacher(session, 1, world.alice.id)
        assert assignment is not None
        assert service.ready_to_grade(assignment)
    assert "remarks on the text" in page or "remark on the text" in page
    response = await alice.post("/assignments/1/scheme/notes", headers=HX)
    assert response.status == 200
    assert "remark on the text" not in await (await alice.get("/assignments/1/scheme")).text()


async def test_an_edit_is_saved_and_answers_with_row_and_total(
    sign_in: Any, world: World, database: Database
) -> None:
    bob = await sign_in(world.bob)
    number = await made(database, world)
    data = {**ONE, "points": "8", "criterion_points": ["4", "2,5"], "criterion_text": ["a", "b"],
            "prompt": "<b>\r\nWhat?", "references": "one\r\n  goes on\r\ntwo\r\n"}  # fmt: skip
    response = await bob.post(f"/assignments/{number}/questions/1", data=data, headers=HX)
    assert response.status == 200
    text = await response.text()
    assert "Criteria add up to 6.5 of 8" in text
    assert 'hx-target="#scheme-state"' in text
    assert "&lt;b&gt;" in text
    assignment, rows = await stored(database, number)
    assert assignment.scheme_version == 2
    assert (rows[0].points, rows[0].version, rows[1].version) == (8, 2, 1)
    assert rows[0].references == ["one\ngoes on", "two"]
    assert rows[0].criteria == [{"text": "a", "points": 4}, {"text": "b", "points": 2.5}]
    again = await bob.post(f"/assignments/{number}/questions/1", data=data, headers=HX)
    assert again.status == 200  # nothing changed, nothing is stale
    assert (await stored(database, number))[0].scheme_version == 2


async def test_a_plain_form_goes_back_to_its_question(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    response = await alice.post(
        f"/assignments/{number}/questions/1", data={**ONE, "label": "1a"}, allow_redirects=False
    )
    assert response.status == 303
    assert response.headers["Location"] == f"/assignments/{number}/scheme#q-1"
    assert (await stored(database, number))[1][0].label == "1a"


async def test_a_single_criterion_follows_the_points(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    await alice.post(f"/assignments/{number}/questions/1", data={**ONE, "points": "5"}, headers=HX)
    assert (await stored(database, number))[1][0].criteria == [{"text": "says energy", "points": 5}]


async def test_criteria_are_added_and_removed(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    data = {**ONE, "criterion_points": "3", "add": "1"}
    response = await alice.post(f"/assignments/{number}/questions/1", data=data, headers=HX)
    assert "autofocus" in await response.text()
    assert (await stored(database, number))[1][0].criteria[1] == {"text": "", "points": 1}
    data = {**ONE, "scheme_version": "2", "criterion_points": ["3", "1"], "criterion_text": ["a", ""],
            "remove": "1"}  # fmt: skip
    await alice.post(f"/assignments/{number}/questions/1", data=data, headers=HX)
    assert (await stored(database, number))[1][0].criteria == [{"text": "a", "points": 3}]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"points": "NaN"}, "“NaN” is no number of points"),
        ({"points": "1e999"}, "“1e999” is no number of points"),
        ({"points": "-3"}, "“-3” is no number of points"),
        ({"points": "10001"}, "is no number of points"),
        ({"criterion_points": "many"}, "Points of criterion 1"),
        ({"label": " "}, "Give the question a label"),
        ({"label": "x" * 500}, "The label is too long"),
        ({"label": "2"}, "Another question has the label 2"),
        ({"kind": "riddle"}, "Choose what kind"),
        ({"kind": "number", "tolerance": "about"}, "The tolerance “about”"),
        ({"prompt": "x" * 30_000}, "A text is too long"),
    ],
)
@pytest.mark.parametrize("headers", [HX, {}])
async def test_bad_fields_come_back_and_are_not_saved(
    sign_in: Any, world: World, database: Database, change: dict[str, str], expected: str, headers: Any
) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    response = await alice.post(
        f"/assignments/{number}/questions/1", data={**ONE, "prompt": "typed", **change}, headers=headers
    )
    assert response.status == 422
    text = await response.text()
    assert expected in text
    assert "typed" in text or "prompt" in change
    assignment, rows = await stored(database, number)
    assert assignment.scheme_version == 1
    assert (rows[0].label, rows[0].points, rows[0].prompt) == ("1", 4, "What is heat?")


async def test_nul_bytes_are_dropped(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    data = {**ONE, "label": "1\0b", "references": "a\0b", "criterion_text": "c\0d"}
    assert (await alice.post(f"/assignments/{number}/questions/1", data=data)).status == 200
    row = (await stored(database, number))[1][0]
    assert (row.label, row.references, row.criteria[0]["text"]) == ("1b", ["ab"], "cd")


@pytest.mark.parametrize("headers", [HX, {}])
async def test_two_teachers_on_one_question(
    sign_in: Any, world: World, database: Database, headers: Any
) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    number = await made(database, world)
    await alice.post(f"/assignments/{number}/questions/1", data={**ONE, "prompt": "Alice's"}, headers=HX)
    response = await bob.post(
        f"/assignments/{number}/questions/1", data={**ONE, "prompt": "Bob's"}, headers=headers
    )
    assert response.status == 409
    text = await response.text()
    assert "Somebody changed question 1 meanwhile" in text
    assert "Alice&#39;s" in text
    assert "Bob&#39;s" not in text
    assert response.headers.get("HX-Reswap") == ("outerHTML" if headers else None)
    assert (await stored(database, number))[1][0].prompt == "Alice's"


async def test_two_teachers_on_two_questions_do_not_meet(
    sign_in: Any, world: World, database: Database
) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    number = await made(database, world)
    two = {**ONE, "label": "2", "kind": "number", "prompt": "Bob's", "references": "4", "points": "2",
           "criterion_points": "2", "tolerance": "2%", "unit": "J"}  # fmt: skip
    answers = await asyncio.gather(
        alice.post(f"/assignments/{number}/questions/1", data={**ONE, "prompt": "Alice's"}, headers=HX),
        bob.post(f"/assignments/{number}/questions/2", data=two, headers=HX),
    )
    assert [answer.status for answer in answers] == [200, 200]
    assignment, rows = await stored(database, number)
    assert assignment.scheme_version == 3
    assert [row.prompt for row in rows] == ["Alice's", "Bob's"]
    assert (rows[1].tolerance, rows[1].relative, rows[1].unit) == (0.02, True, "J")


async def test_add_move_delete_undo(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    base = f"/assignments/{number}/questions"

    async def labels() -> list[str]:
        return [row.label for row in (await stored(database, number))[1]]

    response = await alice.post(base, headers=HX)
    assert response.status == 200
    assert 'hx-swap="afterend"' in await response.text()
    assert await labels() == ["1", "2", "3"]
    response = await alice.post(f"{base}/3/move", data={"direction": "up"}, headers=HX)
    assert "<hx-partial" in await response.text()
    await alice.post(f"{base}/3/move", data={"direction": "up"})
    await alice.post(f"{base}/3/move", data={"direction": "up"})  # at the top already
    assert await labels() == ["3", "1", "2"]
    assert (await alice.post(f"{base}/3/move", data={"direction": "sideways"})).status == 400

    response = await alice.post(f"{base}/1/delete", data={"scheme_version": "9"}, headers=HX)
    assert "Undo" in await response.text()
    assert await labels() == ["3", "2"]
    assert (await alice.post(f"{base}/1", data=ONE, headers=HX)).status == 409  # a colleague's open form
    response = await alice.post(f"{base}/undo", headers=HX)
    assert response.status == 200
    assert await labels() == ["3", "1", "2"]
    assert (await stored(database, number))[1][1].id == 1
    assert (await alice.post(f"{base}/undo", headers=HX)).status == 422

    await alice.post(f"{base}/1/delete", data={"scheme_version": "99"})
    await alice.post(f"{base}/3", data={**ONE, "scheme_version": "99"})  # takes the label 1
    response = await alice.post(f"{base}/undo", headers=HX)
    assert response.status == 422
    assert "label 1" in await response.text()
    assert await labels() == ["1", "2"]


async def test_deleting_asks_where_marks_would_be_lost(
    sign_in: Any, world: World, database: Database
) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    await mark(database, number, 1)
    address = f"/assignments/{number}/questions/1/delete"
    response = await alice.post(address, data={"scheme_version": "1"}, headers=HX)
    assert response.status == 409
    assert "1 marks" in await response.text()
    assert "hangs on this question" in await (await alice.get(f"/assignments/{number}/scheme")).text()
    assert (await alice.post(address, data={"scheme_version": "0", "confirm": "marks"})).status == 409
    response = await alice.post(address, data={"scheme_version": "1", "confirm": "marks"}, headers=HX)
    assert response.status == 200
    assert len((await stored(database, number))[1]) == 1


async def test_no_question_goes_while_it_is_graded(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    async with database.begin() as session:
        session.add(Run(assignment_id=number, grader="local"))
    for address, data in (
        (f"/assignments/{number}/questions/1/delete", {"scheme_version": "1"}),
        (f"/assignments/{number}/scheme/text", {"scheme_version": "1", "text": "1. New? (3)\nAnswer: x"}),
        (f"/assignments/{number}/delete", {"confirm": "yes"}),
    ):
        response = await alice.post(address, data=data)
        assert response.status == 422
        assert "is being graded" in await response.text()
    assert len((await stored(database, number))[1]) == 2


async def test_text_is_shown_downloaded_and_read_back(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    response = await alice.get(f"/assignments/{number}/scheme.txt")
    assert response.headers["Content-Disposition"].startswith("attachment")
    text = await response.text()
    assert "## 2. [number] (2)" in text
    assert "tolerance: 0.1" in text
    page = await (await alice.get(f"/assignments/{number}/scheme/text")).text()
    assert "## 1. [text] (4)" in page
    before = (await stored(database, number))[1]
    data = {"scheme_version": "1", "text": text.replace("2+2", "2+3") + "\n## 3. [essay] (10)\nWrite.\n"}
    response = await alice.post(f"/assignments/{number}/scheme/text", data=data, allow_redirects=False)
    assert response.status == 303
    after = (await stored(database, number))[1]
    assert [(row.id, row.label, row.version) for row in after] == [(1, "1", 1), (2, "2", 2), (3, "3", 2)]
    assert after[0].criteria == before[0].criteria
    assert after[1].prompt == "2+3"


async def test_replacing_names_the_marks_that_would_be_lost(
    sign_in: Any, world: World, database: Database
) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    await mark(database, number, 2, MarkState.DECIDED)
    data = {"scheme_version": "1", "text": "1. New text? (3)\nAnswer: unheard of"}
    response = await alice.post(f"/assignments/{number}/scheme/text", data=data)
    assert response.status == 409
    page = await response.text()
    assert "1 marks would be lost, 1 of them decided" in page
    assert "unheard of" in page
    assert 'name="confirm" value="marks"' in page
    assert len((await stored(database, number))[1]) == 2
    response = await alice.post(
        f"/assignments/{number}/scheme/text", data={**data, "confirm": "marks"}, allow_redirects=False
    )
    assert response.status == 303
    rows = (await stored(database, number))[1]
    assert [(row.id, row.points) for row in rows] == [(1, 3)]


async def test_replacing_a_changed_scheme_is_refused_with_the_text(
    sign_in: Any, world: World, database: Database
) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    await alice.post(f"/assignments/{number}/questions/1", data={**ONE, "points": "5"}, headers=HX)
    data = {"scheme_version": "1", "text": "1. Mine? (3)\nAnswer: precious"}
    response = await alice.post(f"/assignments/{number}/scheme/text", data=data)
    assert response.status == 409
    page = await response.text()
    assert "precious" in page
    assert 'name="scheme_version" value="2"' in page
    assert (await stored(database, number))[1][0].points == 5


@pytest.mark.parametrize(
    ("text", "expected"), [("", "Paste the marking scheme"), ("hello", "No question was found")]
)
async def test_replacing_with_nothing(
    sign_in: Any, world: World, database: Database, text: str, expected: str
) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    response = await alice.post(
        f"/assignments/{number}/scheme/text", data={"scheme_version": "1", "text": text}
    )
    assert response.status == 422
    assert expected in await response.text()
    assert len((await stored(database, number))[1]) == 2


async def test_five_hundred_questions(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    text = "\n".join(f"{n}. Question {n}? (2)\nAnswer: {n}" for n in range(1, 521))
    await alice.post(f"/classes/{world.klass.id}/assignments/new", data={"title": "Long", "text": text})
    _, rows = await stored(database, 1)
    assert len(rows) == 500
    page = await alice.get("/assignments/1/scheme")
    assert page.status == 200
    assert "at most 500 questions" in await page.text()
    response = await alice.post("/assignments/1/questions", headers=HX)
    assert response.status == 422
    assert "at most 500" in await response.text()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "scheme"),
        ("GET", "scheme.txt"),
        ("GET", "scheme/text"),
        ("POST", "scheme/text"),
        ("POST", "scheme/notes"),
        ("POST", "questions"),
        ("POST", "questions/1"),
        ("POST", "questions/1/move"),
        ("POST", "questions/1/delete"),
        ("POST", "questions/undo"),
    ],
)
async def test_only_the_class_s_teachers(
    sign_in: Any, world: World, database: Database, method: str, path: str
) -> None:
    number = await made(database, world)
    async with database.begin() as session:
        assignment = await store.for_teacher(session, number, world.alice.id)
        assert assignment is not None
        deleted = {"id": 9, "position": 0, "question": {"label": "9", "kind": "text", "prompt": "", "points": 1,
                   "references": [], "criteria": [], "tolerance": None, "relative": False, "unit": None}}  # fmt: skip
        assignment.deleted_question = deleted
    address = f"/assignments/{number}/{path}"
    data = {
        **ONE,
        "label": "stolen",
        "direction": "down",
        "text": "1. Mine (3)\nAnswer: x\n2. And (2)\nAnswer: y",
    }
    body = data if method == "POST" else None
    nobody, charlie, bob = await sign_in(None), await sign_in(world.charlie), await sign_in(world.bob)
    response = await nobody.request(method, address, data=body, allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"].startswith("/sign-in")
    assert (await charlie.request(method, address, data=body, allow_redirects=False)).status == 404
    assert (await bob.request("PUT", address, allow_redirects=False)).status == 405
    assignment_now, rows = await stored(database, number)
    assert assignment_now.scheme_version == 1
    assert [row.label for row in rows] == ["1", "2"]
    assert (await bob.request(method, address, data=body, allow_redirects=False)).status in (200, 303)


async def test_another_assignments_question_is_not_reached(
    sign_in: Any, world: World, database: Database
) -> None:
    alice = await sign_in(world.alice)
    first, second = await made(database, world), await made(database, world)
    response = await alice.post(f"/assignments/{first}/questions/3", data={**ONE, "label": "x"}, headers=HX)
    assert response.status == 409
    async with database.begin() as session:
        row = await session.get(Question, 3)
        assert row is not None
        assert (row.assignment_id, row.label) == (second, "1")
    assert (await alice.post(f"/assignments/{first}/questions/x1", data=ONE)).status == 404
