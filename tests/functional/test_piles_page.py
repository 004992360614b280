"""The page of a pile: its split changed, settled and undone, live on the papers page; and who may do what."""

from __future__ import annotations

import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from app.accounts.models import User
from app.db import Database
from app.events.bus import Bus
from app.events.schema import PaperChanged, PileChanged
from app.keys import BUS
from app.marks.models import MarkState
from app.papers.models import PileState
from tests import factories
from tests.conftest import Client, World
from tests.functional.papers_help import HTMX, Work, make_work, papers
from tests.functional.piles_help import DOUBT, Piled, make_pile

SignIn = Callable[[User | None], Awaitable[Client]]
ACTIONS = ("arrange", "settle", "undo", "again", "remove")


@pytest.fixture
async def work(database: Database, world: World) -> Work:
    return await make_work(database, world)


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


@pytest.fixture
async def pile(database: Database, work: Work) -> Piled:
    """Papers to be: 0 and 1 are Ann's, 2 and 3 are in doubt, 5 is Ben's; 4 is blank and left out."""
    return await make_pile(database, work)


async def act(client: Client, pile: Piled, **fields: str) -> Any:
    """One action of the page, as its script sends it."""
    version = str((await pile.now()).version)
    return await client.post(f"/piles/{pile.id}/arrange", data={"version": version, **fields}, headers=HTMX)


async def page_of(client: Client, path: str) -> str:
    response = await client.get(path)
    assert response.status == 200
    return await response.text()


async def test_the_proposed_split_is_shown(alice: Client, work: Work, pile: Piled) -> None:
    said = await page_of(alice, f"/piles/{pile.id}")
    assert DOUBT in said
    assert "1 paper is in doubt." in said
    assert said.count('class="bundle asks"') == 1
    assert f'value="give-1-{work.ben.id}"' in said and f'value="give-1-{work.wei.id}"' in said
    assert '<select name="other-1"' in said and '<select name="other-0"' not in said
    assert "This page is blurred." in said
    assert said.count('loading="lazy"') == 6
    assert 'id="settle" disabled' in said
    assert said.index('id="left-out"') < said.index(f'id="page-{pile.pages[4]}"')
    assert ' style="' not in said and " onclick" not in said


async def test_a_student_can_be_changed_where_nothing_is_in_doubt(alice: Client, pile: Piled) -> None:
    assert '<select name="other-0"' in await page_of(alice, f"/piles/{pile.id}?whose=0")
    for nothing in ("77", "-1", "x"):
        assert '<select name="other-0"' not in await page_of(alice, f"/piles/{pile.id}?whose={nothing}")


async def test_pages_are_arranged(alice: Client, pile: Piled) -> None:
    one, two, three, four, blank, ben = pile.pages
    for word, after in (
        (f"split-{two}", [[0], [1], [2, 3], [5], [4]]),
        ("merge-1", [[0, 1], [2, 3], [5], [4]]),
        (f"back-{blank}", [[0, 1], [2, 3, 4], [5], []]),
        (f"out-{three}", [[0, 1], [3, 4], [5], [2]]),
        (f"place-{one}-2-{ben}", [[1], [3, 4], [0, 5], [2]]),
        (f"later-{two}", [[1, 3, 4], [0, 5], [2]]),
        (f"place-{four}-new-0", [[1, 4], [0, 5], [3], [2]]),
    ):
        response = await act(alice, pile, do=word)
        said = await response.text()
        assert response.status == 200, said
        assert said.lstrip().startswith('<div id="pile"') and "<html" not in said
        assert await pile.split() == after, word
        assert f'data-version="{(await pile.now()).version}"' in said


async def test_the_teacher_says_whose_it_is_and_papers_are_made(
    alice: Client, server: TestServer, database: Database, work: Work, pile: Piled
) -> None:
    early = await alice.post(f"/piles/{pile.id}/settle", data={"version": str((await pile.now()).version)})
    assert early.status == 409 and "still in doubt" in await early.text()
    assert await papers(database) == []
    said = await (
        await act(alice, pile, do="pick-1", **{"other-1": str(work.wei.id), "other-0": "none"})
    ).text()
    assert "Make 3 papers" in said and "disabled" not in said
    bus: Bus = server.app[BUS]
    async with bus.subscribe(work.assignment.id, await bus.last_id(work.assignment.id)) as stream:
        version = str((await pile.now()).version)
        response = await alice.post(f"/piles/{pile.id}/settle", data={"version": version})
        events: list[Any] = []
        while len(events) < 4:
            events += [entry.event for entry in await stream.next(5) or []]
    assert response.url.path == f"/assignments/{work.assignment.id}/papers"
    page = await response.text()
    assert "Papers made of the pile: 3." in page and "Undo the split" in page
    made = await papers(database)
    assert {paper.student_id: paper.match for paper in made} == {
        work.ann.id: "matched", work.wei.id: "confirmed", work.ben.id: "matched",
    }  # fmt: skip
    assert PileChanged(work.assignment.id, pile.id) in events
    assert {each.paper_id for each in events if isinstance(each, PaperChanged)} == {each.id for each in made}
    assert "3 papers were made of this pile." in await page_of(alice, f"/piles/{pile.id}")


