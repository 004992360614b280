"""The run page: what it shows, who may see it, and what its forms do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.assignments.models import Assignment
from app.db import Database
from app.marks.models import Mark, MarkState, Run, RunState
from app.papers.models import Paper
from app.settings import Settings
from tests import factories, graded
from tests.conftest import World

SignIn = Callable[..., Any]


@pytest.fixture
async def heat(database: Database, world: World) -> tuple[Assignment, list[Paper]]:
    """An assignment of two papers and two questions."""
    async with database.begin() as db:
        return await graded.assignment(db, world.klass)


def at(assignment: Assignment, tail: str = "") -> str:
    return f"/assignments/{assignment.id}/run{tail}"


async def the_run(database: Database) -> Run:
    async with database.begin() as db:
        run = await db.get(Run, 1)
    assert run is not None
    return run


async def test_it_is_for_the_class_only(
    sign_in: SignIn, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    assignment, _ = heat
    nobody, stranger = await sign_in(None), await sign_in(world.charlie)
    for method, tail in (("get", ""), ("post", "/start"), ("post", "/change")):
        answer = await getattr(nobody, method)(at(assignment, tail), allow_redirects=False)
        assert answer.status == 303 and answer.headers["Location"].startswith("/sign-in")
        answer = await getattr(stranger, method)(at(assignment, tail), data={"do": "pause", "run": "1"})
        assert answer.status == 404
    colleague = await sign_in(world.bob)
    assert (await colleague.get(at(assignment))).status == 200
    assert (await colleague.get("/assignments/999/run")).status == 404
    assert (await colleague.get("/assignments/x/run")).status == 404
    for method, tail in (("post", ""), ("get", "/start"), ("get", "/change")):
        assert (await getattr(colleague, method)(at(assignment, tail))).status == 405


async def test_without_scheme_or_papers_it_says_what_to_do(
    sign_in: SignIn, database: Database, world: World
) -> None:
    async with database.begin() as db:
        bare = await factories.assignment(db, world.klass, graded.scheme(0))
        empty = await factories.assignment(db, world.klass, graded.scheme(1))
    alice = await sign_in(world.alice)
    page = await (await alice.get(at(bare))).text()
    assert "Enter the marking scheme" in page and "<table" not in page
    page = await (await alice.get(at(empty))).text()
    assert "Upload papers" in page and "<table" not in page
    for assignment, problem in ((bare, "no marking scheme"), (empty, "no paper that can be read")):
        answer = await alice.post(at(assignment, "/start"))
        assert answer.status == 422 and problem in await answer.text()
    assert await graded.count(database, Run) == 0


async def test_start_pause_go_on_cancel(
    sign_in: SignIn, database: Database, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    assignment, papers = heat
    alice = await sign_in(world.alice)
    page = await (await alice.get(at(assignment))).text()
    assert "Not graded yet" in page and "paper01.txt" in page and "Graded on this computer" in page
    answer = await alice.post(at(assignment, "/start"), allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, at(assignment))
    page = await (await alice.get(at(assignment))).text()
    assert ">Pause<" in page and "0</b> / 4 questions" in page
    assert f'<td id="cell-{papers[0].id}-{assignment.questions[0].id}" class=" wait">' in page
    twice = await alice.post(at(assignment, "/start"))
    assert twice.status == 422 and "being graded already" in await twice.text()
    for do, state in (
        ("pause", "paused"),
        ("resume", "running"),
        ("pause", "paused"),
        ("cancel", "cancelled"),
    ):
        answer = await alice.post(
            at(assignment, "/change"), data={"do": do, "run": "1"}, headers={"HX-Request": "true"}
        )
        changed = await answer.text()
        assert answer.status == 200 and '<hx-partial hx-target="#run-state"' in changed
        assert (">Pause<" in changed) == (state == "running")
        assert (await the_run(database)).state == state
    page = await (await alice.get(at(assignment))).text()
    assert "Grading was cancelled" in page and "Grade again" in page


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        ({"do": "explode", "run": "1"}, 400, ""),
        ({"do": "pause"}, 400, ""),
        ({"do": "pause", "run": "77"}, 409, "not there any more"),
        ({"do": "resume", "run": "1"}, 409, "not paused"),
    ],
)
async def test_a_bad_change_changes_nothing(
    sign_in: SignIn,
    database: Database,
    world: World,
    heat: tuple[Assignment, list[Paper]],
    form: dict[str, str],
    status: int,
    says: str,
) -> None:
    alice = await sign_in(world.alice)
    await alice.post(at(heat[0], "/start"))
    answer = await alice.post(at(heat[0], "/change"), data=form)
    assert answer.status == status and says in await answer.text()
    assert (await the_run(database)).state == RunState.RUNNING


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        ({"scope": "9, 1"}, 422, "There is no question 9."),
        ({"which": "all of it"}, 400, ""),
        ({"paper": "x"}, 422, "none of this assignment"),
        ({"paper": "999"}, 422, "decided by a teacher"),
        ({"which": "needs_teacher"}, 422, "Nothing in this selection"),
    ],
)
async def test_a_bad_start_starts_nothing(
    sign_in: SignIn,
    database: Database,
    world: World,
    heat: tuple[Assignment, list[Paper]],
    form: dict[str, str],
    status: int,
    says: str,
) -> None:
    alice = await sign_in(world.alice)
    answer = await alice.post(at(heat[0], "/start"), data=form)
    assert answer.status == status and says in await answer.text()
    assert await graded.count(database, Run) == 0


async def test_a_model_that_is_not_set_up_is_said(
    sign_in: SignIn, database: Database, world: World, settings: Settings
) -> None:
    async with database.begin() as db:
        assignment, _ = await graded.assignment(db, world.klass, grader="model")
    alice = await sign_in(world.alice)
    answer = await alice.post(at(assignment, "/start"))
    assert answer.status == 422 and "needs an API key" in await answer.text()
    assert await graded.count(database, Run) == 0


async def test_cells_show_pencil_red_and_question_mark(
    sign_in: SignIn, database: Database, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    assignment, papers = heat
    first, second = assignment.questions
    common = {"criteria": [], "scheme_version": 1}
    async with database.begin() as db:
        db.add_all(
            [
                Mark(
                    paper_id=papers[0].id, question_id=first.id, state=MarkState.GRADED, points=1.5, **common
                ),
                Mark(
                    paper_id=papers[0].id, question_id=second.id, state=MarkState.DECIDED, points=3, **common
                ),
                Mark(paper_id=papers[1].id, question_id=first.id, state=MarkState.NEEDS_TEACHER, **common),
                Mark(
                    paper_id=papers[1].id, question_id=second.id, state=MarkState.GRADED, points=0, **common
                ),
            ]
        )
    alice = await sign_in(world.alice)
    page = await (await alice.get(at(assignment))).text()
    assert f'id="cell-{papers[0].id}-{first.id}" class="graded f5">' in page
    assert f'id="cell-{papers[0].id}-{second.id}" class="decided f10">' in page
    assert f'id="cell-{papers[1].id}-{first.id}" class="needs_teacher">' in page
    assert "Question 1: 1.5 of 3, proposed" in page and "Question 2: 3 of 3, decided by the teacher" in page
    assert f'<td id="sum-{papers[0].id}" class="sum">4.5</td>' in page
    assert f'<td id="sum-{papers[1].id}" class="sum">0+</td>' in page
    assert "style=" not in page and "onclick" not in page


async def test_names_are_escaped(
    sign_in: SignIn, database: Database, world: World, heat: tuple[Assignment, list[Paper]]
) -> None:
    assignment, _ = heat
    async with database.begin() as db:
        await graded.paper(db, assignment, "<script>alert(1)</script>.txt", "1. x")
    page = await (await (await sign_in(world.alice)).get(at(assignment))).text()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
