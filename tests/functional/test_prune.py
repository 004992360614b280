"""Retention: exactly what is old or unused goes, what came into use meanwhile stays, looking changes nothing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from redis.asyncio import Redis
from sqlalchemy import select, text

from app.accounts.models import SetupToken
from app.assignments.models import Assignment
from app.audit.models import Action, AuditEntry
from app.audit.service import COMMAND_LINE
from app.classes.models import Class
from app.db import Database
from app.marks.models import Run, RunState
from app.papers.files import BACKUP_LOCK
from app.papers.models import Pile
from app.settings import Settings
from app.storage import Storage
from app.upkeep import prune
from app.upkeep.prune import Ages, Found, Kind
from tests import factories, graded
from tests.conftest import World
from tests.functional import privacy_help as help_
from tests.functional.pages_help import page_with_files

YEAR = Ages(timedelta(days=365), timedelta(days=5 * 365))
NONE = Ages(None, timedelta(days=5 * 365))
OLD, NEW = datetime.now(UTC) - timedelta(days=400), datetime.now(UTC) - timedelta(days=300)
DATED = {
    "classes": "created_at", "class_teachers": "created_at", "students": "created_at", "assignments": "created_at",
    "papers": "created_at", "runs": "created_at", "marks": "graded_at", "mark_changes": "at",
}  # fmt: skip


async def age(db: Database, moment: datetime = OLD, **only: int) -> None:
    """Make all rows (or one: table=id) as old as a moment."""
    async with db.begin() as session:
        for table, column in DATED.items():
            if only and table not in only:
                continue
            values = {"moment": moment, "id": only.get(table)}
            condition = "" if table == "class_teachers" else " where cast(:id as bigint) is null or id = :id"
            await session.execute(text(f"update {table} set {column} = :moment{condition}"), values)


async def look(settings: Settings, ages: Ages = YEAR) -> list[Found]:
    async with help_.parts_of(settings) as parts:
        return await prune.look(parts, ages)


async def remove(settings: Settings, found: Sequence[Found], ages: Ages = YEAR) -> list[Found]:
    async with help_.parts_of(settings) as parts:
        return await prune.prune(parts, found, ages, COMMAND_LINE)


def named(found: Sequence[Found]) -> list[tuple[str, int | None]]:
    return [(str(each.kind), each.id) for each in found]


async def graded_class(db: Database, world: World) -> tuple[Assignment, int]:
    """An assignment with a paper, a run, a mark with history; and the mark's id."""
    async with db.begin() as session:
        student = await factories.student(session, world.klass, "Ann", "a1")
        assignment = await factories.assignment(session, world.klass, graded.scheme(1))
        paper = await factories.paper(session, assignment, student, "x")
        mark = await factories.mark(session, paper, assignment.questions[0], [1, 1])
        await session.execute(
            text("insert into mark_changes (mark_id, what) values (:mark, 'points')"), {"mark": mark.id}
        )
        session.add(Run(assignment_id=assignment.id, state=RunState.FINISHED, grader="local"))
    return assignment, mark.id


async def test_nothing_of_a_class_goes_unless_an_age_is_given(
    db: Database, world: World, settings: Settings
) -> None:
    await graded_class(db, world)
    await age(db)
    assert await look(settings, NONE) == []


async def test_an_old_class_goes_with_everything(db: Database, world: World, settings: Settings) -> None:
    assignment, _ = await graded_class(db, world)
    async with db.begin() as session:
        fresh = await factories.klass(session, world.bob, name="7B")
    await age(db)
    await age(db, NEW, classes=fresh.id)
    async with db.begin() as session:
        await session.execute(
            text("update class_teachers set created_at = now() where class_id = :id"), {"id": fresh.id}
        )
    found = await look(settings)
    assert named(found) == [("class", world.klass.id), ("assignment", assignment.id)]
    assert (found[0].name, found[0].count, found[1].name) == ("8C", 1, "8C: Heat")
    assert found[0].last is not None and abs(found[0].last - OLD) < timedelta(seconds=1)
    assert await remove(settings, found) == found
    async with db.begin() as session:
        assert list(await session.scalars(select(Class.id))) == [fresh.id]
    for table in ("assignments", "papers", "marks", "mark_changes", "runs", "students", "dropped_files"):
        assert await help_.count(db, table) == 0, table
    async with db.begin() as session:
        told = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
    assert [(each.action, each.actor) for each in told] == [
        (Action.CLASS_DELETED, COMMAND_LINE.name), (Action.PRUNED, COMMAND_LINE.name),
    ]  # fmt: skip
    assert told[1].details == {"class": 1, "assignment": 1, "days": 365, "audit_days": 1825}


@pytest.mark.parametrize("table", ["papers", "runs", "marks", "mark_changes"])
async def test_any_activity_keeps_an_assignment_and_its_class(
    db: Database, world: World, settings: Settings, table: str
) -> None:
    await graded_class(db, world)
    await age(db)
    await age(db, NEW, **{table: 1})
    assert await look(settings) == []


