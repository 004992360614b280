"""The roster: single students, and lists that are shown before they are taken over."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Awaitable, Callable

import openpyxl
import pytest
from aiohttp import FormData, web
from sqlalchemy import select

from app.accounts.models import User
from app.classes.models import Student
from app.db import Database
from app.keys import BUS, REDIS
from app.papers.models import Paper
from tests import factories
from tests.conftest import Client, World
from tests.functional.papers_help import HTMX, SCHEME

SignIn = Callable[[User | None], Awaitable[Client]]
LIST = "学号,姓名\n1,Ann Lee\n2,Ben Okafor\n3,张伟\n"


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


async def roster(database: Database) -> list[tuple[str, str]]:
    async with database.begin() as db:
        rows = await db.scalars(select(Student).where(Student.class_id == 1).order_by(Student.number))
        return [(row.number, row.name) for row in rows]


async def send(client: Client, content: str | bytes, name: str = "list.csv") -> tuple[int, str, str]:
    """Send a list, as text or as a file: status, the address one is at then, and the page."""
    form = FormData(default_to_multipart=True)
    if isinstance(content, str):
        form.add_field("list", content)
        form.add_field("file", b"", filename="", content_type="application/octet-stream")
    else:
        form.add_field("list", "")
        form.add_field("file", content, filename=name, content_type="text/csv")
    response = await client.post("/classes/1/import", data=form)
    return response.status, response.url.path, await response.text()


def seen(page: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', page)
    assert found
    return found[1]


def tags(page: str) -> list[str]:
    """What happens to each line of a preview."""
    return re.findall(r'<tr class="(new|renamed|same|bad)">', page)


def workbook(*rows: tuple[object, ...]) -> bytes:
    book, made = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(made)
    return made.getvalue()


# --- One student ------------------------------------------------------------------------------------------------------


async def test_a_student_is_added_changed_and_removed(alice: Client, database: Database) -> None:
    response = await alice.post("/classes/1/students", data={"number": " ００1 ", "name": " 欧阳　若兰 "})
    assert response.url.path == "/classes/1"
    assert "欧阳若兰 was added." in await response.text()
    assert await roster(database) == [("001", "欧阳若兰")]
    await alice.post("/classes/1/students/1", data={"number": "002", "name": "欧阳"})
    assert await roster(database) == [("002", "欧阳")]
    assert "欧阳 was removed." in await (await alice.post("/classes/1/students/1/remove")).text()
    assert await roster(database) == []
    for path in ("/classes/1/students/1", "/classes/1/students/1/remove"):
        response = await alice.post(path, data={"number": "1", "name": "Ann"})
        assert response.status == 409
        assert "removed meanwhile" in await response.text()


@pytest.mark.parametrize(
    ("number", "name", "said"),
    [
        ("", "Ann", "number is missing"),
        ("\0 ", "Ann", "number is missing"),
        ("1", "", "name is missing"),
        ("1", "\u200b", "name is missing"),
        ("x" * 65, "Ann", "longer than 64"),
        ("1", "x" * 101, "longer than 100"),
        ("--", "Ann", "is not a student number"),
        ("1", "123", "is not a name"),
        ("a1", "Zoe", "A1 is Ben's already".replace("A1", "a1")),
    ],
)
async def test_what_is_no_student(
    alice: Client, database: Database, world: World, number: str, name: str, said: str
) -> None:
    async with database.begin() as db:
        await factories.student(db, world.klass, "Ben", "A1")
        await factories.student(db, world.klass, "Cem", "B2")
    before = await roster(database)
    for path in ("/classes/1/students", "/classes/1/students/2"):
        response = await alice.post(path, data={"number": number, "name": name})
        assert response.status == 422
        assert said in (await response.text()).replace("&#39;", "'")
    assert await roster(database) == before


async def test_a_student_may_keep_their_number(alice: Client, database: Database, world: World) -> None:
    async with database.begin() as db:
        await factories.student(db, world.klass, "Ben", "A1")
    await alice.post("/classes/1/students/1", data={"number": "a1", "name": "Ben O."})
    assert await roster(database) == [("a1", "Ben O.")]


async def test_the_same_number_at_the_same_time(alice: Client, database: Database) -> None:
    forms = [{"number": "1", "name": f"Name {letter}"} for letter in "ABCDEF"]
    answers = await asyncio.gather(*(alice.post("/classes/1/students", data=form) for form in forms))
    assert sorted(answer.status for answer in answers) == [200] + [422] * 5
    assert len(await roster(database)) == 1


async def test_htmx_gets_the_roster_alone(alice: Client, database: Database) -> None:
    added = await alice.post("/classes/1/students", data={"number": "1", "name": "Ann"}, headers=HTMX)
    html = await added.text()
    assert 'hx-target="#roster"' in html
    assert 'hx-target="#add-student"' in html
    assert "Ann was added." in html
    assert "<html" not in html
    opened = await (await alice.get("/classes/1/students?edit=1", headers=HTMX)).text()
    assert 'value="Ann"' in opened
    assert 'hx-target="#add-student"' not in opened
    plain = await alice.get("/classes/1/students?edit=1", allow_redirects=False)
    assert (plain.status, plain.headers["Location"]) == (303, "/classes/1?edit=1#roster")


async def test_papers_of_a_removed_student_stay(
    alice: Client, app: web.Application, database: Database, world: World
) -> None:
    async with database.begin() as db:
        ann = await factories.student(db, world.klass, "Ann", "1")
        ben = await factories.student(db, world.klass, "Ben", "2")
        work = await factories.assignment(db, world.klass, SCHEME)
        for sha, student in (("a", ann), ("b", ben)):
            db.add(
                Paper(
                    assignment_id=work.id, student_id=student.id, file_name=sha, size=1, sha256=sha, storage_key=sha,
                    state="read", match="confirmed", match_reason={"message": "x"},
                )
            )  # fmt: skip
    before = await app[BUS].last_id(work.id)
    response = await alice.post(f"/classes/1/students/{ann.id}/remove")
    assert "Papers that are nobody&#39;s now: 1." in await response.text()
    async with database.begin() as db:
        first, second = (await db.scalars(select(Paper).order_by(Paper.sha256))).all()
    assert (first.student_id, first.match, first.match_reason) == (None, "unknown", None)
    assert (second.student_id, second.match) == (ben.id, "confirmed")
    assert await app[BUS].last_id(work.id) != before, "open pages are told"


async def test_who_may_change_the_roster(
    sign_in: SignIn, alice: Client, database: Database, world: World
) -> None:
    async with database.begin() as db:
        await factories.student(db, world.klass, "Ann", "1")
        other = await factories.klass(db, world.charlie, name="9Z")
        await factories.student(db, other, "Zoe", "9")
    nobody, bob, charlie = [await sign_in(who) for who in (None, world.bob, world.charlie)]
    form = {"number": "7", "name": "Dan"}
    for path in ("/classes/1/students", "/classes/1/students/1", "/classes/1/students/1/remove"):
        refused = await nobody.post(path, data=form, allow_redirects=False)
        assert refused.headers["Location"] == "/sign-in"
        assert (await charlie.post(path, data=form)).status == 404
        assert (await alice.patch(path)).status == 405
    assert await roster(database) == [("1", "Ann")]
    # A student of another class is not reached through one's own.
    assert (await alice.post("/classes/1/students/2", data=form)).status == 409
    assert (await alice.post("/classes/1/students/2/remove")).status == 409
    assert (await bob.post("/classes/1/students", data=form)).status == 200
    assert await roster(database) == [("1", "Ann"), ("7", "Dan")]


# --- A list -----------------------------------------------------------------------------------------------------------


async def test_a_list_is_shown_and_then_taken_over(alice: Client, database: Database) -> None:
    status, path, page = await send(alice, LIST)
    assert status == 200
    assert re.fullmatch(r"/classes/1/import/[\w-]{24}", path)
    assert tags(page) == ["new"] * 3
    assert "Nothing is imported yet." in page
    assert await roster(database) == []
    again = await (await alice.get(path)).text()
    assert tags(again) == ["new"] * 3
    response = await alice.post(path, data={"seen": seen(page)})
    assert response.url.path == "/classes/1"
    assert "New students: 3, changed names: 0." in await response.text()
    assert await roster(database) == [("1", "Ann Lee"), ("2", "Ben Okafor"), ("3", "张伟")]
    twice = await alice.post(path, data={"seen": seen(page)})
    assert twice.status == 409
    assert "imported already" in await twice.text()


async def test_numbers_tell_who_is_known(alice: Client, database: Database, world: World) -> None:
    async with database.begin() as db:
        for number, name in (("a1", "Ann Lee"), ("2", "Benn"), ("9", "Zoe"), ("77", "张伟")):
            await factories.student(db, world.klass, name, number)
    _, path, page = await send(alice, "学号,姓名\nA1,Ann Lee\n2,Ben Okafor\n3,张伟\n")
    assert tags(page) == ["same", "renamed", "new"]
    assert "until now Benn" in page
    assert "张伟 is in the class already, with the number 77." in page
    assert "2 students of the class are not in the list and stay" in page
    await alice.post(path, data={"seen": seen(page)})
    kept = [("2", "Ben Okafor"), ("3", "张伟"), ("77", "张伟"), ("9", "Zoe"), ("a1", "Ann Lee")]
    assert await roster(database) == kept


async def test_bad_lines_stay_out_only_when_one_says_so(alice: Client, database: Database) -> None:
    _, path, page = await send(alice, "学号,姓名\n1,Ann\n,No Number\n2,\n1,Twice\n3,Cem\n")
    assert tags(page) == ["new", "bad", "bad", "bad", "new"]
    for said in ("The student number is missing.", "The name is missing.", "already stands in line 2"):
        assert said in page
    refused = await alice.post(path, data={"seen": seen(page)})
    assert refused.status == 422
    assert "Lines with problems: 3." in await refused.text()
    assert await roster(database) == []
    response = await alice.post(path, data={"seen": seen(page), "without_bad": "yes"})
    assert response.url.path == "/classes/1"
    assert await roster(database) == [("1", "Ann"), ("3", "Cem")]


async def test_a_class_that_changed_meanwhile_is_shown_again(
    alice: Client, database: Database, world: World
) -> None:
    _, path, page = await send(alice, LIST)
    async with database.begin() as db:
        await factories.student(db, world.klass, "Somebody", "2")
    response = await alice.post(path, data={"seen": seen(page)})
    assert response.status == 409
    assert "nothing was imported" in await response.text()
    assert await roster(database) == [("2", "Somebody")]
    page = await (await alice.get(path)).text()
    assert tags(page) == ["new", "renamed", "new"]
    assert (await alice.post(path, data={"seen": seen(page)})).url.path == "/classes/1"
    assert len(await roster(database)) == 3


async def test_two_clicks_import_once(alice: Client, database: Database) -> None:
    _, path, page = await send(alice, LIST)
    form = {"seen": seen(page)}
    answers = await asyncio.gather(*(alice.post(path, data=form, allow_redirects=False) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [303, 409, 409, 409]
    assert len(await roster(database)) == 3


async def test_a_list_without_news(alice: Client, database: Database, world: World) -> None:
    async with database.begin() as db:
        await factories.student(db, world.klass, "Ann Lee", "1")
    _, _, page = await send(alice, "1,Ann Lee\n")
    assert "There is nothing to import in this list." in page
    assert "Known already" in page


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (LIST.encode(), "list.csv"),
        (LIST.encode("gb18030"), "名单.csv"),
        (LIST.replace(",", "\t").encode("utf-16"), "list.txt"),
        (workbook(("学号", "姓名"), (1, "Ann Lee"), (2, "Ben Okafor"), ("3", "张伟")), "list.xlsx"),
    ],
)
async def test_files(alice: Client, database: Database, content: bytes, name: str) -> None:
    _, path, page = await send(alice, content, name)
    assert tags(page) == ["new"] * 3, page
    await alice.post(path, data={"seen": seen(page)})
    assert await roster(database) == [("1", "Ann Lee"), ("2", "Ben Okafor"), ("3", "张伟")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "Paste the list or choose a file."),
        (" \n\t ", "Paste the list or choose a file."),
        ("just words", "which columns"),
        ("学号,姓名\n", "headings, but no students"),
        (b"PK\x03\x04 broken", "broken.xlsx"),
        (b"\x00\x01\x02\x03" * 50, "broken.xlsx"),
        (b"%PDF-1.4", "broken.xlsx"),
        ("1,x\n" * 6000, "more than 5000 lines"),
    ],
)
async def test_lists_that_cannot_be_read(
    alice: Client, database: Database, content: str | bytes, said: str
) -> None:
    status, path, page = await send(alice, content, "broken.xlsx")
    assert (status, path) == (422, "/classes/1/import")
    assert said in page
    assert await roster(database) == []


async def test_what_was_pasted_is_not_lost(alice: Client) -> None:
    _, _, page = await send(alice, "just <words>")
    assert ">just &lt;words&gt;</textarea>" in page


async def test_a_preview_is_its_teachers_and_its_classes(
    sign_in: SignIn, alice: Client, database: Database, world: World
) -> None:
    async with database.begin() as db:
        await factories.klass(db, world.alice, name="9B")
    _, path, page = await send(alice, LIST)
    nobody, bob, charlie = [await sign_in(who) for who in (None, world.bob, world.charlie)]
    other = path.replace("/classes/1/", "/classes/2/")
    form = {"seen": seen(page)}
    assert (await nobody.get(path, allow_redirects=False)).status == 303
    assert (await nobody.post(path, data=form, allow_redirects=False)).headers["Location"] == "/sign-in"
    for client, address, status in ((charlie, path, 404), (bob, path, 409), (alice, other, 409)):
        assert (await client.get(address)).status == status
        assert (await client.post(address, data=form)).status == status
    for token in ("x", "*" * 24, "%00" * 20, "a" * 24, "x" * 500):
        assert (await alice.get(f"/classes/1/import/{token}")).status == 409
    assert (await alice.put(path)).status == 405
    assert await roster(database) == []


async def test_who_may_import(sign_in: SignIn, alice: Client, world: World) -> None:
    nobody, bob, charlie = [await sign_in(who) for who in (None, world.bob, world.charlie)]
    refused = await nobody.post("/classes/1/import", data={"list": LIST}, allow_redirects=False)
    assert refused.headers["Location"] == "/sign-in"
    assert (await charlie.post("/classes/1/import", data={"list": LIST})).status == 404
    assert (await bob.post("/classes/1/import", data={"list": LIST})).status == 200
    assert (await alice.delete("/classes/1/import")).status == 405


async def test_previews_do_not_stay_for_ever(alice: Client, app: web.Application) -> None:
    await send(alice, LIST)
    store = app[REDIS]
    keys = [key async for key in store.scan_iter("roster:*")]
    assert len(keys) == 1
    assert 0 < await store.ttl(keys[0]) <= 3600
    await store.delete(keys[0])


async def test_a_class_has_an_end(alice: Client, database: Database, world: World) -> None:
    async with database.begin() as db:
        db.add_all(Student(class_id=1, number=f"n{number}", name="Ann") for number in range(4998))
    _, path, page = await send(alice, LIST)
    response = await alice.post(path, data={"seen": seen(page)})
    assert response.status == 422
    assert "at most 5000 students" in await response.text()
    assert len(await roster(database)) == 4998


async def test_names_in_lists_are_data(alice: Client, database: Database) -> None:
    evil = "<img src=x onerror=alert(1)>"
    _, path, page = await send(alice, f'学号,姓名\n1,"{evil}"\n2,=cmd|A1\n{evil},x\n')
    assert "<img" not in page
    response = await alice.post(path, data={"seen": seen(page), "without_bad": "yes"})
    assert "<img" not in await response.text()
    assert ("1", evil) in await roster(database)
