"""The results page: totals and what they are worth, figures, grade lines, and how many queries it takes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import event

from app.accounts.models import User
from app.assignments.models import Assignment
from app.db import Database
from app.keys import DATABASE
from app.marks.models import MarkState
from app.reports import results
from tests import factories
from tests.conftest import Client, World
from tests.functional.review_help import HTMX, SCHEME, Graded, make_graded

SignIn = Callable[[User | None], Awaitable[Client]]
GOOD_LINES = {"A": "90", "B": "75", "C": "60", "D": "40"}


@pytest.fixture
async def graded(database: Database, world: World) -> Graded:
    return await make_graded(database, world)


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


def at(graded: Graded) -> str:
    return f"/assignments/{graded.assignment.id}/results"


async def text_of(client: Client, address: str, **arguments: Any) -> str:
    response = await client.get(address, **arguments)
    assert response.status == 200
    return await response.text()


def row_of(page: str, name: str) -> list[str]:
    """The cells of a student's row."""
    row = next(row for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL) if name in row)
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[dh].*?</t[dh]>", row)]


async def decide_second(database: Database, graded: Graded) -> None:
    async with database.begin() as db:
        await factories.mark(db, graded.other, graded.first, (3.0, 1.5), MarkState.DECIDED)
        await factories.mark(db, graded.other, graded.second, (1.0,), MarkState.DECIDED)


async def test_totals_and_what_is_missing(
    alice: Client, database: Database, world: World, graded: Graded
) -> None:
    await decide_second(database, graded)
    async with database.begin() as db:
        await factories.student(db, world.klass, "Cat", "3")
        await factories.paper(db, graded.assignment, None, file_name="scan <1>.pdf")
    page = await text_of(alice, at(graded))
    assert row_of(page, "Ann Lee") == ["2", "Ann Lee", "3", "?", "3+", "", ""]
    assert row_of(page, "Ben Okafor") == ["10", "Ben Okafor", "4.5", "1", "5.5", "92%", "A"]
    assert row_of(page, "Cat") == ["3", "Cat", "no paper"]
    assert row_of(page, "scan &lt;1&gt;.pdf")[:3] == ["?", "scan &lt;1&gt;.pdf", "–"]
    assert "1 paper still has questions without points" in page
    assert "1 paper is nobody’s yet" in page
    assert "average <b>5.5</b> / 6" in page
    assert "from 1 complete paper<" in page
    assert 'class="num p">3<' in page and 'class="num t">4.5<' in page and 'class="num ask">?<' in page


async def test_where_points_were_lost(alice: Client, database: Database, graded: Graded) -> None:
    await decide_second(database, graded)
    page = await text_of(alice, at(graded))
    assert row_of(page, "2. takes heat faster") == [
        "Question 1", "2. takes heat faster", "62%", "", "−1.25 / 2", "2 of 2",
    ]  # fmt: skip
    assert "1. conducts better" not in page
    assert row_of(page, "Question 2")[1] == "1 / 1"


async def test_a_student_with_two_papers(alice: Client, database: Database, graded: Graded) -> None:
    async with database.begin() as db:
        await factories.paper(db, graded.assignment, graded.ann, file_name="again.txt")
    page = await text_of(alice, at(graded))
    assert '<span class="tag ask">again.txt</span>' in page
    assert page.count(">Ann Lee</a>") == 2


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("number", ["Ann Lee", "Zoe", "Ben Okafor"]),
        ("name", ["Ann Lee", "Ben Okafor", "Zoe"]),
        ("total", ["Ben Okafor", "Ann Lee", "Zoe"]),
        ("' or 1=1", ["Ann Lee", "Zoe", "Ben Okafor"]),
    ],
)
async def test_sorting(
    alice: Client, database: Database, world: World, graded: Graded, sort: str, order: list[str]
) -> None:
    await decide_second(database, graded)
    async with database.begin() as db:
        zoe = await factories.student(db, world.klass, "Zoe", "9")
        await factories.paper(db, graded.assignment, zoe)
    page = await text_of(alice, at(graded), params={"sort": sort})
    assert sorted(order, key=lambda name: page.index(f">{name}</a>")) == order


