"""The pictures of pages: who may see them, how they are kept, and those that are made when somebody looks."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from app.accounts.models import User
from app.db import Database
from app.intake import process
from app.keys import STORAGE
from app.papers.models import PageState, PaperPage
from app.storage import Storage
from tests.conftest import Client, TestServer, World
from tests.functional.page_help import Scanned, add_page, make_scanned, page_now, webp

SignIn = Callable[[User | None], Awaitable[Client]]


@pytest.fixture
def storage(server: TestServer) -> Storage:
    return server.app[STORAGE]


@pytest.fixture
async def scanned(database: Database, storage: Storage, world: World) -> Scanned:
    return await make_scanned(database, storage, world)


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


def pdf(pages: int = 1) -> bytes:
    """A landscape PDF with a text layer."""
    canvas = Canvas(made := io.BytesIO(), pagesize=(600, 300))
    for number in range(pages):
        canvas.drawString(50, 200, f"Page {number + 1}")
        canvas.showPage()
    canvas.save()
    return made.getvalue()


async def pdf_page(
    database: Database, storage: Storage, scanned: Scanned, data: bytes, number: int = 1, **values: Any
) -> PaperPage:
    """A page of a PDF that nobody has looked at."""
    source = await storage.put(data)
    given = {"by": "pdf", "image_key": None, "thumb_key": None, "width": 0, "height": 0, **values}
    return await add_page(
        database, storage, scanned.other, 10 * number, "Page 1",
        source_key=source.key, source_name="scan.pdf", source_page=number, **given,
    )  # fmt: skip


async def test_a_picture_is_shown_and_nothing_else_with_it(alice: Client, scanned: Scanned) -> None:
    page = scanned.pages[0]
    response = await alice.get(f"/pages/{page.id}/image")
    assert response.status == 200
    assert await response.read() == webp(240)
    assert response.headers["Content-Type"] == "image/webp"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert response.headers["Cache-Control"] == "private, no-cache"
    small = await alice.get(f"/pages/{page.id}/image?size=thumb")
    assert await small.read() == webp(99, (40, 57))


async def test_an_address_that_names_the_content_is_kept_for_ever(alice: Client, scanned: Scanned) -> None:
    page = scanned.pages[0]
    assert page.image_key
    version = page.image_key.rpartition("/")[2][:12]
    response = await alice.get(f"/pages/{page.id}/image?v={version}")
    assert response.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    for wrong in ("", version[:5], "0" * 12):
        answer = await alice.get(f"/pages/{page.id}/image?v={wrong}")
        assert answer.headers["Cache-Control"] == "private, no-cache"
    again = await alice.get(f"/pages/{page.id}/image", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")
    head = await alice.head(f"/pages/{page.id}/image")
    assert (head.status, await head.read()) == (200, b"")


async def test_who_may_look(sign_in: SignIn, world: World, scanned: Scanned) -> None:
    nobody, alice, bob, charlie = [
        await sign_in(user) for user in (None, world.alice, world.bob, world.charlie)
    ]
    for address in ("/pages/{id}/image", "/pages/{id}"):
        at = address.format(id=scanned.pages[0].id)
        assert [(await each.get(at)).status for each in (alice, bob, charlie)] == [200, 200, 404]
        assert (await nobody.get(at, allow_redirects=False)).status == 303
        assert (await alice.post(at)).status == 405
        for number in ("999999", "0", "-1", "x", "9" * 30):
            assert (await alice.get(address.format(id=number))).status == 404


async def test_a_page_without_picture_has_none(
    alice: Client, database: Database, storage: Storage, scanned: Scanned
) -> None:
    none = {"image_key": None, "thumb_key": None}
    values: tuple[dict[str, Any], ...] = (
        {**none, "by": "text"},
        {**none, "by": "pdf", "state": PageState.FAILED},
        {"image_key": "00/0000", "thumb_key": None},  # lost by the storage
    )
    for position, each in enumerate(values):
        page = await add_page(database, storage, scanned.other, position, "x", **each)
        assert (await alice.get(f"/pages/{page.id}/image")).status == 404
        assert (await alice.get(f"/pages/{page.id}")).status == 200


async def test_what_is_no_picture_is_not_served_as_one(
    alice: Client, database: Database, storage: Storage, scanned: Scanned
) -> None:
    stored = await storage.put(b"<html><script>alert(1)</script></html>")
    page = await add_page(database, storage, scanned.other, 10, "x", image_key=stored.key)
    response = await alice.get(f"/pages/{page.id}/image")
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert "sandbox" in response.headers["Content-Security-Policy"]


async def test_a_pdf_page_is_drawn_once_however_many_ask(
    alice: Client, database: Database, storage: Storage, scanned: Scanned, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, render = [], process.render_page

    async def counted(*arguments: object, **named: object) -> object:
        drawn.append(arguments)
        return await render(*arguments, **named)  # type: ignore[arg-type]  # passed on as they are

    monkeypatch.setattr(process, "render_page", counted)
    page = await pdf_page(database, storage, scanned, pdf(2), number=2)
    answers = await asyncio.gather(*(alice.get(f"/pages/{page.id}/image") for _ in range(5)))
    bodies = {await each.read() for each in answers}
    assert [each.status for each in answers] == [200] * 5
    assert (len(bodies), len(drawn)) == (1, 1)
    with Image.open(io.BytesIO(bodies.pop())) as image:
        assert image.width == pytest.approx(2 * image.height, abs=2)
        now = await page_now(database, page)
        assert (now.width, now.height) == image.size
    assert now.image_key
    assert now.thumb_key
    assert now.version == page.version
    assert (await alice.get(f"/pages/{page.id}/image?size=thumb")).status == 200
    assert len(drawn) == 1


async def test_a_pdf_that_cannot_be_drawn_is_404_and_tried_again(
    alice: Client, database: Database, storage: Storage, scanned: Scanned
) -> None:
    page = await pdf_page(database, storage, scanned, b"%PDF-1.4 nothing")
    for _ in range(2):
        assert (await alice.get(f"/pages/{page.id}/image")).status == 404
    assert (await page_now(database, page)).image_key is None
