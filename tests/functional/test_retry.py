"""`zhupi retry`: what goes back into the queue, what does not, and that nothing is decided or paid for twice."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.db import Database
from app.marks import claims, runs
from app.marks.models import MarkState, Run, RunPaper, RunState
from app.papers.models import Paper
from app.settings import Settings
from app.upkeep.retry import RetryError, retry
from tests import graded
from tests.conftest import World
from tests.functional.worker_help import working
from tests.stubs.processes import ModelServer


async def begun(db: Database, world: World, papers: int = 3) -> tuple[Assignment, list[Paper], Run]:
    """A run whose jobs wait in the queue, and nobody takes them."""
    async with db.begin() as session:
        assignment, made = await graded.assignment(session, world.klass, papers=papers)
        run = await runs.start(session, assignment, world.alice)
    return assignment, made, run


async def run_sql(db: Database, *statements: str, **values: object) -> None:
    async with db.begin() as session:
        for statement in statements:
            await session.execute(text(statement), values)


async def queued(db: Database) -> list[str]:
    async with db.begin() as session:
        rows = await session.scalars(text("select dedupe_key from pgqueuer order by dedupe_key"))
        return [":".join(key.split(":")[:3]) for key in rows]


async def states(db: Database, run: Run) -> dict[int, str]:
    async with db.begin() as session:
        rows = await session.execute(
            text("select paper_id, state from run_papers where run_id = :r"), {"r": run.id}
        )
        return {row[0]: row[1] for row in rows}


async def refused(session: AsyncSession, run_id: int) -> str:
    with pytest.raises(RetryError) as raised:
        await retry(session, run_id)
    return str(raised.value.text)


async def test_runs_that_have_nothing_to_try_again(db: Database, world: World) -> None:
    _, _, run = await begun(db, world)
    async with db.begin() as session:
        assert "There is no run 999" in await refused(session, 999)
        assert "is at work: none of its papers failed" in await refused(session, run.id)
        row = await session.get(Run, run.id)
        assert row is not None
        await runs.pause(session, row)
        assert "is paused and none of its papers failed" in await refused(session, run.id)
        await runs.cancel(session, row)
        assert "was cancelled" in await refused(session, run.id)
    await run_sql(db, "update runs set state = 'finished'")
    async with db.begin() as session:
        assert "has finished and none of its papers failed" in await refused(session, run.id)
    assert len(await queued(db)) == 3


async def test_a_failed_paper_of_a_running_run_is_graded_after_all(
    db: Database, world: World, settings: Settings
) -> None:
    _, papers, run = await begun(db, world)
    bad = papers[1].id
    await run_sql(
        db,
        """update run_papers set state = 'failed', problem = '{"message": "x"}' where paper_id = :p""",
        "delete from pgqueuer where split_part(dedupe_key, ':', 3)::bigint = :p",
        p=bad,
    )
    async with db.begin() as session:
        done = await retry(session, run.id)
    assert (done.failed, done.stuck, done.state) == (1, 0, RunState.RUNNING)
    assert (await states(db, run))[bad] == "waiting"
    assert f"grade:{run.id}:{bad}" in await queued(db)
    async with db.begin() as session:
        assert "is at work" in await refused(session, run.id)  # a second time is too much
    async with working(settings, db):
        await graded.finished(db, run.id)
    assert set((await states(db, run)).values()) == {"done"}


async def test_a_finished_run_goes_on_and_decided_marks_stay(
    db: Database, world: World, settings: Settings
) -> None:
    assignment, papers, run = await begun(db, world)
    async with working(settings, db):
        before = (await graded.finished(db, run.id)).seconds_before
    first, second = papers[0].id, papers[1].id
    await run_sql(
        db,
        "update run_papers set state = 'failed' where paper_id = :p",
        # One of its two questions had been graded, and a teacher has decided the other meanwhile.
        "update run_questions set graded_at = null where paper_id = :p and question_id = :q",
        "update marks set state = 'decided', points = 1.5, decided_by = :u where paper_id = :p and question_id = :q",
        p=first,
        q=assignment.questions[1].id,
        u=world.alice.id,
    )
    async with db.begin() as session:
        done = await retry(session, run.id)
    assert (done.failed, done.state) == (1, RunState.RUNNING)
    async with db.begin() as session:
        waiting = await session.get(RunPaper, (run.id, first))
        assert waiting is not None and (waiting.questions, waiting.graded) == (1, 0)
        reopened = await session.get(Run, run.id)
        assert reopened is not None and reopened.finished_at is None and reopened.seconds_before >= before
    assert await queued(db) == [f"grade:{run.id}:{first}"]
    async with working(settings, db):
        await graded.finished(db, run.id)
    marks = {(mark.paper_id, mark.question_id): mark for mark in await graded.marks_of(db, assignment)}
    decided = marks[first, assignment.questions[1].id]
    assert (decided.state, decided.points) == (MarkState.DECIDED, 1.5)
    assert marks[second, assignment.questions[0].id].version == 1  # the others were not graded again
    assert marks[first, assignment.questions[0].id].version == 1  # nor what had been graded of this one


async def test_a_failed_paper_with_all_its_marks_is_done(
    db: Database, world: World, settings: Settings
) -> None:
    _, papers, run = await begun(db, world)
    async with working(settings, db):
        await graded.finished(db, run.id)
    await run_sql(db, "update run_papers set state = 'failed' where paper_id = :p", p=papers[0].id)
    async with db.begin() as session:
        done = await retry(session, run.id)
    assert (done.failed, done.state) == (1, RunState.FINISHED)
    assert set((await states(db, run)).values()) == {"done"} and await queued(db) == []


async def test_two_runs_of_an_assignment_are_never_open(
    db: Database, world: World, settings: Settings
) -> None:
    assignment, papers, run = await begun(db, world)
    async with working(settings, db):
        await graded.finished(db, run.id)
    await run_sql(db, "update run_papers set state = 'failed' where paper_id = :p", p=papers[0].id)
    async with db.begin() as session:
        other = await runs.start(session, assignment, world.alice)
        said = await refused(session, run.id)
    assert f"(run {other.id})" in said
    assert (await graded.run_of(db, run.id)).state == RunState.FINISHED


async def test_a_stuck_paper_changes_hands(db: Database, world: World, settings: Settings) -> None:
    _, papers, run = await begun(db, world)
    stuck, busy = papers[0].id, papers[1].id
    async with db.begin() as session:
        ids = {
            row.paper: row.id
            for row in await session.execute(
                text("select id, split_part(dedupe_key, ':', 3)::bigint as paper from pgqueuer")
            )
        }
        for paper in (stuck, busy):
            await claims.claim(session, run.id, paper, ids[paper])
    await run_sql(
        db,
        "update pgqueuer set status = 'picked', heartbeat = now(), updated = now() where id in (:a, :b)",
        "update run_questions set started_at = now() - interval '1 hour' where paper_id = :s",
        "update pgqueuer set updated = now() - interval '1 hour' where id = :a",
        a=ids[stuck],
        b=ids[busy],
        s=stuck,
    )
    async with db.begin() as session:
        done = await retry(session, run.id)
    assert (done.failed, done.stuck) == (0, 1)
    assert await states(db, run) == {stuck: "waiting", busy: "grading", papers[2].id: "waiting"}
    async with db.begin() as session:
        row = await session.get(RunPaper, (run.id, stuck))
        assert row is not None and row.claim is None  # whoever held it stops at its next question
        assert not await session.scalar(
            text("select count(*) from pgqueuer where id = :i"), {"i": ids[stuck]}
        )
    assert (await queued(db)).count(f"grade:{run.id}:{stuck}") == 1
    await run_sql(db, "update pgqueuer set status = 'queued' where id = :b", b=ids[busy])
    async with working(settings, db):
        await graded.finished(db, run.id)


@pytest.mark.parametrize(
    "how",
    [
        "delete from pgqueuer where id = :j",
        "update pgqueuer set status = 'failed' where id = :j",
        "update pgqueuer set status = 'picked', heartbeat = now() - interval '5 minutes' where id = :j",
    ],
)
async def test_a_paper_whose_job_is_gone(db: Database, world: World, how: str) -> None:
    _, papers, run = await begun(db, world, papers=1)
    async with db.begin() as session:
        job = await session.scalar(text("select id from pgqueuer"))
        await claims.claim(session, run.id, papers[0].id, int(job or 0))
    await run_sql(db, how, j=job)
    async with db.begin() as session:
        assert (await retry(session, run.id)).stuck == 1
    assert await queued(db) == [f"grade:{run.id}:{papers[0].id}"]


async def test_a_waiting_paper_without_a_job_gets_one(db: Database, world: World) -> None:
    _, _, run = await begun(db, world, papers=2)
    await run_sql(db, "delete from pgqueuer")
    async with db.begin() as session:
        assert (await retry(session, run.id)).stuck == 2
    assert len(await queued(db)) == 2


async def test_a_paused_run_stays_paused(db: Database, world: World) -> None:
    _, papers, run = await begun(db, world)
    await run_sql(db, "update run_papers set state = 'failed' where paper_id = :p", p=papers[0].id)
    async with db.begin() as session:
        row = await session.get(Run, run.id)
        assert row is not None
        await runs.pause(session, row)
    await run_sql(db, "delete from pgqueuer")
    async with db.begin() as session:
        done = await retry(session, run.id)
    assert (done.failed, done.state) == (1, RunState.PAUSED)
    assert await queued(db) == []
    async with db.begin() as session:
        row = await session.get(Run, run.id)
        assert row is not None
        await runs.resume(session, row, None)
    assert len(await queued(db)) == 3


async def test_nothing_happens_when_the_transaction_does_not(db: Database, world: World) -> None:
    _, papers, run = await begun(db, world)
    await run_sql(db, "update run_papers set state = 'failed' where paper_id = :p", p=papers[0].id)
    with pytest.raises(RuntimeError):
        async with db.begin() as session:
            await retry(session, run.id)
            raise RuntimeError
    assert (await states(db, run))[papers[0].id] == "failed"
    assert len(await queued(db)) == 3


async def test_a_living_holder_loses_its_papers_and_each_mark_is_made_once(
    db: Database, world: World, settings: Settings
) -> None:
    """The holder hangs in a model's call, its heart beats on, and an admin has waited long enough."""
    async with db.begin() as session:
        assignment, _ = await graded.assignment(session, world.klass, papers=2, grader="model")
        run = await runs.start(session, assignment, world.alice, model="stub")
    with ModelServer(latency=4) as model:
        wanted = {
            "llm_provider": "custom",
            "llm_base_url": model.url,
            "llm_model": "stub",
            "enable_cache": False,
        }
        async with working(settings.model_copy(update=wanted), db):

            async def under_way() -> bool:
                return int(model.counters()["calls"]) == 4

            await graded.until(under_way)
            model.control(latency=0)
            async with db.begin() as session:
                done = await retry(session, run.id, stuck_minutes=0)
            assert done.stuck == 2
            await graded.finished(db, run.id, seconds=60)
            async with db.begin() as session:
                again = await runs.start(session, assignment, world.alice, model="stub")
            await graded.finished(db, again.id, seconds=60)  # the worker is as good as before
    marks = await graded.marks_of(db, assignment)
    assert len(marks) == 4 and {mark.run_id for mark in marks} == {again.id}
    assert await queued(db) == []
    async with db.begin() as session:
        rows = await session.execute(
            text("select count(*), count(graded_at) from run_questions where run_id = :r"), {"r": run.id}
        )
        assert tuple(rows.one()) == (4, 4)
