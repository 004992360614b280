"""CSV and Excel: what is in them, numbers as numbers, and that no student writes a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import pytest
from openpyxl import Workbook, load_workbook

from app.accounts.models import User
from app.db import Database
from app.marks.models import Mark, MarkState
from tests import factories
from tests.conftest import Client, World
from tests.functional.review_help import Graded, make_graded

SignIn = Callable[[User | None], Awaitable[Client]]
NASTY = '=HYPERLINK("http://x","y")'
BOTH = pytest.mark.parametrize("ending", ["csv", "xlsx"])


@pytest.fixture
async def graded(database: Database, world: World) -> Graded:
    return await make_graded(database, world)


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


def at(graded: Graded, ending: str) -> str:
    return f"/assignments/{graded.assignment.id}/results.{ending}"


async def make_nasty(database: Database, world: World, graded: Graded) -> None:
    """A student, an answer, a comment and feedback that would all be formulas."""
    async with database.begin() as db:
        student = await factories.student(db, world.klass, NASTY, "-5")
        paper = await factories.paper(db, graded.assignment, student, file_name="+cmd|' /C calc'!A0.txt")
        await factories.answers(db, paper, {graded.first: "\t@SUM(1)\x07", graded.second: "-B"})
        mark: Mark = await factories.mark(
            db, paper, graded.first, (2.5, 0.0), MarkState.DECIDED, feedback="＝1+1"
        )
        mark.criteria = [{**entry, "comment": "=2+3"} for entry in mark.criteria]
        await factories.mark(db, paper, graded.second, (1.0,), MarkState.DECIDED)


async def csv_rows(client: Client, graded: Graded) -> list[list[str]]:
    response = await client.get(at(graded, "csv"))
    assert response.status == 200
    assert response.content_type == "text/csv"
    content = await response.read()
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def book_of(client: Client, graded: Graded) -> Workbook:
    response = await client.get(at(graded, "xlsx"))
    assert response.status == 200
    return load_workbook(io.BytesIO(await response.read()))


async def test_csv_has_one_row_a_student(
    alice: Client, database: Database, world: World, graded: Graded
) -> None:
    await make_nasty(database, world, graded)
    async with database.begin() as db:
        await factories.student(db, world.klass, "Cat", "3")
        await factories.paper(db, graded.assignment, None, file_name="scan.pdf")
    head, *rows = await csv_rows(alice, graded)
    assert head == [
        "Number", "Name", "File", "1", "2", "Total", "Maximum", "Percent", "Grade", "State",
    ]  # fmt: skip
    by_number = {row[0]: row for row in rows}
    assert by_number["2"][3:] == ["3", "", "3", "6", "", "", "needs the teacher"]
    assert by_number["10"][3:] == ["", "", "", "6", "", "", "not graded"]
    assert by_number["3"][1:] == ["Cat", "", "", "", "", "6", "", "", "no paper"]
    assert by_number[""][2] == "scan.pdf"
    assert by_number["'-5"] == [
        "'-5", "'" + NASTY, "'+cmd|' /C calc'!A0.txt", "2.5", "1", "3.5", "6", "58.33", "D", "decided",
    ]  # fmt: skip


async def test_the_workbook(alice: Client, database: Database, world: World, graded: Graded) -> None:
    await make_nasty(database, world, graded)
    book = await book_of(alice, graded)
    assert book.sheetnames == ["Marks", "Questions", "Criteria lost", "Grade lines", "Answers"]
    marks = book["Marks"]
    assert marks.freeze_panes == "C2"
    assert marks["A1"].font.bold
    assert marks.column_dimensions["B"].width > 20
    values = {row[0]: row for row in marks.iter_rows(min_row=2, values_only=True)}
    assert values["'-5"] == (
        "'-5", "'" + NASTY, "'+cmd|' /C calc'!A0.txt", 2.5, 1, 3.5, 6, 58.33, "D", "decided",
    )  # fmt: skip
    assert [cell.value for cell in book["Questions"][2]][:3] == ["1", 5, 2.75]
    assert [cell.value for cell in book["Grade lines"][2]] == ["A", 85, 5.1, 0]
    lost = list(book["Criteria lost"].iter_rows(min_row=2, values_only=True))
    assert lost[0][:5] == ("1", 2, "takes heat faster", 2, 4)


async def test_no_cell_is_a_formula(alice: Client, database: Database, world: World, graded: Graded) -> None:
    await make_nasty(database, world, graded)
    book = await book_of(alice, graded)
    cells: list[Any] = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    starts = tuple("=+-@\t\r＝＋－＠")
    assert not [cell.value for cell in cells if isinstance(cell.value, str) and cell.value.startswith(starts)]
    answers = {row[3]: row for row in book["Answers"].iter_rows(values_only=True) if row[0] == "'-5"}
    assert answers["1"][4] == "'\t@SUM(1)"
    assert answers["1"][8:] == ("1. =2+3\n2. =2+3", "'＝1+1")
    assert answers["2"][4:7] == ("'-B", 1, 1)


@BOTH
async def test_who_may(sign_in: SignIn, world: World, graded: Graded, ending: str) -> None:
    nobody, charlie, bob = [await sign_in(who) for who in (None, world.charlie, world.bob)]
    away = await nobody.get(at(graded, ending), allow_redirects=False)
    assert away.status == 303
    assert away.headers["Location"].startswith("/sign-in")
    assert (await charlie.get(at(graded, ending))).status == 404
    assert (await bob.get(at(graded, ending))).status == 200
    for method in ("POST", "PUT", "DELETE"):
        assert (await bob.request(method, at(graded, ending))).status == 405
    assert (await bob.get(f"/assignments/x/results.{ending}")).status == 404


@BOTH
async def test_a_chinese_file_name_and_headings(
    alice: Client, database: Database, graded: Graded, ending: str
) -> None:
    async with database.begin() as db:
        (await db.merge(graded.assignment)).title = '热学/单元 "1"; a'
    await alice.post("/language", data={"language": "zh"})
    response = await alice.get(at(graded, ending))
    header = response.headers["Content-Disposition"]
    assert header.isascii()
    name = unquote(header.partition("filename*=UTF-8''")[2])
    assert name.startswith("8C 热学_单元 _1_; a 成绩 ") and name.endswith(f".{ending}")
    if ending == "csv":
        assert (await csv_rows(alice, graded))[0][:3] == ["学号", "姓名", "文件"]
    else:
        assert (await book_of(alice, graded)).sheetnames[0] == "得分"


@BOTH
async def test_without_papers(alice: Client, database: Database, world: World, ending: str) -> None:
    async with database.begin() as db:
        empty = await factories.assignment(db, world.klass, factories.Scheme("", ()))
    assert (await alice.get(f"/assignments/{empty.id}/results.{ending}")).status == 200