@pytest.mark.parametrize("table", ["students", "class_teachers"])
async def test_who_came_keeps_the_class_and_not_its_assignment(
    db: Database, world: World, settings: Settings, table: str
) -> None:
    assignment, _ = await graded_class(db, world)
    await age(db)
    await age(db, NEW, **{table: 1})
    found = await look(settings)
    assert named(found) == [("assignment", assignment.id)]
    assert named(await remove(settings, found)) == named(found)
    assert (await help_.count(db, "classes"), await help_.count(db, "students")) == (1, 1)


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PAUSED])
async def test_an_open_run_keeps_all(db: Database, world: World, settings: Settings, state: RunState) -> None:
    await graded_class(db, world)
    async with db.begin() as session:
        await session.execute(text("update runs set state = :state"), {"state": state})
    await age(db)
    assert await look(settings) == []


async def test_what_came_into_use_meanwhile_stays(db: Database, world: World, settings: Settings) -> None:
    assignment, _ = await graded_class(db, world)
    await age(db)
    found = await look(settings)
    async with db.begin() as session:
        await factories.paper(session, await session.get_one(Assignment, assignment.id), text="new")
    assert await remove(settings, found) == []
    assert (await help_.count(db, "classes"), await help_.count(db, "papers")) == (1, 2)


async def test_the_papers_files_go_too(db: Database, world: World, settings: Settings) -> None:
    assignment, _ = await graded_class(db, world)
    sha256, key = await help_.file_of(settings, "old words")
    async with db.begin() as session:
        fresh = await session.get_one(Assignment, assignment.id)
        await factories.paper(session, fresh, text="x", file_name="o.txt", sha256=sha256, storage_key=key)
        # Pages of the same paper, the picture of one that left, and a pile's page that is in no paper.
        storage = Storage(settings.uploads, settings.var_dir / "spool")
        paper = await factories.paper(session, fresh, text="y", file_name="p.pdf")
        await page_with_files(session, storage, paper)
        pile = Pile(assignment_id=fresh.id, name="scan.pdf", token="t")
        session.add(pile)
        await session.flush()
        loose, _ = await page_with_files(session, storage, paper, "two")
        loose.paper_id, loose.pile_id = None, pile.id
    await age(db)
    await remove(settings, await look(settings))
    assert [path for path in Path(settings.uploads).rglob("*") if path.is_file()] == []


# --- Leftovers --------------------------------------------------------------------------------------------------------


def make_old(path: Path, days: float) -> None:
    moment = time.time() - days * 86_400
    os.utime(path, (moment, moment))


async def test_files_that_no_paper_has(db: Database, world: World, settings: Settings) -> None:
    used, orphan, young = [await help_.file_of(settings, words) for words in ("used", "orphan", "young")]
    foreign = Path(settings.uploads) / "README"
    foreign.write_text("not ours")
    for _, key in (used, orphan):
        make_old(Path(settings.uploads) / key, 2)
    make_old(foreign, 100)
    async with db.begin() as session:
        assignment = await factories.assignment(session, world.klass, graded.scheme(1))
        await factories.paper(session, assignment, sha256=used[0], storage_key=used[1])
    found = await look(settings)
    assert found == [Found(Kind.FILE, orphan[1], count=1, size=6)]
    assert await remove(settings, found) == found
    left = {path.name for path in Path(settings.uploads).rglob("*") if path.is_file()}
    assert left == {used[0], young[0], "README"}
    assert await help_.count(db, "dropped_files") == 0


async def test_files_of_pages_and_of_the_ledger_are_no_leftovers(
    db: Database, world: World, settings: Settings
) -> None:
    storage = Storage(settings.uploads, settings.var_dir / "spool")
    async with db.begin() as session:
        assignment = await factories.assignment(session, world.klass, graded.scheme(1))
        _, keys = await page_with_files(session, storage, await factories.paper(session, assignment))
    for key in keys:
        make_old(Path(settings.uploads) / key, 2)
    assert await look(settings) == []
    assert await remove(settings, [Found(Kind.FILE, key, count=1, size=6) for key in keys]) == []
    assert all((Path(settings.uploads) / key).exists() for key in keys)


async def test_a_file_that_is_used_again_stays(db: Database, world: World, settings: Settings) -> None:
    sha256, key = await help_.file_of(settings, "words")
    make_old(Path(settings.uploads) / key, 2)
    found = await look(settings)
    async with db.begin() as session:
        assignment = await factories.assignment(session, world.klass, graded.scheme(1))
        await factories.paper(session, assignment, sha256=sha256, storage_key=key)
    assert await remove(settings, found) == []
    assert (Path(settings.uploads) / key).exists()


async def test_files_stay_while_a_backup_is_made(db: Database, world: World, settings: Settings) -> None:
    _, key = await help_.file_of(settings, "words")
    make_old(Path(settings.uploads) / key, 2)
    found = await look(settings)
    async with await psycopg.AsyncConnection.connect(settings.postgres_url) as backup:
        await backup.execute("select pg_advisory_lock(%s)", (BACKUP_LOCK,))
        assert await remove(settings, found) == []
    assert (Path(settings.uploads) / key).exists()


