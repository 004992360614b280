"""Misconceptions: what counts as a wrong answer, what the teacher picks, what screens show, and what never appears."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import pytest
from aiohttp.test_utils import TestServer

from app.accounts.models import User
from app.assignments.models import Assignment, Question
from app.classroom import answers, misconceptions
from app.classroom.models import Board, BoardKind
from app.classroom.store import board_of
from app.db import Database
from app.events.schema import BoardChanged
from app.keys import BUS, DATABASE
from app.marks.models import MarkState
from app.papers.models import Paper
from app.scheme.types import Criterion, Kind, Scheme
from app.scheme.types import Question as SchemeQuestion
from app.web import board_view
from tests import factories
from tests.conftest import Client, World
from tests.functional.review_help import HTMX

SignIn = Callable[[User | None], Awaitable[Client]]
COLD = [
    "Because iron has a lower temperature",
    "iron has a lower temperature.",
    "Iron has a lower temperature!",
]
MAKES = ["the metal makes cold by itself", "metal makes cold", "Because metal makes cold air"]
ALONE = "my dad Zebulon says so"
SCHEME = Scheme(
    "Heat",
    (
        SchemeQuestion(
            "1", Kind.TEXT, "Why does it feel cold?", 2.0, ("Iron conducts.",), (Criterion("conducts", 2.0),)
        ),
        SchemeQuestion("2", Kind.NUMBER, "How warm?", 1.0, ("20",), (Criterion("right", 1.0),)),
    ),
)


@dataclass
class Wrong:
    """Alice's assignment; question 1 has two groups of three and one answer alone, question 2 four times 25."""

    assignment: Assignment
    first: Question
    second: Question
    papers: Sequence[Paper]


@pytest.fixture
async def wrong(database: Database, world: World) -> Wrong:
    async with database.begin() as db:
        assignment = await factories.assignment(db, world.klass, SCHEME)
        first, second = assignment.questions
        papers = []
        for number, text in enumerate([*COLD, *MAKES, ALONE]):
            student = await factories.student(db, world.klass, f"Pupil Number{number}")
            paper = await factories.paper(db, assignment, student, text, file_name=f"secret{number}.txt")
            papers.append(paper)
            await factories.answers(db, paper, {first: text, second: "25" if number < 4 else None})
            state = MarkState.NEEDS_TEACHER if number == 1 else MarkState.GRADED
            await factories.mark(db, paper, first, (0.5,), state)
            if number < 4:
                await factories.mark(db, paper, second, (0.0,), MarkState.DECIDED)
    return Wrong(assignment, first, second, papers)


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


def at(wrong: Wrong) -> str:
    return f"/assignments/{wrong.assignment.id}/misconceptions"


async def page_of(client: Client, wrong: Wrong, question: Question | None = None) -> str:
    query = f"?question={question.id}" if question else ""
    response = await client.get(at(wrong) + query)
    assert response.status == 200
    return await response.text()


def keys_of(page: str) -> list[str]:
    return re.findall(r'name="key" value="([^"]*)"', page)


def stamp_of(page: str) -> str:
    found = re.search(r'name="stamp" value="([^"]*)"', page)
    assert found
    return found[1]


def form(
    question: Question,
    stamp: str,
    keys: Sequence[str],
    picked: Sequence[str],
    labels: Sequence[str] = (),
    **more: str,
) -> dict[str, list[str]]:
    given = [*labels, *[""] * (len(keys) - len(labels))]
    values = {
        "question": [str(question.id)],
        "stamp": [stamp],
        "key": [*keys],
        "label": given,
        "pick": [*picked],
    }
    return {**values, **{name: [value] for name, value in more.items()}}


async def pick(
    client: Client, wrong: Wrong, question: Question, picked: Sequence[str], labels: Sequence[str] = ()
) -> str:
    """Tick groups by their keys, as the page's own form would."""
    page = await page_of(client, wrong, question)
    keys = keys_of(page)
    values = form(question, stamp_of(page), keys, picked, labels)
    response = await client.post(at(wrong), data=values, headers=HTMX)
    assert response.status == 200, await response.text()
    return await response.text()


