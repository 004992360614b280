"""Correcting what was read: places are kept, answers found again, and only what changed is graded again."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.accounts.models import User
from app.db import Database
from app.document import Word
from app.keys import STORAGE
from app.marks import runs
from app.marks.models import MarkState, Run, RunQuestion
from app.papers.models import PageState, Paper, PaperAnswer, Pile
from app.papers.pages import of_paper
from tests.conftest import Client, TestServer, World
from tests.functional.page_help import (
    FIRST,
    SECOND,
    Scanned,
    add_page,
    make_scanned,
    page_now,
    paper_now,
)
from tests.functional.review_help import HTMX, changes, mark_of

SignIn = Callable[[User | None], Awaitable[Client]]
FIXED = FIRST.replace("better", "far better")


@pytest.fixture
async def scanned(database: Database, server: TestServer, world: World) -> Scanned:
    return await make_scanned(database, server.app[STORAGE], world)


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


async def save(
    client: Client, scanned: Scanned, text: str, page: int = 0, status: int = 200, **form: Any
) -> str:
    """Send a page's text as htmx does."""
    data = {"version": "1", "text": text, **form}
    response = await client.post(f"/pages/{scanned.pages[page].id}/text", data=data, headers=HTMX)
    said = await response.text()
    assert response.status == status, said
    return said


async def answer_of(database: Database, scanned: Scanned, second: bool = False) -> PaperAnswer:
    question = scanned.second if second else scanned.first
    async with database.begin() as db:
        found = await db.scalar(
            select(PaperAnswer).where(
                PaperAnswer.paper_id == scanned.paper.id, PaperAnswer.question_id == question.id
            )
        )
    assert found is not None
    return found


async def graded_anew(database: Database) -> list[int]:
    """The questions that runs have taken up."""
    async with database.begin() as db:
        return list(
            (await db.scalars(select(RunQuestion.question_id).order_by(RunQuestion.question_id))).all()
        )


async def test_only_the_question_that_changed_is_graded_again(
    alice: Client, database: Database, scanned: Scanned
) -> None:
    before = await answer_of(database, scanned, second=True)
    said = await save(alice, scanned, FIXED)
    assert "Graded again with it: 1." in said
    assert await graded_anew(database) == [scanned.first.id]
    page = await page_now(database, scanned.pages[0])
    assert (page.text, page.by, page.version, page.confidence) == (FIXED, "teacher", 2, 1.0)
    assert page.readings == [{"by": "ocr", "text": FIRST, "confidence": 0.9}]
    paper = await paper_now(database, scanned.paper)
    assert [each["text"] for each in paper.pages or []] == [FIXED, SECOND]
    assert paper.stale == []
    after = await answer_of(database, scanned, second=True)
    # The second question stands where it stood, further down in the text.
    assert after.text == before.text
    assert after.spans == [[start + 4, end + 4] for start, end in before.spans]
    assert f'id="question-{scanned.first.id}"' in said
    assert f'id="question-{scanned.second.id}"' not in said
    assert ("answer", before_text(), after_text()) in await changes(database)


def before_text() -> str:
    return FIRST.partition("1. ")[2]


def after_text() -> str:
    return FIXED.partition("1. ")[2]


async def test_words_keep_their_places(alice: Client, database: Database, scanned: Scanned) -> None:
    await save(alice, scanned, FIXED)
    page = await page_now(database, scanned.pages[0])
    places = {page.text[word.start : word.end]: word for word in map(Word.from_json, page.words)}
    old = {FIRST[word.start : word.end]: word for word in map(Word.from_json, scanned.pages[0].words)}
    assert places["Iron"] == old["Iron"]
    assert places["hand"].box == old["hand"].box
    assert old["heat"].box.x1 <= places["far"].box.x0 <= places["far"].box.x1 <= old["better,"].box.x0


async def test_a_text_that_changes_no_answer_grades_nothing(
    alice: Client, database: Database, scanned: Scanned
) -> None:
    said = await save(alice, scanned, FIRST.replace("Ann Lee", "Anne Lee"))
    assert "No mark rests on what changed." in said
    assert await graded_anew(database) == []
    mark = await mark_of(database, scanned.paper, scanned.first)
    assert mark
    assert mark.version == 1
    # Saving what was there already is no correction.
    await save(alice, scanned, SECOND.replace("\n", "\r\n") + "  \r\n", page=1)
    assert (await page_now(database, scanned.pages[1])).version == 1


