"""The papers page: whose papers, what was read, the original file; and who may do what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from app.accounts.models import User
from app.db import Database
from app.document import Document, Page
from app.events.bus import Bus
from app.events.schema import PaperChanged
from app.intake.matching import match_paper
from app.keys import BUS
from app.papers import service
from app.papers.models import MatchState, Paper, PaperState
from tests import factories
from tests.conftest import Client, World
from tests.functional.papers_help import HTMX, Work, htmx_form, jobs, make_work, papers, read_all

SignIn = Callable[[User | None], Awaitable[Client]]
FILES = (
    ("8C001.txt", b"Ann Lee\n1. Because heat moves."),
    ("homework.txt", b"Name: Bem Okafor\n1. Because."),
    ("strange.txt", b"1. No name at all."),
)


@pytest.fixture
async def work(database: Database, world: World) -> Work:
    return await make_work(database, world)


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


@pytest.fixture
async def three(alice: Client, server: TestServer, database: Database, work: Work) -> dict[str, Paper]:
    """A matched, a doubtful and an unknown paper, by file name."""
    await alice.post(f"/assignments/{work.assignment.id}/papers", **htmx_form(FILES))
    await read_all(server.app)
    return {paper.file_name: paper for paper in await papers(database)}


async def page(client: Client, work: Work, **query: str) -> str:
    response = await client.get(f"/assignments/{work.assignment.id}/papers", params=query)
    assert response.status == 200
    return await response.text()


async def test_before_any_paper(alice: Client, work: Work) -> None:
    said = await page(alice, work)
    assert "No papers yet." in said
    assert "Drop the papers here" in said
    assert ' style="' not in said and " onclick" not in said


async def test_what_was_read_and_whose_it_is(alice: Client, work: Work, three: dict[str, Paper]) -> None:
    assert [(p.state, p.match, p.student_id) for p in three.values()] == [
        ("read", "matched", work.ann.id),
        ("read", "doubtful", None),
        ("read", "unknown", None),
    ]
    said = await page(alice, work)
    assert "2 papers: whose are they?" in said
    assert "2 students have no paper yet" in said
    assert said.index("homework.txt") < said.index("strange.txt") < said.index("8C001.txt")
    assert "1. Because heat moves." in said
    assert f'<button name="student" value="{work.ben.id}">' in said


async def test_the_teacher_says_whose_it_is(
    alice: Client, server: TestServer, database: Database, work: Work, three: dict[str, Paper]
) -> None:
    paper = three["homework.txt"]
    response = await alice.post(f"/papers/{paper.id}/student", data={"student": str(work.ben.id)})
    assert response.url.path == f"/assignments/{work.assignment.id}/papers"
    assert "1 paper: whose is it?" in await response.text()
    now = (await papers(database))[1]
    assert (now.match, now.student_id) == (MatchState.CONFIRMED, work.ben.id)
    # Reading it again does not overwrite what the teacher said.
    await alice.post(f"/papers/{paper.id}/read")
    assert (await papers(database))[1].state == PaperState.RECEIVED
    await read_all(server.app)
    now = (await papers(database))[1]
    assert (now.state, now.match, now.student_id) == ("read", "confirmed", work.ben.id)


async def test_confirming_with_htmx_renews_the_changed_lines(
    alice: Client, server: TestServer, work: Work, three: dict[str, Paper]
) -> None:
    one, other = three["strange.txt"], three["8C001.txt"]
    bus: Bus = server.app[BUS]
    async with bus.subscribe(work.assignment.id, await bus.last_id(work.assignment.id)) as subscription:
        response = await alice.post(
            f"/papers/{one.id}/student", data={"other": str(work.ann.id)}, headers=HTMX
        )
        said = await response.text()
        events: list[Any] = []
        while len(events) < 2:
            events += [entry.event for entry in await subscription.next(5) or []]
    assert {event.paper_id for event in events if isinstance(event, PaperChanged)} == {one.id, other.id}
    assert f'hx-target="#paper-{one.id}"' in said
    assert f'hx-target="#paper-{other.id}"' in said
    assert said.count("Another paper of the same student:") == 2
    assert "1 student has more than one paper." in said
    assert "<html" not in said


async def test_nobodys_paper(alice: Client, database: Database, work: Work, three: dict[str, Paper]) -> None:
    paper = three["8C001.txt"]
    assert "None of them" in await (await alice.get(f"/papers/{paper.id}/row?whose=1", headers=HTMX)).text()
    await alice.post(f"/papers/{paper.id}/student", data={"other": "none"})
    now = (await papers(database))[0]
    assert (now.match, now.student_id) == (MatchState.CONFIRMED, None)
    assert "Nobody of this class" in await page(alice, work)


@pytest.mark.parametrize("chosen", ["", "x", "999999", "-1", "1e3", "9" * 40, "\x00"])
async def test_a_student_that_is_none(
    alice: Client, database: Database, work: Work, three: dict[str, Paper], chosen: str
) -> None:
    response = await alice.post(f"/papers/{three['strange.txt'].id}/student", data={"other": chosen})
    assert response.status == 422
    said = await response.text()
    assert "Choose a student" in said or "not in this class" in said
    assert (await papers(database))[2].match == MatchState.UNKNOWN


async def test_a_student_of_another_class(
    alice: Client, database: Database, world: World, three: dict[str, Paper]
) -> None:
    async with database.begin() as db:
        foreign = await factories.klass(db, world.charlie, name="9D")
        stranger = await factories.student(db, foreign, "Zoe")
    response = await alice.post(
        f"/papers/{three['strange.txt'].id}/student", data={"student": str(stranger.id)}, headers=HTMX
    )
    assert response.status == 422
    assert response.headers["HX-Retarget"] == "#problems"
    assert "not in this class" in await response.text()
    assert (await papers(database))[2].student_id is None


async def test_the_page_without_script_opens_a_choice(
    alice: Client, work: Work, three: dict[str, Paper]
) -> None:
    paper = three["8C001.txt"]
    response = await alice.get(f"/papers/{paper.id}/row?whose=1", allow_redirects=False)
    assert response.status == 303
    assert (
        response.headers["Location"]
        == f"/assignments/{work.assignment.id}/papers?whose={paper.id}#paper-{paper.id}"
    )
    assert f'name="student" value="{work.ann.id}"' in await page(alice, work, whose=str(paper.id))
    assert "<html" in await page(alice, work, whose="nonsense")


async def test_looking_again_after_the_roster_changed(
    alice: Client, database: Database, world: World, work: Work, three: dict[str, Paper]
) -> None:
    async with database.begin() as db:
        bem = await factories.student(db, world.klass, "Bem Okafor", "8C009")
    response = await alice.post(f"/assignments/{work.assignment.id}/papers/match")
    assert response.status == 200
    now = await papers(database)
    # Two names that are so alike stay the teacher's to decide.
    assert (now[1].match, now[1].candidates) == ("doubtful", [bem.id, work.ben.id])
    assert now[0].match == "matched"


async def test_removing(alice: Client, database: Database, work: Work, three: dict[str, Paper]) -> None:
    paper = three["8C001.txt"]
    response = await alice.post(f"/papers/{paper.id}/remove", headers=HTMX)
    said = await response.text()
    assert f'hx-target="#paper-{paper.id}" hx-swap="delete"' in said
    assert "3 students have no paper yet" in said
    assert len(await papers(database)) == 2
    assert (await alice.post(f"/papers/{paper.id}/remove")).status == 404
    # The same file may come in again.
    await alice.post(f"/assignments/{work.assignment.id}/papers", **htmx_form([FILES[0]]))
    assert len(await papers(database)) == 3


async def test_a_paper_removed_while_it_is_read(
    alice: Client, server: TestServer, database: Database, three: dict[str, Paper]
) -> None:
    paper = three["8C001.txt"]
    await alice.post(f"/papers/{paper.id}/remove")
    async with database.begin() as db:
        assert await service.row(db, paper.id) is None
        assert await service.record_unreadable(db, paper, service.StudentError("gone").text) is None


async def test_the_original(alice: Client, work: Work, three: dict[str, Paper]) -> None:
    response = await alice.get(f"/papers/{three['8C001.txt'].id}/file")
    assert await response.read() == FILES[0][1]
    headers = response.headers
    assert headers["Content-Type"] == "text/plain"
    assert headers["Content-Disposition"] == "attachment; filename=\"8C001.txt\"; filename*=UTF-8''8C001.txt"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox;")
    assert int(headers["Content-Length"]) == len(FILES[0][1])


async def test_an_original_that_acts_as_a_page_stays_a_file(
    alice: Client, work: Work, database: Database
) -> None:
    html = b"<html><script>alert(1)</script>"
    await alice.post(f"/assignments/{work.assignment.id}/papers", **htmx_form([('张"伟\t.txt', html)]))
    response = await alice.get(f"/papers/{(await papers(database))[0].id}/file")
    assert response.headers["Content-Type"] == "text/plain"
    disposition = response.headers["Content-Disposition"]
    assert disposition.startswith("attachment;") and "filename*=UTF-8''%E5%BC%A0%22%E4%BC%9F" in disposition


async def test_an_original_that_the_storage_lost(
    alice: Client, server: TestServer, three: dict[str, Paper], settings: Any
) -> None:
    paper = three["8C001.txt"]
    (settings.var_dir / "uploads" / paper.storage_key).unlink()
    assert (await alice.get(f"/papers/{paper.id}/file")).status == 404


async def test_who_may_do_what(
    sign_in: SignIn, database: Database, world: World, work: Work, three: dict[str, Paper]
) -> None:
    nobody, bob, charlie = [await sign_in(who) for who in (None, world.bob, world.charlie)]
    paper = three["strange.txt"].id
    list_page = f"/assignments/{work.assignment.id}/papers"
    gets = [list_page, f"/papers/{paper}/row?whose=1", f"/papers/{paper}/file"]
    posts = [
        f"{list_page}/match",
        f"/papers/{paper}/read",
        f"/papers/{paper}/student",
        f"/papers/{paper}/remove",
    ]
    for address in gets:
        assert (await nobody.get(address, allow_redirects=False)).headers["Location"].startswith("/sign-in")
        assert (await charlie.get(address)).status == 404
        assert (await bob.get(address)).status == 200
    for address in gets[1:]:
        assert (await bob.post(address)).status == 405
    for address in posts:
        data = {"other": str(work.wei.id)}
        assert (await nobody.post(address, data=data, allow_redirects=False)).status == 303
        assert (await charlie.post(address, data=data)).status == 404
        assert (await bob.get(address)).status == 405
    assert len(await papers(database)) == 3
    before = await jobs(database)
    for address in posts:
        assert (await bob.post(address, data={"other": str(work.wei.id)})).status == 200
    assert len(await papers(database)) == 2
    assert await jobs(database) == before + 0  # "read" of this paper waited already
    for strange in ("x", "0", "-1", "9" * 30):
        assert (await bob.post(f"/papers/{strange}/read")).status == 404


async def test_parts_for_the_stream_and_the_script(
    alice: Client, work: Work, three: dict[str, Paper]
) -> None:
    for part in ("list", "summary"):
        address = f"/assignments/{work.assignment.id}/papers?part={part}"
        assert "<html" not in await (await alice.get(address, headers=HTMX)).text()
        assert "<html" in await (await alice.get(address)).text()


async def test_in_chinese(alice: Client, work: Work, three: dict[str, Paper]) -> None:
    await alice.post("/language", data={"language": "zh"})
    said = await page(alice, work)
    assert "2 份答卷：是谁的？" in said
    assert "whose" not in said.replace("whose=", "").replace('"whose"', "")


async def test_a_confirmation_made_while_the_paper_is_read_stays(
    db: Database, server: TestServer, work: Work, three: dict[str, Paper]
) -> None:
    """The reader looked at the row before the teacher decided, and writes after."""
    paper = three["strange.txt"]
    page_of_text = Document((Page(1, "Ann Lee"),))
    async with db.begin() as reading:
        stale = await reading.get(Paper, paper.id)
        assert stale is not None and stale.match == MatchState.UNKNOWN
        async with db.begin() as deciding:
            await service.confirm(deciding, paper, work.wei.id)
        await service.record_reading(reading, stale, page_of_text, match_paper)
    now = (await papers(db))[2]
    assert (now.match, now.student_id) == (MatchState.CONFIRMED, work.wei.id)
