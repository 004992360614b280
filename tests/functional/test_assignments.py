"""Assignments: made from text and files, opened, renamed, copied, deleted, set up; and who may."""

from __future__ import annotations

import io
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import select

from app.assignments.models import Assignment, Question
from app.db import Database
from app.papers.models import Paper
from app.scheme.types import Criterion, Kind, Scheme
from app.scheme.types import Question as Value
from tests import factories
from tests.conftest import World

TEXT = "热学\n\n1. What is heat? (4)\nAnswer: energy in transit\n\n2. Unit of heat? (2)\nAnswer: joule\n"
SCHEME = Scheme(
    "Heat",
    (
        Value("1", Kind.TEXT, "What is heat?", 4, ("energy",), (Criterion("says energy", 4),)),
        Value("2", Kind.NUMBER, "2+2", 2, ("4",), (Criterion("right", 2),), 0.1, False, "J"),
    ),
)


async def made(db: Database, world: World) -> int:
    async with db.begin() as session:
        return (await factories.assignment(session, world.klass, SCHEME)).id


async def stored(db: Database, assignment_id: int) -> tuple[Assignment, list[Question]]:
    async with db.begin() as session:
        assignment = await session.get(Assignment, assignment_id)
        assert assignment is not None
        rows = await session.scalars(
            select(Question).where(Question.assignment_id == assignment_id).order_by(Question.position)
        )
        return assignment, list(rows)


async def how_many(db: Database) -> int:
    async with db.begin() as session:
        return len((await session.scalars(select(Assignment))).all())


async def test_pasted_text_becomes_an_assignment(sign_in: Any, world: World, database: Database) -> None:
    bob = await sign_in(world.bob)
    page = await bob.get(f"/classes/{world.klass.id}/assignments/new")
    assert page.status == 200
    assert 'name="text"' in await page.text()
    response = await bob.post(
        f"/classes/{world.klass.id}/assignments/new",
        data={"title": "Unit\0 3", "text": TEXT + "\0"},
        allow_redirects=False,
    )
    assert response.status == 303
    assert response.headers["Location"].endswith("/scheme")
    assignment, rows = await stored(database, 1)
    assert assignment.title == "Unit 3"
    assert assignment.created_by == world.bob.id
    assert [(row.label, row.points) for row in rows] == [("1", 4), ("2", 2)]
    page = await bob.get(response.headers["Location"])
    assert page.status == 200
    assert "energy in transit" in await page.text()


