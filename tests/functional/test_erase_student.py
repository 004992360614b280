"""A pupil is erased: nothing of them is left anywhere, nothing of anybody else is touched, also during a run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.audit.models import Action, AuditEntry
from app.audit.service import COMMAND_LINE
from app.classes.models import Student
from app.db import Database
from app.i18n import Text
from app.intake import covers
from app.intake.page import By, PageReading
from app.marks.models import Mark, MarkState, Run, RunState
from app.papers.files import BACKUP_LOCK
from app.papers.models import MatchState, Paper, PaperPage, Pile
from app.settings import Settings
from app.upkeep import privacy, pupils, traces
from app.upkeep.picture import picture
from app.upkeep.privacy import Erased
from app.worker import reading
from tests import factories, graded
from tests.conftest import World
from tests.functional import privacy_help as help_
from tests.functional.pages_help import page_with_files
from tests.functional.test_worker import begin, with_model
from tests.functional.worker_help import working
from tests.stubs.processes import ModelServer

ANN, BEN = ("Annabel Quill", "2024-0101"), ("王小明", "2024-0202")


async def two(db: Database, settings: Settings, world: World) -> tuple[help_.Traced, help_.Traced]:
    """Two pupils of one class with traces everywhere."""
    async with db.begin() as session:
        assignment = await factories.assignment(session, world.klass, help_.scheme())
        ann = await help_.traced(settings, session, world, assignment, *ANN)
        ben = await help_.traced(settings, session, world, assignment, *BEN)
    for each in (ann, ben):
        await help_.leave_outside(settings, world, each)
    return ann, ben


async def erase(settings: Settings, world: World, number: str, *, with_doubtful: bool = False) -> Erased:
    async with help_.parts_of(settings) as parts:
        async with parts.database.begin() as session:
            pupil = await pupils.find(session, world.klass.name, number, None)
        return await privacy.erase(parts, pupil, COMMAND_LINE, with_doubtful=with_doubtful)


async def test_nothing_is_left_of_them_and_all_of_the_others(
    db: Database, world: World, settings: Settings
) -> None:
    ann, ben = await two(db, settings, world)
    before = await help_.everything(settings)
    assert all(secret in before for secret in (*ann.secrets, *ben.secrets))
    erased = await erase(settings, world, "2024-0101")
    left = await help_.everything(settings)
    assert [secret for secret in (*ann.secrets, "Annabel", ann.paper.sha256) if secret in left] == []
    # The draft of the roster held both; it is the one thing of Ben's that went.
    assert all(secret in left for secret in ben.secrets)
    for table, count in (
        ("students", 1), ("papers", 1), ("paper_answers", 1), ("marks", 1), ("mark_changes", 5), ("run_papers", 1),
        ("run_questions", 1), ("checkpoints", 1), ("checkpoint_blobs", 1), ("checkpoint_writes", 1),
        ("dropped_files", 0), ("pgqueuer", 1),
    ):  # fmt: skip
        assert await help_.count(db, table) == count, table
    assert erased.later == []
    assert {kind: number for kind, number in erased.removed.items() if number} == {
        "papers": 1, "files": 1, "answers": 1, "marks": 1, "decided": 1, "changes": 5, "runs": 1, "jobs": 1,
        "checkpoints": 1, "model_answers": 1, "events": 2, "roster_drafts": 2,
    }  # fmt: skip


async def test_it_is_written_down_without_saying_who(db: Database, world: World, settings: Settings) -> None:
    ann, _ = await two(db, settings, world)
    await erase(settings, world, "2024-0101")
    async with db.begin() as session:
        entry = (
            await session.scalars(select(AuditEntry).where(AuditEntry.action == Action.STUDENT_ERASED))
        ).one()
    assert (entry.object_kind, entry.object_id, entry.actor) == ("student", ann.student.id, COMMAND_LINE.name)
    assert entry.details == {"class_id": world.klass.id, "papers": 1, "marks": 1, "with_doubtful": False}


async def test_a_file_that_somebody_else_handed_in_too_stays(
    db: Database, world: World, settings: Settings
) -> None:
    ann, _ = await two(db, settings, world)
    async with db.begin() as session:
        other = await factories.assignment(session, world.klass, help_.scheme(), "Cold")
        ben = (await session.scalars(select(Student).where(Student.number == BEN[1]))).one()
        values = {"sha256": ann.paper.sha256, "storage_key": ann.paper.storage_key}
        await factories.paper(session, other, ben, "copied", "copied.txt", **values)
    erased = await erase(settings, world, "2024-0101")
    assert (erased.picture.shared, erased.removed["files"], erased.later) == (1, 0, [])
    async with help_.storage_of(settings).local(ann.paper.storage_key) as path:
        assert path.read_text() == ann.words
    assert await help_.count(db, "dropped_files") == 0


async def test_files_wait_for_a_backup_under_way(db: Database, world: World, settings: Settings) -> None:
    ann, _ = await two(db, settings, world)
    async with await psycopg.AsyncConnection.connect(settings.postgres_url) as backup:
        await backup.execute("select pg_advisory_lock(%s)", (BACKUP_LOCK,))
        erased = await erase(settings, world, "2024-0101")
    assert erased.removed["files"] == 0
    assert [str(text) for text in erased.later] == [
        "Files that the server removes by itself, after a backup under way: 1."
    ]
    assert await help_.count(db, "dropped_files") == 1
    async with db.begin() as session:
        assert await session.get(Paper, ann.paper.id) is None


# --- What may be theirs -----------------------------------------------------------------------------------------------


async def doubt(db: Database, settings: Settings, world: World) -> tuple[help_.Traced, list[Paper]]:
    """Ann, a paper that may be hers or Ben's, one that may be hers alone, one of Ben's that names her."""
    ann, ben = await two(db, settings, world)
    reason = Text("“{name}” is one letter off.", {"name": ann.name}).to_json()
    async with db.begin() as session:
        assignment = await factories.assignment(session, world.klass, help_.scheme(), "Light")
        ids = [ann.student.id, ben.student.id]
        papers = [
            await factories.paper(
                session, assignment, None, "x", f"{count}.txt", match=MatchState.DOUBTFUL, candidates=ids[:count],
                match_reason=reason,
            )
            for count in (2, 1)
        ]  # fmt: skip
        papers.append(
            await factories.paper(session, assignment, ben.student, f"copied from {ann.name}", "b.txt")
        )
        unread = await factories.paper(session, assignment, None, "", "new.txt", state="received", pages=None)
    return ann, [*papers, unread]


async def test_doubtful_papers_stay_and_forget_the_candidate(
    db: Database, world: World, settings: Settings
) -> None:
    _, (both, alone, copied, unread) = await doubt(db, settings, world)
    erased = await erase(settings, world, "2024-0101")
    assert [paper.id for paper in erased.picture.doubtful] == [both.id, alone.id]
    assert [paper.id for paper in erased.picture.mentions] == [copied.id]
    assert erased.picture.unread == 1
    async with db.begin() as session:
        found = [await session.get_one(Paper, paper.id) for paper in (both, alone, copied, unread)]
    assert [(paper.match, len(paper.candidates)) for paper in found[:2]] == [("doubtful", 1), ("unknown", 0)]
    assert all(paper.match_reason is None for paper in found)


async def test_doubtful_papers_go_when_told(db: Database, world: World, settings: Settings) -> None:
    _, (both, alone, copied, _) = await doubt(db, settings, world)
    erased = await erase(settings, world, "2024-0101", with_doubtful=True)
    assert (erased.removed["papers"], erased.picture.doubtful) == (3, ())
    async with db.begin() as session:
        assert await session.get(Paper, both.id) is None and await session.get(Paper, alone.id) is None
        assert await session.get(Paper, copied.id) is not None


# --- While it is graded -----------------------------------------------------------------------------------------------


async def test_during_a_run_nothing_comes_back(db: Database, world: World, settings: Settings) -> None:
    """The model's answer about the paper is under way when its pupil is erased."""
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=3, grader="model")
        ann = await factories.student(session, world.klass, *ANN)
        row = await session.get_one(Paper, papers[0].id)
        row.student_id, row.match = ann.id, MatchState.MATCHED
    with ModelServer(latency=2.0) as model:
        async with working(with_model(settings, model), db):
            run = await begin(db, assignment, world)

            async def asked() -> bool:
                async with db.begin() as session:
                    return bool(
                        await session.scalar(
                            text(
                                "select count(*) from run_questions where paper_id = :id and started_at is not null"
                            ),
                            {"id": papers[0].id},
                        )
                    )

            await graded.until(asked)
            await asyncio.sleep(0.3)
            async with db.begin() as session:
                assert await traces.at_work(session, [papers[0].id]) == 1
            erased = await erase(settings, world, ANN[1])
            assert erased.later == []
            async with db.begin() as session:
                assert await traces.at_work(session, [papers[0].id]) == 0
            assert await traces.threads(settings.checkpoint_url, [papers[0].id]) == []
            await graded.finished(db, run.id)
            marks = await graded.marks_of(db, assignment)
    assert {mark.paper_id for mark in marks} == {papers[1].id, papers[2].id}
    assert all(mark.state == MarkState.GRADED for mark in marks)
    async with help_.parts_of(settings) as parts:
        assert await traces.kept_answers(parts.redis, {papers[0].id}) == {}
        assert len(await traces.kept_answers(parts.redis, {papers[1].id, papers[2].id})) > 0
    assert await help_.count(db, "pgqueuer") == 0
    for table in ("run_papers", "run_questions", "paper_answers", "marks"):
        async with db.begin() as session:
            found = text(f"select count(*) from {table} where paper_id = :id")
            assert await session.scalar(found, {"id": papers[0].id}) == 0, table


