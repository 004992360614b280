"""Files of deleted papers go, those that another paper has stay, and an upload at the same moment keeps its file."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import func, select

from app.accounts.models import User
from app.db import Database
from app.keys import SETTINGS, STORAGE
from app.papers import files, pages, service
from app.papers.models import DroppedFile
from app.storage import SPOOL_SECONDS, Storage
from app.web import batch, dropped_files
from app.web.dropped_files import remove
from tests import factories, graded
from tests.conftest import Client, World
from tests.functional.pages_help import contents, page_with_files
from tests.functional.papers_help import SCHEME, Work, htmx_form, make_work, papers

SignIn = Callable[[User | None], Awaitable[Client]]


@pytest.fixture(autouse=True)
def at_our_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own rounds come later than these tests end; they go the round themselves."""
    monkeypatch.setattr(dropped_files, "PERIOD_SECONDS", 3600.0)


@pytest.fixture
async def work(database: Database, world: World) -> Work:
    return await make_work(database, world)


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


async def send(client: Client, assignment_id: int, *contents: bytes) -> None:
    sent = [(f"{place}.txt", content) for place, content in enumerate(contents)]
    response = await client.post(f"/assignments/{assignment_id}/papers", **htmx_form(sent))
    assert response.status == 200, await response.text()


def kept(server: TestServer) -> set[str]:
    """The hashes of the stored files."""
    folder = Path(server.app[SETTINGS].uploads)
    return {path.name for path in folder.glob("*/*") if path.is_file()}


def hashes(*contents: bytes) -> set[str]:
    return {hashlib.sha256(content).hexdigest() for content in contents}


async def notes(database: Database) -> int:
    async with database.begin() as db:
        return int(await db.scalar(select(func.count()).select_from(DroppedFile)) or 0)


async def test_a_removed_papers_file_goes(
    alice: Client, server: TestServer, database: Database, work: Work
) -> None:
    await send(alice, work.assignment.id, b"one", b"two")
    first, _ = await papers(database)
    assert (await alice.post(f"/papers/{first.id}/remove", allow_redirects=False)).status == 303
    assert kept(server) == hashes(b"one", b"two")  # the removal comes after the commit, not with it
    assert await remove(server.app) == 1
    assert kept(server) == hashes(b"two")
    assert await notes(database) == 0 and await remove(server.app) == 0


async def test_a_file_that_another_paper_has_stays(
    alice: Client, server: TestServer, database: Database, world: World, work: Work
) -> None:
    async with database.begin() as db:
        other = await factories.assignment(db, world.klass, SCHEME, title="Light")
    await send(alice, work.assignment.id, b"same")
    await send(alice, other.id, b"same")
    first, second = await papers(database)
    await alice.post(f"/papers/{first.id}/remove")
    assert await remove(server.app) == 1
    assert kept(server) == hashes(b"same") and await notes(database) == 0
    assert await (await alice.get(f"/papers/{second.id}/file")).read() == b"same"


async def test_a_deleted_assignments_and_a_deleted_classs_files_go(
    alice: Client, server: TestServer, database: Database, world: World, work: Work
) -> None:
    async with database.begin() as db:
        other = await factories.assignment(db, world.klass, SCHEME, title="Light")
    await send(alice, work.assignment.id, b"one", b"two")
    await send(alice, other.id, b"two", b"three")
    path = f"/assignments/{work.assignment.id}/delete"
    assert (await alice.post(path, data={"confirm": "yes"}, allow_redirects=False)).status == 303
    assert await remove(server.app) == 2
    assert kept(server) == hashes(b"two", b"three")
    path = f"/classes/{world.klass.id}/delete"
    assert (await alice.post(path, data={"name": world.klass.name}, allow_redirects=False)).status == 303
    assert await remove(server.app) == 2
    assert kept(server) == set()


async def test_the_files_of_pages_go_and_those_of_the_ledger_stay_with_it(
    alice: Client, server: TestServer, database: Database, work: Work
) -> None:
    async with database.begin() as db:
        paper = await factories.paper(db, work.assignment)
        other = await factories.paper(db, work.assignment)
        await page_with_files(db, server.app[STORAGE], paper, "one", source=b"a scan of both")
        await page_with_files(db, server.app[STORAGE], other, "two", source=b"a scan of both")
    await alice.post(f"/papers/{paper.id}/remove")
    await remove(server.app)
    both, left = hashes(b"a scan of both"), hashes(contents("one")[3])
    assert kept(server) == both | left | hashes(*contents("two")[1:])
    path = f"/assignments/{work.assignment.id}/delete"
    assert (await alice.post(path, data={"confirm": "yes"}, allow_redirects=False)).status == 303
    await remove(server.app)
    assert kept(server) == set()


async def test_the_picture_of_an_earlier_reading_goes(
    server: TestServer, database: Database, work: Work
) -> None:
    async with database.begin() as db:
        page, keys = await page_with_files(
            db, server.app[STORAGE], await factories.paper(db, work.assignment)
        )
        fresh = await server.app[STORAGE].put(b"the picture again")
        reading = {"image_key": fresh.key, "thumb_key": keys[2], "source_part": 0, "text": "again"}
        await pages.keep(db, page.id, [reading])
        await pages.keep(db, page.id, [reading])
    await remove(server.app)
    source, _, thumb, left = contents("one")
    assert kept(server) == hashes(source, thumb, left, b"the picture again")


