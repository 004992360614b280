"""Liveness and readiness, and what they say when a service is away."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from app.main import create_app
from app.settings import Settings


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