async def test_while_their_file_is_being_read(
    db: Database, world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    words = f"{ANN[0]} writes about warm air"

    async def slowly(*_: object) -> list[PageReading]:
        begun.set()
        await go_on.wait()
        return [PageReading(words, By.TEXT)]

    monkeypatch.setattr(reading.process, "read_page", slowly)
    sha256, key = await help_.file_of(settings, words)
    async with db.begin() as session:
        assignment = await factories.assignment(session, world.klass, help_.scheme())
        ann = await factories.student(session, world.klass, *ANN)
        paper = await factories.paper(
            session, assignment, ann, "", "a.txt", state="received", pages=None, match="confirmed",
            sha256=sha256, storage_key=key,
        )  # fmt: skip
        await jobs.enqueue_read(session, paper.id)
    async with working(settings, db):
        await asyncio.wait_for(begun.wait(), 20)
        erasing = asyncio.create_task(erase(settings, world, ANN[1]))
        await graded.until(lambda: _gone(db, paper))
        await asyncio.sleep(0.3)
        assert not erasing.done()  # a worker has the paper in hand
        go_on.set()
        erased = await asyncio.wait_for(erasing, 20)
    assert (erased.later, erased.removed["files"]) == ([], 1)
    left = await help_.everything(settings)
    assert [secret for secret in (words, *ANN, sha256) if secret in left] == []
    assert [path.name for path in (settings.var_dir / "spool").iterdir()] == []


async def _gone(db: Database, paper: Paper) -> bool:
    async with db.begin() as session:
        return await session.get(Paper, paper.id) is None


async def test_the_last_paper_of_a_paused_run_ends_it(db: Database, world: World, settings: Settings) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=1)
        ann = await factories.student(session, world.klass, *ANN)
        (await session.get_one(Paper, papers[0].id)).student_id = ann.id
    run = await begin(db, assignment, world)
    assert await help_.count(db, "pgqueuer") == 1
    await erase(settings, world, ANN[1])
    async with db.begin() as session:
        assert (await session.get_one(Run, run.id)).state == RunState.FINISHED
    assert await help_.count(db, "pgqueuer") == 0