async def test_a_deletion_that_does_not_happen_removes_nothing(
    alice: Client, server: TestServer, database: Database, work: Work
) -> None:
    await send(alice, work.assignment.id, b"one")
    (paper,) = await papers(database)
    with pytest.raises(RuntimeError):
        async with database.begin() as db:
            await service.remove(db, paper)
            raise RuntimeError
    assert await remove(server.app) == 0
    assert kept(server) == hashes(b"one")


async def test_a_file_that_cannot_be_removed_keeps_its_note(
    alice: Client, server: TestServer, database: Database, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = server.app[STORAGE]
    delete = storage.delete
    await send(alice, work.assignment.id, b"one", b"two")
    stuck, _ = sorted(row.storage_key for row in await papers(database))

    async def refuse(key: str) -> None:
        if key == stuck:
            raise PermissionError(key)
        await delete(key)

    for paper in await papers(database):
        await alice.post(f"/papers/{paper.id}/remove")
    monkeypatch.setattr(storage, "delete", refuse)
    assert await remove(server.app) == 1
    assert kept(server) == {stuck[3:]} and await notes(database) == 1
    monkeypatch.undo()
    assert await remove(server.app) == 1
    assert kept(server) == set()


async def test_an_upload_waits_for_a_removal_under_way(
    alice: Client, server: TestServer, database: Database, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The removal has found no paper and is about to delete the file when the same content comes in again."""
    storage = server.app[STORAGE]
    delete, deciding, go_on = storage.delete, asyncio.Event(), asyncio.Event()

    async def slowly(key: str) -> None:
        deciding.set()
        await go_on.wait()
        await delete(key)

    await send(alice, work.assignment.id, b"same")
    (paper,) = await papers(database)
    await alice.post(f"/papers/{paper.id}/remove")
    monkeypatch.setattr(storage, "delete", slowly)
    removing = asyncio.create_task(remove(server.app))
    await deciding.wait()
    uploading = asyncio.create_task(send(alice, work.assignment.id, b"same"))
    await asyncio.sleep(0.3)
    assert not uploading.done() and await papers(database) == []
    go_on.set()
    await asyncio.gather(removing, uploading)
    (paper,) = await papers(database)
    assert await (await alice.get(f"/papers/{paper.id}/file")).read() == b"same"


async def test_a_removal_waits_for_an_upload_under_way(
    alice: Client, server: TestServer, database: Database, work: Work
) -> None:
    """The upload has stored its file and has not committed its paper when the removal comes round."""
    await send(alice, work.assignment.id, b"same")
    (paper,) = await papers(database)
    await alice.post(f"/papers/{paper.id}/remove")
    async with database.begin() as db:
        await files.hold(db, paper.sha256)
        removing = asyncio.create_task(remove(server.app))
        await asyncio.sleep(0.3)
        assert not removing.done()
        stored = service.File(paper.storage_key, paper.sha256, paper.size)
        await service.receive(db, work.assignment.id, None, "again.txt", stored)
    assert await removing == 1
    assert kept(server) == hashes(b"same")


async def test_uploads_and_removals_at_random(
    alice: Client, server: TestServer, database: Database, work: Work
) -> None:
    """Whatever the order, every paper has its file in the end, and no file is left without a paper."""
    contents = [b"a", b"b", b"c"]

    async def upload() -> None:
        for _ in range(8):
            await send(alice, work.assignment.id, *contents)

    async def take_away() -> None:
        for _ in range(15):
            for paper in await papers(database):
                await alice.post(f"/papers/{paper.id}/remove")
            await remove(server.app)

    await asyncio.gather(upload(), upload(), take_away())
    await remove(server.app)
    assert kept(server) == {paper.sha256 for paper in await papers(database)}


async def test_an_upload_that_fails_after_storing_leaves_nothing(
    alice: Client, server: TestServer, database: Database, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise LookupError

    monkeypatch.setattr(batch.service, "receive", fail)
    response = await alice.post(f"/assignments/{work.assignment.id}/papers", **htmx_form([("a.txt", b"a")]))
    assert response.status == 500
    assert kept(server) == hashes(b"a")
    assert await remove(server.app) == 1
    assert kept(server) == set()


async def test_the_server_goes_its_rounds(
    alice: Client, server: TestServer, database: Database, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropped_files, "PERIOD_SECONDS", 0.05)
    await send(alice, work.assignment.id, b"one")
    (paper,) = await papers(database)
    await alice.post(f"/papers/{paper.id}/remove")
    rounds = asyncio.create_task(dropped_files.remove_for_ever(server.app))

    async def gone() -> bool:
        return not kept(server)

    await graded.until(gone, 5)
    await dropped_files.stop(rounds)


def test_a_new_start_clears_the_spool_of_what_is_old(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    (spool / "old-folder").mkdir(parents=True)
    outside = tmp_path / "outside.txt"
    for path in (outside, spool / "old", spool / "new", spool / "old-folder" / "member"):
        path.write_bytes(b"x")
    (spool / "old-link").symlink_to(outside)
    past = time.time() - SPOOL_SECONDS - 60
    for path in (spool / "old", spool / "old-folder", spool / "old-link"):
        os.utime(path, (past, past), follow_symlinks=False)
    Storage(str(tmp_path / "uploads"), spool)
    assert sorted(path.name for path in spool.iterdir()) == ["new"]
    assert outside.read_bytes() == b"x"
