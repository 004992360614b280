"""Cover sheets: a code a student that can be read back, on the page and as a file; and who may print them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from app.accounts.models import User
from app.db import Database
from app.intake.covers import payload
from app.web.covers import document, sheets_of
from app.web.qr import svg
from tests.conftest import Client, World
from tests.functional.papers_help import Work, make_work

SignIn = Callable[[User | None], Awaitable[Client]]


@pytest.fixture
async def work(database: Database, world: World) -> Work:
    return await make_work(database, world)


def at(work: Work, query: str = "") -> str:
    return f"/assignments/{work.assignment.id}/covers{query}"


async def test_one_sheet_a_student(sign_in: SignIn, world: World, work: Work) -> None:
    alice = await sign_in(world.alice)
    said = await (await alice.get(at(work))).text()
    assert said.count('class="sheet-a4"') == 3
    for student in (work.ann, work.ben, work.wei):
        assert str(svg(payload(work.assignment.id, student.id))) in said
        assert said.count(student.name) == 2
    assert ' style="' not in said and "<style" not in said


async def test_only_those_that_were_chosen(sign_in: SignIn, world: World, work: Work) -> None:
    alice = await sign_in(world.alice)
    said = await (await alice.get(at(work, f"?student={work.wei.id}&student=x&student=999"))).text()
    assert said.count('class="sheet-a4"') == 1
    assert str(svg(payload(work.assignment.id, work.wei.id))) in said
    assert said.count(" checked") == 1


async def test_the_codes_are_read_back(work: Work, database: Database, world: World) -> None:
    """What is printed, as a camera sees it: drawn from the SVG's own path."""
    zxing = pytest.importorskip("zxingcpp")
    import numpy

    async with database.begin() as db:
        sheets = await sheets_of(db, work.assignment)
    picture = str(sheets[1].code)
    size = int(re.search(r'viewBox="0 0 (\d+)', picture)[1])  # type: ignore[index]  # it has one
    dark = re.search(r'stroke="#000"[^>]*d="([^"]+)"|d="([^"]+)"[^>]*stroke="#000"', picture)
    assert dark is not None
    bits = numpy.full((size, size), 255, numpy.uint8)
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmh])([^Mmh]+)", dark[1] or dark[2]):
        values = [float(each) for each in re.findall(r"-?[\d.]+", numbers)]
        if command == "h":
            bits[int(y), int(x) : int(x + values[0])] = 0
            x += values[0]
        else:
            x, y = (values[0], values[1]) if command == "M" else (x + values[0], y + values[1])
    found = zxing.read_barcodes(numpy.kron(bits, numpy.ones((6, 6), numpy.uint8)))
    assert [each.text for each in found] == [payload(work.assignment.id, work.ben.id)]


async def test_a_class_without_students(
    sign_in: SignIn, database: Database, world: World, work: Work
) -> None:
    async with database.begin() as db:
        for student in (work.ann, work.ben, work.wei):
            await db.delete(await db.merge(student))
    alice = await sign_in(world.alice)
    assert "there are no cover sheets" in await (await alice.get(at(work))).text()


async def test_who_may_print_them(sign_in: SignIn, world: World, work: Work) -> None:
    nobody, charlie, bob = [await sign_in(who) for who in (None, world.charlie, world.bob)]
    assert (await nobody.get(at(work), allow_redirects=False)).status == 303
    assert (await charlie.get(at(work))).status == 404
    assert (await bob.get(at(work))).status == 200
    assert (await bob.post(at(work))).status == 405
    for bad in ("0", "999", "x", "9" * 25):
        assert (await bob.get(f"/assignments/{bad}/covers")).status == 404


async def test_as_a_file_it_needs_nothing_else(database: Database, world: World, work: Work) -> None:
    async with database.begin() as db:
        sheets = await sheets_of(db, work.assignment)
    page = document(work.assignment, world.klass, sheets, "zh")
    assert page.count('class="sheet-a4"') == 3
    assert "@page" in page and "封面页" in page and 'lang="zh-CN"' in page
    assert "<link" not in page and "<script" not in page and "src=" not in page


async def test_the_verb(work: Work, settings: object, database: Database) -> None:
    def covers(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        environment = {
            "DATABASE_URL": settings.database_url.get_secret_value(),  # type: ignore[attr-defined]
            "REDIS_URL": settings.redis_url.get_secret_value(),  # type: ignore[attr-defined]
            "VAR_DIR": str(settings.var_dir),  # type: ignore[attr-defined]
            "LANGUAGE": "en",
            "PATH": "/usr/bin:/bin",
        }
        return subprocess.run(
            [sys.executable, "-m", "app.cli", "covers", *arguments],
            env=environment,
            capture_output=True,
            timeout=60,
            check=False,
        )

    done = covers(str(work.assignment.id), "--language", "zh")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().count('class="sheet-a4"') == 3
    for arguments in (("999",), ("1", "--language", "fr")):
        wrong = covers(*arguments)
        assert (wrong.returncode, wrong.stdout) == (2, b"")
        assert wrong.stderr.count(b"\n") == 1