async def test_title_may_come_from_the_text(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    text = "# 热学单元\n\n## 1. [text] (4)\n什么是热？\n= 能量\n"
    await alice.post(f"/classes/{world.klass.id}/assignments/new", data={"title": " ", "text": text})
    assignment, _ = await stored(database, 1)
    assert assignment.title == "热学单元"


async def test_a_file_becomes_an_assignment(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    form = FormData()
    form.add_field("title", "From a file")
    form.add_field("text", "")
    form.add_field("file", TEXT.encode("gb18030"), filename="标准.txt")
    response = await alice.post(
        f"/classes/{world.klass.id}/assignments/new", data=form, allow_redirects=False
    )
    assert response.status == 303
    _, rows = await stored(database, 1)
    assert [row.label for row in rows] == ["1", "2"]


async def test_an_empty_scheme_may_be_begun(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    data = {"title": "By hand", "text": "", "empty": "1"}
    response = await alice.post(
        f"/classes/{world.klass.id}/assignments/new", data=data, allow_redirects=False
    )
    assert response.status == 303
    assert (await stored(database, 1))[1] == []


def blank_pdf() -> bytes:
    from pypdf import PdfWriter

    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("fields", "file", "expected"),
    [
        ({"title": "T", "text": "  \n "}, None, "Paste the marking scheme"),
        ({"title": "T", "text": "dear colleagues, hello"}, None, "No question was found"),
        ({"title": "", "text": "1. What? (4)\nAnswer: x"}, None, "Give the assignment a title"),
        ({"title": "t" * 300, "text": "1. What? (4)\nAnswer: x"}, None, "The title is too long"),
        ({"title": "T", "text": "1. What? (4)"}, (b"1. What? (4)", "a.txt"), "Keep one of them"),
        ({"title": "T", "text": ""}, (b"", "a.txt"), "a.txt"),
        ({"title": "T", "text": ""}, (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "a.pdf"), "a.pdf"),
        ({"title": "T", "text": ""}, (b"PK\x03\x04broken", "a.docx"), "a.docx"),
        ({"title": "T", "text": ""}, (None, "scan.pdf"), "scan.pdf"),
    ],
)
async def test_bad_schemes_are_told_and_nothing_is_saved(
    sign_in: Any,
    world: World,
    database: Database,
    fields: dict[str, str],
    file: tuple[bytes | None, str] | None,
    expected: str,
) -> None:
    alice = await sign_in(world.alice)
    form = FormData(fields)
    if file is not None:
        form.add_field("file", blank_pdf() if file[0] is None else file[0], filename=file[1])
    response = await alice.post(f"/classes/{world.klass.id}/assignments/new", data=form)
    assert response.status == 422
    text = await response.text()
    assert expected in text
    assert fields["text"].strip() in text
    assert await how_many(database) == 0


async def test_too_much_text_is_413(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    form = FormData()
    form.add_field("text", "1. x (4)\n" * 600_000, content_type="text/plain")
    response = await alice.post(
        f"/classes/{world.klass.id}/assignments/new", data=form, headers={"HX-Request": "true"}
    )
    assert response.status == 413
    assert response.headers["HX-Retarget"] == "#problems"
    assert "larger than 4 MB" in await response.text()
    plain = await alice.post(f"/classes/{world.klass.id}/assignments/new", data={"text": "x" * 5_000_000})
    assert plain.status == 413
    assert await how_many(database) == 0


async def test_too_large_a_file_keeps_what_was_typed(sign_in: Any, world: World, app: Any) -> None:
    alice = await sign_in(world.alice)
    form = FormData()
    form.add_field("title", "Typed before")
    form.add_field("file", b"x" * (101 * 2**20), filename="huge.txt")
    response = await alice.post(f"/classes/{world.klass.id}/assignments/new", data=form)
    assert response.status == 422
    text = await response.text()
    assert "larger than 100" in text
    assert "Typed before" in text


async def test_a_broken_multipart_form_is_400(sign_in: Any, world: World) -> None:
    alice = await sign_in(world.alice)
    response = await alice.post(
        f"/classes/{world.klass.id}/assignments/new",
        data=b"--x\r\nnonsense",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert response.status == 400


async def test_opening_goes_to_the_next_step(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    assignment_id = await made(database, world)

    async def where(number: int) -> str:
        response = await alice.get(f"/assignments/{number}", allow_redirects=False)
        assert response.status == 303
        return str(response.headers["Location"]).rsplit("/", 1)[1]

    assert await where(assignment_id) == "papers"
    async with database.begin() as session:
        session.add(Paper(assignment_id=assignment_id, file_name="a", size=1, sha256="0", storage_key="0"))
        session.add(Assignment(class_id=world.klass.id, title="Empty", grade_lines={}))
    assert await where(assignment_id) == "run"
    assert await where(assignment_id + 1) == "scheme"


async def test_rename_copy_delete(sign_in: Any, world: World, database: Database) -> None:
    bob = await sign_in(world.bob)
    number = await made(database, world)
    response = await bob.post(
        f"/assignments/{number}/rename", data={"title": " 热 学 "}, allow_redirects=False
    )
    assert response.status == 303
    assert (await stored(database, number))[0].title == "热 学"
    response = await bob.post(f"/assignments/{number}/rename", data={"title": " "})
    assert response.status == 422
    assert (await stored(database, number))[0].title == "热 学"

    response = await bob.post(f"/assignments/{number}/duplicate", allow_redirects=False)
    assert response.headers["Location"] == f"/assignments/{number + 1}/scheme"
    copy, rows = await stored(database, number + 1)
    assert copy.title == "热 学（副本）"
    assert [(row.label, row.tolerance, row.unit) for row in rows] == [("1", None, None), ("2", 0.1, "J")]

    response = await bob.post(f"/assignments/{number}/delete", allow_redirects=False)
    assert response.status == 422
    assert "Tick the box" in await response.text()
    response = await bob.post(f"/assignments/{number}/delete", data={"confirm": "yes"}, allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"] == f"/classes/{world.klass.id}"
    assert await how_many(database) == 1


GOOD = {"strictness": "3", "feedback_language": "zh", "grader": "local", "cost_cap": "2,5"}


async def test_options_are_saved(sign_in: Any, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    response = await alice.post(f"/assignments/{number}/options", data=GOOD, headers={"HX-Request": "true"})
    assert response.status == 200
    assert "Saved." in await response.text()
    assignment, _ = await stored(database, number)
    assert (assignment.strictness, assignment.feedback_language, assignment.cost_cap) == (3, "zh", 2.5)
    await alice.post(f"/assignments/{number}/options", data={**GOOD, "cost_cap": ""})
    assert (await stored(database, number))[0].cost_cap is None


@pytest.mark.parametrize(
    "change",
    [
        {"strictness": "4"},
        {"strictness": "x"},
        {"feedback_language": "fr"},
        {"grader": "oracle"},
        {"grader": "model"},  # none is set up
        {"cost_cap": "NaN"},
        {"cost_cap": "-1"},
        {"cost_cap": "0"},
        {"cost_cap": "1e999"},
        {"cost_cap": "cheap"},
    ],
)
async def test_bad_options_change_nothing(
    sign_in: Any, world: World, database: Database, change: dict[str, str]
) -> None:
    alice = await sign_in(world.alice)
    number = await made(database, world)
    response = await alice.post(
        f"/assignments/{number}/options", data={**GOOD, **change}, headers={"HX-Request": "true"}
    )
    assert response.status == 422
    assignment, _ = await stored(database, number)
    assert (assignment.strictness, assignment.cost_cap, assignment.grader) == (2, None, "local")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/classes/{klass}/assignments/new"),
        ("POST", "/classes/{klass}/assignments/new"),
        ("GET", "/assignments/{id}"),
        ("POST", "/assignments/{id}/rename"),
        ("POST", "/assignments/{id}/duplicate"),
        ("POST", "/assignments/{id}/delete"),
        ("POST", "/assignments/{id}/options"),
    ],
)
async def test_only_the_class_s_teachers(
    sign_in: Any, world: World, database: Database, method: str, path: str
) -> None:
    number = await made(database, world)
    address = path.format(klass=world.klass.id, id=number)
    data = {"title": "Stolen", "text": TEXT, "confirm": "yes", **GOOD} if method == "POST" else None
    nobody, charlie, bob = await sign_in(None), await sign_in(world.charlie), await sign_in(world.bob)
    response = await nobody.request(method, address, data=data, allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"].startswith("/sign-in")
    assert (await charlie.request(method, address, data=data, allow_redirects=False)).status == 404
    assert (await bob.request("PUT", address, allow_redirects=False)).status == 405
    assignment, _ = await stored(database, number)
    assert assignment.title == "Heat"
    assert await how_many(database) == 1
    assert (await bob.request(method, address, data=data, allow_redirects=False)).status in (200, 303)


async def test_htmx_gets_only_the_form_back(sign_in: Any, world: World) -> None:
    alice = await sign_in(world.alice)
    address, headers = f"/classes/{world.klass.id}/assignments/new", {"HX-Request": "true"}
    response = await alice.post(address, data={"title": "T", "text": "hello there"}, headers=headers)
    assert response.status == 422
    text = await response.text()
    assert text.startswith('<div id="new-assignment">')
    assert "hello there" in text
    response = await alice.post(address, data={"title": "T", "text": TEXT}, headers=headers)
    assert response.headers["HX-Redirect"] == "/assignments/1/scheme"
