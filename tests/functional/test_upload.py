"""Uploads: what is kept, what is refused and why, and that nothing is half-saved."""

from __future__ import annotations

import asyncio
import errno
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from pypdf import PdfReader, PdfWriter

from app.accounts.models import User
from app.db import Database
from app.keys import SETTINGS, STORAGE
from app.papers.models import PaperState
from app.settings import Settings
from app.storage import Storage, Stored
from tests.conftest import Client, World
from tests.functional.papers_help import (
    BOUNDARY,
    Work,
    archive,
    form,
    htmx_form,
    jobs,
    make_work,
    papers,
    part,
    read_all,
)

SignIn = Callable[[User | None], Awaitable[Client]]


@pytest.fixture
async def settings(settings: Settings) -> Settings:
    """With a limit that a test reaches quickly."""
    return settings.model_copy(update={"max_file_size": 20 * 2**20})


@pytest.fixture
async def work(database: Database, world: World) -> Work:
    return await make_work(database, world)


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


def at(work: Work) -> str:
    return f"/assignments/{work.assignment.id}/papers"


async def send(client: Client, work: Work, *files: tuple[str, bytes]) -> str:
    """Upload as the script does; the verdicts' HTML."""
    response = await client.post(at(work), **htmx_form(files))
    assert response.status == 200, await response.text()
    return await response.text()


def spooled(server: TestServer) -> list[Path]:
    return list((server.app[SETTINGS].var_dir / "spool").iterdir())


def blank_pdf(password: str | None = None) -> bytes:
    writer, made = PdfWriter(), io.BytesIO()
    writer.add_blank_page(200, 200)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    writer.write(made)
    assert PdfReader(made) is not None
    return made.getvalue()


async def test_files_become_papers_with_a_job_each(
    alice: Client, server: TestServer, database: Database, work: Work
) -> None:
    said = await send(alice, work, ("Ann Lee.txt", b"Ann Lee\n1. Because."), ("b.md", b"Ben Okafor\nIt is."))
    assert said.count("verdict stored") == 2
    rows = await papers(database)
    assert [(row.file_name, row.size, row.state) for row in rows] == [
        ("Ann Lee.txt", 19, "received"),
        ("b.md", 17, "received"),
    ]
    assert await jobs(database) == 2
    assert spooled(server) == []
    assert [chunk async for chunk in server.app[STORAGE].stream(rows[0].storage_key)] == [
        b"Ann Lee\n1. Because."
    ]


async def test_without_script_the_page_says_what_happened(
    alice: Client, database: Database, work: Work
) -> None:
    response = await alice.post(at(work), **form([("a.txt", b"A"), ("b.exe", b"MZ"), ("c.txt", b"")]))
    page = await response.text()
    assert response.status == 200
    assert response.url.path == at(work)
    assert "Papers stored: 1." in page
    assert "“b.exe” was not taken" in page
    assert "“c.txt” is empty." in page
    assert len(await papers(database)) == 1


async def test_who_may_upload(sign_in: SignIn, database: Database, world: World, work: Work) -> None:
    nobody, charlie, bob = [await sign_in(who) for who in (None, world.charlie, world.bob)]
    refused = await nobody.post(at(work), **form([("a.txt", b"A")]), allow_redirects=False)
    assert refused.status == 303
    assert refused.headers["Location"].startswith("/sign-in")
    assert (await charlie.post(at(work), **form([("a.txt", b"A")]))).status == 404
    assert await papers(database) == []
    assert "verdict stored" in await send(bob, work, ("a.txt", b"A"))
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await bob.request(method, at(work))).status == 405
    assert (await bob.post("/assignments/999/papers", **form([("a.txt", b"A")]))).status == 404
    assert (await bob.post("/assignments/x/papers", **form([("a.txt", b"A")]))).status == 404


async def test_a_foreign_page_cannot_upload(alice: Client, database: Database, work: Work) -> None:
    arguments = form([("a.txt", b"A")])
    arguments["headers"]["Sec-Fetch-Site"] = "cross-site"
    assert (await alice.post(at(work), **arguments)).status == 403
    assert await papers(database) == []


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.txt", b"", "“empty.txt” is empty."),
        ("run.exe", b"MZ\x90\x00", "Files of this kind are not taken. Send one that ends in .txt"),
        ("noending", b"text", "Files of this kind are not taken."),
        ("photo.pdf", b"\x89PNG\r\n\x1a\n0000", "By its content this is PNG"),
        ("virus.txt", b"MZ\x90\x00" + b"\x00" * 64, "By its content this is EXE"),
        ("noise.txt", bytes(range(256)) * 8, "not a text"),
        ("torn.pdf", bytes(range(256)) * 8, "not a PDF file, or it is damaged"),
        ("text.pdf", b"only words", "By its content this is TXT"),
        ("really.docx", archive({"a.txt": b"A"}), "By its content this is ZIP"),
    ],
)
async def test_refused_with_a_reason_and_the_others_stay(
    alice: Client, server: TestServer, database: Database, work: Work, name: str, content: bytes, why: str
) -> None:
    said = await send(alice, work, ("a.txt", b"first"), (name, content), ("z.txt", b"last"))
    assert why in said, said
    assert said.count("verdict stored") == 2
    assert [row.file_name for row in await papers(database)] == ["a.txt", "z.txt"]
    assert spooled(server) == []