async def test_broken_off_uploads(settings: Settings, db: Database) -> None:
    spool = settings.var_dir / "spool"
    (spool / "archive").mkdir(parents=True)
    (spool / "archive" / "one.txt").write_text("12345")
    for name in ("old", "new"):
        (spool / name).write_text("123")
    for path in (spool / "old", spool / "archive"):
        make_old(path, 2)
    found = await look(settings)
    assert found == [Found(Kind.SPOOL, "archive", count=1, size=5), Found(Kind.SPOOL, "old", count=1, size=3)]
    assert (spool / "old").exists()
    assert await remove(settings, found) == found
    assert [path.name for path in spool.iterdir()] == ["new"]


async def test_checkpoints_logs_links_drafts_and_audit(
    db: Database, world: World, settings: Settings
) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=1)
    async with db.begin() as session:
        run = Run(assignment_id=assignment.id, grader="local")
        session.add(run)
        await session.flush()
        place = {"run": run.id, "paper": papers[0].id}
        await session.execute(text("insert into run_papers (run_id, paper_id) values (:run, :paper)"), place)
        for thread in (f"{run.id}:{papers[0].id}", "999:999", "odd"):
            await session.execute(
                text(
                    "insert into checkpoints (thread_id, checkpoint_id, checkpoint) values (:name, '1', '{}')"
                ),
                {"name": thread},
            )
        log = (
            "insert into pgqueuer_log (job_id, status, entrypoint, priority, created)"
            " values (1, 'successful', 'read', 0, :at)"
        )
        for days in (1, 8):
            await session.execute(text(log), {"at": datetime.now(UTC) - timedelta(days=days)})
        for days in (10, 40):
            moment = datetime.now(UTC) - timedelta(days=days)
            session.add(SetupToken(token_hash=str(days), expires_at=moment))
        for years in (1, 6):
            session.add(AuditEntry(action=Action.SIGN_IN, at=datetime.now(UTC) - timedelta(days=365 * years)))
    redis = Redis.from_url(settings.redis_url.get_secret_value())
    await redis.set("roster:1:1:x", "for ever")
    await redis.set("roster:1:1:y", "an hour", ex=3600)
    found = await look(settings)
    assert {each.kind: each.count for each in found} == {
        Kind.CHECKPOINTS: 2, Kind.ROSTER_DRAFTS: 1, Kind.JOB_LOG: 1, Kind.SETUP_LINKS: 1, Kind.AUDIT: 1,
    }  # fmt: skip
    assert await remove(settings, found) == found
    assert await look(settings) == []
    assert await redis.keys("roster:*") == [b"roster:1:1:y"]
    await redis.aclose()
    for table, left in (("checkpoints", 1), ("pgqueuer_log", 1), ("setup_tokens", 1), ("audit_entries", 2)):
        assert await help_.count(db, table) == left, table


# --- The command ------------------------------------------------------------------------------------------------------


async def test_the_command(db: Database, world: World, settings: Settings) -> None:
    await graded_class(db, world)
    await age(db)
    dry = await help_.zhupi(settings, "prune", "--older-than", "1y", "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    assert [(row["kind"], row["name"], row["count"]) for row in json.loads(dry.stdout)] == [
        ("class", "8C", 1), ("assignment", "8C: Heat", 1),
    ]  # fmt: skip
    asked = await help_.zhupi(settings, "prune", "--older-than", "1y")
    assert (asked.returncode, "say --yes" in asked.stderr) == (2, True)
    assert await help_.count(db, "classes") == 1
    done = await help_.zhupi(settings, "prune", "--older-than", "1y", "--yes")
    assert done.returncode == 0, done.stderr
    assert "Class with everything in it" in done.stdout
    assert await help_.count(db, "classes") == 0
    empty = await help_.zhupi(settings, "prune", "--older-than", "1y")
    assert (empty.returncode, "There is nothing to remove." in empty.stdout) == (0, True)
    for value, said in (("5", "takes a span such as"), ("-1y", "takes a span"), ("29d", "is at least 30d")):
        bad = await help_.zhupi(settings, "prune", f"--older-than={value}")
        assert (bad.returncode, said in bad.stderr, "Traceback" in bad.stderr) == (2, True, False), bad.stderr


async def test_the_setting_is_the_age_where_none_is_given(
    db: Database, world: World, settings: Settings
) -> None:
    await graded_class(db, world)
    await age(db)

    async def kinds(*arguments: str, days: str) -> list[str]:
        done = await help_.zhupi(settings, "prune", "--dry-run", "--json", *arguments, RETENTION_DAYS=days)
        assert done.returncode == 0, done.stderr
        return [row["kind"] for row in json.loads(done.stdout)]

    assert await kinds(days="") == []
    assert await kinds(days="365") == ["class", "assignment"]
    assert await kinds("--older-than", "2y", days="365") == []
    for value in ("29", "0", "-1", "two years", "99999"):
        bad = await help_.zhupi(settings, "prune", "--yes", RETENTION_DAYS=value)
        assert (bad.returncode, f"RETENTION_DAYS={value}" in bad.stderr) == (2, True), bad.stderr
    assert await help_.count(db, "classes") == 1
