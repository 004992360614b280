"""The worker in this process: papers are read, runs graded, paused and gone on with, outages survived."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from app import jobs
from app.assignments.models import Assignment
from app.db import Database
from app.grading.model import Stopped
from app.i18n import Text
from app.marks import claims, runs
from app.marks.models import Mark, MarkState, Run, RunPaper, RunPaperState, RunState
from app.marks.runs import Which
from app.papers.models import Paper, PaperAnswer
from app.settings import Settings
from app.worker import service as workers
from app.worker.gate import FRESH_SECONDS, Gates, PaperGate
from tests import factories, graded
from tests.conftest import World
from tests.functional.worker_help import storage_of, working
from tests.stubs.processes import ModelServer


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A model that answers at once."""
    with ModelServer(latency=0.02) as server:
        yield server


def with_model(settings: Settings, model: ModelServer, **more: object) -> Settings:
    """Settings whose model is the stub."""
    changes = {"llm_provider": "custom", "llm_base_url": model.url, "llm_model": "stub", **more}
    return settings.model_copy(update=changes)


async def begin(db: Database, assignment: Assignment, world: World, **how: object) -> Run:
    async with db.begin() as session:
        fresh = await claims.assignment_of(session, assignment.id)
        assert fresh is not None
        return await runs.start(session, fresh, world.alice, **how)  # type: ignore[arg-type]


async def make(db: Database, world: World, **how: object) -> tuple[Assignment, list[Paper]]:
    async with db.begin() as session:
        return await graded.assignment(session, world.klass, **how)  # type: ignore[arg-type]


async def upload(settings: Settings, db: Database, assignment: Assignment, name: str, data: bytes) -> int:
    """A stored file as a paper with its job, as the papers page does it."""
    storage = storage_of(settings)

    async def chunks() -> AsyncIterator[bytes]:
        yield data

    path, sha256, size = await storage.receive(chunks(), 10**6)
    stored = await storage.keep(path, sha256)
    async with db.begin() as session:
        paper = Paper(
            assignment_id=assignment.id, file_name=name, size=size, sha256=sha256, storage_key=stored.key
        )
        session.add(paper)
        await session.flush()
        await jobs.enqueue_read(session, paper.id)
        return paper.id


async def no_checkpoints(db: Database) -> bool:
    async with db.begin() as session:
        return not await session.scalar(text("select count(*) from checkpoints"))


async def test_a_run_without_network(db: Database, world: World, settings: Settings) -> None:
    assignment, _ = await make(db, world, papers=3, questions=2)
    async with working(settings, db):
        run = await begin(db, assignment, world)
        await graded.finished(db, run.id)
        await graded.until(lambda: no_checkpoints(db))
    marks = await graded.marks_of(db, assignment)
    assert len(marks) == 6 and {mark.run_id for mark in marks} == {run.id}
    for mark in marks:
        assert mark.grader == "local" and len(mark.criteria) == 2
        assert (mark.points is None) == (mark.state == MarkState.NEEDS_TEACHER)
    async with db.begin() as session:
        answers = (await session.scalars(select(PaperAnswer).order_by(PaperAnswer.id))).all()
        rows = (await session.scalars(select(RunPaper))).all()
    assert len(answers) == 6 and all(answer.found for answer in answers)
    assert {(row.state, row.questions, row.graded, row.claim) for row in rows} == {("done", 2, 2, None)}
    progress = await graded.progress_of(db, run.id)
    assert (progress.done, progress.papers_done, progress.cost) == (6, 3, 0.0)


async def test_scope_and_decided_marks_are_respected(db: Database, world: World, settings: Settings) -> None:
    assignment, papers = await make(db, world, papers=1, questions=3)
    first, second, _ = assignment.questions
    async with db.begin() as session:
        session.add(
            Mark(
                paper_id=papers[0].id,
                question_id=first.id,
                state=MarkState.DECIDED,
                points=1,
                criteria=[],
                scheme_version=1,
            )
        )
    async with working(settings, db):
        run = await begin(db, assignment, world, scope=["1", "2"])
        await graded.finished(db, run.id)
    marks = await graded.marks_of(db, assignment)
    assert [(mark.question_id, mark.state == MarkState.DECIDED) for mark in marks] == [
        (first.id, True),
        (second.id, False),
    ]
    assert marks[0].points == 1 and marks[0].version == 1


