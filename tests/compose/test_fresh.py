"""A machine with Docker, a clone, `make up`: the first paper is graded through https, and nothing more was done."""

from __future__ import annotations

import time

import aiohttp
import pytest

from tests import graded
from tests.compose.figures import Figures
from tests.compose.stack import Stack, timed
from tests.compose.teacher import Teacher, name_of

pytestmark = pytest.mark.compose


async def test_up_is_quick(school: Stack, figures: Figures) -> None:
    """From built images to healthy, with the volumes, secrets and certificate made on the way."""
    figures.note("make up: fresh, from built images to healthy", school.up_seconds, "s", limit=30)


async def test_first_graded_paper(school: Stack, teacher: Teacher, figures: Figures) -> None:
    """From the first sign-in to a graded paper, asked of the model that is set."""
    began = time.monotonic()
    school.model.control(reset=True, latency=0.5)
    klass = await teacher.new_class("First", pupils=1)
    assignment = await teacher.new_assignment(klass, "First", 2)
    await teacher.hand_in(assignment, 1, 2)
    await teacher.start(assignment)

    async def done() -> bool:
        return await teacher.done(assignment) == 2

    await graded.until(done, 60)
    figures.note("from the sign-in to the first graded paper, through https", time.monotonic() - began, "s")
    page = await teacher.get(f"/assignments/{assignment}/results")
    assert page.status == 200 and name_of(1) in page.text
    assert len(school.model.counters()["by_key"]) == 2


async def test_plain_http_leads_to_https(school: Stack) -> None:
    """Port 80 answers with the way to 443, and says nothing else."""
    async with aiohttp.ClientSession() as session:
        async with session.get(school.plain_url + "/classes/1?x=1", allow_redirects=False) as answer:
            assert answer.status in (301, 308)
            location = answer.headers["Location"]
        assert location == f"{school.url}/classes/1?x=1", location


async def test_make_up_again_changes_nothing(school: Stack, teacher: Teacher, figures: Figures) -> None:
    """`make up` over a running stack: same secrets, same containers, nobody signed out."""
    before, secrets = set(school.containers()), school.secrets()
    with timed() as took:
        school.make("up")
    figures.note("make up: again, with all running", took[0], "s")
    assert set(school.containers()) == before
    assert school.secrets() == secrets
    assert await teacher.signed_in()


async def test_down_and_up_keeps_everything(school: Stack, teacher: Teacher, figures: Figures) -> None:
    """`make down`, `make up`: classes, papers, marks and sign-ins are there. None of them was in memory only."""
    klass = await teacher.new_class("Kept", pupils=2)
    with timed() as took:
        school.make("down")
    figures.note("make down", took[0], "s")
    with timed() as took:
        school.make("up")
    figures.note("make up: with data, from built images to healthy", took[0], "s", limit=30)
    page = await teacher.get(f"/classes/{klass}")
    assert page.status == 200 and name_of(2) in page.text