async def test_a_teacher_who_decides_at_the_same_time_blocks_nothing(
    db: Database, world: World, settings: Settings
) -> None:
    ann, _ = await two(db, settings, world)

    async def hold() -> None:
        async with db.begin() as session:
            await session.execute(select(Mark).where(Mark.paper_id == ann.paper.id).with_for_update())
            await asyncio.sleep(0.5)

    await asyncio.gather(hold(), erase(settings, world, ANN[1]))
    async with db.begin() as session:
        assert await session.get(Student, ann.student.id) is None


async def test_a_deadlock_with_a_teacher_is_tried_again(
    db: Database, world: World, settings: Settings
) -> None:
    """A teacher gives the pupil a paper: its row first, then the pupil's; erasing takes them the other way round."""
    ann, (both, *_) = await doubt(db, settings, world)
    held = asyncio.Event()

    async def confirm() -> None:
        async with db.begin() as session:
            paper = (await session.scalars(select(Paper).where(Paper.id == both.id).with_for_update())).one()
            held.set()
            await asyncio.sleep(
                0.7
            )  # the erasure waits for this paper by now; PostgreSQL looks after a second
            paper.student_id, paper.match = ann.student.id, MatchState.CONFIRMED

    confirming = asyncio.create_task(confirm())
    await held.wait()
    erased = await erase(settings, world, ANN[1])
    await confirming
    # It was theirs when the second try came.
    assert erased.removed["papers"] == 2
    async with db.begin() as session:
        assert await session.get(Paper, both.id) is None
        assert await session.get(Student, ann.student.id) is None