async def test_papers_are_read_and_matched(db: Database, world: World, settings: Settings) -> None:
    assignment, _ = await make(db, world, papers=0)
    async with db.begin() as session:
        student = await factories.student(session, world.klass, "Amelia Hart", "8A01")
    good = await upload(settings, db, assignment, "8A01_Amelia Hart.txt", b"1. Warm air rises.\n2. It cools.")
    bad = await upload(settings, db, assignment, "broken.pdf", b"%PDF-1.7\nnothing")
    gone = await upload(settings, db, assignment, "gone.txt", b"1. Gone.")
    async with db.begin() as session:
        missing = await session.get(Paper, gone)
        assert missing is not None
        (Path(settings.uploads) / missing.storage_key).unlink()

    async def all_read() -> bool:
        async with db.begin() as session:
            return not await session.scalar(
                select(func.count()).select_from(Paper).where(Paper.state == "received")
            )

    async with working(settings, db):
        await graded.until(all_read)
    async with db.begin() as session:
        papers = {paper.id: paper for paper in await session.scalars(select(Paper))}
    assert papers[good].state == "read" and student.id in papers[good].candidates
    for paper_id in (bad, gone):
        assert papers[paper_id].state == "unreadable" and papers[paper_id].problem
    assert "not in the storage" in Text.from_json(papers[gone].problem or {}).render("en")


async def test_a_paper_not_read_yet_is_read_by_its_run(
    db: Database, world: World, settings: Settings
) -> None:
    assignment, _ = await make(db, world, papers=0)
    good = await upload(settings, db, assignment, "late.txt", graded.text_of(1).encode())
    bad = await upload(settings, db, assignment, "broken.pdf", b"%PDF-1.7\nnothing")
    async with db.begin() as session:
        await session.execute(text("delete from pgqueuer"))
    async with working(settings, db):
        run = await begin(db, assignment, world)
        await graded.finished(db, run.id)
    assert {mark.paper_id for mark in await graded.marks_of(db, assignment)} == {good}
    async with db.begin() as session:
        failed = await session.get(RunPaper, (run.id, bad))
    assert failed is not None and failed.state == RunPaperState.FAILED and failed.problem
    assert (await graded.progress_of(db, run.id)).papers_failed == 1


async def test_a_model_run_counts_what_it_cost(
    db: Database, world: World, settings: Settings, model: ModelServer
) -> None:
    assignment, _ = await make(db, world, papers=3, questions=3, grader="model")
    async with working(with_model(settings, model), db):
        run = await begin(db, assignment, world, model="stub")
        done = await graded.finished(db, run.id)
    assert done.grader == "stub" and done.tokens_in > 0 and done.tokens_out > 0
    counters = model.counters()
    assert counters["answered"] == 9 and counters["in_flight_max"] > 1
    assert {mark.grader.split()[0] for mark in await graded.marks_of(db, assignment)} != {"local"}


async def test_a_second_run_of_the_same_answers_is_free(
    db: Database, world: World, settings: Settings, model: ModelServer
) -> None:
    assignment, _ = await make(db, world, papers=2, questions=2, grader="model")
    async with working(with_model(settings, model), db):
        first = await graded.finished(db, (await begin(db, assignment, world, model="stub")).id)
        second = await graded.finished(db, (await begin(db, assignment, world, model="stub")).id)
    assert first.tokens_in > 0 and second.tokens_in == 0 and second.cost == 0
    assert model.counters()["answered"] == 4


async def test_pause_and_go_on(db: Database, world: World, settings: Settings, model: ModelServer) -> None:
    model.control(latency=0.15)
    assignment, _ = await make(db, world, papers=3, questions=4, grader="model")
    async with working(with_model(settings, model, max_parallel_workers=2), db):
        run = await begin(db, assignment, world, model="stub")

        async def some() -> bool:
            return (await graded.progress_of(db, run.id)).done >= 2

        await graded.until(some)
        async with db.begin() as session:
            await runs.pause(session, await runs.of_assignment(session, run.id, assignment.id))

        async def let_go() -> bool:
            async with db.begin() as session:
                return not await session.scalar(
                    select(func.count()).select_from(RunPaper).where(RunPaper.state == "grading")
                )

        await graded.until(let_go)
        calls, done = model.counters()["calls"], (await graded.progress_of(db, run.id)).done
        assert 2 <= done < 12
        await asyncio.sleep(0.6)
        assert model.counters()["calls"] == calls
        async with db.begin() as session:
            await runs.resume(session, await runs.of_assignment(session, run.id, assignment.id), None)
        await graded.finished(db, run.id)
    counters = model.counters()
    assert counters["answered"] == 12 and max(counters["by_key"].values()) == 1
    assert (await graded.progress_of(db, run.id)).done == 12


async def test_a_cancelled_run_stops_and_its_checkpoints_go(
    db: Database, world: World, settings: Settings, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "MEND_SECONDS", 0.3)
    model.control(latency=0.2)
    assignment, _ = await make(db, world, papers=2, questions=6, grader="model")
    async with working(with_model(settings, model, max_parallel_workers=2), db):
        run = await begin(db, assignment, world, model="stub")

        async def some() -> bool:
            return (await graded.progress_of(db, run.id)).done >= 1

        await graded.until(some)
        async with db.begin() as session:
            await runs.cancel(session, await runs.of_assignment(session, run.id, assignment.id))
        await graded.until(lambda: no_checkpoints(db))
    assert model.counters()["calls"] < 12
    assert (await graded.run_of(db, run.id)).state == RunState.CANCELLED


