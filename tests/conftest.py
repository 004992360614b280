"""Throwaway PostgreSQL and Valkey for the whole run, a migrated database, the real app, and three teachers.

Alice owns the class, Bob is her colleague in it, Charlie is a stranger.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis.asyncio as redis
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import text

from app import embedded, migrate
from app.accounts.models import User
from app.classes.models import Class
from app.db import Database
from app.embedded.place import ELSEWHERE
from app.keys import DATABASE
from app.main import create_app
from app.settings import Settings
from app.tables import metadata
from tests import factories

Client = TestClient[web.Request, web.Application]


@pytest.fixture(scope="session", autouse=True)
def nothing_left_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Servers that root starts keep their data outside a closed VAR_DIR: it goes when the tests have ended."""
    yield
    base = tmp_path_factory.getbasetemp()
    for link in (*base.glob("*/services"), *base.glob("*/*/services")):
        if link.is_symlink() and link.resolve().parent == ELSEWHERE:
            shutil.rmtree(link.resolve(), ignore_errors=True)


@pytest.fixture(scope="session")
def services() -> Iterator[embedded.Services]:
    """PostgreSQL and Valkey of their own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="zhupi-test-"))
    running = embedded.temporary(folder)
    yield running
    running.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def base_settings(services: embedded.Services, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings for the throwaway services; migrated once."""
    settings = Settings.model_validate(
        {
            "database_url": services.database_url,
            "redis_url": services.redis_url,
            "var_dir": tmp_path_factory.mktemp("var"),
            "secret_key": "test-secret-" * 4,
        }
    )
    migrate.upgrade(settings)
    return settings


@pytest.fixture
async def settings(base_settings: Settings, tmp_path: Path) -> Settings:
    """Settings of one test: empty tables, empty Redis, a var folder of its own."""
    database = Database(base_settings.sqlalchemy_url, pool_size=1)
    names = ", ".join(f'"{name}"' for name in metadata.tables)
    async with database.begin() as db:
        await db.execute(text("set local zhupi.audit_prune = 'on'"))  # the audit refuses it otherwise
        await db.execute(text(f"truncate {names} restart identity cascade"))
        await db.execute(
            text("truncate pgqueuer, pgqueuer_log, checkpoints, checkpoint_writes, checkpoint_blobs")
        )
    await database.close()
    store = redis.Redis.from_url(base_settings.redis_url.get_secret_value())
    await store.flushall()
    await store.aclose()
    return base_settings.model_copy(update={"var_dir": tmp_path / "var"})


@pytest.fixture
async def app(settings: Settings) -> web.Application:
    """The whole application without the grading worker; tests that grade make their own."""
    return create_app(settings, grading=False)


@pytest.fixture
async def server(app: web.Application) -> AsyncIterator[TestServer]:
    """The application, listening."""
    running = TestServer(app)
    async with running:
        yield running


@pytest.fixture
async def database(server: TestServer) -> Database:
    """The running application's database."""
    return server.app[DATABASE]


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    """A database without an application, for tests of services and stores."""
    made = Database(settings.sqlalchemy_url, pool_size=3)
    yield made
    await made.close()


@dataclass
class World:
    """The three teachers and Alice's class."""

    alice: User
    bob: User
    charlie: User
    klass: Class


@pytest.fixture
async def world(settings: Settings) -> World:
    """Alice, Bob, Charlie, and Alice's class that Bob shares."""
    made = Database(settings.sqlalchemy_url, pool_size=1)
    async with made.begin() as db:
        alice, bob, charlie = [await factories.user(db, name) for name in ("alice", "bob", "charlie")]
        klass = await factories.klass(db, alice, bob)
    await made.close()
    return World(alice, bob, charlie, klass)


@pytest.fixture
async def sign_in(server: TestServer) -> AsyncIterator[Callable[..., object]]:
    """`client = await sign_in(user)`: a browser's worth of cookies for a user; `sign_in(None)` is nobody."""
    clients: list[Client] = []

    async def enter(user: User | None) -> Client:
        client: Client = TestClient(server)
        clients.append(client)
        if user is not None:
            form = {"username": user.username, "password": factories.PASSWORD}
            response = await client.post("/sign-in", data=form, allow_redirects=False)
            assert response.status == 303, await response.text()
        return client

    yield enter
    for client in clients:
        await client.session.close()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes are only numbered: an archive or a workbook made while tests are collected holds the time, and the
    processes that share the tests must give them the same names.
    """
    return "bytes" if isinstance(val, bytes) else None