async def test_two_at_once_erase_once(db: Database, world: World, settings: Settings) -> None:
    await two(db, settings, world)
    outcomes = await asyncio.gather(
        *(erase(settings, world, ANN[1]) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in outcomes) in (
        ["Erased", "PupilError"],
        ["Erased", "Erased"][:0],
    )


async def hold(db: Database, paper: int, beat: str) -> None:
    """A job about a paper in a worker's hands, whose heart beat last at that time."""
    async with db.begin() as session:
        await session.execute(
            text(
                "insert into pgqueuer (priority, status, entrypoint, payload, heartbeat, queue_manager_id)"
                f" values (0, 'picked', 'grade', :payload, {beat}, gen_random_uuid())"
            ),
            {"payload": json.dumps({"run_id": 1, "paper_id": paper}).encode()},
        )


async def test_a_dead_worker_is_not_waited_for(db: Database, world: World, settings: Settings) -> None:
    ann, _ = await two(db, settings, world)
    await hold(db, ann.paper.id, "now() - interval '5 minutes'")
    async with asyncio.timeout(20):
        assert (await erase(settings, world, ANN[1])).later == []


async def test_a_worker_that_never_lets_go_is_told(
    db: Database, world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, _ = await two(db, settings, world)
    await hold(db, ann.paper.id, "now()")
    monkeypatch.setattr(privacy, "LET_GO_SECONDS", 0.5)
    erased = await erase(settings.model_copy(update={"llm_timeout": 0.5}), world, ANN[1])
    assert [str(text) for text in erased.later] == [
        "A worker still has one of the papers in hand; what it leaves is removed within a minute."
    ]
    assert [secret for secret in ann.secrets if secret in await help_.everything(settings)] == []


async def test_without_redis_and_checkpoints_the_rows_go_and_the_rest_is_told(
    db: Database, world: World, settings: Settings
) -> None:
    ann, _ = await two(db, settings, world)
    gone = {
        "redis_url": SecretStr("redis://127.0.0.1:1/0"),
        "postgres_checkpoint_url": SecretStr("postgresql://nobody@127.0.0.1:1/none"),
    }
    erased = await erase(settings.model_copy(update=gone), world, ANN[1])
    assert [str(text) for text in erased.later] == [
        "Redis does not answer: a model's kept answers go by themselves within 3600 s.",
        "The checkpoints' database does not answer: a worker removes them later.",
    ]
    async with db.begin() as session:
        assert await session.get(Student, ann.student.id) is None
        assert await session.get(Paper, ann.paper.id) is None


# --- Who is meant -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("klass", "number", "name", "said"),
    [
        ("9Z", "1", None, "There is no class “9Z”."),
        ("id:99", "1", None, "There is no class “id:99”."),
        ("id:x", "1", None, "There is no class “id:x”."),
        ("id:" + "9" * 40, "1", None, "There is no class"),
        ("", "1", None, "There is no class “”."),
        ("8C", "nobody", None, "“nobody” is nobody on the roster of 8C."),
        ("8C", "", None, "“” is nobody on the roster of 8C."),
        ("8C", None, "Nobody", "“Nobody” is nobody on the roster of 8C."),
        ("8C", None, "Ann Lee", "Several students of 8C are called that. Write the number: a1, a2."),
        ("8C", None, None, "Say which student: the number, or --name."),
        ("8C", "a1", "Ann Lee", "Say which student: the number, or --name."),
        ("7B", "1", None, "Several classes are called “7B”. Write which one: id:2 (bob), id:3 (charlie)."),
    ],
)
async def test_nobody_is_guessed(
    db: Database, world: World, klass: str, number: str | None, name: str | None, said: str
) -> None:
    async with db.begin() as session:
        await factories.klass(session, world.bob, name="7B")
        await factories.klass(session, world.charlie, name="7B")
        for each in ("a1", "a2"):
            await factories.student(session, world.klass, "Ann Lee", each)
    with pytest.raises(pupils.PupilError) as caught:
        async with db.begin() as session:
            await pupils.find(session, klass, number, name)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("klass", "number", "name"),
    [
        ("8C", "A1", None), ("8C", " a1 ", None), ("id:1", "a1", None), ("1", "a1", None), (" 8C", None, "ann lee"),
    ],
)  # fmt: skip
async def test_who_is_meant_is_found(
    db: Database, world: World, klass: str, number: str | None, name: str | None
) -> None:
    async with db.begin() as session:
        await factories.student(session, world.klass, "Ann Lee", "a1")
        await factories.student(session, world.klass, "Ben Lee", "a2")
    async with db.begin() as session:
        found = await pupils.find(session, klass, number, name)
    assert (found.number, found.class_name) == ("a1", "8C")