async def test_what_cannot_be_read_is_kept_and_said(
    alice: Client, server: TestServer, database: Database, work: Work
) -> None:
    said = await send(
        alice,
        work,
        ("locked.pdf", blank_pdf("secret")),
        ("broken.pdf", b"%PDF-1.7\n1 0 obj\n<< broken"),
        ("scan.pdf", blank_pdf()),
    )
    assert said.count("verdict stored") == 3
    await read_all(server.app)
    rows = {row.file_name: row for row in await papers(database)}
    assert {row.state for row in rows.values()} == {PaperState.UNREADABLE}
    page = await (await alice.get(at(work))).text()
    assert "password" in str(rows["locked.pdf"].problem)
    assert "cannot be read: 3" in page
    for row in rows.values():
        assert (await alice.get(f"/papers/{row.id}/file")).status == 200


async def test_a_pdf_under_a_wrong_ending_is_still_a_pdf(
    alice: Client, database: Database, work: Work
) -> None:
    assert "verdict stored" in await send(alice, work, ("scan.txt", blank_pdf()))


async def test_the_same_file_is_stored_once(alice: Client, database: Database, work: Work) -> None:
    said = await send(alice, work, ("a.txt", b"same"), ("a.txt", b"same"), ("other name.txt", b"same"))
    assert said.count("verdict stored") == 1
    assert "This file was here already." in said
    assert "The same file was here already, under the name “a.txt”." in said
    assert len(await papers(database)) == 1
    assert await jobs(database) == 1


async def test_the_same_file_in_two_uploads_at_once(alice: Client, database: Database, work: Work) -> None:
    said = await asyncio.gather(*(send(alice, work, (f"{number}.txt", b"same")) for number in range(6)))
    assert sum(each.count("verdict stored") for each in said) == 1
    assert sum(each.count("verdict known") for each in said) == 5
    assert len(await papers(database)) == 1


async def test_too_large_is_refused_alone(
    alice: Client, server: TestServer, database: Database, work: Work
) -> None:
    limit = server.app[SETTINGS].max_file_size
    said = await send(
        alice, work, ("big.txt", b"x" * (limit + 1)), ("small.txt", b"x"), ("fits.txt", b"x" * limit)
    )
    assert "The file is larger than 20.0 MB." in said
    assert [row.file_name for row in await papers(database)] == ["small.txt", "fits.txt"]
    assert spooled(server) == []


async def test_six_hundred_files(alice: Client, database: Database, work: Work) -> None:
    said = await send(alice, work, *((f"{number}.txt", f"paper {number}".encode()) for number in range(600)))
    assert said.count("verdict stored") == 500
    assert said.count("At most 500 files are taken at once.") == 100
    assert len(await papers(database)) == 500
    assert await jobs(database) == 500


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("长" * 300 + ".txt", "长" * 251 + ".txt"),
        ("👩‍👩‍👧 homework.txt", "👩‍👩‍👧 homework.txt"),
        ("abc\u202etxt.exe.txt", "abctxt.exe.txt"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("作业;1;2.txt", "作业;1;2.txt"),
        ('say "hi".txt', 'say "hi".txt'),
        ("<img src=x onerror=alert(1)>.txt", "<img src=x onerror=alert(1)>.txt"),
        ("a\x00b.txt", "ab.txt"),
    ],
)
@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
async def test_names(alice: Client, database: Database, work: Work, sent: str, shown: str) -> None:
    response = await alice.post(at(work), **htmx_form([(sent, b"A")]))
    said = await response.text()
    if "\x00" in sent:  # the HTTP parser itself refuses such a header
        assert response.status in (200, 400)
        return
    assert "verdict stored" in said, said
    assert [row.file_name for row in await papers(database)] == [shown]
    assert "<img" not in said
    assert "<img" not in await (await alice.get(at(work))).text()


async def test_a_name_in_gb18030_is_understood(alice: Client, database: Database, work: Work) -> None:
    body = part("NAME.txt", b"A").replace(b"NAME", "张伟".encode("gb18030")) + f"--{BOUNDARY}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "HX-Request": "true"}
    await alice.post(at(work), data=body, headers=headers)
    assert [row.file_name for row in await papers(database)] == ["张伟.txt"]


