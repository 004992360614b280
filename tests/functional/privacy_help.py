"""A class with two pupils of whom traces lie everywhere, and a look into every corner."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.assignments.models import Assignment
from app.classes import pending
from app.classes.models import Student
from app.db import Database
from app.events.bus import Bus
from app.events.schema import MarkChanged, PaperChanged
from app.marks import decide
from app.marks.decide import Change
from app.marks.models import Run, RunPaper, RunQuestion, RunState
from app.papers.models import Paper
from app.settings import Settings
from app.storage import Storage, key_of
from app.upkeep.parts import Parts, opened
from tests import factories, graded
from tests.conftest import World

ROOT = Path(__file__).parents[2]


@dataclass
class Traced:
    """A pupil with one paper of which there are traces everywhere."""

    student: Student
    paper: Paper
    words: str  # what they wrote
    name: str
    number: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be nowhere once they are erased."""
        return self.words, self.name, self.number


def storage_of(settings: Settings) -> Storage:
    return Storage(settings.uploads, settings.var_dir / "spool")


async def file_of(settings: Settings, content: str) -> tuple[str, str]:
    """Store a file; its SHA-256 and storage key."""
    storage = storage_of(settings)
    path = storage.spool / "new"
    path.write_bytes(content.encode())
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    await storage.keep(path, sha256)
    return sha256, key_of(sha256)


async def traced(
    settings: Settings, session: AsyncSession, world: World, assignment: Assignment, name: str, number: str
) -> Traced:
    """A pupil with a paper: file, text, answers, a decided mark with history, a run, a checkpoint, kept answers."""
    words = f"{name} thinks that warm air rises, says number {number}"
    student = await factories.student(session, world.klass, name, number)
    sha256, key = await file_of(settings, words)
    paper = await factories.paper(
        session, assignment, student, words, f"{number} {name}.txt", sha256=sha256, storage_key=key
    )
    question = assignment.questions[0]
    await factories.answers(session, paper, {question: words})
    await factories.mark(session, paper, question, [2, 1], quotes=[words], answer=words)
    mark = await decide.open_mark(session, paper, question, None)
    change = Change(points={0: 1.0}, comments={0: f"Well done {name}"}, feedback=f"Dear {name}")
    decide.write(session, mark, question, world.alice, change)
    run = Run(assignment_id=assignment.id, state=RunState.FINISHED, grader="local")
    session.add(run)
    await session.flush()
    session.add(RunPaper(run_id=run.id, paper_id=paper.id, state="done", job_id=1000 + paper.id, questions=1))
    session.add(RunQuestion(run_id=run.id, paper_id=paper.id, question_id=question.id, tokens_in=7))
    await session.flush()
    await jobs.enqueue_read(session, paper.id)
    return Traced(student, paper, words, name, number)


async def leave_outside(settings: Settings, world: World, one: Traced, run_id: int = 77) -> None:
    """Traces of a pupil in Redis and in the checkpoints."""
    redis = Redis.from_url(settings.redis_url.get_secret_value())
    place = f"{run_id}:{one.paper.id}"
    answer = [place, f"an answer about {one.words}", 5, 5, 0.1, True]
    await redis.set(f"model:{one.number}", json.dumps(answer, ensure_ascii=False), ex=600)
    await pending.keep(redis, world.klass.id, world.alice.id, {"students": [one.name, one.number]})
    await redis.aclose()
    bus = Bus(settings.redis_url.get_secret_value())
    await bus.publish(
        PaperChanged(one.paper.assignment_id, one.paper.id),
        MarkChanged(one.paper.assignment_id, one.paper.id, 1),
    )
    await bus.close()
    async with await psycopg.AsyncConnection.connect(settings.checkpoint_url) as connection:
        await connection.execute(
            "insert into checkpoints (thread_id, checkpoint_id, checkpoint) values (%s, '1', %s)",
            (place, json.dumps({"said": one.words}, ensure_ascii=False)),
        )
        await connection.execute(
            "insert into checkpoint_blobs (thread_id, channel, version, type, blob) values (%s, 'c', '1', 't', %s)",
            (place, one.words.encode()),
        )
        await connection.execute(
            "insert into checkpoint_writes (thread_id, checkpoint_id, task_id, idx, channel, type, blob)"
            " values (%s, '1', 't', 0, 'c', 't', %s)",
            (place, one.words.encode()),
        )


async def everything(settings: Settings) -> str:
    """All rows of all tables of the database, everything in Redis, all names and contents in the storage."""
    said: list[str] = []
    async with await psycopg.AsyncConnection.connect(settings.postgres_url) as connection:
        tables = await connection.execute(
            "select table_name from information_schema.tables where table_schema = 'public'"
        )
        for (table,) in await tables.fetchall():
            rows = await connection.execute(f'select t::text from "{table}" t'.encode())
            said += [str(row[0]) for row in await rows.fetchall()]
        # bytea shows as hexadecimal digits: what students wrote stands in two of them.
        for table, column in (
            ("checkpoint_blobs", "blob"),
            ("checkpoint_writes", "blob"),
            ("pgqueuer", "payload"),
        ):
            rows = await connection.execute(f"select {column} from {table}".encode())
            said += [bytes(row[0]).decode(errors="replace") for row in await rows.fetchall() if row[0]]
    redis: Any = Redis.from_url(settings.redis_url.get_secret_value())
    async for key in redis.scan_iter():
        kind = (await redis.type(key)).decode()
        value = await (redis.xrange(key) if kind == "stream" else redis.get(key))
        said.append(f"{key.decode()} {value.decode() if isinstance(value, bytes) else value}")
    await redis.aclose()
    for path in sorted(Path(settings.uploads).rglob("*")):
        said.append(f"{path.name} {path.read_text(errors='replace') if path.is_file() else ''}")
    return "\n".join(said)


@asynccontextmanager
async def parts_of(settings: Settings) -> AsyncIterator[Parts]:
    async with opened(settings) as parts:
        yield parts


async def zhupi(
    settings: Settings, *arguments: str, stdin: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a verb in a process of its own on the tests' services, with `more` settings; in English without LANGUAGE."""
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    environment |= {
        "LANGUAGE": "en",
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": settings.postgres_url,
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "VAR_DIR": str(settings.var_dir),
        **more,
    }
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=ROOT,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


async def count(database: Database, table: str) -> int:
    async with database.begin() as session:
        return int(await session.scalar(text(f"select count(*) from {table}")) or 0)


def scheme() -> Any:
    return graded.scheme(1)
