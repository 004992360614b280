"""Classes: the start page, making, renaming, sharing, archiving, deleting; who may and who may not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select

from app.accounts.models import User
from app.classes.models import Class, ClassTeacher, Student
from app.db import Database
from app.marks.models import Mark, Run
from app.papers.models import Paper
from tests import factories
from tests.conftest import Client, World
from tests.functional.papers_help import HTMX, SCHEME

SignIn = Callable[[User | None], Awaitable[Client]]


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


@pytest.fixture
async def bob(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.bob)


@pytest.fixture
async def charlie(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.charlie)


async def classes(database: Database) -> list[Class]:
    async with database.begin() as db:
        return list((await db.scalars(select(Class).order_by(Class.id))).all())


async def teachers(database: Database, class_id: int) -> dict[int, bool]:
    async with database.begin() as db:
        rows = await db.scalars(select(ClassTeacher).where(ClassTeacher.class_id == class_id))
        return {row.user_id: row.owner for row in rows}


async def text(client: Client, path: str) -> str:
    response = await client.get(path)
    assert response.status == 200, path
    return await response.text()


async def test_a_new_teacher_is_told_what_to_do_first(
    charlie: Client, database: Database, world: World
) -> None:
    page = await text(charlie, "/")
    assert "Make a class" in page
    assert 'action="/classes"' in page
    response = await charlie.post("/classes", data={"name": " 八年级\t3班 ", "language": "zh"})
    assert response.url.path == "/classes/2"
    assert "The class was made." in await response.text()
    made = (await classes(database))[1]
    assert (made.name, made.language) == ("八年级 3班", "zh")
    assert await teachers(database, made.id) == {world.charlie.id: True}
    assert "八年级 3班" in await text(charlie, "/")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "Give the class a name"),
        (" \u200b\0 ", "Give the class a name"),
        ("x" * 81, "at most 80 characters"),
    ],
)
async def test_a_class_needs_a_name(alice: Client, database: Database, name: str, said: str) -> None:
    response = await alice.post("/classes", data={"name": name, "language": "zh"})
    assert response.status == 422
    page = await response.text()
    assert said in page
    assert '<option value="zh" lang="zh" selected>' in page, "what was chosen is still there"
    assert len(await classes(database)) == 1


async def test_htmx_is_told_in_its_own_way(alice: Client, database: Database) -> None:
    refused = await alice.post("/classes", data={"name": ""}, headers=HTMX)
    assert refused.status == 422
    assert refused.headers["HX-Retarget"] == "#problems"
    assert "<html" not in await refused.text()
    made = await alice.post("/classes", data={"name": "9A"}, headers=HTMX)
    assert (made.status, made.headers["HX-Redirect"]) == (200, "/classes/2")


async def test_the_start_page_shows_how_far_things_are(
    alice: Client, database: Database, world: World
) -> None:
    async with database.begin() as db:
        for name in ("Ann", "Ben"):
            await factories.student(db, world.klass, name)
        works = [await factories.assignment(db, world.klass, SCHEME, f"Work {number}") for number in range(6)]
        for work in works[1:]:
            paper = Paper(
                assignment_id=work.id,
                file_name="a",
                size=1,
                sha256="a",
                storage_key="a",
                state="read",
                match="confirmed",
            )
            db.add(paper)
            await db.flush()
            state = {2: "needs_teacher", 3: "graded", 4: "decided", 5: "graded"}.get(works.index(work))
            if state:
                question = work.questions[0].id
                db.add(
                    Mark(paper_id=paper.id, question_id=question, state=state, criteria=[], scheme_version=1)
                )
        db.add(Run(assignment_id=works[5].id, grader="local"))
    page = await text(alice, "/classes/1")
    states = [
        "being graded",
        "all decided",
        "marks to confirm: 1",
        "needs the teacher: 1",
        "papers to grade: 1",
        "no papers yet",
    ]
    places = [page.index(state) for state in states]
    assert places == sorted(places), "newest first"
    card = await text(alice, "/")
    assert "2 students" in card
    assert "Work 5" in card
    assert "Work 1" not in card
    assert "2 more" in card


async def test_papers_that_ask_whose_they_are_need_the_teacher(
    alice: Client, database: Database, world: World
) -> None:
    async with database.begin() as db:
        work = await factories.assignment(db, world.klass, SCHEME)
        for sha, state, match in (
            ("a", "read", "unknown"),
            ("b", "unreadable", "unknown"),
            ("c", "received", "unknown"),
        ):
            db.add(
                Paper(
                    assignment_id=work.id,
                    file_name="a",
                    size=1,
                    sha256=sha,
                    storage_key="a",
                    state=state,
                    match=match,
                )
            )
    assert "needs the teacher: 2" in await text(alice, "/classes/1")


async def test_classes_of_others_are_not_shown(bob: Client, charlie: Client) -> None:
    assert "/classes/1" not in await text(charlie, "/")
    page = await text(bob, "/")
    assert 'href="/classes/1"' in page
    assert "shared with you" in page


PAGES = [
    "/classes/1",
    "/classes/1/settings",
    "/classes/1/import",
    "/classes/1?edit=5",
    "/classes/1/assignments/new",
]


async def test_who_may_see_a_class(sign_in: SignIn, alice: Client, bob: Client, charlie: Client) -> None:
    nobody = await sign_in(None)
    for path in PAGES:
        assert (
            (await nobody.get(path, allow_redirects=False))
            .headers["Location"]
            .startswith("/sign-in?next=/classes/1")
        )
        assert (await charlie.get(path)).status == 404
        assert (await bob.get(path)).status == 200
        assert (await alice.get(path)).status == 200
        assert (await alice.delete(path)).status == 405
    assert (await alice.get("/classes/77")).status == 404


OWNERS = [
    ("/classes/1/settings", {"name": "mine"}),
    ("/classes/1/archive", {}),
    ("/classes/1/restore", {}),
    ("/classes/1/delete", {"name": "8C"}),
    ("/classes/1/teachers", {"username": "charlie"}),
    ("/classes/1/teachers/1/remove", {}),
]


@pytest.mark.parametrize(("path", "form"), OWNERS)
async def test_what_only_the_owner_may(
    sign_in: SignIn,
    bob: Client,
    charlie: Client,
    database: Database,
    world: World,
    path: str,
    form: dict[str, str],
) -> None:
    nobody = await sign_in(None)
    refused = await nobody.post(path, data=form, allow_redirects=False)
    assert refused.headers["Location"] == "/sign-in"
    assert (await charlie.post(path, data=form)).status == 404
    assert (await bob.post(path, data=form)).status == 403
    assert (await bob.put(path)).status == 405
    found = (await classes(database))[0]
    assert (found.name, found.archived_at) == ("8C", None)
    assert await teachers(database, 1) == {world.alice.id: True, world.bob.id: False}


async def test_a_colleague_sees_no_owners_forms(bob: Client) -> None:
    page = await text(bob, "/classes/1/settings")
    assert "Leave the class" in page
    assert "Delete the class" not in page
    assert "Share the class" not in page


async def test_renaming(alice: Client, database: Database) -> None:
    await alice.post("/classes/1/settings", data={"name": "9C", "language": "zh"})
    found = (await classes(database))[0]
    assert (found.name, found.language) == ("9C", "zh")
    response = await alice.post("/classes/1/settings", data={"name": "", "language": "en"})
    assert response.status == 422
    await alice.post("/classes/1/settings", data={"name": "9D", "language": "xx"})
    found = (await classes(database))[0]
    assert (found.name, found.language) == ("9D", "zh")


async def test_archiving_and_back(alice: Client, bob: Client, database: Database) -> None:
    await alice.post("/classes/1/archive")
    first = (await classes(database))[0].archived_at
    await alice.post("/classes/1/archive")
    assert (await classes(database))[0].archived_at == first
    for client in (alice, bob):
        page = await text(client, "/")
        assert "8C" not in page.split("<main")[1].replace("“8C” was archived", "").replace(
            "for example 8C", ""
        )
        assert "1 archived class" in page
        assert "8C" in await text(client, "/?archived=1")
        assert "Archived" in await text(client, "/classes/1")
    await alice.post("/classes/1/restore")
    assert "8C" in await text(alice, "/")
    assert "No class is archived." in await text(alice, "/?archived=1")


async def test_sharing_and_its_end(
    sign_in: SignIn, alice: Client, charlie: Client, database: Database, world: World
) -> None:
    response = await alice.post("/classes/1/teachers", data={"username": " ＣHARLIE "})
    assert "Charlie works with this class now." in await response.text()
    assert (await charlie.get("/classes/1")).status == 200
    assert (await charlie.post("/classes/1/teachers", data={"username": "x"})).status == 403
    again = await alice.post("/classes/1/teachers", data={"username": "charlie"})
    assert again.status == 422
    assert "already" in await again.text()
    await alice.post(f"/classes/1/teachers/{world.charlie.id}/remove")
    assert (await charlie.get("/classes/1")).status == 404
    gone = await alice.post(f"/classes/1/teachers/{world.charlie.id}/remove")
    assert gone.status == 422
    assert await teachers(database, 1) == {world.alice.id: True, world.bob.id: False}


@pytest.mark.parametrize("name", ["nobody", "", "alice", "\0", "dora"])
async def test_who_cannot_be_shared_with(alice: Client, database: Database, world: World, name: str) -> None:
    async with database.begin() as db:
        (await factories.user(db, "dora")).disabled_at = world.alice.created_at
    response = await alice.post("/classes/1/teachers", data={"username": name})
    assert response.status == 422
    assert len(await teachers(database, 1)) == 2


async def test_a_colleague_may_leave_and_the_owner_may_not(
    alice: Client, bob: Client, database: Database, world: World
) -> None:
    response = await bob.post(f"/classes/1/teachers/{world.bob.id}/remove")
    assert "You have left “8C”." in await response.text()
    assert (await bob.get("/classes/1")).status == 404
    assert (await alice.post(f"/classes/1/teachers/{world.alice.id}/remove")).status == 422
    assert await teachers(database, 1) == {world.alice.id: True}


async def test_deleting_needs_the_name(alice: Client, database: Database, world: World) -> None:
    async with database.begin() as db:
        await factories.student(db, world.klass, "Ann")
        await factories.assignment(db, world.klass, SCHEME)
    for name in ("", "8c", "8C "[:1], "DELETE"):
        response = await alice.post("/classes/1/delete", data={"name": name})
        assert response.status == 422
        assert "Nothing was deleted." in await response.text()
    assert len(await classes(database)) == 1
    response = await alice.post("/classes/1/delete", data={"name": " 8C "})
    assert "“8C” was deleted." in await response.text()
    assert await classes(database) == []
    async with database.begin() as db:
        assert (await db.scalars(select(Student))).all() == []
    assert (await alice.get("/classes/1")).status == 404


async def test_a_class_that_is_being_graded_stays(alice: Client, database: Database, world: World) -> None:
    async with database.begin() as db:
        work = await factories.assignment(db, world.klass, SCHEME)
        db.add(Run(assignment_id=work.id, grader="local", state="paused"))
    response = await alice.post("/classes/1/delete", data={"name": "8C"})
    assert response.status == 422
    assert "being graded" in await response.text()
    assert len(await classes(database)) == 1


async def test_the_page_is_chinese_for_who_reads_chinese(alice: Client) -> None:
    await alice.post("/language", data={"language": "zh"})
    page = await text(alice, "/")
    assert "我的班级" in page
    assert '<html lang="zh-CN">' in page
    assert "这里没有内容" in await (await alice.get("/classes/9")).text()
