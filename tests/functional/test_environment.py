"""Every variable of the environment does what its name says, from the variable to the effect."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import redis.asyncio as redis
import structlog
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import text

from app import logs, migrate
from app.db import Database
from app.main import create_app
from app.marks import claims, runs
from app.marks.models import Run
from app.serve import address, bind
from app.settings import Settings, load_settings
from tests import factories, graded
from tests.conftest import Client, World
from tests.functional.backup_help import drop_database, other_database, superuser
from tests.functional.worker_help import working
from tests.stubs.processes import ModelServer
from tests.stubs.s3_server import S3Server

Given = Callable[..., Settings]


@pytest.fixture
def given(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Given:
    """Settings as a process with these variables reads them, beside the test's services."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name.upper() + "_FILE", raising=False)
    monkeypatch.setenv("VAR_DIR", str(settings.var_dir))
    monkeypatch.setenv("DATABASE_URL", settings.postgres_url)
    monkeypatch.setenv("REDIS_URL", settings.redis_url.get_secret_value())

    def load(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return load


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


async def browser(stack: AsyncExitStack, settings: Settings, signed_in: bool = False) -> Client:
    """A browser on an application with these settings; as Alice if told."""
    app = create_app(settings, grading=False)
    client: Client = await stack.enter_async_context(TestClient(TestServer(app)))
    if signed_in:
        form = {"username": "alice", "password": factories.PASSWORD}
        assert (await client.post("/sign-in", data=form, allow_redirects=False)).status == 303
    return client


async def graded_run(settings: Settings, world: World, papers: int = 4) -> Run:
    """A run from beginning to end with a worker of these settings."""
    db = Database(settings.sqlalchemy_url, pool_size=2)
    async with working(settings, db):
        async with db.begin() as session:
            assignment, _ = await graded.assignment(session, world.klass, papers, 2, "model")
            fresh = await claims.assignment_of(session, assignment.id)
            assert fresh is not None
            run = await runs.start(session, fresh, world.alice, model=settings.llm_model)
        run = await graded.finished(db, run.id)
    await db.close()
    return run


# --- HOST, PORT, ALLOWED_HOSTS, CSRF_TRUSTED_ORIGINS, DEBUG -----------------------------------------------------------


def test_host_and_port(given: Given) -> None:
    settings = given(HOST="127.0.0.2", PORT="18133", ALLOWED_HOSTS="127.0.0.2")
    with bind(settings.host, settings.port) as listening:
        assert listening.getsockname() == ("127.0.0.2", 18133)
    assert address(settings) == "http://127.0.0.2:18133/"


async def test_allowed_hosts(given: Given, stack: AsyncExitStack) -> None:
    client = await browser(stack, given(ALLOWED_HOSTS="marks.example.com"))
    for host, status in (("marks.example.com", 200), ("marks.example.com:8443", 200), ("127.0.0.1", 421)):
        assert (await client.get("/sign-in", headers={"Host": host})).status == status


async def test_csrf_trusted_origins(given: Given, stack: AsyncExitStack) -> None:
    client = await browser(stack, given(CSRF_TRUSTED_ORIGINS="https://*.school.example"))
    for origin, status in (("https://a.school.example", 303), ("https://evil.example", 403)):
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        form = {"language": "zh"}
        response = await client.post("/language", data=form, headers=headers, allow_redirects=False)
        assert response.status == status


@pytest.mark.parametrize("debug", ["true", "false"])
def test_debug(given: Given, debug: str, clean_log: None) -> None:
    import aiohttp_jinja2

    settings = given(DEBUG=debug)
    assert aiohttp_jinja2.get_env(create_app(settings, grading=False)).auto_reload is (debug == "true")
    logs.configure(settings)
    assert logging.getLogger().level == (logging.DEBUG if debug == "true" else logging.INFO)


# --- The log ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def clean_log() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def test_log_level_and_log_file(given: Given, tmp_path: Path, clean_log: None) -> None:
    path = tmp_path / "logs" / "zhupi.log"
    logs.configure(
        given(LOG_LEVEL="warning", LOG_FILE=str(path), LOG_FILE_MAX_SIZE="65536", LOG_FILE_KEPT="2")
    )
    log = structlog.get_logger("test")
    log.info("not important")
    log.warning("important")
    assert "not important" not in path.read_text() and "important" in path.read_text()
    for number in range(900):
        log.warning("a line of the log", number=number, padding="x" * 200)
    assert sorted(each.name for each in path.parent.iterdir()) == ["zhupi.log", "zhupi.log.1", "zhupi.log.2"]


# --- Uploads ----------------------------------------------------------------------------------------------------------


async def upload(client: Client, db: Database, world: World, *files: tuple[str, bytes]) -> str:
    async with db.begin() as session:
        assignment, _ = await graded.assignment(session, world.klass, 0)
    form = FormData()
    for name, content in files:
        form.add_field("files", content, filename=name)
    response = await client.post(f"/assignments/{assignment.id}/papers", data=form)
    return await response.text()


async def test_upload_dir_is_a_folder(
    given: Given, stack: AsyncExitStack, db: Database, world: World, tmp_path: Path
) -> None:
    client = await browser(stack, given(UPLOAD_DIR=str(tmp_path / "elsewhere")), signed_in=True)
    await upload(client, db, world, ("a.txt", b"1. Warm air rises."))
    (stored,) = [path for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()]
    assert stored.read_bytes() == b"1. Warm air rises."


async def test_upload_dir_is_s3(
    given: Given,
    stack: AsyncExitStack,
    db: Database,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with S3Server() as s3:
        environment = dict(s3.environment)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):  # secrets are handed over as files
            monkeypatch.delenv(name, raising=False)
            (tmp_path / name).write_text(environment.pop(name) + "\n")
            environment[name + "_FILE"] = str(tmp_path / name)
        settings = given(UPLOAD_DIR="s3://marks/school", **environment)
        client = await browser(stack, settings, signed_in=True)
        await upload(client, db, world, ("a.txt", b"1. Warm air rises."))
        ((key, content),) = s3.objects.items()
        assert key.startswith("marks/school/") and content == b"1. Warm air rises."
        response = await client.get("/papers/1/file")
        assert (response.status, await response.read()) == (200, content)


async def test_max_file_size_and_allowed_extensions(
    given: Given, stack: AsyncExitStack, db: Database, world: World
) -> None:
    settings = given(MAX_FILE_SIZE=str(2**20), ALLOWED_EXTENSIONS="txt")
    client = await browser(stack, settings, signed_in=True)
    files = (("fits.txt", b"x" * 2**20), ("large.txt", b"y" * (2**20 + 1)), ("other.md", b"z"))
    said = await upload(client, db, world, *files)
    assert "larger than 1.0 MB" in said
    async with db.begin() as session:
        names = (await session.scalars(text("select file_name from papers"))).all()
    assert list(names) == ["fits.txt"]


# --- The model --------------------------------------------------------------------------------------------------------


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer(latency=0.1) as server:
        yield server


async def test_the_model_is_the_one_that_is_named(given: Given, world: World, model: ModelServer) -> None:
    settings = given(
        LLM_PROVIDER="openai",
        LLM_BASE_URL=model.url + "/",
        LLM_API_KEY="sk-test-key",
        LLM_MODEL="teacher-7b",
        MAX_PARALLEL_WORKERS="2",
        ENABLE_CACHE="true",
        CACHE_TTL="77",
    )
    await graded_run(settings, world)
    counters = model.counters()
    assert counters["calls"] >= 8
    assert counters["in_flight_max"] == 2
    assert {body["model"] for body in counters["bodies"]} == {"teacher-7b"}
    said = {name.lower(): value for name, value in counters["headers"][0].items()}
    assert said["authorization"] == "Bearer sk-test-key"
    store = redis.Redis.from_url(settings.redis_url.get_secret_value())
    kept = [await store.ttl(key) for key in await store.keys("model:*")]
    await store.aclose()
    assert len(kept) == 8 and all(0 < seconds <= 77 for seconds in kept)


async def test_without_a_cache_nothing_is_kept(given: Given, world: World, model: ModelServer) -> None:
    settings = given(LLM_PROVIDER="custom", LLM_BASE_URL=model.url, LLM_MODEL="m", ENABLE_CACHE="false")
    await graded_run(settings, world, papers=1)
    store = redis.Redis.from_url(settings.redis_url.get_secret_value())
    assert await store.keys("model:*") == []
    await store.aclose()


# --- A database of its own for the checkpoints ------------------------------------------------------------------------


async def test_checkpoints_in_another_database(
    given: Given, settings: Settings, world: World, model: ModelServer, db: Database
) -> None:
    other = other_database(settings, "zhupi_checkpoints")
    try:
        ours = given(
            POSTGRES_CHECKPOINT_URL=other, LLM_PROVIDER="custom", LLM_BASE_URL=model.url, LLM_MODEL="m"
        )
        # The main database is current: the new one must get its tables all the same.
        migrate.upgrade(ours)
        migrate.upgrade(ours)
        # A run that touched the main database's own checkpoints would fail.
        async with db.begin() as session:
            await session.execute(text("alter table checkpoints rename to checkpoints_away"))
        try:
            await graded_run(ours, world, papers=2)
        finally:
            async with db.begin() as session:
                await session.execute(text("alter table checkpoints_away rename to checkpoints"))
        elsewhere = Database(other, pool_size=1)
        async with elsewhere.begin() as session:
            assert await session.scalar(text("select max(v) from checkpoint_migrations")) > 0
            assert await session.scalar(text("select to_regclass('users')")) is None
        await elsewhere.close()
    finally:
        with superuser(settings) as connection:
            drop_database(connection, "zhupi_checkpoints")
