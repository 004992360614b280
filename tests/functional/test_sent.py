"""The list of pictures that left for a model: what it says, the very bytes, and who may look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import update

from app.accounts.models import User
from app.assignments.models import Assignment
from app.db import Database
from app.document import Box
from app.keys import STORAGE
from app.papers import ledger
from app.papers.ledger import SHOWN, Outcome, Place
from app.papers.models import PaperPage, SentImage
from tests import factories
from tests.conftest import Client, World
from tests.functional.papers_help import SCHEME

SignIn = Callable[[User | None], Awaitable[Client]]
PICTURE = b"RIFF\x1a\x00\x00\x00WEBPVP8L a few bytes"
HOSTILE = b"<!doctype html><script>alert(1)</script>"


@pytest.fixture
async def assignment(database: Database, world: World) -> Assignment:
    async with database.begin() as db:
        return await factories.assignment(db, world.klass, SCHEME)


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


async def page_of(database: Database, assignment: Assignment) -> PaperPage:
    """A page of a paper of the assignment."""
    async with database.begin() as db:
        paper = await factories.paper(db, assignment, file_name="scan <b>.pdf")
        page = PaperPage(
            paper_id=paper.id, position=10, source_key="ab/abc", source_name=paper.file_name, source_page=3
        )
        db.add(page)
    return page


async def left(
    server: TestServer, database: Database, page: PaperPage, content: bytes = PICTURE, times: int = 1
) -> int:
    """Entries of a picture that left; the last one's id."""
    stored = await server.app[STORAGE].put(content)
    async with database.begin() as db:
        place = await ledger.place_of(db, page)
        assert place is not None
        for _ in range(times):
            made = await ledger.enter(
                db,
                page,
                place,
                image_key=stored.key,
                size=stored.size,
                endpoint="models.example:8000",
                model="sees/pages",
                masked=[Box(0.1, 0.1, 0.4, 0.2), Box(0.5, 0.1, 0.8, 0.2)],
            )
    return made


async def test_nothing_has_left(alice: Client, assignment: Assignment) -> None:
    response = await alice.get(f"/assignments/{assignment.id}/sent")
    said = await response.text()
    assert response.status == 200
    assert "Nothing has left" in said
    assert "no picture leaves this server" in said
    papers = await (await alice.get(f"/assignments/{assignment.id}/papers")).text()
    assert f'href="/assignments/{assignment.id}/sent"' in papers
    assert ' style="' not in said and " onclick" not in said


async def test_what_left(
    alice: Client, server: TestServer, database: Database, assignment: Assignment
) -> None:
    entry = await left(server, database, await page_of(database, assignment))
    said = await (await alice.get(f"/assignments/{assignment.id}/sent")).text()
    assert "models.example:8000" in said and "sees/pages" in said
    assert "scan &lt;b&gt;.pdf</a>, page 3" in said
    assert "2 places" in said and "under way" in said and f"/sent/{entry}/image" in said
    async with database.begin() as db:
        await ledger.conclude(db, entry, Outcome.ANSWERED)
    said = await (await alice.get(f"/assignments/{assignment.id}/sent")).text()
    assert '<span class="good">answered</span>' in said


async def test_an_answer_that_never_came_is_not_under_way_for_ever(
    alice: Client, server: TestServer, database: Database, assignment: Assignment
) -> None:
    await left(server, database, await page_of(database, assignment))
    async with database.begin() as db:
        await db.execute(update(SentImage).values(at=datetime.now(UTC) - timedelta(hours=5)))
    said = await (await alice.get(f"/assignments/{assignment.id}/sent")).text()
    assert "the server stopped meanwhile" in said


async def test_an_entry_outlives_its_page(
    alice: Client, server: TestServer, database: Database, assignment: Assignment
) -> None:
    page = await page_of(database, assignment)
    entry = await left(server, database, page)
    async with database.begin() as db:
        await db.delete(await db.get_one(PaperPage, page.id))
    said = await (await alice.get(f"/assignments/{assignment.id}/sent")).text()
    assert "removed since" in said
    assert (await alice.get(f"/sent/{entry}/image")).status == 200


async def test_the_list_goes_on_page_by_page(
    alice: Client, server: TestServer, database: Database, assignment: Assignment
) -> None:
    last = await left(server, database, await page_of(database, assignment), times=SHOWN + 2)
    first = await (await alice.get(f"/assignments/{assignment.id}/sent")).text()
    assert first.count('<li id="sent-') == SHOWN
    assert f"?before={last - SHOWN + 1}" in first
    second = await (await alice.get(f"/assignments/{assignment.id}/sent?before={last - SHOWN + 1}")).text()
    assert second.count('<li id="sent-') == 2
    assert "Older ones" in first and "Older ones" not in second
    for strange in ("1", "-7", "9" * 30, "x", "%00"):
        assert (await alice.get(f"/assignments/{assignment.id}/sent?before={strange}")).status == 200


async def test_the_picture_is_the_very_bytes_and_no_page(
    alice: Client, server: TestServer, database: Database, assignment: Assignment
) -> None:
    page = await page_of(database, assignment)
    response = await alice.get(f"/sent/{await left(server, database, page)}/image")
    assert await response.read() == PICTURE
    assert response.headers["Content-Type"] == "image/webp"
    assert response.headers["Content-Security-Policy"].startswith("sandbox")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "private, no-store"
    response = await alice.get(f"/sent/{await left(server, database, page, HOSTILE)}/image")
    assert response.headers["Content-Type"] == "application/octet-stream"


async def test_a_picture_that_the_storage_lost(
    alice: Client, server: TestServer, database: Database, assignment: Assignment
) -> None:
    entry = await left(server, database, await page_of(database, assignment))
    async with database.begin() as db:
        await db.execute(update(SentImage).values(image_key="00/" + "0" * 64))
    assert (await alice.get(f"/sent/{entry}/image")).status == 404


async def test_who_may_look(
    sign_in: SignIn, world: World, server: TestServer, database: Database, assignment: Assignment
) -> None:
    entry = await left(server, database, await page_of(database, assignment))
    addresses = (f"/assignments/{assignment.id}/sent", f"/sent/{entry}/image")
    for user, status in ((world.bob, 200), (world.charlie, 404)):
        client = await sign_in(user)
        for address in addresses:
            assert (await client.get(address)).status == status
            assert (await client.post(address)).status == 405
    nobody = await sign_in(None)
    for address in addresses:
        assert (await nobody.get(address, allow_redirects=False)).status == 303
    bob = await sign_in(world.bob)
    for strange in ("0", "-1", "x", "9" * 30):
        assert (await bob.get(f"/sent/{strange}/image")).status == 404


async def test_a_page_without_a_place_has_none(database: Database, assignment: Assignment) -> None:
    async with database.begin() as db:
        gone = PaperPage(paper_id=10**9, position=1, source_key="k", source_name="n")
        assert await ledger.place_of(db, gone) is None
        page = PaperPage(
            paper_id=(await factories.paper(db, assignment)).id, position=1, source_key="k", source_name="n"
        )
        assert await ledger.place_of(db, page) == Place(assignment.id, assignment.class_id)
