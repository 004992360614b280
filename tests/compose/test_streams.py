"""Three replicas behind nginx, an open page on each: all hear the same run, also those whose replica dies in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.compose.figures import Figures
from tests.compose.runs import MARKS, grading
from tests.compose.stack import MODEL_CALLS, REPLICAS, Stack
from tests.compose.teacher import Teacher

pytestmark = pytest.mark.compose
REPLICAS_HERE, PAGES = 3, 6
# Established connections to the application's port; while nothing is asked they are the open streams.
STREAMS = """
import pathlib
text = "".join(pathlib.Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
lines = [line.split() for line in text.splitlines()]
print(sum(line[1].endswith(":1F90") and line[3] == "01" for line in lines))
"""


@pytest.fixture
async def three(school: Stack) -> AsyncIterator[Stack]:
    """Three replicas, and as many as before afterwards."""
    scale(school, REPLICAS_HERE)
    yield school
    scale(school, REPLICAS)


def scale(stack: Stack, replicas: int) -> None:
    """As the guide says: APP_REPLICAS in .env, then make up."""
    stack.configure(APP_REPLICAS=str(replicas))
    stack.make("up")
    assert len(stack.containers("app")) == replicas


def open_streams(stack: Stack) -> dict[str, int]:
    """How many streams each replica has open."""
    return {
        container: int(stack.docker("exec", container, "python", "-c", STREAMS))
        for container in stack.containers("app")
    }


async def test_three_replicas(three: Stack, teacher: Teacher, figures: Figures) -> None:
    """Every page hears every event of a run that three replicas share; then one of them is killed as well."""
    async with grading(teacher, "three replicas", pages=PAGES, started=False) as run:
        streams = await asyncio.to_thread(open_streams, three)
        assert sum(streams.values()) >= PAGES and min(streams.values()) >= 1, streams
        await teacher.start(run.assignment)
        await run.reached(MARKS // 3)
        victim = min(streams, key=lambda container: streams[container])
        run.kills.append(await asyncio.to_thread(three.kill, victim))
        took = await run.finished()
        run.check_marks()
        run.check_calls(MODEL_CALLS)
        await run.check_pages()
        broken = sum(len(listener.broken) for listener in run.listeners)
        assert 1 <= broken <= streams[victim], (
            f"{broken} streams broke, {streams[victim]} were on the killed replica"
        )
        figures.note("3 replicas, one killed: longest time a page had no stream", run.longest_away, "s", 10)
        figures.note("3 replicas, one killed: the rest of the run took", took, "s")
