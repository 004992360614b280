"""Liveness and readiness, and what they say when a service is away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from sqlalchemy import text

from app.db import Database
from app.main import create_app
from app.marks import runs
from app.settings import Settings
from app.upkeep import state as upkeep
from app.upkeep.doctor.storage import LEAST_FREE
from app.upkeep.figures import Queue, Work
from app.upkeep.state import Look, State
from app.web.health import LOOK, status_of
from tests import graded
from tests.conftest import World
from tests.stubs.processes import ModelServer


async def test_all_is_well(sign_in: Any) -> None:
    nobody = await sign_in(None)
    live, ready = await nobody.get("/health/live"), await nobody.get("/health/ready")
    assert (live.status, await live.json()) == (200, {"status": "live"})
    assert (ready.status, await ready.json()) == (200, {"status": "ready", "database": "ok", "redis": "ok"})
    assert not live.cookies
    assert (await nobody.post("/health/live")).status == 405
    assert (await nobody.get("/health/other", allow_redirects=False)).status == 404


async def test_a_database_that_is_away_is_said(settings: Settings) -> None:
    away = SecretStr("postgresql://nobody:secret-word@127.0.0.1:1/none")
    broken = settings.model_copy(update={"database_url": away})
    async with TestClient(TestServer(create_app(broken, grading=False))) as client:
        assert (await client.get("/health/live")).status == 200
        ready = await client.get("/health/ready")
        assert ready.status == 503
        assert await ready.json() == {"status": "away", "database": "away", "redis": "ok"}
        assert "secret-word" not in await ready.text()


async def test_the_summary(sign_in: Any, database: Database, world: World) -> None:
    nobody = await sign_in(None)
    async with database.begin() as db:
        assignment, _ = await graded.assignment(db, world.klass, papers=3)
        await runs.start(db, assignment, world.alice)
    answer = await nobody.get("/health")
    told = await answer.json()
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store" and not answer.cookies
    assert {told[part] for part in ("database", "redis", "storage")} == {"ok"}
    assert (told["status"], told["model"]) == ("ok", "none")
    assert told["queue"]["waiting"] == 3 and told["queue"]["working"] == 0
    assert told["runs"] == {"running": 1, "paused": 0, "stuck": 0}
    assert told["storage_free_bytes"] > 0 and told["loop_lag_seconds"]["worst"] >= 0
    assert "alice" not in await answer.text()
    assert (await nobody.post("/health")).status == 405


async def test_the_summary_is_looked_up_once_in_a_while(
    sign_in: Any, server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = await sign_in(None)
    looks = 0
    look = Look._look

    async def counted(self: Look) -> State:
        nonlocal looks
        looks += 1
        return await look(self)

    monkeypatch.setattr(Look, "_look", counted)
    await asyncio.gather(*(nobody.get("/health") for _ in range(20)))
    assert looks == 1
    monkeypatch.setattr(upkeep, "KEPT_SECONDS", 0.0)
    await nobody.get("/health")
    assert looks == 2


async def test_a_run_that_stands_still_degrades_it(sign_in: Any, database: Database, world: World) -> None:
    nobody = await sign_in(None)
    async with database.begin() as db:
        assignment, _ = await graded.assignment(db, world.klass, papers=1)
        await runs.start(db, assignment, world.alice)
        past = "now() - interval '1 hour'"
        await db.execute(text(f"update runs set created_at = {past}, resumed_at = {past}"))
        await db.execute(text(f"update pgqueuer set created = {past}, execute_after = {past}"))
    answer = await nobody.get("/health")
    told = await answer.json()
    assert (answer.status, told["status"], told["runs"]["stuck"]) == (200, "degraded", 1)
    assert 3500 < told["queue"]["oldest_seconds"] < 3700


async def test_the_summary_without_a_database_and_with_a_storage_that_takes_nothing(
    settings: Settings,
) -> None:
    away = SecretStr("postgresql://nobody:secret-word@127.0.0.1:1/none")
    async with TestClient(
        TestServer(create_app(settings.model_copy(update={"database_url": away})))
    ) as client:
        answer = await client.get("/health")
        told = await answer.json()
    assert (answer.status, told["status"], told["database"], told["redis"]) == (503, "away", "away", "ok")
    assert told["queue"] is None and "secret-word" not in str(told)

    app = create_app(settings, grading=False)
    async with TestClient(TestServer(app)) as client:

        async def full() -> None:
            raise OSError(28, "No space left on device")

        app[LOOK]._storage.probe = full  # type: ignore[method-assign]
        told = await (await client.get("/health")).json()
    assert (told["status"], told["storage"], told["database"]) == ("away", "away", "ok")


def some(**changes: Any) -> State:
    work = changes.pop("work", Work([], {}, [], 0))
    good: dict[str, Any] = {
        "database": True,
        "redis": True,
        "storage": True,
        "free_bytes": None,
        "model": "none",
    }
    return State(**{**good, **changes, "work": work})


def test_what_the_states_mean() -> None:
    assert status_of(some()) == status_of(some(model="ok")) == status_of(some(model="unknown")) == "ok"
    assert status_of(some(model="away")) == "degraded"
    assert status_of(some(free_bytes=LEAST_FREE - 1)) == "degraded"
    assert status_of(some(work=Work([], {}, [7], 0))) == "degraded"
    assert status_of(some(work=Work([Queue("grade", 1, 0, 0, 0, 500.0)], {}, [], 0))) == "degraded"
    for part in ("database", "redis", "storage"):
        assert status_of(some(**{part: False})) == "away"


async def test_the_models_endpoint_is_asked_rarely_and_never_waited_for(settings: Settings) -> None:
    with ModelServer(latency=0.0) as model:
        asked = {"llm_provider": "custom", "llm_base_url": model.url, "llm_model": "stub"}
        app = create_app(settings.model_copy(update=asked), grading=False)
        async with TestClient(TestServer(app)) as client:
            first = (await (await client.get("/health")).json())["model"]
            assert first in ("unknown", "ok")
            look = app[LOOK]

            async def known() -> bool:
                return look._model != "unknown"

            await graded.until(known)
            seen = look._model_seen
            look._seen = None
            assert (await (await client.get("/health")).json())["model"] == "ok"
            assert look._model_seen == seen
    off = {**asked, "llm_base_url": "http://127.0.0.1:1/v1"}
    app = create_app(settings.model_copy(update=off), grading=False)
    async with TestClient(TestServer(app)) as client:
        await client.get("/health")

        async def away() -> bool:
            return app[LOOK]._model == "away"

        await graded.until(away)