async def test_archive_members_are_papers(
    alice: Client, server: TestServer, database: Database, work: Work
) -> None:
    members = {
        "class/Ann Lee/essay.txt": b"Ann",
        "class/Ben Okafor/essay.txt": b"Ben",
        "class/__MACOSX/x": b"",
        "class/tool.exe": b"MZ",
        "class/empty.txt": b"",
    }
    said = await send(alice, work, ("all.zip", archive(members)), ("c.txt", b"C"))
    assert said.count("verdict stored") == 3
    assert said.count("verdict refused") == 2
    assert [row.file_name for row in await papers(database)] == [
        "Ann Lee - essay.txt",
        "Ben Okafor - essay.txt",
        "c.txt",
    ]
    assert spooled(server) == []


async def test_a_path_that_leads_out_of_an_archive(
    alice: Client, server: TestServer, database: Database, work: Work
) -> None:
    said = await send(alice, work, ("evil.zip", archive({"../../evil.txt": b"E", "good.txt": b"G"})))
    assert "leads out of the archive" in said
    assert [row.file_name for row in await papers(database)] == ["good.txt"]
    assert not list(server.app[SETTINGS].var_dir.rglob("evil.txt"))


async def test_zip_bomb(alice: Client, server: TestServer, database: Database, work: Work) -> None:
    said = await send(alice, work, ("bomb.zip", archive({"bomb.txt": b"0" * 60_000_000, "good.txt": b"G"})))
    assert "unpacks to more than" in said or "looks like a bomb" in said
    assert [row.file_name for row in await papers(database)] == ["good.txt"]
    assert spooled(server) == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (archive({"in.zip": archive({"a.txt": b"A"})}), "An archive (ZIP) inside the archive"),
        (archive({f"{number}.txt": b"A" for number in range(501)}), "The archive holds 501 files"),
        (archive({"a.txt": b"A"})[:60], "damaged"),
        (archive({}), "holds no files"),
    ],
)
async def test_bad_archives(
    alice: Client, server: TestServer, database: Database, work: Work, content: bytes, why: str
) -> None:
    said = await send(alice, work, ("all.zip", content), ("c.txt", b"C"))
    assert why in said, said
    assert [row.file_name for row in await papers(database)] == ["c.txt"]
    assert spooled(server) == []


async def test_nothing_chosen(alice: Client, database: Database, work: Work) -> None:
    nothing = part("", b"") + f"--{BOUNDARY}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    for body, kind in ((nothing, headers), (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"})):
        response = await alice.post(at(work), data=body, headers=kind)
        assert response.status == 400
        assert "Choose the papers first" in await response.text()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        part("a.txt", b"cut")[:-10],
        part("a.txt", b"no last boundary"),
        f"--{BOUNDARY}\r\nContent-Disposition: form-data".encode(),
    ],
)
async def test_a_body_that_is_no_whole_form(
    alice: Client, database: Database, work: Work, body: bytes
) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    response = await alice.post(at(work), data=body, headers=headers)
    assert response.status == 400
    assert "broke off" in await response.text()
    assert await papers(database) == []


async def test_a_connection_cut_in_the_middle(
    alice: Client, server: TestServer, database: Database, work: Work
) -> None:
    """The finished file of the batch stays; of the other one nothing is left."""
    cookies = "; ".join(f"{cookie.key}={cookie.value}" for cookie in alice.session.cookie_jar)
    whole, cut = part("whole.txt", b"whole"), part("cut.txt", b"c" * 500_000)[:300_000]
    head = (
        f"POST {at(work)} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nCookie: {cookies}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: 900000\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head.encode() + whole + cut)
    await writer.drain()
    async with asyncio.timeout(5):
        while not await papers(database):  # noqa: ASYNC110 - nothing in the server says it
            await asyncio.sleep(0.02)
    writer.transport.abort()
    async with asyncio.timeout(5):
        while spooled(server):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert [row.file_name for row in await papers(database)] == ["whole.txt"]
    assert await jobs(database) == 1


class FullDisk(Storage):
    """A storage whose disk fills up: at spooling or at keeping."""

    where = "receive"

    async def receive(self, chunks: Any, limit: int) -> tuple[Path, str, int]:
        path, sha256, size = await super().receive(chunks, limit)
        if self.where == "receive":
            self.drop(path)
            raise OSError(errno.ENOSPC, "No space left on device")
        return path, sha256, size

    async def keep(self, path: Path, sha256: str) -> Stored:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("where", ["receive", "keep"])
async def test_a_full_disk_is_said(
    alice: Client,
    server: TestServer,
    database: Database,
    work: Work,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = server.app[STORAGE]
    monkeypatch.setattr(storage, "__class__", FullDisk)
    monkeypatch.setattr(FullDisk, "where", where)
    said = await send(alice, work, ("a.txt", b"A"), ("b.txt", b"B"))
    assert said.count("disk is full") == 2
    assert said.count("data-again") == 2
    assert await papers(database) == []
    assert await jobs(database) == 0
    assert spooled(server) == []
