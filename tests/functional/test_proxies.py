"""Behind a proxy: whom the server believes, and what it makes of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import redis.asyncio as redis
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from app.accounts import limits
from app.keys import ADDRESS, SECURE
from app.main import create_app
from app.settings import Settings
from app.web.access_log import AccessLog
from app.web.middleware.proxies import parse
from app.web.middleware.sign_in import public
from tests import factories
from tests.conftest import Client, World

HERE = {"trusted_proxies": ("127.0.0.0/8", "::1/128")}
ELSEWHERE = {"trusted_proxies": ("10.0.0.0/8",)}


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


async def client_of(stack: AsyncExitStack, settings: Settings, **changes: object) -> Client:
    """A browser on an application with a page that says what it believes."""
    app = create_app(settings.model_copy(update=changes), grading=False)

    @public
    async def seen(request: web.Request) -> web.Response:
        return web.json_response([request[ADDRESS], request[SECURE]])

    app.router.add_get("/seen", seen)
    app.router.add_post("/seen", seen)
    return await stack.enter_async_context(TestClient(TestServer(app)))


async def seen(client: Client, *headers: tuple[str, str]) -> list[object]:
    response = await client.get("/seen", headers=list(headers))
    assert response.status == 200
    found: list[object] = await response.json()
    return found


async def test_a_trusted_proxy_is_believed(stack: AsyncExitStack, settings: Settings) -> None:
    client = await client_of(stack, settings, **HERE)
    assert await seen(client, ("X-Real-IP", "203.0.113.7"), ("X-Forwarded-Proto", "https")) == [
        "203.0.113.7",
        True,
    ]
    assert await seen(client, ("X-Real-IP", "2001:db8::1"), ("X-Forwarded-Proto", "http")) == [
        "2001:db8::1",
        False,
    ]
    assert await seen(client) == ["127.0.0.1", None]


@pytest.mark.parametrize("trusted", [{}, ELSEWHERE])
async def test_others_are_not(stack: AsyncExitStack, settings: Settings, trusted: dict[str, object]) -> None:
    client = await client_of(stack, settings, **trusted)
    assert await seen(client, ("X-Real-IP", "203.0.113.7"), ("X-Forwarded-Proto", "https")) == [
        "127.0.0.1",
        None,
    ]
    response = await client.get("/seen", headers={"X-Request-ID": "0123456789abcdef"})
    assert response.headers["X-Request-ID"] != "0123456789abcdef"


@pytest.mark.parametrize("value", ["", "nonsense", "1.2.3.4, 5.6.7.8", "1.2.3.4:80", "<script>", "unix:"])
async def test_a_proxy_that_talks_nonsense_is_the_client_itself(
    stack: AsyncExitStack, settings: Settings, value: str
) -> None:
    client = await client_of(stack, settings, **HERE)
    assert await seen(client, ("X-Real-IP", value), ("X-Forwarded-Proto", value)) == ["127.0.0.1", None]


async def test_a_header_that_comes_twice_is_nobodys(stack: AsyncExitStack, settings: Settings) -> None:
    client = await client_of(stack, settings, **HERE)
    twice = [("X-Real-IP", "1.2.3.4"), ("X-Real-IP", "5.6.7.8")]
    proto = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")]
    assert await seen(client, *twice, *proto) == ["127.0.0.1", None]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0123456789abcdef0123456789abcdef", True),
        ("6f9619ff-8b86-d011-b42d-00cf4fc964ff", True),
        ("short", False),
        ("x" * 65, False),
        ("id with spaces", False),
        ('abcdefgh","level":"critical', False),
        ("<b>abcdefgh</b>", False),
        ("-abcdefgh", False),
    ],
)
async def test_only_a_well_formed_request_id_is_taken(
    stack: AsyncExitStack, settings: Settings, given: str, kept: bool
) -> None:
    client = await client_of(stack, settings, **HERE)
    response = await client.get("/seen", headers={"X-Request-ID": given})
    assert (response.headers["X-Request-ID"] == given) is kept
    assert response.headers["X-Request-ID"]


async def test_the_limit_of_failed_sign_ins_counts_the_real_address(
    stack: AsyncExitStack, settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PER_ADDRESS", 3)
    client = await client_of(stack, settings, **HERE)

    async def fail(address: str, username: str) -> int:
        form = {"username": username, "password": "wrong"}
        return (await client.post("/sign-in", data=form, headers={"X-Real-IP": address})).status

    assert [await fail("203.0.113.7", f"nobody{n}") for n in range(5)] == [422, 422, 422, 429, 429]
    assert await fail("203.0.113.8", "nobody") == 422


async def test_a_forged_address_does_not_get_around_the_limit(
    stack: AsyncExitStack, settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PER_ADDRESS", 3)
    client = await client_of(stack, settings, **ELSEWHERE)
    statuses = []
    for number in range(5):
        form = {"username": f"nobody{number}", "password": "wrong"}
        headers = {"X-Real-IP": f"203.0.113.{number}", "X-Forwarded-For": f"203.0.113.{number}"}
        statuses.append((await client.post("/sign-in", data=form, headers=headers)).status)
    assert statuses == [422, 422, 422, 429, 429]


# --- https ------------------------------------------------------------------------------------------------------------


async def sign_in(client: Client, **headers: str) -> ClientResponse:
    form = {"username": "alice", "password": factories.PASSWORD}
    response = await client.post("/sign-in", data=form, headers=headers, allow_redirects=False)
    assert response.status == 303
    return response


@pytest.mark.parametrize(
    ("changes", "proto", "secure"),
    [
        (HERE, "https", True),
        (HERE, "http", False),
        (ELSEWHERE, "https", False),
        ({"environment": "production"}, "http", True),
    ],
)
async def test_cookies_are_for_https_alone_where_it_is_used(
    stack: AsyncExitStack,
    settings: Settings,
    world: World,
    changes: dict[str, object],
    proto: str,
    secure: bool,
) -> None:
    if "environment" in changes:
        changes = {"environment": type(settings.environment)("production")}
    client = await client_of(stack, settings, **changes)
    response = await sign_in(client, **{"X-Forwarded-Proto": proto})
    assert bool(response.cookies["zhupi"]["secure"]) is secure
    response = await client.post(
        "/language", data={"language": "zh"}, headers={"X-Forwarded-Proto": proto}, allow_redirects=False
    )
    assert bool(response.cookies["language"]["secure"]) is secure


@pytest.mark.parametrize(
    ("changes", "origin", "status"),
    [
        (HERE, "https://{host}", 200),
        (HERE, "http://{host}", 403),
        (HERE, "https://evil.example", 403),
        (ELSEWHERE, "http://{host}", 200),
        (ELSEWHERE, "https://{host}", 200),
    ],
)
async def test_a_page_without_https_is_not_ours_behind_https(
    stack: AsyncExitStack, settings: Settings, changes: dict[str, object], origin: str, status: int
) -> None:
    client = await client_of(stack, settings, **changes)
    host = f"{client.host}:{client.port}"
    headers = {"Origin": origin.format(host=host), "X-Forwarded-Proto": "https"}
    assert (await client.post("/seen", headers=headers)).status == status


# --- Sessions ---------------------------------------------------------------------------------------------------------


async def test_redis_does_not_hold_what_opens_a_session(
    stack: AsyncExitStack, settings: Settings, world: World
) -> None:
    client = await client_of(stack, settings)
    response = await sign_in(client)
    cookie = response.cookies["zhupi"].value
    store = redis.Redis.from_url(settings.redis_url.get_secret_value())
    keys = [str(key, "ascii") for key in await store.keys("zhupi_*") if isinstance(key, bytes)]
    everything = [*keys, *[str(await store.get(key)) for key in keys]]
    await store.aclose()
    assert len(keys) == 1
    assert not [text for text in everything if cookie in text]
    assert (await client.get("/account", allow_redirects=False)).status == 200
    # What stands in Redis is no cookie.
    for stolen in (keys[0], keys[0].removeprefix("zhupi_")):
        thief = await client_of(stack, settings)
        headers = {"Cookie": f"zhupi={stolen}"}
        assert (await thief.get("/account", headers=headers, allow_redirects=False)).status == 303


async def test_a_new_key_ends_all_sessions_and_the_old_one_brings_them_back(
    stack: AsyncExitStack, settings: Settings, world: World
) -> None:
    first = await client_of(stack, settings)
    cookie = (await sign_in(first)).cookies["zhupi"].value
    headers = {"Cookie": f"zhupi={cookie}"}
    key = type(settings.secret_key)("another key " * 4)
    second = await client_of(stack, settings, secret_key=key)
    assert (await second.get("/account", headers=headers, allow_redirects=False)).status == 303
    third = await client_of(stack, settings)
    assert (await third.get("/account", headers=headers, allow_redirects=False)).status == 200


# --- The log ----------------------------------------------------------------------------------------------------------


async def test_the_access_log_has_the_real_address_and_the_request_id(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    from aiohttp import ClientSession

    app = create_app(settings.model_copy(update=HERE), grading=False)
    name = "zhupi.access"
    runner = web.AppRunner(app, access_log=logging.getLogger(name), access_log_class=AccessLog)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/sign-in"
        headers = {"X-Real-IP": "203.0.113.7", "X-Request-ID": "0123456789abcdef"}
        with caplog.at_level(logging.INFO, logger=name):
            async with ClientSession() as session, session.get(url, headers=headers) as response:
                assert response.status == 200
            async with ClientSession() as session, session.get(url) as response:
                own = response.headers["X-Request-ID"]
    finally:
        await runner.cleanup()
    told = [vars(record) for record in caplog.records if record.name == name]
    assert [(each["address"], each["request"]) for each in told] == [
        ("203.0.113.7", "0123456789abcdef"),
        ("127.0.0.1", own),
    ]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("fe80::1%eth0", "fe80::1"),
        (" 10.0.0.5 ", "10.0.0.5"),
        ("", None),
        ("localhost", None),
        ("010.0.0.5", None),
    ],
)
def test_addresses_are_read(text: str, address: str | None) -> None:
    found = parse(text)
    assert (str(found) if found else None) == address
