"""What goes wrong is one shape: a page or a partial, in one's language, that says nothing about our insides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientError, web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from redis.exceptions import ConnectionError as RedisAwayError
from sqlalchemy import text

from app.i18n import ProblemError
from app.keys import DATABASE
from app.main import create_app
from app.settings import Settings
from app.web.middleware.sign_in import public
from tests.functional.papers_help import HTMX

SECRET = "insides-7"


class StaleError(ProblemError):
    status = 409


@public
async def fail(request: web.Request) -> web.Response:
    """Fail in the way that the address says."""
    match request.match_info["how"]:
        case "fault":
            raise KeyError(SECRET)
        case "problem":
            raise ProblemError("Line {line} of <b>{name}</b>", line=3, name="<i>x</i>")
        case "stale":
            raise StaleError("Somebody was first.")
        case "redis":
            raise RedisAwayError(SECRET)
        case "half":
            half = web.StreamResponse()
            await half.prepare(request)
            await half.write(b"data: 1\n\n")
            raise RedisAwayError(SECRET)
        case "slow":
            raise TimeoutError
        case "teapot":
            raise web.HTTPException
        case "gone":
            raise web.HTTPGone
        case "sql":
            async with request.app[DATABASE].begin() as db:
                await db.execute(text("select nothing_of_that_name"))
        case "dead":
            async with request.app[DATABASE].begin() as db:
                await db.execute(text("select pg_terminate_backend(pg_backend_pid())"))
        case "full" | "crowded" as how:
            code = {"full": "53100", "crowded": "53300"}[how]
            async with request.app[DATABASE].begin() as db:
                await db.execute(
                    text(f"do $$ begin raise exception '{SECRET}' using errcode = '{code}'; end $$")
                )
        case "cancelled":
            raise asyncio.CancelledError
    return web.Response()


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = create_app(settings, grading=False)
    app.router.add_get("/fail/{how}", fail)
    async with TestClient(TestServer(app)) as made:
        yield made


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("fault", 500, "Something went wrong on our side."),
        ("sql", 500, "Something went wrong on our side."),
        ("problem", 422, "Line 3 of &lt;b&gt;&lt;i&gt;x&lt;/i&gt;&lt;/b&gt;"),
        ("stale", 409, "Somebody was first."),
        ("redis", 503, "is not answering"),
        ("slow", 503, "is not answering"),
        ("dead", 503, "is not answering"),
        ("crowded", 503, "is not answering"),
        ("full", 507, "disk is full"),
        ("gone", 410, "could not be understood"),
    ],
)
async def test_every_error_is_a_page_and_a_partial(
    client: TestClient[web.Request, web.Application], how: str, status: int, said: str
) -> None:
    page = await client.get(f"/fail/{how}")
    html = await page.text()
    assert page.status == status
    assert said in html
    assert "<html" in html
    for inside in (SECRET, "Traceback", "KeyError", "nothing_of_that_name", "sqlalchemy", ".py"):
        assert inside not in html
    if status >= 500:
        assert page.headers["X-Request-ID"] in html
    if status == 503:
        assert page.headers["Retry-After"] == "5"
    partial = await client.get(f"/fail/{how}", headers=HTMX)
    html = await partial.text()
    assert partial.status == status
    assert said in html
    assert "<html" not in html
    assert (partial.headers["HX-Retarget"], partial.headers["HX-Reswap"]) == ("#problems", "innerHTML")


async def test_half_an_answer_breaks_off(client: TestClient[web.Request, web.Application]) -> None:
    """An error page behind half a stream would leave the client waiting for the rest; an end makes it come back."""
    answer = await client.get("/fail/half")
    assert answer.status == 200
    with pytest.raises(ClientError):
        await asyncio.wait_for(answer.read(), 5)


async def test_errors_speak_ones_language(client: TestClient[web.Request, web.Application]) -> None:
    page = await client.get("/fail/fault", headers={"Accept-Language": "zh"})
    assert "服务器出了问题" in await page.text()


async def test_a_lost_connection_heals(client: TestClient[web.Request, web.Application]) -> None:
    assert (await client.get("/fail/dead")).status == 503
    assert (await client.get("/health/ready")).status == 200


@pytest.mark.parametrize("service", ["database_url", "redis_url"])
async def test_pages_without_their_services(settings: Settings, service: str) -> None:
    """Whatever is away, the answer is a page that says so, without a wait for a timeout of a minute."""
    scheme = {"database_url": "postgresql", "redis_url": "redis"}[service]
    broken = settings.model_copy(update={service: SecretStr(f"{scheme}://127.0.0.1:1/0")})
    async with TestClient(TestServer(create_app(broken, grading=False))) as client:
        async with asyncio.timeout(20):
            answer = await client.post("/sign-in", data={"username": "alice", "password": "some password"})
        assert answer.status == 503
        assert "Your data is safe" in await answer.text()
        assert (await client.get("/static/css/zhupi.css")).status == 200
        assert (await client.get("/health/live")).status == 200
