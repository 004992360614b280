"""Full disks: uploads and the database on small volumes that are filled. People are told; space given, all goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests import graded
from tests.compose.figures import Figures
from tests.compose.runs import MARKS, grading
from tests.compose.stack import MODEL_CALLS, OVERRIDE, CommandError, Stack
from tests.compose.teacher import Teacher

pytestmark = pytest.mark.compose
SMALL = "tests/compose/small.yml"
FILE = b"1. Warm air rises because it is less dense than the cold air around it.\n" * 60_000  # 4 MB
BACK_SECONDS = 60.0
FULL = "disk is full"


@pytest.fixture(scope="module")
def small(cloned: Stack) -> Iterator[Stack]:
    """The stack from its beginning, with the small volumes."""
    cloned.down(volumes=True)
    cloned.configure(COMPOSE_FILE=f"docker-compose.yml:{OVERRIDE}:{SMALL}")
    said = cloned.make("up")
    cloned.setup_link = next(word for word in said.split() if "/set-up/" in word)
    yield cloned
    cloned.down(volumes=True)
    cloned.configure()


@pytest.fixture(scope="module")
async def browser(small: Stack) -> AsyncIterator[Teacher]:
    """The first account of this stack, signed in."""
    teacher = Teacher(small)
    await teacher.first(small.setup_link)
    await teacher.sign_in()
    yield teacher
    await teacher.close()


def fill(stack: Stack, volume: str) -> None:
    """Take all that is left of a volume."""
    script = f"dd if=/dev/zero of=/volumes/{volume}/filler bs=64k 2>/dev/null; df -k /volumes/{volume}"
    said = stack.exec("holder", "sh", "-c", script)
    assert "100%" in said, said


def give(stack: Stack, volume: str) -> None:
    """Give the space back."""
    stack.exec("holder", "rm", "-f", f"/volumes/{volume}/filler")


async def test_upload_volume_full(browser: Teacher, figures: Figures) -> None:
    """The file is refused with the reason, everything that needs no space goes on, and later the same file is taken."""
    stack = browser.stack
    klass = await browser.new_class("Full of papers")
    assignment = await browser.new_assignment(klass, "Full", 2, grader="local")
    await asyncio.to_thread(fill, stack, "data")
    try:
        answer = await browser.upload(assignment, [("large.txt", FILE)])
        assert answer.status == 200 and FULL in answer.text, f"{answer.status} {answer.text[:1500]}"
        for path in ("/", f"/classes/{klass}", f"/assignments/{assignment}/papers", "/sign-in"):
            assert (await browser.get(path)).status in (200, 303), path
        assert (await browser.post("/classes", {"name": "Meanwhile", "language": "en"})).status == 303
        assert "large.txt" not in (await browser.get(f"/assignments/{assignment}/papers")).text
        ready = await browser.get("/health/ready")
        assert ready.status in (200, 404), ready.text
    finally:
        await asyncio.to_thread(give, stack, "data")
    began = time.monotonic()
    answer = await browser.upload(assignment, [("large.txt", FILE)])
    assert answer.status == 200 and FULL not in answer.text, answer.text[:1500]
    figures.note("uploads taken again after space was given, in", time.monotonic() - began, "s", limit=10)

    async def nothing_left() -> bool:  # the paper that was taken is read from there for a moment
        found = await asyncio.to_thread(stack.exec, "app", "find", "/data/spool", "-type", "f")
        return not found.split()

    await graded.until(nothing_left, 60)
    restarts = [told["RestartCount"] for told in stack.inspect(*stack.containers("app"))]
    assert restarts == [0] * len(restarts), "a full disk killed a replica"


async def test_database_volume_full_in_a_run(browser: Teacher, figures: Figures) -> None:
    """What was said to be saved is saved; what could not be is told; then the run ends whole, with no hand on it."""
    stack = browser.stack
    said: list[str] = []
    refusals: dict[int, str] = {}
    async with grading(browser, "Full database", pages=1) as run:
        await run.reached(MARKS // 4)
        await asyncio.to_thread(fill, stack, "db")
        try:
            until = time.monotonic() + 20
            while time.monotonic() < until:
                await make(browser, said, refusals)
                await asyncio.sleep(0.2)
        finally:
            await asyncio.to_thread(give, stack, "db")
        began = time.monotonic()
        before = len(said)
        while len(said) == before:
            assert time.monotonic() - began < BACK_SECONDS, refusals
            await make(browser, said, refusals)
            await asyncio.sleep(0.5)
        figures.note(
            "database takes entries again after space was given, in", time.monotonic() - began, "s", 60
        )
        took = await run.finished()
        run.check_marks()
        run.check_calls(MODEL_CALLS)
        await run.check_pages(resynced=True)
        figures.note("database full in a run: the rest of the run took", took, "s")
    kept = {row[0] for row in stack.sql("select name from classes")}
    assert set(said) <= kept, "an entry that was confirmed is gone"
    assert refusals, "the database never was full: the drill is none"
    assert set(refusals) <= {503, 507}, {status: text[:600] for status, text in refusals.items()}
    for status, text in refusals.items():
        assert FULL in text or "Your data is safe" in text or "moment" in text, f"{status}: {text[:1500]}"


async def make(teacher: Teacher, said: list[str], refusals: dict[int, str]) -> None:
    """Try to make a class with a long name; note what the server says."""
    name = f"{len(said)} {time.monotonic_ns()} " + "x" * 60
    try:
        answer = await teacher.post("/classes", {"name": name, "language": "en"})
    except (aiohttp.ClientError, TimeoutError) as error:
        refusals[0] = repr(error)
        return
    if answer.status == 303:
        said.append(name)
    else:
        refusals[answer.status] = answer.text


def test_the_database_is_sound(small: Stack) -> None:
    """Every row of every table can be read, every index agrees with its table, no checksum is wrong."""
    small.exec("db", "sh", "-c", "pg_dump -U postgres zhupi >/dev/null")
    failures = small.sql("select coalesce(sum(checksum_failures), 0) from pg_stat_database")
    assert failures == [["0"]]
    try:
        small.sql("create extension if not exists amcheck")
    except CommandError:
        pytest.skip("this PostgreSQL has no amcheck")
    small.sql(
        "select bt_index_check(c.oid, true) from pg_class c join pg_am a on a.oid = c.relam"
        " where a.amname = 'btree' and c.relkind = 'i' and c.relpersistence = 'p'"
    )