async def test_who_may(sign_in: SignIn, database: Database, world: World, graded: Graded) -> None:
    nobody, charlie, bob = [await sign_in(who) for who in (None, world.charlie, world.bob)]
    lines = f"/assignments/{graded.assignment.id}/grade-lines"
    for response in (
        await nobody.get(at(graded), allow_redirects=False),
        await nobody.post(lines, data=GOOD_LINES, allow_redirects=False),
    ):
        assert response.status == 303
        assert response.headers["Location"].startswith("/sign-in")
    assert (await charlie.get(at(graded))).status == 404
    assert (await charlie.post(lines, data=GOOD_LINES)).status == 404
    assert await stored_lines(database, graded) == {"A": 85, "B": 70, "C": 60, "D": 50}
    assert (await bob.get(at(graded))).status == 200
    assert (await bob.post(lines, data=GOOD_LINES)).status == 200
    for method in ("PUT", "DELETE", "POST"):
        assert (await bob.request(method, at(graded))).status == 405
    assert (await bob.get(lines)).status == 405
    assert (await bob.get("/assignments/999/results")).status == 404
    assert (await bob.get("/assignments/x/results")).status == 404


async def stored_lines(database: Database, graded: Graded) -> dict[str, Any]:
    async with database.begin() as db:
        found = await db.get(Assignment, graded.assignment.id)
        assert found is not None
        return found.grade_lines


async def test_moved_grade_lines_are_counted_at_once(
    alice: Client, database: Database, graded: Graded
) -> None:
    await decide_second(database, graded)
    assert row_of(await text_of(alice, at(graded)), "Ben Okafor")[-1] == "A"
    lines = f"/assignments/{graded.assignment.id}/grade-lines"
    response = await alice.post(lines, data={**GOOD_LINES, "A": "95,5"}, headers=HTMX)
    said = await response.text()
    assert response.status == 200
    assert 'hx-target="#grade-counts"' in said
    assert row_of(said, "Ben Okafor")[-1] == "B"
    assert await stored_lines(database, graded) == {"A": 95.5, "B": 75, "C": 60, "D": 40}
    assert row_of(await text_of(alice, at(graded)), "Ben Okafor")[-1] == "B"
    plain = await (await alice.post(lines, data=GOOD_LINES)).text()
    assert "Grade lines saved." in plain


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"A": "70"}, "The line of A must be higher than that of B."),
        ({"D": "x"}, "The line of D is a percentage"),
        ({"D": ""}, "The line of D is a percentage"),
        ({"A": "nan"}, "The line of A is a percentage"),
        ({"A": "101"}, "The line of A lies above 0 and up to 100 percent."),
        ({"D": "-1"}, "The line of D lies above 0"),
    ],
)
async def test_bad_lines_change_nothing(
    alice: Client, database: Database, graded: Graded, changed: dict[str, str], sentence: str
) -> None:
    lines = f"/assignments/{graded.assignment.id}/grade-lines"
    response = await alice.post(lines, data={**GOOD_LINES, **changed}, headers=HTMX)
    assert response.status == 422
    assert response.headers["HX-Retarget"] == "#problems"
    assert sentence in await response.text()
    assert await stored_lines(database, graded) == {"A": 85, "B": 70, "C": 60, "D": 50}


