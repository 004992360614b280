"""Stats, the list of runs, and the doctor against real services, also when they are broken or away."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from sqlalchemy import text

from app.db import Database
from app.marks import runs as grading
from app.marks.models import MarkState, RunState
from app.papers.models import PaperState
from app.settings import Settings
from app.upkeep import figures, runs
from app.upkeep.doctor import model, tls
from app.upkeep.doctor.examine import Options, examine
from app.upkeep.doctor.findings import Finding, Level
from app.upkeep.stats import stats
from tests import factories, graded
from tests.conftest import World
from tests.stubs.processes import ModelServer


def by_check(found: list[Finding]) -> dict[str, Finding]:
    return {each.check: each for each in found}


async def test_stats_of_nothing(db: Database, settings: Settings) -> None:
    async with db.begin() as session:
        found = await stats(session)
    assert (found.admins, found.students, found.papers, found.marks) == (0, 0, {}, {})
    assert found.override_rate is None and found.storage_bytes == 0 and found.database_bytes > 2**20
    assert found.to_json()["override_rate"] is None


async def test_stats(db: Database, world: World) -> None:
    async with db.begin() as session:
        await factories.student(session, world.klass, "Ann")
        assignment, papers = await graded.assignment(session, world.klass, papers=2, questions=3)
        await factories.paper(session, assignment, state=PaperState.UNREADABLE)
        questions = assignment.questions
        await factories.mark(session, papers[0], questions[0], [2, 1])
        kept = await factories.mark(session, papers[0], questions[1], [2, 1], state=MarkState.DECIDED)
        changed = await factories.mark(session, papers[0], questions[2], [2, 1], state=MarkState.DECIDED)
        changed.points = 1.0
        # Decided by the teacher alone: nothing was proposed, nothing overridden.
        alone = await factories.mark(
            session, papers[1], questions[0], None, state=MarkState.DECIDED, grader=""
        )
        alone.proposed, alone.points = None, 3.0
        run = await grading.start(session, assignment, world.alice)
        run.tokens_in, run.tokens_out, run.cost = 100, 10, 0.5
        copy = await factories.assignment(session, world.klass, graded.scheme(1), "Copy")
        twin = await factories.paper(session, copy)
        twin.storage_key, twin.size = papers[0].storage_key, papers[0].size
        await session.execute(text("update users set disabled_at = now() where username = 'charlie'"))
        await session.execute(text("update users set role = 'admin' where username = 'bob'"))
    async with db.begin() as session:
        found = await stats(session)
        await session.execute(text("update runs set created_at = now() - interval '40 days'"))
        older = await stats(session)
    assert (found.admins, found.teachers, found.disabled) == (1, 1, 1)
    assert (found.classes, found.archived, found.students, found.assignments) == (1, 0, 1, 2)
    assert found.papers == {"read": 3, "unreadable": 1}
    assert found.marks == {"decided": 3, "graded": 1} and found.origins == {"local": 3, "": 1}
    assert (found.decided, found.overrides, found.override_rate) == (2, 1, 0.5)
    assert (found.runs, found.tokens_in, found.tokens_out, found.cost) == ({"running": 1}, 100, 10, 0.5)
    assert found.storage_bytes == sum(paper.size for paper in papers)
    assert (older.tokens_in, older.cost, older.runs) == (0, 0.0, {"running": 1})
    assert kept.points == 3.0


async def test_the_list_of_runs(db: Database, world: World) -> None:
    async with db.begin() as session:
        first, papers = await graded.assignment(session, world.klass, papers=3, questions=2)
        run = await grading.start(session, first, world.alice)
        second, _ = await graded.assignment(session, world.klass, papers=1)
        other = await grading.start(session, second, None)
        await grading.cancel(session, other)
        await session.execute(
            text("update run_questions set graded_at = now() where paper_id = :p"), {"p": papers[0].id}
        )
        await factories.mark(session, papers[0], first.questions[0], None, state=MarkState.NEEDS_TEACHER)
        await session.execute(
            text("update run_papers set state = 'failed' where paper_id = :p"), {"p": papers[1].id}
        )
    async with db.begin() as session:
        open_ = await runs.lines(session)
        everything = await runs.lines(session, None)
        cancelled = await runs.lines(session, [RunState.CANCELLED])
    assert [line.id for line in open_] == [run.id]
    assert [line.id for line in everything] == [other.id, run.id]
    assert [(line.id, line.teacher) for line in cancelled] == [(other.id, "")]
    line = open_[0]
    assert (line.assignment, line.class_name, line.teacher) == ("Heat", "8C", "alice")
    assert (line.papers, line.failed, line.total, line.done, line.needs_teacher) == (3, 1, 6, 2, 1)
    assert not line.stuck and line.finished is None
    told = line.to_json()
    assert told["started"] == line.started.isoformat(timespec="seconds") and told["finished"] is None


async def test_when_a_run_stands_still(db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=2)
        run = await grading.start(session, assignment, world.alice)
        await session.execute(
            text(
                "update runs set created_at = now() - interval '2 hours', resumed_at = now() - interval '1 hour'"
            )
        )

    async def stuck(minutes: int) -> tuple[bool, list[int]]:
        async with db.begin() as session:
            line = (await runs.lines(session, stuck_minutes=minutes))[0]
            return line.stuck, list((await figures.work(session, minutes)).stuck)

    assert await stuck(59) == (True, [run.id]) and await stuck(61) == (False, [])
    async with db.begin() as session:
        await session.execute(
            text("update run_questions set started_at = now() - interval '5 minutes' where paper_id = :p"),
            {"p": papers[0].id},
        )
    assert await stuck(10) == (False, []) and await stuck(4) == (True, [run.id])
    async with db.begin() as session:
        line = (await runs.lines(session))[0]
        assert timedelta(minutes=114) < line.last_progress - line.started < timedelta(minutes=116)
        row = await grading.of_assignment(session, run.id, assignment.id)
        await grading.pause(session, row)
    assert await stuck(1) == (False, [])  # whoever pauses waits on purpose


async def test_all_is_well(settings: Settings, server: object) -> None:
    found = by_check(await examine(settings))
    # The tests' own PostgreSQL need not survive a power cut, and their key is no secret.
    assert {name for name, each in found.items() if each.level is Level.PROBLEM} == {
        "database.durability",
        "secret_key",
    }
    for check in (
        "database",
        "database.migrated",
        "clock.database",
        "redis",
        "storage",
        "queue",
        "runs",
        "papers",
    ):
        assert found[check].level is Level.OK, found[check]
    assert found["model"].level is Level.SKIPPED


async def test_what_went_wrong_with_the_work(settings: Settings, db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=2)
        run = await grading.start(session, assignment, world.alice)
        past = "now() - interval '1 hour'"
        await session.execute(text(f"update runs set created_at = {past}, resumed_at = {past}"))
        await session.execute(text(f"update pgqueuer set created = {past}, execute_after = {past}"))
        await session.execute(
            text("update run_papers set state = 'failed' where paper_id = :p"), {"p": papers[0].id}
        )
        await session.execute(
            text(
                "insert into pgqueuer_log (job_id, status, entrypoint, priority) values (1, 'exception', 'grade', 0)"
            )
        )
    found = by_check(await examine(settings))
    assert found["queue"].level is Level.PROBLEM and found["queue"].facts["waiting"] == 2
    assert found["runs"].level is Level.PROBLEM and found["runs"].facts["stuck"] == [run.id]
    assert found["papers"].level is Level.WARNING and found["papers"].facts["runs"] == [run.id]
    assert found["jobs"].level is Level.WARNING
    async with db.begin() as session:
        await session.execute(
            text("update pgqueuer set status = 'picked', heartbeat = now() - interval '5 minutes'")
        )
    assert by_check(await examine(settings))["jobs"].level is Level.PROBLEM


async def test_a_database_that_was_not_migrated(settings: Settings, db: Database) -> None:
    async with db.begin() as session:
        marker = (await session.execute(text("select revision, fingerprint from schema_marker"))).one()
        await session.execute(text("update schema_marker set fingerprint = 'other'"))
    try:
        assert by_check(await examine(settings))["database.migrated"].level is Level.PROBLEM
    finally:
        async with db.begin() as session:
            await session.execute(
                text("update schema_marker set fingerprint = :f"), {"f": marker.fingerprint}
            )


async def test_a_redis_that_throws_things_out(settings: Settings) -> None:
    redis = Redis.from_url(settings.redis_url.get_secret_value())
    await redis.config_set("maxmemory", "100mb")
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert by_check(await examine(settings))["redis.memory"].level is Level.PROBLEM
        await redis.config_set("maxmemory-policy", "noeviction")
        assert by_check(await examine(settings))["redis.memory"].level is Level.OK
    finally:
        await redis.config_set("maxmemory", "0")
        await redis.aclose()


async def test_nothing_answers(settings: Settings) -> None:
    broken = settings.model_copy(
        update={
            "database_url": SecretStr("postgresql://u:secret-word@127.0.0.1:1/x"),
            "redis_url": SecretStr("redis://:secret-word@127.0.0.1:1/0"),
        }
    )
    began = time.monotonic()
    listed = await examine(broken)
    assert time.monotonic() - began < 5
    found = by_check(listed)
    assert found["database"].level is found["redis"].level is Level.PROBLEM
    assert found["queue"].level is Level.SKIPPED and found["storage"].level is Level.OK
    assert "secret-word" not in str([each.to_json() for each in listed])


async def test_services_that_take_a_connection_and_never_answer(settings: Settings) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    frozen = settings.model_copy(
        update={
            "database_url": SecretStr(f"postgresql://u:p@127.0.0.1:{port}/x"),
            "redis_url": SecretStr(f"redis://127.0.0.1:{port}/0"),
            "llm_provider": "custom",
            "llm_base_url": f"http://127.0.0.1:{port}/v1",
        }
    )
    began = time.monotonic()
    found = by_check(await examine(frozen, Options(address=f"https://127.0.0.1:{port}")))
    assert time.monotonic() - began < 12
    for check in ("database", "redis", "model", "certificate"):
        assert found[check].level is Level.PROBLEM, found[check]
    listening.close()


async def test_the_models_endpoint(settings: Settings) -> None:
    with ModelServer() as server:
        changes = {"llm_provider": "custom", "llm_base_url": server.url, "llm_model": "stub"}
        wanted = settings.model_copy(update=changes)
        looked = by_check(await model.check(wanted))
        assert looked["model"].level is Level.OK and server.counters()["calls"] == 0
        assert looked["clock.endpoint"].level is Level.OK
        asked = by_check(await model.check(wanted, ask=True))
        assert asked["model.answer"].level is Level.OK and server.counters()["calls"] == 1
        server.control(mode="401")
        refused = by_check(await model.check(wanted, ask=True))
        assert refused["model.answer"].level is Level.PROBLEM


@asynccontextmanager
async def behind_tls(folder: Path, days: int) -> AsyncIterator[int]:
    """A server with a self-signed certificate for 127.0.0.1; its port."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost"
    more = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-days",
        str(days),
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
    ]
    try:
        subprocess.run([*command.split(), *more], cwd=folder, check=True, capture_output=True)  # noqa: ASYNC221
    except FileNotFoundError:
        pytest.skip("openssl makes the certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.mark.parametrize(("days", "level"), [(300, Level.OK), (10, Level.WARNING)])
async def test_the_certificate_of_an_address(
    settings: Settings, tmp_path: Path, days: int, level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with behind_tls(tmp_path, days) as port:
        found = by_check(await tls.check(settings, f"https://127.0.0.1:{port}/x"))
        assert found["certificate"].level is level
        assert days - 1.1 < found["certificate"].facts["days"] <= days
        assert found["certificate.trust"].level is Level.WARNING  # nobody knows who signed it
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        trusted = by_check(await tls.check(settings, f"https://127.0.0.1:{port}"))
        assert trusted["certificate.trust"].level is Level.OK
        origins = settings.model_copy(update={"csrf_trusted_origins": (f"https://127.0.0.1:{port}",)})
        assert by_check(await tls.check(origins))["certificate"].level is level
        monkeypatch.setattr(tls, "BESIDE", ("127.0.0.1", port))
        beside = by_check(await tls.check(settings))
        assert beside["certificate"].level is level and "certificate.trust" not in beside
