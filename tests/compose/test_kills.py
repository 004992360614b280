"""kill -9 in the middle of a run: nothing is lost, nothing is paid for twice, open pages come back by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.compose.figures import Figures
from tests.compose.runs import MARKS, grading
from tests.compose.stack import MODEL_CALLS, REPLICAS, Stack
from tests.compose.teacher import Teacher

pytestmark = pytest.mark.compose
STREAM_SECONDS = 10.0

VICTIMS: dict[str, Callable[[Stack], list[str]]] = {
    "one replica": lambda stack: stack.containers("app")[:1],
    "all replicas": lambda stack: stack.containers("app"),
    "database": lambda stack: stack.containers("db"),
    "redis": lambda stack: stack.containers("redis"),
    "nginx": lambda stack: stack.containers("nginx"),
}
# How many processes that ask a model die, by victim: only their answers may have come unread.
ASKING = {"one replica": 1, "all replicas": REPLICAS}


@pytest.mark.parametrize("victim", VICTIMS)
async def test_killed_in_a_run(teacher: Teacher, figures: Figures, victim: str) -> None:
    """The run ends whole, its pages show the same, no finished model call is made again."""
    stack = teacher.stack
    async with grading(teacher, f"kill {victim}") as run:
        await run.reached(MARKS // 4)
        containers = await asyncio.to_thread(VICTIMS[victim], stack)
        lives = await asyncio.to_thread(restarts, stack, containers)
        killed = await asyncio.to_thread(stack.kill, *containers)
        if victim in ASKING:
            run.kills.append(killed)
        back = await run.page_back()
        took = await run.finished()
        run.check_marks()
        run.check_calls(MODEL_CALLS * ASKING.get(victim, 0))
        await run.check_pages(resynced=victim == "redis")
        figures.note(f"kill -9 {victim}: the page is served again after", back, "s", limit=30)
        figures.note(
            f"kill -9 {victim}: longest time a page had no stream", run.longest_away, "s", STREAM_SECONDS
        )
        figures.note(f"kill -9 {victim}: the rest of the run took", took, "s")
    assert await teacher.signed_in(), "sign-ins outlast every one of these"
    await all_healthy(stack, victim)
    # Docker itself started the same containers again; nobody made new ones.
    assert restarts(stack, containers) == {container: count + 1 for container, count in lives.items()}


def test_an_orphan_in_the_databases_container_is_none_of_its_sessions(school: Stack) -> None:
    """PostgreSQL as the first process would restart all sessions; a health check that is broken off leaves orphans."""
    school.exec("db", "sh", "-c", 'sh -c "sleep 1; kill -13 \\$\\$" & exit 0')
    time.sleep(3)
    said = school.compose("logs", "--no-color", "--since", "30s", "db")
    assert "terminating any other active server processes" not in said


def restarts(stack: Stack, containers: list[str]) -> dict[str, int]:
    """How often Docker has started containers again."""
    return {told["Id"]: int(told["RestartCount"]) for told in stack.inspect(*containers)}


async def all_healthy(stack: Stack, victim: str) -> None:
    """Docker has brought back what was killed, without a hand."""
    for _ in range(120):
        if await asyncio.to_thread(stack.healthy):
            break
        await asyncio.sleep(0.5)
    else:
        pytest.fail(f"after kill -9 {victim} not all containers are healthy again: {stack.compose('ps')}")
    assert len(stack.containers("app")) == REPLICAS