async def test_every_change_is_seen(alice: Client, database: Database, world: World, graded: Graded) -> None:
    """The page is kept as long as nothing it shows has changed, and not longer."""
    seen = [await text_of(alice, at(graded))]
    assert await text_of(alice, at(graded)) == seen[0]
    await alice.post(
        f"/papers/{graded.paper.id}/questions/{graded.second.id}", data={"version": "1", "do": "points:0:0"}
    )
    seen.append(await text_of(alice, at(graded)))
    async with database.begin() as db:
        (await db.merge(graded.ann)).name = "Anna Lee"
    seen.append(await text_of(alice, at(graded)))
    async with database.begin() as db:
        await factories.answers(db, graded.other, {graded.second: ""})
    seen.append(await text_of(alice, at(graded)))
    async with database.begin() as db:
        (await db.merge(graded.other)).student_id = None
    seen.append(await text_of(alice, at(graded)))
    async with database.begin() as db:
        await db.delete(await db.merge(graded.other))
    seen.append(await text_of(alice, at(graded)))
    assert len(set(seen)) == len(seen)
    assert "Anna Lee" in seen[2]
    await alice.post("/language", data={"language": "zh"})
    assert 'lang="zh-CN"' in await text_of(alice, at(graded))


async def test_in_chinese(alice: Client, database: Database, world: World, graded: Graded) -> None:
    await decide_second(database, graded)
    async with database.begin() as db:
        await factories.student(db, world.klass, "Cat", "3")
        await factories.paper(db, graded.assignment, None)
    await alice.post("/language", data={"language": "zh"})
    page = await text_of(alice, at(graded))
    for words in (
        "分数分布",
        "区分度",
        "失分点",
        "没有答卷",
        "1 份答卷还有题目没有分数",
        "第1题",
        "A 等线（%）",
    ):
        assert words in page
    page = await text_of(alice, f"/papers/{graded.paper.id}")
    for words in ("需要您", "把握度 80%", "采纳全部 1 条建议", "给学生的评语"):
        assert words in page


async def test_nothing_yet(alice: Client, database: Database, world: World) -> None:
    async with database.begin() as db:
        empty = await factories.assignment(db, world.klass, SCHEME)
    page = await text_of(alice, f"/assignments/{empty.id}/results")
    assert "There are no papers yet" in page


@contextmanager
def counted(server: TestServer) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    engine = server.app[DATABASE].engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


async def test_a_class_of_forty_takes_no_more_queries_than_one_of_two(
    alice: Client, server: TestServer, database: Database, world: World, graded: Graded
) -> None:
    async with database.begin() as db:
        for number in range(40):
            student = await factories.student(db, world.klass, f"Student {number}", f"{100 + number}")
            paper = await factories.paper(db, graded.assignment, student)
            await factories.answers(db, paper, {graded.first: "x", graded.second: "B"})
            await factories.mark(db, paper, graded.first, (number % 4, 1.0))
            await factories.mark(db, paper, graded.second, (number % 2,))
    with counted(server) as statements:
        page = await text_of(alice, at(graded))
    assert page.count("Student ") >= 40
    # The user, the assignment, its questions, its class; what it stands on; lines, blanks, lost points.
    assert len(statements) == 8, statements
    with counted(server) as statements:
        await text_of(alice, at(graded))
    assert len(statements) == 5, statements
    with counted(server) as statements:
        await text_of(alice, f"/papers/{graded.paper.id}")
    # Access, assignment, questions, class; marks, answers, history, student, neighbours and the user.
    assert len(statements) <= 11, statements


async def test_figures_of_forty(database: Database, world: World, graded: Graded) -> None:
    async with database.begin() as db:
        for number in range(12):
            student = await factories.student(db, world.klass, f"Student {number}", f"{100 + number}")
            paper = await factories.paper(db, graded.assignment, student)
            await factories.mark(db, paper, graded.first, (number % 4, 0.0))
            await factories.mark(db, paper, graded.second, (number % 2,))
        found = await results.load(db, graded.assignment)
    assert found.spread is not None and found.spread.count == 12
    assert found.incomplete == 2
    assert sum(found.bins) == sum(found.grade_counts.values()) == 12
    first, second = found.questions
    assert first.item.mean == pytest.approx((3 + sum(n % 4 for n in range(12))) / 13)
    assert (first.item.zero, second.item.full, second.needs) == (3, 6, 1)
    by_criterion = {(entry.question, entry.number): entry.lost for entry in found.lost}
    assert by_criterion == {("1", 1): 18.0, ("1", 2): 26.0, ("2", 1): 6.0}
