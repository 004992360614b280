"""The access log of the real application: which route, how long, and no token."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from app import logs
from app.settings import Settings
from app.web.access_log import AccessLog

NAME = "zhupi.access"


@pytest.fixture
async def address(app: web.Application) -> AsyncIterator[str]:
    """The application behind its access log, as gunicorn runs it."""
    runner = web.AppRunner(app, access_log=logging.getLogger(NAME), access_log_class=AccessLog)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/set-up/one-time-secret", "/set-up/{token}"),
        ("/sign-in?next=/set-up/one-time-secret", "/sign-in"),
        ("/classes/1/roster/import/one-time-secret", None),
        ("/set-up/one-time-secret/more", logs.NO_ROUTE),
        ("/set-up%2Fone-time-secret", logs.NO_ROUTE),
    ],
)
async def test_a_token_in_a_path_is_not_logged(
    address: str, caplog: pytest.LogCaptureFixture, path: str, route: str | None
) -> None:
    with caplog.at_level(logging.DEBUG, logger=NAME):
        async with ClientSession() as session, session.get(address + path, allow_redirects=False) as response:
            status = response.status
    [record] = [record for record in caplog.records if record.name == NAME]
    assert "one-time-secret" not in str(vars(record))
    assert vars(record)["status"] == status
    assert route is None or vars(record)["route"] == route


def test_libraries_are_quiet(settings: Settings) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        logs.configure(settings)
        for name in ("httpx", "httpx2", "pgqueuer", "pgqueuer.qm", "psycopg.pool", "openai._base_client"):
            assert logging.getLogger(name).getEffectiveLevel() == logging.WARNING
        assert logging.getLogger("app.worker").getEffectiveLevel() == logging.INFO
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.captureWarnings(False)