async def board(database: Database, wrong: Wrong) -> Board:
    async with database.begin() as db:
        return await board_of(db, wrong.assignment.id, BoardKind.MISCONCEPTIONS, "en")


async def screen(server: TestServer, wrong: Wrong, language: str = "en") -> str:
    found = await board(server.app[DATABASE], wrong)
    html = await board_view.render(server.app, found.id, language)
    assert html is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


async def test_the_page_shows_groups_with_all_answers_and_no_name(alice: Client, wrong: Wrong) -> None:
    page = await page_of(alice, wrong)
    assert len(keys_of(page)) == 2
    assert all(text.rstrip("!") in page for text in [*COLD, *MAKES])
    assert ALONE in page
    assert "1 answer in no group" in page
    assert "Pupil" not in page and "secret" not in page


async def test_numbers_are_grouped_by_value(alice: Client, wrong: Wrong) -> None:
    page = await page_of(alice, wrong, wrong.second)
    assert keys_of(page) == ["=25"]


async def test_screens_show_nothing_before_something_is_picked(server: TestServer, wrong: Wrong) -> None:
    assert "Nothing has been chosen yet." in await screen(server, wrong)


async def test_what_is_picked_is_shown_with_count_and_shared_words_only(
    server: TestServer, alice: Client, wrong: Wrong
) -> None:
    keys = keys_of(await page_of(alice, wrong, wrong.first))
    cold = next(key for key in keys if "temperature" in key)
    await pick(alice, wrong, wrong.first, [cold])
    shown = await screen(server, wrong)
    assert "Why does it feel cold?" in shown
    assert "lower temperature" in shown and " 3 papers" in shown
    assert "7 answers to talk about" in shown
    assert "Groups under 3 are not shown." in shown
    for hidden in ("makes cold", "Zebulon", "Because", "Pupil", "other"):
        assert hidden not in shown, hidden
    assert "份" in await screen(server, wrong, "zh")


async def test_order_label_and_taking_off(server: TestServer, alice: Client, wrong: Wrong) -> None:
    keys = keys_of(await page_of(alice, wrong, wrong.first))
    answer = await pick(alice, wrong, wrong.first, keys, labels=["One <b>", "Two"])
    assert "One &lt;b&gt;" in answer
    shown = await screen(server, wrong)
    assert shown.index("One") < shown.index("Two")
    page = await page_of(alice, wrong, wrong.first)
    assert keys_of(page) == keys
    moved = form(wrong.first, stamp_of(page), keys, keys, ["One <b>", "Two"], down=keys[0])
    await alice.post(at(wrong), data=moved, headers=HTMX)
    shown = await screen(server, wrong)
    assert shown.index("Two") < shown.index("One")
    # Taken off: the label is kept for the next time, and no screen shows it.
    page = await page_of(alice, wrong, wrong.first)
    assert keys_of(page) == keys[::-1]
    await pick(alice, wrong, wrong.first, [keys[0]], labels=["Two", "One <b>"])
    shown = await screen(server, wrong)
    assert "One" in shown and "Two" not in shown
    assert 'value="Two"' in await page_of(alice, wrong, wrong.first)


async def test_another_question_keeps_what_was_chosen_of_the_first(
    server: TestServer, alice: Client, wrong: Wrong
) -> None:
    keys = keys_of(await page_of(alice, wrong, wrong.first))
    await pick(alice, wrong, wrong.first, keys)
    await pick(alice, wrong, wrong.second, ["=25"])
    shown = await screen(server, wrong)
    assert "How warm?" in shown and "“" not in shown and " 25 " in shown and "4 papers" in shown
    assert (await page_of(alice, wrong, wrong.first)).count(" checked") == len(keys)