async def test_the_same_person_in_another_class_is_told(db: Database, world: World) -> None:
    async with db.begin() as session:
        other = await factories.klass(session, world.bob, name="7B")
        for klass, name, number in (
            (world.klass, "Ann Lee", "a1"), (other, "ann lee", "A1"), (other, "Ann Lee", "a2"),
        ):  # fmt: skip
            await factories.student(session, klass, name, number)
    async with db.begin() as session:
        pupil = await pupils.find(session, "8C", "a1", None)
        found = await picture(session, pupil)
    assert [(each.class_name, each.number) for each in found.elsewhere] == [("7B", "A1")]


# --- The command ------------------------------------------------------------------------------------------------------


async def test_the_command(db: Database, world: World, settings: Settings) -> None:
    ann, _ = await two(db, settings, world)
    dry = await help_.zhupi(settings, "erase-student", "8C", ANN[1], "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    told = json.loads(dry.stdout)
    assert (told["dry_run"], told["name"], told["removed"]["marks"]) == (True, ANN[0], 1)
    assert [paper["id"] for paper in told["papers"]] == [ann.paper.id]
    asked = await help_.zhupi(settings, "erase-student", "8C", ANN[1])
    assert (asked.returncode, "say --yes" in asked.stderr) == (2, True)
    async with db.begin() as session:
        assert await session.get(Student, ann.student.id) is not None
    done = await help_.zhupi(settings, "erase-student", "8C", "--name", ANN[0], "--yes")
    assert done.returncode == 0, done.stderr
    assert "Backups that were made before still hold this student" in done.stdout
    assert "kept answers of a model" in done.stdout
    again = await help_.zhupi(settings, "erase-student", "8C", ANN[1], "--yes")
    assert (again.returncode, again.stderr) == (2, f"“{ANN[1]}” is nobody on the roster of 8C.\n")


async def scan(
    session: AsyncSession, settings: Settings, paper: Paper, word: str, **values: Any
) -> tuple[PaperPage, Sequence[str]]:
    """A page out of one scan of the whole class."""
    page, keys = await page_with_files(session, help_.storage_of(settings), paper, word, b"the class's scan")
    for name, value in values.items():
        setattr(page, name, value)
    await session.flush()
    return page, keys


async def test_pages_pictures_and_what_left_go_and_the_scan_of_all_stays(
    db: Database, world: World, settings: Settings
) -> None:
    ann, ben = await two(db, settings, world)
    async with db.begin() as session:
        _, hers = await scan(session, settings, ann.paper, "hers")
        _, his = await scan(session, settings, ben.paper, "his")
        # Left for a model before its page was removed: nobody knows whose it was.
        gone, _ = await scan(session, settings, ben.paper, "gone")
        await session.delete(gone)
    erased = await erase(settings, world, ANN[1])
    assert (erased.removed["pages"], erased.removed["pictures_sent"]) == (1, 1)
    assert (erased.picture.shared, erased.picture.pages.nameless) == (1, 1)
    stored = {path.name for path in Path(settings.uploads).rglob("*") if path.is_file()}
    assert {key.rpartition("/")[2] for key in hers[1:]} & stored == set()
    assert {key.rpartition("/")[2] for key in his} <= stored
    assert (await help_.count(db, "paper_pages"), await help_.count(db, "sent_images")) == (1, 2)
    assert (await erase(settings, world, BEN[1])).picture.shared == 0
    assert await help_.count(db, "paper_pages") == 0


async def test_pages_in_a_pile_go_and_the_split_forgets(
    db: Database, world: World, settings: Settings
) -> None:
    ann, ben = await two(db, settings, world)
    entry: dict[str, Any] = {"match": "matched", "match_reason": None, "candidates": [], "doubt": None}
    named = {"message": "Two papers of {name}.", "values": {"name": ANN[0]}}
    async with db.begin() as session:
        pile = Pile(
            assignment_id=ann.paper.assignment_id, name="scan.pdf", token="t", state="asks", closed=True
        )
        pile.bundles = [
            {**entry, "student_id": ann.student.id, "match_reason": named},
            {**entry, "student_id": ben.student.id, "doubt": named},
            {
                **entry,
                "student_id": None,
                "match": "doubtful",
                "candidates": [ann.student.id, ben.student.id],
            },
        ]
        session.add(pile)
        await session.flush()
        cover = covers.payload(pile.assignment_id, ann.student.id)
        told: list[dict[str, Any]] = [
            {"codes": [cover, "x"]},
            {"bundle": 0},
            {"bundle": 1},
            {"bundle": 2},
            {"text": f"to {ANN[0]}"},
        ]
        for number, values in enumerate(told):
            changed: dict[str, Any] = {
                "bundle": None,
                "source_name": "scan.pdf",
                "position": number,
                **values,
            }
            changed |= {"pile_id": pile.id, "paper_id": None}
            await scan(session, settings, ann.paper, f"page {number}", **changed)
    erased = await erase(settings, world, ANN[1])
    assert (erased.removed["pages"], erased.picture.piled) == (2, 1)
    async with db.begin() as session:
        left = (await session.scalars(select(PaperPage.text).order_by(PaperPage.position))).all()
        kept = (await session.scalars(select(Pile))).one()
    assert left == ["What page 2 says.", "What page 3 says.", f"to {ANN[0]}"]
    first, second, third = kept.bundles
    assert (first["student_id"], first["match"], first["match_reason"]) == (None, "unknown", None)
    assert second["student_id"] == ben.student.id
    assert "A student was removed" in second["doubt"]["message"]
    assert third["candidates"] == [ben.student.id]
    assert ANN[0] not in json.dumps(kept.bundles) and kept.version == 2
    assert (await erase(settings, world, BEN[1], with_doubtful=True)).removed["pages"] == 2
