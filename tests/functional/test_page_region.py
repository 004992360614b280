"""Reading again: old and new side by side, stored only when the teacher takes it."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import text

from app.accounts.models import User
from app.db import Database
from app.document import Box
from app.i18n import Text
from app.intake import process
from app.intake.errors import UnreadableError
from app.intake.page import By, PageReading, Repair
from app.keys import STORAGE
from app.marks import store as marks
from app.papers.models import PageState
from app.worker.renewing import renew
from tests.conftest import Client, TestServer, World
from tests.functional.page_help import FIRST, SIZE, Scanned, add_page, make_scanned, page_now
from tests.functional.review_help import HTMX

SignIn = Callable[[User | None], Awaitable[Client]]
# Around the first line of the answer to question 1.
BOX = {"x0": "0.15", "y0": "0.15", "x1": "0.95", "y1": "0.20"}
NOW = "Iron conducts heat far better,"


class Recognition:
    """Stands for the child process with text recognition: says what it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.readings = [PageReading(NOW, By.OCR, confidence=0.87)]
        self.asked: list[tuple[object, ...]] = []

    async def region(self, path: Path, name: str, box: Box) -> PageReading:
        with Image.open(path) as image:
            self.asked.append((image.size, name, box))
        return self.readings[0]

    async def page(self, path: Path, name: str, number: int, *, careful: bool = False) -> list[PageReading]:
        with Image.open(path) as image:
            self.asked.append((image.size, name, number, careful))
        return self.readings


@pytest.fixture
def recognition(monkeypatch: pytest.MonkeyPatch) -> Recognition:
    found = Recognition()
    monkeypatch.setattr(process, "read_region", found.region)
    monkeypatch.setattr(process, "read_page", found.page)
    return found


@pytest.fixture
async def scanned(database: Database, server: TestServer, world: World) -> Scanned:
    return await make_scanned(database, server.app[STORAGE], world)


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