async def test_evidence_of_unchanged_answers_is_drawn_where_it_was(
    alice: Client, database: Database, scanned: Scanned
) -> None:
    at = f"/papers/{scanned.paper.id}"
    before = [line for line in (await (await alice.get(at)).text()).splitlines() if 'd="M' in line]
    assert before
    await save(alice, scanned, FIRST.replace("Ann Lee", "Ann Lee, class 8C"))
    after = [line for line in (await (await alice.get(at)).text()).splitlines() if 'd="M' in line]
    assert before == after


async def test_a_decided_mark_stays_and_the_page_says_so(
    alice: Client, database: Database, world: World, scanned: Scanned
) -> None:
    form = {"version": "1", "do": "accept"}
    decided = await alice.post(
        f"/papers/{scanned.paper.id}/questions/{scanned.first.id}", data=form, headers=HTMX
    )
    assert decided.status == 200
    said = await save(alice, scanned, FIXED)
    assert "The answers to 1 changed after a teacher marked them." in said
    assert "was corrected after the decision" in said
    assert await graded_anew(database) == []
    mark = await mark_of(database, scanned.paper, scanned.first)
    assert mark
    assert (mark.state, mark.points, mark.version) == (MarkState.DECIDED, 3.0, 3)
    # The correction is no step of the mark: undoing takes the decision back.
    undone = await alice.post(
        f"/papers/{scanned.paper.id}/questions/{scanned.first.id}",
        data={"version": "3", "do": "undo"},
        headers=HTMX,
    )
    assert undone.status == 200
    mark = await mark_of(database, scanned.paper, scanned.first)
    assert mark
    assert (mark.state, mark.feedback) == (MarkState.GRADED, "")


async def test_a_page_that_shows_the_old_answer_decides_nothing(alice: Client, scanned: Scanned) -> None:
    await save(alice, scanned, FIXED)
    decided = await alice.post(
        f"/papers/{scanned.paper.id}/questions/{scanned.first.id}",
        data={"version": "1", "do": "accept"},
        headers=HTMX,
    )
    assert decided.status == 409


async def test_while_a_run_is_open_the_questions_wait(
    alice: Client, database: Database, world: World, scanned: Scanned
) -> None:
    async with database.begin() as db:
        run = await runs.start(db, scanned.assignment, None, [scanned.other.id])
        await runs.pause(db, run)
    said = await save(alice, scanned, FIXED)
    assert "cannot be graded again yet: This assignment is being graded already." in said
    assert (await paper_now(database, scanned.paper)).stale == [scanned.first.id]
    page = await (await alice.get(f"/papers/{scanned.paper.id}")).text()
    assert "The text of these answers was corrected since they were graded: 1." in page
    again = await alice.post(f"/papers/{scanned.paper.id}/regrade", headers=HTMX)
    assert again.status == 422
    async with database.begin() as db:
        held = await db.get(Run, run.id)
        assert held
        await runs.cancel(db, held)
    again = await alice.post(f"/papers/{scanned.paper.id}/regrade", headers=HTMX)
    assert "Graded again with it: 1." in await again.text()
    assert (await paper_now(database, scanned.paper)).stale == []
    page = await (await alice.get(f"/papers/{scanned.paper.id}")).text()
    assert "Grade these again" not in page


async def test_of_two_teachers_the_second_sees_both_texts(
    alice: Client, sign_in: SignIn, database: Database, world: World, scanned: Scanned
) -> None:
    bob = await sign_in(world.bob)
    await save(alice, scanned, FIXED)
    said = await save(bob, scanned, FIRST.replace("Iron", "Steel"), status=409)
    assert "This page was changed meanwhile." in said
    assert "Steel conducts heat better" in said
    assert "Iron conducts heat far better" in said
    assert 'name="version" value="2"' in said
    assert (await page_now(database, scanned.pages[0])).text == FIXED
    await save(bob, scanned, FIRST.replace("Iron", "Steel"), version="2")
    now = await page_now(database, scanned.pages[0])
    assert "Steel" in now.text
    assert [each["text"] for each in now.readings] == [FIRST, FIXED]


# What is sent, the answer's status, what it says. One test for all: a fresh world each takes longer than what it asks.
UNFIT = (
    ("1. a\0b", 422, "Line 1 has a character that cannot be shown (U+0000)"),
    ("1.\n\x1b[2J", 422, "Line 2 has a character that cannot be shown (U+001B)"),
    ("x" * 2_000_000, 422, "has at most 50000 characters; this one has 2000000"),
    ("x" * 5_000_000, 413, "too large"),
)