async def test_picks_survive_new_answers_and_a_group_that_went_counts_nothing(
    server: TestServer, alice: Client, wrong: Wrong, world: World, database: Database
) -> None:
    keys = keys_of(await page_of(alice, wrong, wrong.first))
    await pick(alice, wrong, wrong.first, keys)
    async with database.begin() as db:
        paper = await factories.paper(db, wrong.assignment, text="new")
        await factories.answers(db, paper, {wrong.first: "I think iron has a much lower temperature"})
        await factories.mark(db, paper, wrong.first, (0.0,))
    shown = await screen(server, wrong)
    assert "4 papers" in shown and "3 papers" in shown
    async with database.begin() as db:
        for each in wrong.papers[3:5]:
            await db.delete(await db.get_one(Paper, each.id))
    shown = await screen(server, wrong)
    assert "4 papers" in shown and "0 papers" in shown and "makes cold" in shown
    assert "Screens show 0." in await page_of(alice, wrong, wrong.first)


async def test_full_points_blanks_and_older_papers_of_a_pupil_do_not_count(
    wrong: Wrong, world: World, database: Database
) -> None:
    async with database.begin() as db:
        student = await factories.student(db, world.klass, "Twice")
        for number, (text, points) in enumerate(
            [("old copy", 0.0), ("new copy", 0.0), ("fully right", 2.0), ("  \n", 0.0)]
        ):
            owner = student if number < 2 else None
            paper = await factories.paper(db, wrong.assignment, owner, text)
            await factories.answers(db, paper, {wrong.first: text})
            await factories.mark(db, paper, wrong.first, (points,))
        unmarked = await factories.paper(db, wrong.assignment)
        await factories.answers(db, unmarked, {wrong.first: "not graded yet"})
        found = await answers.wrong(db, wrong.first.id)
        assert sorted(found) == sorted([*COLD, *MAKES, ALONE, "new copy"])
        assert await answers.counts(db, wrong.assignment.id) == {wrong.first.id: 8, wrong.second.id: 4}


async def test_the_databases_stamp_is_ours(wrong: Wrong, database: Database) -> None:
    async with database.begin() as db:
        for question in (wrong.first, wrong.second):
            texts = await answers.wrong(db, question.id)
            assert await answers.stamp(db, question.id) == answers.stamp_of(texts)
        assert await answers.stamp(db, 10**9) == answers.stamp_of([])


