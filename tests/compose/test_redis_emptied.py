"""Redis emptied in the middle of a run: sign-ins end; nothing else is lost."""

from __future__ import annotations

import asyncio

import pytest

from tests.compose.figures import Figures
from tests.compose.runs import MARKS, grading
from tests.compose.stack import MODEL_CALLS
from tests.compose.teacher import Teacher

pytestmark = pytest.mark.compose


async def test_flushed_in_a_run(teacher: Teacher, figures: Figures) -> None:
    """The run ends whole and asks nothing twice; who signs in again sees all of it, and so does their open page."""
    stack = teacher.stack
    async with grading(teacher, "emptied") as run:
        await run.reached(MARKS // 4)
        await asyncio.to_thread(stack.redis, "flushall")
        answer = await teacher.get("/")
        assert answer.status == 303 and "/sign-in" in answer.location
        await teacher.sign_in()
        took = await run.finished()
        run.check_marks()
        run.check_calls(MODEL_CALLS)
        await run.check_pages(resynced=True)
        figures.note("Redis emptied: the rest of the run took", took, "s")