async def test_a_settled_split_is_undone_until_a_mark_is_decided(
    alice: Client, database: Database, work: Work
) -> None:
    pile = await make_pile(database, work, doubtful=False)
    first, *_ = await papers(database)
    async with database.begin() as db:
        mark = await factories.mark(db, first, work.assignment.questions[0], [1.0])
    assert (await act(alice, pile, do=f"split-{pile.pages[1]}")).status == 409
    assert (await alice.post(f"/piles/{pile.id}/remove")).status == 409
    response = await alice.post(f"/piles/{pile.id}/undo")
    assert response.url.path == f"/piles/{pile.id}"
    assert await papers(database) == []
    assert await pile.split() == [[0, 1], [2, 3], [5], [4]]
    version = str((await pile.now()).version)
    await alice.post(f"/piles/{pile.id}/settle", data={"version": version})
    first, *_ = await papers(database)
    async with database.begin() as db:
        mark = await factories.mark(db, first, work.assignment.questions[0], [1.0], MarkState.DECIDED)
    refused = await alice.post(f"/piles/{pile.id}/undo")
    assert refused.status == 409 and "decided already" in await refused.text()
    assert len(await papers(database)) == 3 and mark.id


async def test_undo_sends_the_whole_split(alice: Client, work: Work, pile: Piled) -> None:
    one, two, three, four, _, ben = pile.pages
    await act(alice, pile, do="merge-1")
    before = [[work.ann.id, one, two], [None, three, four], [work.ben.id, ben]]
    response = await act(alice, pile, split=json.dumps(before))
    assert response.status == 200
    assert await pile.split() == [[0, 1], [2, 3], [5], [4]]
    assert "1 paper is in doubt." in await response.text()
    twice = [[None, one, one]]
    for bad, status in (
        (json.dumps(twice), 409),
        (json.dumps([[None, 999]]), 409),
        ("[[1]]", 400),
        ("{", 400),
    ):
        assert (await act(alice, pile, split=bad)).status == status, bad
    assert await pile.split() == [[0, 1], [2, 3], [5], [4]]


async def test_an_old_version_changes_nothing(alice: Client, pile: Piled) -> None:
    word = f"out-{pile.pages[0]}"
    for version in ("", "0", "1", "x", "-1", "9" * 30):
        response = await act(alice, pile, version=version, do=word)
        assert response.status == 409, version
        assert response.headers["HX-Retarget"] == "#problems"
        for action in ("settle", "again"):
            assert (await alice.post(f"/piles/{pile.id}/{action}", data={"version": version})).status == 409
    assert await pile.split() == [[0, 1], [2, 3], [5], [4]]


async def test_what_is_no_action(alice: Client, pile: Piled) -> None:
    for word in ("", "bogus", "split-0", "split-x", "merge-7", "give-1-0", "give-1-999999", "pick-1", "\x00"):
        response = await act(alice, pile, do=word)
        assert response.status in (400, 409), word
        assert "notice" in await response.text()
    assert await pile.split() == [[0, 1], [2, 3], [5], [4]]


async def test_a_student_of_another_class(
    alice: Client, database: Database, world: World, pile: Piled
) -> None:
    async with database.begin() as db:
        foreign = await factories.klass(db, world.charlie, name="9D")
        stranger = await factories.student(db, foreign, "Zoe")
    response = await act(alice, pile, do=f"give-1-{stranger.id}")
    assert response.status == 409 and "not in this class" in await response.text()


async def test_without_script_a_form_leads_back_to_its_page(alice: Client, pile: Piled) -> None:
    version = str((await pile.now()).version)
    response = await alice.post(
        f"/piles/{pile.id}/arrange",
        data={"version": version, "do": f"split-{pile.pages[1]}"},
        allow_redirects=False,
    )
    assert (response.status, response.headers["Location"]) == (303, f"/piles/{pile.id}#page-{pile.pages[1]}")


async def test_splitting_again_and_removing(
    alice: Client, database: Database, work: Work, pile: Piled
) -> None:
    version = str((await pile.now()).version)
    assert (
        await alice.post(f"/piles/{pile.id}/again", data={"version": version})
    ).url.path == f"/piles/{pile.id}"
    assert (await pile.now()).state == PileState.READING
    said = await page_of(alice, f"/piles/{pile.id}")
    assert "being put together as papers" in said and 'name="do"' not in said
    # Its job was lost: the button that the page still has asks once more.
    assert (await alice.post(f"/piles/{pile.id}/again")).url.path == f"/piles/{pile.id}"
    gone = await alice.post(f"/piles/{pile.id}/remove")
    assert "“ann 1.jpg” was removed." in await gone.text()
    assert (await alice.get(f"/piles/{pile.id}")).status == 404


