"""The figures of a large class's boards are there before anybody would notice: 200 papers of 30 questions."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classroom import boards
from app.classroom.models import BoardKind
from app.db import Database
from app.marks import runs
from app.web import board_view
from tests import graded
from tests.conftest import World

pytestmark = pytest.mark.ops

PAPERS, QUESTIONS, OTHERS = 200, 30, 5
# 12 ms on two quiet cores, where 30 are wanted; the bound leaves room for a machine that is busy with other things.
MOST_MS = 90.0
TRIES = 30  # the best of them counts

_PAPERS = text(
    """
    insert into papers (assignment_id, file_name, size, sha256, storage_key, state)
    select a.id, 'paper ' || n, 1, md5(a.id || ' ' || n), 'none', 'read'
    from assignments a, generate_series(1, :papers) n where a.id = :assignment
    """
)
_ANSWERS = text(
    """
    insert into paper_answers (paper_id, question_id, text, spans, found)
    select p.id, q.id,
        case when (p.id + q.id) % 11 = 0 then '' else repeat('The iron takes the heat away. ', 10) end, '[]', true
    from papers p join questions q on q.assignment_id = p.assignment_id where p.assignment_id = :assignment
    """
)
# In no order: marks are stored as they are made.
_MARKS = text(
    """
    insert into marks (paper_id, question_id, state, points, criteria, feedback, scheme_version)
    select p.id, q.id, k.state, case when k.state <> 'needs_teacher' then (p.id + q.id) % 4 end,
        jsonb_build_array(jsonb_build_object('points', 1, 'quote', repeat('iron ', 20))), repeat('Well said. ', 20), 1
    from papers p
    join questions q on q.assignment_id = p.assignment_id
    cross join lateral (
        select (array['needs_teacher', 'decided', 'graded', 'graded', 'graded'])[1 + (p.id * 7 + q.id * 3) % 5] as state
    ) k
    where p.assignment_id = :assignment order by md5(p.id || ' ' || q.id)
    """
)


async def large(session: AsyncSession, world: World) -> Assignment:
    """A class's assignment with all its answers and marks."""
    made, _ = await graded.assignment(session, world.klass, 0, QUESTIONS)
    await session.execute(_PAPERS, {"assignment": made.id, "papers": PAPERS})
    await session.execute(_ANSWERS, {"assignment": made.id})
    await session.execute(_MARKS, {"assignment": made.id})
    return made


@pytest.mark.parametrize("kind", [BoardKind.PROGRESS, BoardKind.QUESTIONS])
async def test_the_figures_of_a_large_class(db: Database, world: World, kind: BoardKind) -> None:
    async with db.begin() as session:
        for _ in range(OTHERS):  # others work here too: reading whole tables would be no way
            await large(session, world)
        assignment = await large(session, world)
        await runs.start(session, assignment, world.alice)
        board = await boards.board(session, assignment, kind)
    async with db.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in ("papers", "paper_answers", "marks", "run_questions"):
            await connection.execute(text(f"vacuum analyze {table}"))
    took: list[float] = []
    while len(took) < TRIES and (len(took) < 5 or min(took) > MOST_MS):
        async with db.begin() as session:
            began = time.perf_counter()
            values = await board_view.values_of(session, board.id)
            took.append((time.perf_counter() - began) * 1000)
        assert values is not None
        await asyncio.sleep(0.02)
    print(f"{kind.value}: best {min(took):.1f} ms, median {sorted(took)[len(took) // 2]:.1f} ms")
    assert min(took) <= MOST_MS, took