async def test_what_cannot_be_stored_is_said(alice: Client, database: Database, scanned: Scanned) -> None:
    for text, status, why in UNFIT:
        assert why in await save(alice, scanned, text, status=status)
    at = f"/pages/{scanned.pages[0].id}/text"
    for form in ({}, {"version": "x", "text": "a"}, {"version": "1"}, {"text": "a"}):
        assert (await alice.post(at, data=form)).status == 400
    file = {"version": "1", "text": io.BytesIO(b"1. a")}
    assert (await alice.post(at, data=file)).status == 400
    assert (await alice.post("/pages/999999/text", data={"version": "1", "text": "a"})).status == 404
    assert (await page_now(database, scanned.pages[0])).version == 1


async def test_a_text_is_data(alice: Client, scanned: Scanned) -> None:
    said = await save(alice, scanned, "1. <script>alert(1)</script> {{ 7*7 }} </textarea>")
    assert "<script>alert" not in said
    assert said.count("</textarea>") == said.count("<textarea")
    assert "{{ 7*7 }}" in said


async def test_a_page_can_be_emptied_and_a_failed_one_typed_in(
    alice: Client, database: Database, server: TestServer, scanned: Scanned
) -> None:
    await save(alice, scanned, "", page=1)
    assert (await page_now(database, scanned.pages[1])).blank
    problem = {"message": "“{name}” is damaged.", "values": {"name": "photo"}}
    failed = await add_page(
        database, server.app[STORAGE], scanned.other, 10, "", by="", words=[], image_key=None, thumb_key=None,
        state=PageState.FAILED, problem=problem,
    )  # fmt: skip
    page = await (await alice.get(f"/papers/{scanned.other.id}")).text()
    assert "“photo” is damaged." in page
    response = await alice.post(
        f"/pages/{failed.id}/text", data={"version": "1", "text": "1. Wood\n2. B"}, headers=HTMX
    )
    assert response.status == 200
    now = await page_now(database, failed)
    assert (now.state, now.problem, now.words, now.readings) == (PageState.READ, None, [], [])
    assert (await paper_now(database, scanned.other)).pages == [{"number": 1, "text": "1. Wood\n2. B"}]


async def test_a_page_of_a_pile_is_corrected_too(
    alice: Client, sign_in: SignIn, database: Database, world: World, scanned: Scanned
) -> None:
    async with database.begin() as db:
        pile = Pile(assignment_id=scanned.assignment.id, name="scan.pdf", token="t1")
        db.add(pile)
        await db.flush()
        page = (await of_paper(db, scanned.paper.id))[1]
        page.paper_id, page.pile_id = None, pile.id
    at = f"/pages/{page.id}"
    assert (
        await (await sign_in(world.charlie)).post(f"{at}/text", data={"version": "1", "text": "x"})
    ).status == 404
    response = await alice.post(f"{at}/text", data={"version": "1", "text": "Ben"}, allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, at)
    assert (await page_now(database, page)).text == "Ben"
    assert "The text is saved." in await (await alice.get(at)).text()


async def test_who_may(sign_in: SignIn, world: World, scanned: Scanned) -> None:
    nobody, charlie, bob = [await sign_in(user) for user in (None, world.charlie, world.bob)]
    form = {"version": "1", "text": FIXED}
    for at in (f"/pages/{scanned.pages[0].id}/text", f"/papers/{scanned.paper.id}/regrade"):
        assert (await charlie.post(at, data=form)).status == 404
        assert (await nobody.post(at, data=form, allow_redirects=False)).status == 303
        assert (await bob.get(at)).status == 405
        assert (await bob.post(at, data=form)).status == 200


async def test_without_scripts_the_way_is_the_same(alice: Client, scanned: Scanned) -> None:
    at = f"/pages/{scanned.pages[0].id}"
    assert FIRST in await (await alice.get(at)).text()
    response = await alice.post(f"{at}/text", data={"version": "1", "text": FIXED}, allow_redirects=False)
    assert response.headers["Location"] == f"/papers/{scanned.paper.id}#page-{scanned.pages[0].id}"
    page = await (await alice.post(f"{at}/text", data={"version": "1", "text": "mine"})).text()
    assert "This page was changed meanwhile." in page
    assert "mine</textarea>" in page


async def test_a_paper_that_was_never_graded_is_only_corrected(
    alice: Client, database: Database, server: TestServer, scanned: Scanned
) -> None:
    page = await add_page(database, server.app[STORAGE], scanned.other, 10, "1. Wod")
    response = await alice.post(
        f"/pages/{page.id}/text", data={"version": "1", "text": "1. Wood"}, headers=HTMX
    )
    assert response.status == 200
    assert await graded_anew(database) == []
    async with database.begin() as db:
        held = await db.get(Paper, scanned.other.id)
    assert held
    assert held.pages == [{"number": 1, "text": "1. Wood"}]