async def test_a_pile_that_is_being_read(alice: Client, database: Database, work: Work) -> None:
    pile = await make_pile(database, work, proposed=False)
    said = await page_of(alice, f"/piles/{pile.id}")
    assert "4 of 6 pages are read." in said
    assert "This page could not be read." in said
    assert 'name="do"' not in said
    assert "4 pages read of 6" in await page_of(alice, f"/assignments/{work.assignment.id}/papers")
    # The page asks for what it does not show yet; while pages are read there is always something.
    assert (await alice.get(f"/piles/{pile.id}?part=board&version=1", headers=HTMX)).status == 200


async def test_the_board_is_sent_only_when_it_changed(alice: Client, pile: Piled) -> None:
    version = (await pile.now()).version
    path = f"/piles/{pile.id}?part=board&version="
    assert (await alice.get(f"{path}{version}", headers=HTMX)).status == 204
    assert (await alice.get(f"{path}{version - 1}", headers=HTMX)).status == 200
    assert (await alice.get(f"{path}x", headers=HTMX)).status == 200


async def test_streams_tell_of_a_pile(alice: Client, server: TestServer, work: Work, pile: Piled) -> None:
    bus: Bus = server.app[BUS]
    path = f"/assignments/{work.assignment.id}/events"
    lists = await alice.get(f"{path}?view=papers")
    boards = await alice.get(f"{path}?view=pile&pile={pile.id}")
    await bus.publish(PileChanged(work.assignment.id, pile.id + 1))
    await bus.publish(PileChanged(work.assignment.id, pile.id))
    seen = ""
    while "needs you" not in seen.lower():
        seen += (await lists.content.readline()).decode()
    assert 'hx-target="#piles"' in seen
    told = ""
    while not told.endswith("\n\n") or "event: pile" not in told:
        told += (await boards.content.readline()).decode()
    assert told.count("event: pile") == 1
    lists.close()
    boards.close()


async def test_who_may_do_what(sign_in: SignIn, database: Database, world: World, pile: Piled) -> None:
    nobody, charlie, bob = [await sign_in(who) for who in (None, world.charlie, world.bob)]
    paths = [f"/piles/{pile.id}/{action}" for action in ACTIONS]
    assert (
        (await nobody.get(f"/piles/{pile.id}", allow_redirects=False))
        .headers["Location"]
        .startswith("/sign-in")
    )
    assert (await charlie.get(f"/piles/{pile.id}")).status == 404
    for path in paths:
        assert (await nobody.post(path, allow_redirects=False)).status == 303
        assert (await charlie.post(path, data={"version": "2"})).status == 404
        assert (await bob.get(path)).status == 405
    for method in ("POST", "PUT", "DELETE"):
        assert (await bob.request(method, f"/piles/{pile.id}")).status == 405
    assert await pile.split() == [[0, 1], [2, 3], [5], [4]]
    assert (await act(bob, pile, do=f"out-{pile.pages[0]}")).status == 200


async def test_ids_that_are_none(alice: Client) -> None:
    for bad in ("0", "999", "-1", "x", "9" * 25, "1.5", "%00"):
        assert (await alice.get(f"/piles/{bad}")).status == 404
        for action in ACTIONS:
            assert (await alice.post(f"/piles/{bad}/{action}", data={"version": "1"})).status == 404


async def test_forms_that_are_none(alice: Client, pile: Piled) -> None:
    for body, kind in (
        (b"\xff\xfe", "text/plain"),
        (b"{}", "application/json"),
        (b"--x", "multipart/form-data; boundary=y"),
    ):
        response = await alice.post(f"/piles/{pile.id}/arrange", data=body, headers={"Content-Type": kind})
        assert response.status in (400, 409), kind


async def test_two_hundred_pages_stay_light(alice: Client, database: Database, work: Work) -> None:
    pile = await make_pile(
        database,
        work,
        names=[*(f"IMG_{number:04}.jpg" for number in range(194)), "a", "b", "c", "d", "e", "f"],
    )
    page = (await page_of(alice, f"/piles/{pile.id}")).encode()
    assert page.count(b'class="leaf') == 200
    assert len(gzip.compress(page)) < 60_000


async def test_who_was_offered_is_not_forgotten(alice: Client, work: Work, pile: Piled) -> None:
    """Joined with another paper, and taken apart again."""
    one, two, three, four, _, ben = pile.pages
    await act(alice, pile, do="merge-1")
    said = await (
        await act(
            alice, pile, split=json.dumps([[work.ann.id, one, two], [None, three, four], [work.ben.id, ben]])
        )
    ).text()
    assert f'value="give-1-{work.ben.id}"' in said and f'value="give-1-{work.wei.id}"' in said
    assert (await (await act(alice, pile, do=f"split-{four}")).text()).count(f'-{work.wei.id}"><bdi>') == 2


async def test_the_papers_list_says_what_is_wrong_with_pages(
    alice: Client, database: Database, work: Work
) -> None:
    await make_pile(database, work, doubtful=False)
    said = await page_of(alice, f"/assignments/{work.assignment.id}/papers")
    assert "Page 2: This page is blurred." in said
    assert said.count("page-warnings") == 1
    first, *_ = await papers(database)
    assert (
        "Page 2: This page is blurred."
        in await (await alice.get(f"/papers/{first.id}/row", headers=HTMX)).text()
    )