async def test_without_a_model_the_run_pauses_and_says_why(
    db: Database, world: World, settings: Settings
) -> None:
    assignment, _ = await make(db, world, papers=2, grader="model")
    async with working(settings, db):
        run = await begin(db, assignment, world, model="gone")

        async def paused() -> Run | None:
            found = await graded.run_of(db, run.id)
            return found if found.state == RunState.PAUSED else None

        found = await graded.until(paused)
    assert "API key" in Text.from_json(found.reason).render("en")
    assert await graded.marks_of(db, assignment) == []


async def test_a_model_that_fails_leaves_the_question_to_the_teacher(
    db: Database, world: World, settings: Settings, model: ModelServer
) -> None:
    model.control(mode="401")
    assignment, _ = await make(db, world, papers=1, questions=2, grader="model")
    async with working(with_model(settings, model), db):
        run = await begin(db, assignment, world, model="stub")
        await graded.finished(db, run.id)
        model.control(mode="ok")
        again = await begin(db, assignment, world, which=Which.NEEDS_TEACHER, model="stub")
        await graded.finished(db, again.id)
    marks = await graded.marks_of(db, assignment)
    assert {mark.state for mark in marks} == {MarkState.GRADED} and {mark.version for mark in marks} == {2}


async def test_the_database_goes_away_and_comes_back(
    db: Database, world: World, settings: Settings, model: ModelServer
) -> None:
    model.control(latency=0.1)
    assignment, _ = await make(db, world, papers=4, questions=5, grader="model")
    async with working(with_model(settings, model, max_parallel_workers=4), db):
        run = await begin(db, assignment, world, model="stub")
        for done in (2, 8):

            async def reached(done: int = done) -> bool:
                return (await graded.progress_of(db, run.id)).done >= done

            await graded.until(reached)
            own = Database(settings.sqlalchemy_url, pool_size=1)
            async with own.begin() as session:
                await session.execute(
                    text(
                        "select pg_terminate_backend(pid) from pg_stat_activity "
                        "where pid <> pg_backend_pid() and backend_type = 'client backend'"
                    )
                )
            await own.close()
        await graded.until(lambda: _done(db, run.id, 20), 40)
        await graded.finished(db, run.id)
    assert max(model.counters()["by_key"].values()) == 1


async def _done(db: Database, run_id: int, count: int) -> bool:
    try:
        return (await graded.progress_of(db, run_id)).done == count
    except Exception:
        return False


async def test_a_job_of_a_run_that_is_gone_is_nothing(db: Database, world: World, settings: Settings) -> None:
    async with db.begin() as session:
        await jobs.enqueue_grading(session, 99, 0, [1])
        await jobs.enqueue_read(session, 99)

    async def empty() -> bool:
        async with db.begin() as session:
            return not await session.scalar(text("select count(*) from pgqueuer"))

    async with working(settings, db):
        await graded.until(empty)


async def test_two_workers_share_a_run(
    db: Database, world: World, settings: Settings, model: ModelServer
) -> None:
    model.control(latency=0.1)
    assignment, _ = await make(db, world, papers=12, questions=3, grader="model")
    ours = with_model(settings, model, max_parallel_workers=4)
    async with working(ours, db), working(ours, db):
        run = await begin(db, assignment, world, model="stub")
        await graded.finished(db, run.id)
    counters = model.counters()
    assert counters["answered"] == 36 and max(counters["by_key"].values()) == 1
    assert counters["in_flight_max"] > 4


async def test_the_gate_knows_a_claim_that_is_younger_than_its_last_look(db: Database, world: World) -> None:
    assignment, papers = await make(db, world, papers=1)
    run = await begin(db, assignment, world)
    gates = Gates(db, asyncio.Event())
    await gates.standing(run.id, 0.0)
    async with db.begin() as session:
        _, number = await claims.claim(session, run.id, papers[0].id, 1)
    gate = PaperGate(gates, run.id, papers[0].id, number, time.monotonic())
    await gate.check()
    async with db.begin() as session:
        _, other = await claims.claim(session, run.id, papers[0].id, 1)
    assert other != number
    await asyncio.sleep(FRESH_SECONDS + 0.05)
    with pytest.raises(Stopped):
        await gate.check()


async def test_a_model_that_hangs_does_not_hold_the_stop(
    db: Database, world: World, settings: Settings, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "STOP_SECONDS", 0.5)
    model.control(mode="silent")
    assignment, _ = await make(db, world, papers=2, grader="model")
    began = time.monotonic()
    async with working(with_model(settings, model), db):
        await begin(db, assignment, world, model="stub")

        async def asked() -> bool:
            return model.counters()["calls"] > 0

        await graded.until(asked)
        began = time.monotonic()
    assert time.monotonic() - began < 4
    async with db.begin() as session:
        states = (await session.scalars(text("select status::text from pgqueuer"))).all()
    assert list(states) == ["queued", "queued"]