async def test_groups_are_computed_once_for_the_same_answers(
    wrong: Wrong, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = misconceptions.group

    def counted(*values: object) -> object:
        calls.append(values)
        return real(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(misconceptions, "group", counted)
    texts = [f"only here {number}" for number in range(5)]
    made = await asyncio.gather(*(misconceptions.grouping(wrong.first, texts) for _ in range(20)))
    await misconceptions.grouping(wrong.first, list(texts))
    assert len(calls) == 1 and all(each is made[0] for each in made)


async def test_a_choice_is_published_and_one_that_changes_nothing_is_not(
    server: TestServer, alice: Client, wrong: Wrong
) -> None:
    keys = keys_of(await page_of(alice, wrong, wrong.first))
    async with server.app[BUS].subscribe(wrong.assignment.id, "") as page:
        await pick(alice, wrong, wrong.first, keys[:1])
        entries = await page.next(5)
        assert entries and isinstance(entries[0].event, BoardChanged)
        await pick(alice, wrong, wrong.first, keys[:1])
        with pytest.raises(TimeoutError):
            await page.next(0.3)


async def test_two_teachers_notice_each_other(
    alice: Client, sign_in: SignIn, world: World, wrong: Wrong, server: TestServer
) -> None:
    bob = await sign_in(world.bob)
    old = await page_of(bob, wrong, wrong.first)
    keys = keys_of(old)
    await pick(alice, wrong, wrong.first, keys[:1])
    late = form(wrong.first, stamp_of(old), keys, keys)
    response = await bob.post(at(wrong), data=late, headers=HTMX)
    assert response.status == 409 and "A colleague changed this board" in await response.text()
    response = await bob.post(at(wrong), data=late)
    assert "A colleague changed this board" in await response.text()
    assert (await page_of(bob, wrong, wrong.first)).count(" checked") == 1


async def test_without_scripts_the_form_leads_back(alice: Client, wrong: Wrong) -> None:
    page = await page_of(alice, wrong, wrong.second)
    values = form(wrong.second, stamp_of(page), ["=25"], ["=25"])
    response = await alice.post(at(wrong), data=values, allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"] == f"{at(wrong)}?question={wrong.second.id}"


async def test_the_part_for_the_stream(alice: Client, wrong: Wrong) -> None:
    response = await alice.get(f"{at(wrong)}?part=groups&question={wrong.second.id}", headers=HTMX)
    text = await response.text()
    assert response.status == 200 and "<html" not in text and "=25" in text


async def test_strangers_and_other_methods(
    sign_in: SignIn, world: World, wrong: Wrong, alice: Client
) -> None:
    charlie, bob, nobody = [await sign_in(user) for user in (world.charlie, world.bob, None)]
    for client, status in ((charlie, 404), (bob, 200)):
        assert (await client.get(at(wrong))).status == status
    assert (await charlie.post(at(wrong), data={"question": str(wrong.first.id)})).status == 404
    assert (await nobody.get(at(wrong), allow_redirects=False)).status == 303
    assert (await nobody.post(at(wrong), allow_redirects=False)).status in (303, 401, 403)
    assert (await alice.delete(at(wrong))).status == 405
    assert (await alice.put(at(wrong))).status == 405


@pytest.mark.parametrize("number", ["0", "99999999", "x", "1" * 30, "-1", "1.5"])
async def test_bad_ids_are_not_found(alice: Client, wrong: Wrong, number: str) -> None:
    assert (await alice.get(f"/assignments/{number}x/misconceptions")).status == 404
    assert (await alice.get(f"{at(wrong)}?question={number}")).status == 404


async def test_strange_forms_are_refused_or_harmless(
    alice: Client, wrong: Wrong, database: Database, server: TestServer
) -> None:
    stamp = stamp_of(await page_of(alice, wrong, wrong.first))
    for bad in (
        {},
        {"question": "x"},
        {"question": str(wrong.first.id), "key": ["a", "b"], "label": ["one"]},
    ):
        response = await alice.post(at(wrong), data=bad)
        assert response.status in (400, 404), bad
    long = form(
        wrong.first, stamp, ["k" * 5000, "\0", "", "x|y"] * 100, ["x|y", "k" * 5000], ["l" * 5000, "\0"]
    )
    response = await alice.post(at(wrong), data=long, headers=HTMX)
    assert response.status == 200
    found = await board(database, wrong)
    assert len(found.picked) <= misconceptions.MOST_PICKS
    assert all(len(entry["key"]) <= 200 and len(entry["label"]) <= 80 for entry in found.picked)
    assert " 0 papers" in await screen(server, wrong)


async def test_a_broken_choice_in_the_database_breaks_no_board(
    server: TestServer, wrong: Wrong, database: Database
) -> None:
    async with database.begin() as db:
        found = await board_of(db, wrong.assignment.id, BoardKind.MISCONCEPTIONS, "en")
        found.question_id = wrong.first.id
        found.picked = [None, {}, {"key": 3}, {"key": "a", "label": 5, "question": "x"}, {"key": "b"}]
    assert " 0 papers" in await screen(server, wrong)


async def test_a_deleted_question_leaves_an_empty_board(
    server: TestServer, alice: Client, wrong: Wrong, database: Database
) -> None:
    await pick(alice, wrong, wrong.second, ["=25"])
    async with database.begin() as db:
        await db.delete(await db.get_one(Question, wrong.second.id))
    assert "Nothing has been chosen yet." in await screen(server, wrong)
    assert (await alice.get(at(wrong))).status == 200


async def test_an_assignment_without_questions_or_marks(
    alice: Client, world: World, database: Database
) -> None:
    async with database.begin() as db:
        bare = await factories.assignment(db, world.klass, Scheme("Bare", ()))
        fresh = await factories.assignment(db, world.klass, SCHEME)
    response = await alice.get(f"/assignments/{bare.id}/misconceptions")
    assert response.status == 200 and "no questions yet" in await response.text()
    response = await alice.get(f"/assignments/{fresh.id}/misconceptions")
    assert response.status == 200 and "No answer to this question" in await response.text()
