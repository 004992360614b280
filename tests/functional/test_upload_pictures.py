"""Pictures come in: which are taken, that those of one drop are one pile, and how the drop ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.accounts.models import User
from app.db import Database
from app.papers.models import PaperPage, Pile
from tests.conftest import Client, World
from tests.functional.papers_help import HTMX, Work, archive, form, htmx_form, make_work, papers

SignIn = Callable[[User | None], Awaitable[Client]]
TOKEN = "0123456789abcdef" * 2
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"


@pytest.fixture
async def work(database: Database, world: World) -> Work:
    return await make_work(database, world)


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


def at(work: Work, query: str = "") -> str:
    return f"/assignments/{work.assignment.id}/papers{query}"


async def send(client: Client, work: Work, *files: tuple[str, bytes], token: str = TOKEN) -> str:
    response = await client.post(at(work, f"?pile={token}"), **htmx_form(files))
    assert response.status == 200, await response.text()
    return await response.text()


async def piles(database: Database) -> list[tuple[Pile, list[str]]]:
    """Every pile with its pages' file names, in order."""
    async with database.begin() as db:
        found = (await db.scalars(select(Pile).order_by(Pile.id))).all()
        rows = (await db.scalars(select(PaperPage).order_by(PaperPage.position))).all()
        return [(each, [row.source_name for row in rows if row.pile_id == each.id]) for each in found]


async def test_pictures_of_one_drop_are_one_pile_and_documents_are_papers(
    alice: Client, database: Database, work: Work
) -> None:
    said = await send(alice, work, ("1.jpg", JPEG + b"1"), ("Ann.txt", b"Ann"), ("2.png", PNG + b"2"))
    assert said.count("verdict stored") == 3 and said.count("data-picture") == 2
    await send(alice, work, ("3.jpg", PNG + b"a PNG that is called JPEG"))
    ((pile, names),) = await piles(database)
    assert names == ["1.jpg", "2.png", "3.jpg"]
    assert (pile.token, pile.closed, pile.state) == (TOKEN, False, "reading")
    assert [paper.file_name for paper in await papers(database)] == ["Ann.txt"]


async def test_the_drop_ends(alice: Client, database: Database, work: Work) -> None:
    await send(alice, work, ("1.jpg", JPEG))
    end = f"/assignments/{work.assignment.id}/piles/{TOKEN}/close"
    assert (await alice.post(end, headers=HTMX)).status == 204
    assert (await alice.post(end)).url.path == at(work)
    assert [pile.closed for pile, _ in await piles(database)] == [True]
    # What comes after its end is a pile of its own.
    await send(alice, work, ("late.jpg", JPEG + b"late"))
    assert [names for _, names in await piles(database)] == [["1.jpg"], ["late.jpg"]]


async def test_requests_at_once_make_one_pile(alice: Client, database: Database, work: Work) -> None:
    await asyncio.gather(
        *(send(alice, work, (f"{number}.jpg", JPEG + b"%d" % number)) for number in range(6))
    )
    ((_, names),) = await piles(database)
    assert sorted(names) == [f"{number}.jpg" for number in range(6)]


async def test_without_script_a_request_is_the_drop(alice: Client, database: Database, work: Work) -> None:
    response = await alice.post(at(work), **form([("1.jpg", JPEG), ("2.jpg", JPEG + b"2"), ("x.exe", b"MZ")]))
    page = await response.text()
    assert "Pictures stored: 2. They are read, then put together as papers." in page
    assert "“x.exe” was not taken" in page
    ((pile, names),) = await piles(database)
    assert names == ["1.jpg", "2.jpg"] and pile.closed
    await alice.post(at(work), **form([("text.txt", b"no picture, no pile")]))
    assert len(await piles(database)) == 1


async def test_folders_of_an_archive_say_whose_a_picture_is(
    alice: Client, database: Database, work: Work
) -> None:
    members = {
        "8C/王小明/1.jpg": JPEG,
        "8C/王小明/2.jpg": JPEG + b"2",
        "8C/李华/1.heic": b"\x00\x00\x00\x18ftypheic",
    }
    await send(alice, work, ("all.zip", archive(members)))
    ((_, names),) = await piles(database)
    assert sorted(names) == ["李华 - 1.heic", "王小明 - 1.jpg", "王小明 - 2.jpg"]


async def test_the_same_picture_is_taken_once(alice: Client, database: Database, work: Work) -> None:
    await send(alice, work, ("1.jpg", JPEG))
    said = await send(alice, work, ("again.jpg", JPEG), token="f" * 32)
    assert "This picture was here already." in said
    assert [names for _, names in await piles(database)] == [["1.jpg"]]


REFUSED = [
    ("photo.pdf", PNG + b"0", "Give it the ending .png"),
    ("photo.txt", JPEG, "Give it the ending .jpg"),
    ("text.jpg", b"only words", "By its content this is TXT"),
    ("torn.jpg", bytes(range(256)) * 8, "not a JPEG file, or it is damaged"),
    ("torn.heif", bytes(range(256)) * 8, "not a HEIC file"),
    ("empty.png", b"", "“empty.png” is empty."),
    ("film.jpg", b"\x00\x00\x00\x18ftypmp42", "By its content this is MP4"),
    ("tool.png", b"MZ\x90\x00" + b"\x00" * 64, "By its content this is EXE"),
]


async def test_refused_with_a_reason(alice: Client, database: Database, work: Work) -> None:
    for name, content, why in REFUSED:
        said = await send(alice, work, (name, content), ("good.jpg", JPEG))
        assert why in said, said
    assert [names for _, names in await piles(database)] == [["good.jpg"]]
    assert await papers(database) == []


async def test_a_pdf_that_is_called_a_picture_is_a_paper(
    alice: Client, database: Database, work: Work
) -> None:
    await send(alice, work, ("scan.jpg", b"%PDF-1.7\n"))
    assert [paper.file_name for paper in await papers(database)] == ["scan.jpg"]
    assert await piles(database) == []


async def test_names_of_uploads_that_are_none(alice: Client, database: Database, work: Work) -> None:
    for token in ("", "x", "A" * 32, "0" * 31, "0" * 33, "%00" * 32, "0" * 5000):
        response = await alice.post(at(work, f"?pile={token}"), **htmx_form([("1.jpg", JPEG)]))
        assert response.status == 400
        assert "no proper name" in await response.text()
        assert (
            await alice.post(f"/assignments/{work.assignment.id}/piles/{token or 'x'}/close")
        ).status == 404
    assert await piles(database) == []


async def test_who_may_end_it(sign_in: SignIn, database: Database, world: World, work: Work) -> None:
    nobody, charlie, bob = [await sign_in(who) for who in (None, world.charlie, world.bob)]
    await send(bob, work, ("1.jpg", JPEG))
    end = f"/assignments/{work.assignment.id}/piles/{TOKEN}/close"
    assert (await nobody.post(end, allow_redirects=False)).status == 303
    assert (await charlie.post(end)).status == 404
    assert (await bob.get(end)).status == 405
    for bad in ("0", "999", "x"):
        assert (await bob.post(end.replace(f"/{work.assignment.id}/", f"/{bad}/"))).status == 404
    assert [pile.closed for pile, _ in await piles(database)] == [False]


async def test_the_page_offers_pictures(alice: Client, work: Work) -> None:
    said: Any = await (await alice.get(at(work))).text()
    assert ".jpg,.jpeg,.png" in said and "image/*" in said
    assert f"/assignments/{work.assignment.id}/piles/TOKEN/close" in said