def offered(page: str) -> dict[str, str]:
    """The form that takes what was read again."""
    version = re.search(r'name="version" value="(\d+)"', page)
    whole = re.search(r'<textarea name="text" hidden[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    assert version
    assert whole
    return {"version": version[1], "text": html.unescape(whole[1])}


async def test_a_region_is_read_again_and_taken(
    alice: Client, database: Database, scanned: Scanned, recognition: Recognition
) -> None:
    at = f"/pages/{scanned.pages[0].id}"
    said = await (await alice.post(f"{at}/region", data=BOX, headers=HTMX)).text()
    assert recognition.asked == [(SIZE, "photo 10.webp", Box(0.15, 0.15, 0.95, 0.2))]
    assert "Iron conducts heat better," in said
    assert NOW in said
    assert "confidence 87%" in said
    # Nothing is stored yet.
    assert (await page_now(database, scanned.pages[0])).text == FIRST
    taken = await alice.post(f"{at}/text", data=offered(said), headers=HTMX)
    assert "Graded again with it: 1." in await taken.text()
    assert (await page_now(database, scanned.pages[0])).text == FIRST.replace("better", "far better")


async def test_a_page_is_read_again_with_care(
    alice: Client, database: Database, scanned: Scanned, recognition: Recognition
) -> None:
    second = PageReading("2. C", By.OCR, repair=Repair(part=2))
    recognition.readings = [PageReading("not this half", By.OCR, repair=Repair(part=1)), second]
    async with database.begin() as db:
        page = await db.merge(scanned.pages[1])
        page.source_part = 2
    at = f"/pages/{page.id}"
    said = await (await alice.post(f"{at}/read", headers=HTMX)).text()
    assert recognition.asked == [(SIZE, "photo 20.webp", 1, True)]
    assert "not this half" not in said
    taken = await alice.post(f"{at}/text", data=offered(said), headers=HTMX)
    assert taken.status == 200
    assert (await page_now(database, page)).text == "2. C"


async def test_nothing_and_the_same_are_said(
    alice: Client, scanned: Scanned, recognition: Recognition
) -> None:
    at = f"/pages/{scanned.pages[0].id}/region"
    for read, said in (
        ("", "Nothing could be read there."),
        ("Iron conducts  heat better,", "The same was read again."),
    ):
        recognition.readings = [PageReading(read, By.OCR)]
        page = await (await alice.post(at, data=BOX, headers=HTMX)).text()
        assert said in page
        assert "Take what was read again" not in page
    # Without scripts the same stands in the page.
    assert "The same was read again." in await (await alice.post(at, data=BOX)).text()


async def test_bad_frames_are_refused_and_large_ones_cut(
    alice: Client, scanned: Scanned, recognition: Recognition
) -> None:
    at = f"/pages/{scanned.pages[0].id}/region"
    bad: tuple[dict[str, str], ...] = (
        {},
        {"x0": "a"},
        {"x1": "nan"},
        {"x1": "inf"},
        {"x1": "0.15"},
        {"x0": "0.99", "x1": "0.1"},
        {"y1": "0.151"},
        {"y1": ""},
    )
    for change in bad:
        form = {**BOX, **change} if change else {}
        response = await alice.post(at, data=form, headers=HTMX)
        assert response.status == 422, change
        assert "Draw a frame around the words" in await response.text()
    assert recognition.asked == []
    assert (
        await alice.post(at, data={"x0": "-5", "y0": "-1e9", "x1": "7", "y1": "2"}, headers=HTMX)
    ).status == 200
    assert recognition.asked[0][2] == Box(0, 0, 1, 1)


async def test_what_cannot_be_read_again_says_why(
    alice: Client, database: Database, server: TestServer, scanned: Scanned, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = server.app[STORAGE]
    lost = await add_page(
        database, storage, scanned.other, 10, "x", image_key="00/0000", source_key="00/0000"
    )
    typed = await add_page(database, storage, scanned.other, 20, "x", image_key=None, by="text")
    for at in (f"/pages/{lost.id}/region", f"/pages/{lost.id}/read", f"/pages/{typed.id}/region"):
        response = await alice.post(at, data=BOX, headers=HTMX)
        assert response.status == 422, at
        assert "The picture of this page is not there any more" in await response.text()

    async def killed(*_: object, **__: object) -> None:
        raise UnreadableError(
            "broken", Text("“{name}” is damaged in a way that crashed the reader.", {"name": "photo"})
        )

    monkeypatch.setattr(process, "read_region", killed)
    response = await alice.post(f"/pages/{scanned.pages[0].id}/region", data=BOX, headers=HTMX)
    assert response.status == 422
    assert "“photo” is damaged" in await response.text()


async def test_a_failed_page_goes_to_the_readers_once_more(
    alice: Client, database: Database, server: TestServer, scanned: Scanned, recognition: Recognition
) -> None:
    problem = {
        "message": "Reading “{name}” took longer than {limit} seconds.",
        "values": {"name": "p", "limit": 9},
    }
    page = await add_page(
        database,
        server.app[STORAGE],
        scanned.paper,
        30,
        "",
        state=PageState.FAILED,
        problem=problem,
        words=[],
    )
    for _ in range(2):  # a second press changes nothing
        response = await alice.post(f"/pages/{page.id}/read", headers=HTMX)
        assert "The page is being read again." in await response.text()
    now = await page_now(database, page)
    assert (now.state, now.problem, now.version) == (PageState.WAITING, None, 2)
    async with database.begin() as db:
        waiting = (
            (await db.execute(text("select convert_from(payload, 'utf8') from pgqueuer"))).scalars().all()
        )
    assert [each for each in waiting if f'"page_id": {page.id}' in each or f'"page_id":{page.id}' in each]
    assert recognition.asked == []


async def test_a_page_read_once_more_moves_the_answers_behind_it(
    alice: Client, database: Database, scanned: Scanned
) -> None:
    async with database.begin() as db:
        page = await db.merge(scanned.pages[0])
        # The readers find a line more above the answers than the first time.
        page.text = FIRST.replace("Ann Lee", "Ann Lee\nclass 8C").replace("better", "worse")
        before = {
            each.question_id: each.spans for each in (await marks.answers(db, scanned.paper.id)).values()
        }
    async with database.begin() as db:
        paper = await renew(db, scanned.paper.id)
        assert paper
        assert paper.stale == [scanned.first.id]
        after = await marks.answers(db, scanned.paper.id)
    assert "worse" in after[scanned.first.id].text
    moved = [[start + 8, end + 8] for start, end in before[scanned.second.id]]
    assert after[scanned.second.id].spans == moved
    assert "Grade these again" in await (await alice.get(f"/papers/{scanned.paper.id}")).text()


async def test_who_may(sign_in: SignIn, world: World, scanned: Scanned, recognition: Recognition) -> None:
    nobody, charlie, bob = [await sign_in(user) for user in (None, world.charlie, world.bob)]
    for name in ("region", "read"):
        at = f"/pages/{scanned.pages[0].id}/{name}"
        assert (await charlie.post(at, data=BOX)).status == 404
        assert (await nobody.post(at, data=BOX, allow_redirects=False)).status == 303
        assert recognition.asked == []
        assert (await bob.get(at)).status == 405
        assert (await bob.post(at, data=BOX)).status == 200
        recognition.asked.clear()
        for wrong in ("999999", "x", "9" * 30):
            assert (await bob.post(f"/pages/{wrong}/{name}", data=BOX)).status == 404
