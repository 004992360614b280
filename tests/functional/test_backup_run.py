"""A run that was under way when the backup was made goes on after the restore, from where it was."""

from __future__ import annotations

from app.db import Database
from app.marks import runs
from app.marks.models import Mark, MarkChange, RunState
from app.settings import Settings
from tests import graded
from tests.conftest import World
from tests.functional.backup_help import back_up, bring_back
from tests.functional.worker_help import working
from tests.stubs.processes import ModelServer

PAPERS, QUESTIONS = 4, 4
ALL = PAPERS * QUESTIONS


async def test_a_run_goes_on(settings: Settings, db: Database, world: World, target: Settings) -> None:
    with ModelServer(latency=0.4) as model:
        asked = {"llm_provider": "custom", "llm_base_url": model.url, "llm_model": "stub"}
        settings, target = (each.model_copy(update=asked) for each in (settings, target))
        async with working(settings, db):
            async with db.begin() as session:
                made, _ = await graded.assignment(session, world.klass, PAPERS, QUESTIONS, "model")
                run = await runs.start(session, made, world.alice, model="stub")

            async def some() -> bool:
                return await graded.count(db, Mark) >= 3

            await graded.until(some)
            # With jobs in the hands of a worker that the restored system has not.
            backup = await back_up(settings)
            saved = backup.manifest["database"]["counts"]
            assert 3 <= saved["marks"] < ALL and saved["pgqueuer"] > 0 and saved["checkpoints"] > 0
            await graded.finished(db, run.id)
            before = await graded.marks_of(db, made)
        await bring_back(target, backup.path)
        model.control(reset=True, latency=0.05)
        restored = Database(target.sqlalchemy_url, pool_size=3)
        async with working(target, restored):
            ended = await graded.finished(restored, run.id, 60)
            after = await graded.marks_of(restored, made)
            assert ended.state == RunState.FINISHED and await graded.count(restored, MarkChange) == 0
        await restored.close()
    assert len(after) == ALL == len(before)
    assert [(mark.paper_id, mark.question_id, mark.points) for mark in after] == [
        (mark.paper_id, mark.question_id, mark.points) for mark in before
    ]
