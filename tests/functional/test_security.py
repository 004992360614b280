"""Attempts to break in.

Forged requests, stolen and old sessions, guessed passwords, other teachers' ids, hostile input.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio as redis
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import limits, passwords, store
from app.accounts.models import Role, User
from app.assignments.models import Assignment, Question
from app.classes.models import Class, Student
from app.db import Database
from app.keys import REDIS
from app.main import create_app
from app.papers.models import Paper, PaperState
from app.settings import Environment, Settings
from app.web.middleware.headers import HEADERS
from app.web.middleware.sessions import key_of
from tests import factories
from tests.conftest import Client, World
from tests.functional import papers_help

SignIn = Callable[[User | None], Awaitable[Client]]


def cookie_of(client: Client) -> str:
    """The session id in a browser's cookies."""
    return {each.key: each.value for each in client.session.cookie_jar}.get("zhupi", "")


async def count(database: Database, table: Any) -> int:
    async with database.begin() as db:
        return int(await db.scalar(select(func.count()).select_from(table)) or 0)


# --- Cross-site request forgery ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "strange"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": ""},
    ],
)
async def test_a_form_from_another_site_changes_nothing(
    sign_in: SignIn, world: World, database: Database, headers: dict[str, str]
) -> None:
    alice = await sign_in(world.alice)
    response = await alice.post("/classes", data={"name": "forged"}, headers=headers, allow_redirects=False)
    assert response.status == 403
    assert "You may not do that." in await response.text()
    assert await count(database, Class) == 1


async def test_a_form_of_our_own_passes(sign_in: SignIn, world: World, server: TestServer) -> None:
    alice = await sign_in(world.alice)
    ours = f"http://127.0.0.1:{server.port}"
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": ours}, {}, {"Sec-Fetch-Site": "none"}):
        response = await alice.post("/classes", data={"name": "mine"}, headers=headers, allow_redirects=False)
        assert response.status == 303, headers


async def test_a_trusted_origin_passes_and_its_neighbours_do_not(settings: Settings, world: World) -> None:
    trusting = settings.model_copy(update={"csrf_trusted_origins": ("https://*.school.example",)})
    async with TestClient(TestServer(create_app(trusting, grading=False))) as client:
        form = {"language": "zh"}
        for origin, status in (
            ("https://a.school.example", 303),
            ("http://a.school.example", 403),
            ("https://a.school.example:444", 403),
            ("https://school.example.evil.example", 403),
        ):
            headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
            response = await client.post("/language", data=form, headers=headers, allow_redirects=False)
            assert response.status == status, origin


async def test_signing_in_cannot_be_forged_either(sign_in: SignIn, world: World) -> None:
    nobody = await sign_in(None)
    form = {"username": "charlie", "password": factories.PASSWORD}
    response = await nobody.post("/sign-in", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status == 403
    assert cookie_of(nobody) == ""


# --- Hosts and headers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "", "[", "127.0.0.1.evil.example:80"]
)
async def test_a_foreign_host_is_not_served(sign_in: SignIn, host: str) -> None:
    nobody = await sign_in(None)
    response = await nobody.get("/sign-in", headers={"Host": host}, allow_redirects=False)
    assert response.status == 421
    assert "evil" not in await response.text()


async def test_health_answers_whoever_asks(sign_in: SignIn) -> None:
    nobody = await sign_in(None)
    assert (await nobody.get("/health/live", headers={"Host": "10.1.2.3:8080"})).status == 200


async def test_every_kind_of_answer_has_the_headers(sign_in: SignIn, world: World) -> None:
    nobody, alice = await sign_in(None), await sign_in(world.alice)
    answers = {
        "page": await alice.get("/"),
        "sign-in page": await nobody.get("/sign-in"),
        "redirect": await nobody.get("/", allow_redirects=False),
        "404": await alice.get("/nothing/here"),
        "404 of an object": await alice.get("/classes/999"),
        "405": await alice.put("/"),
        "403": await alice.post("/classes", headers={"Sec-Fetch-Site": "cross-site"}),
        "421": await alice.get("/", headers={"Host": "evil.example"}),
        "422": await alice.post("/classes", data={"name": ""}),
        "static": await nobody.get("/static/css/zhupi.css"),
        "static 404": await nobody.get("/static/css/none.css"),
        "health": await nobody.get("/health/live"),
    }
    for kind, response in answers.items():
        for name, value in HEADERS.items():
            assert response.headers.get(name) == value, (kind, name)
        assert re.fullmatch("[0-9a-f]{16}", response.headers["X-Request-ID"]), kind
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert answers["page"].headers["Cache-Control"] == "no-store"
    assert answers["404"].headers["Cache-Control"] == "no-store"


async def test_no_page_has_inline_script_or_style(sign_in: SignIn, world: World, database: Database) -> None:
    async with database.begin() as db:
        await factories.student(db, world.klass, "Ann", "1")
    alice, nobody = await sign_in(world.alice), await sign_in(None)
    pages = [await nobody.get("/sign-in")]
    for path in ("/", "/?archived=1", "/classes/new", "/account", "/classes/1", "/classes/1?edit=1"):
        pages.append(await alice.get(path))
    for path in ("/classes/1/settings", "/classes/1/import", "/nothing"):
        pages.append(await alice.get(path))
    for page in pages:
        html = await page.text()
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|\shx-on|javascript:", html), (
            page.url
        )


async def test_static_files_stay_in_their_folder(sign_in: SignIn) -> None:
    nobody = await sign_in(None)
    for path in (
        "/static/../keys.py",
        "/static/%2e%2e/keys.py",
        "/static/..%2fkeys.py",
        "/static//etc/passwd",
    ):
        response = await nobody.get(path, allow_redirects=False)
        assert response.status in (303, 403, 404), path
        assert "AppKey" not in await response.text()


# --- Sessions ---------------------------------------------------------------------------------------------------------


async def test_the_session_id_changes_at_sign_in(sign_in: SignIn, world: World, app: web.Application) -> None:
    client = await sign_in(world.alice)
    first = cookie_of(client)
    form = {"username": "bob", "password": factories.PASSWORD}
    await client.post("/sign-in", data=form, allow_redirects=False)
    second = cookie_of(client)
    assert second not in ("", first)
    assert await app[REDIS].get(key_of(app, first)) is None
    assert len(second) >= 43


async def test_a_planted_session_id_is_not_taken(sign_in: SignIn, world: World, app: web.Application) -> None:
    victim = await sign_in(None)
    victim.session.cookie_jar.update_cookies({"zhupi": "planted-by-the-attacker"}, victim.make_url("/"))
    form = {"username": "alice", "password": factories.PASSWORD}
    await victim.post("/sign-in", data=form, allow_redirects=False)
    assert cookie_of(victim) not in ("", "planted-by-the-attacker")
    assert await app[REDIS].get("zhupi_planted-by-the-attacker") is None


async def signed_in(client: Client) -> bool:
    return (await client.get("/account", allow_redirects=False)).status == 200


def other_browser(client: Client, session: str) -> dict[str, Any]:
    """Arguments for a request of somebody who has got hold of a session id."""
    return {"headers": {"Cookie": f"zhupi={session}"}, "allow_redirects": False}


async def test_signing_out_ends_the_session_on_the_server(
    sign_in: SignIn, world: World, app: web.Application
) -> None:
    alice, thief = await sign_in(world.alice), await sign_in(None)
    session = cookie_of(alice)
    assert (await thief.get("/account", **other_browser(thief, session))).status == 200
    response = await alice.post("/sign-out", allow_redirects=False)
    assert response.headers["Location"] == "/sign-in"
    assert await app[REDIS].exists(key_of(app, session)) == 0
    assert (await thief.get("/account", **other_browser(thief, session))).status == 303
    assert not await signed_in(alice)


async def test_signing_out_by_a_link_does_not_work(sign_in: SignIn, world: World) -> None:
    alice = await sign_in(world.alice)
    assert (await alice.get("/sign-out")).status == 405
    assert await signed_in(alice)


async def kept(app: web.Application, key: str) -> bytes:
    """A session as Redis keeps it; b"" when it does not."""
    found = await app[REDIS].get(key)
    return found if isinstance(found, bytes) else b""


async def make_old(app: web.Application, key: str, name: str, seconds: int) -> None:
    """Set one of a session's times back."""
    data = await kept(app, key)
    pattern = rb'("' + name.encode() + rb'":)(\d+)'
    old = re.sub(pattern, lambda found: found[1] + str(int(found[2]) - seconds).encode(), data)
    assert old != data
    await app[REDIS].set(key, old, ex=600)


async def test_a_request_moves_the_idle_limit(sign_in: SignIn, world: World, app: web.Application) -> None:
    alice = await sign_in(world.alice)
    key = key_of(app, cookie_of(alice))
    await make_old(app, key, "seen_at", 61)
    assert await signed_in(alice)
    assert 600 < await app[REDIS].ttl(key) <= 120 * 60


async def test_a_session_that_ended_does_not_come_back(
    sign_in: SignIn, world: World, app: web.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request was under way, and was to write its session, when the user signed out elsewhere."""
    alice = await sign_in(world.alice)
    key = key_of(app, cookie_of(alice))
    await make_old(app, key, "seen_at", 61)
    by_id = store.by_id

    async def meanwhile(session: AsyncSession, user_id: int) -> User | None:
        await app[REDIS].delete(key)
        return await by_id(session, user_id)

    monkeypatch.setattr(store, "by_id", meanwhile)
    await signed_in(alice)
    monkeypatch.undo()
    assert await kept(app, key) == b""
    assert not await signed_in(alice)


async def test_a_session_ends_when_idle(sign_in: SignIn, world: World, app: web.Application) -> None:
    alice = await sign_in(world.alice)
    key = key_of(app, cookie_of(alice))
    assert 0 < await app[REDIS].ttl(key) <= 120 * 60
    await app[REDIS].pexpire(key, 10)
    await asyncio.sleep(0.1)
    assert not await signed_in(alice)


async def test_a_session_ends_after_its_longest_time(
    sign_in: SignIn, world: World, app: web.Application
) -> None:
    alice = await sign_in(world.alice)
    key = key_of(app, cookie_of(alice))
    await make_old(app, key, "signed_in_at", 12 * 3600 + 1)
    assert not await signed_in(alice)
    assert await app[REDIS].exists(key) == 0


async def test_a_disabled_user_is_out_at_once(sign_in: SignIn, world: World, database: Database) -> None:
    async with database.begin() as db:
        admin = await factories.user(db, "admin", Role.ADMIN)
    alice, boss = await sign_in(world.alice), await sign_in(admin)
    response = await boss.post(f"/users/{world.alice.id}/disable", allow_redirects=False)
    assert response.status == 303
    assert not await signed_in(alice)
    form = {"username": "alice", "password": factories.PASSWORD}
    assert (await alice.post("/sign-in", data=form)).status == 422
    await boss.post(f"/users/{world.alice.id}/enable")
    assert not await signed_in(alice)
    assert (await alice.post("/sign-in", data=form, allow_redirects=False)).status == 303


async def test_cookies_are_locked_up(settings: Settings, world: World) -> None:
    hosts = {"allowed_hosts": ("127.0.0.1",), "environment": Environment.PRODUCTION}
    for found, secure in ((settings, False), (settings.model_copy(update=hosts), True)):
        async with TestClient(TestServer(create_app(found, grading=False))) as client:
            form = {"username": "alice", "password": factories.PASSWORD}
            signed = await client.post("/sign-in", data=form, allow_redirects=False)
            chosen = await client.post("/language", data={"language": "zh"}, allow_redirects=False)
            for cookie in (signed.cookies["zhupi"], chosen.cookies["language"]):
                assert bool(cookie["secure"]) is secure
                assert cookie["httponly"]
                assert cookie["samesite"] == "Lax"
                assert cookie["path"] == "/"
                assert not cookie["domain"]


# --- Guessing ---------------------------------------------------------------------------------------------------------


async def guess(client: Client, username: str, password: str = "wrong guess 1") -> int:
    form = {"username": username, "password": password}
    return (await client.post("/sign-in", data=form, allow_redirects=False)).status


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Passwords are compared without argon2's cost; returns the hashes that were compared with."""
    asked: list[str | None] = []

    async def verify(stored: str | None, password: str) -> bool:
        asked.append(stored)
        return stored is not None and password == factories.PASSWORD

    monkeypatch.setattr(passwords, "verify", verify)
    return asked


async def test_guessing_at_one_account_ends(sign_in: SignIn, world: World, quick: list[str | None]) -> None:
    nobody = await sign_in(None)
    tries = [await guess(nobody, name) for name in ["alice", " ALICE ", "ａｌｉｃｅ"] * 3]
    assert tries == [422] * 9
    assert await guess(nobody, "alice", factories.PASSWORD) == 303, "the owner still comes in"
    tries = [await guess(nobody, "alice") for _ in range(limits.PER_ACCOUNT + 1)]
    assert tries == [422] * limits.PER_ACCOUNT + [429]
    asked = len(quick)
    assert await guess(nobody, "alice", factories.PASSWORD) == 429
    assert len(quick) == asked, "a locked account costs no password check"
    assert await guess(nobody, "bob", factories.PASSWORD) == 303, "others come in"


async def test_guessing_from_one_address_ends(sign_in: SignIn, world: World, quick: list[str | None]) -> None:
    nobody = await sign_in(None)
    tries = [await guess(nobody, f"user{number}") for number in range(limits.PER_ADDRESS + 1)]
    assert tries == [422] * limits.PER_ADDRESS + [429]
    assert await guess(nobody, "bob", factories.PASSWORD) == 429


async def test_the_limit_ends_after_its_window(
    sign_in: SignIn, world: World, app: web.Application, quick: list[str | None]
) -> None:
    nobody = await sign_in(None)
    for _ in range(limits.PER_ACCOUNT + 1):
        await guess(nobody, "alice")
    keys = [key async for key in app[REDIS].scan_iter("signin:*")]
    assert len(keys) == 2
    for key in keys:
        assert 0 < await app[REDIS].ttl(key) <= limits.WINDOW_SECONDS
        assert b"alice" not in key
        await app[REDIS].delete(key)
    assert await guess(nobody, "alice", factories.PASSWORD) == 303


async def test_a_success_leaves_no_counter_for_ever(settings: Settings) -> None:
    counters = redis.Redis.from_url(settings.redis_url.get_secret_value())
    await limits.forget(counters, "alice", "10.0.0.1")
    assert [await counters.ttl(key) async for key in counters.scan_iter("signin:*")] == [
        limits.WINDOW_SECONDS
    ]
    await counters.aclose()


async def test_unknown_names_take_as_long_and_read_the_same(
    sign_in: SignIn, world: World, quick: list[str | None]
) -> None:
    nobody = await sign_in(None)
    answers = []
    for name in ("alice", "nobody-of-that-name", "", "x" * 200):
        response = await nobody.post("/sign-in", data={"username": name, "password": "wrong guess 1"})
        answers.append((response.status, await response.text()))
    assert len(set(answers)) == 1
    assert len(quick) == 4, "a password is compared for every name"
    assert quick[0] is not None
    assert quick[1] is None


async def test_the_old_password_cannot_be_guessed_at_an_open_browser(
    sign_in: SignIn, world: World, quick: list[str | None]
) -> None:
    alice = await sign_in(world.alice)
    form = {"old": "wrong guess 1", "new": "a new password 9", "again": "a new password 9"}
    tries = [(await alice.post("/account/password", data=form)).status for _ in range(limits.PER_ACCOUNT + 1)]
    assert tries == [422] * limits.PER_ACCOUNT + [429]


# --- Where things lead ------------------------------------------------------------------------------------------------

ELSEWHERE = [
    "https://evil.example/", "//evil.example/", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)",
    "//[", "/x\r\nX-Injected: 1", "\x00//evil.example",
]  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
async def test_nobody_is_sent_elsewhere(sign_in: SignIn, world: World, target: str) -> None:
    nobody = await sign_in(None)
    form = {"username": "alice", "password": factories.PASSWORD, "next": target}
    for path, data in (("/language", {"language": "zh", "next": target}), ("/sign-in", form)):
        response = await nobody.post(path, data=data, allow_redirects=False)
        assert response.status == 303
        assert response.headers["Location"] in ("/", "//evil.example"[1:])
        assert "X-Injected" not in response.headers


async def test_after_signing_in_one_is_where_one_wanted(sign_in: SignIn, world: World) -> None:
    nobody = await sign_in(None)
    asked = await nobody.get(f"/classes/{world.klass.id}?edit=3", allow_redirects=False)
    page = await (await nobody.get(asked.headers["Location"])).text()
    wanted = re.findall(r'name="next" value="([^"]*)"', page)[-1]  # the first is the language's
    form = {"username": "alice", "password": factories.PASSWORD, "next": wanted.replace("&amp;", "&")}
    response = await nobody.post("/sign-in", data=form, allow_redirects=False)
    assert response.headers["Location"] == f"/classes/{world.klass.id}?edit=3"


async def test_the_way_back_from_a_problem_is_ours(sign_in: SignIn, world: World, server: TestServer) -> None:
    alice = await sign_in(world.alice)
    for referer, shown in (
        ("https://evil.example/x", False),
        (f"http://127.0.0.1:{server.port}/classes/new?a=1", True),
        ("http://[", False),
        ("javascript:alert(1)", False),
    ):
        response = await alice.post("/account", data={"name": ""}, headers={"Referer": referer})
        page = await response.text()
        assert ('href="/classes/new?a=1"' in page) is shown
        assert "evil" not in page
        assert "javascript" not in page


# --- Other people's things, and hostile input -------------------------------------------------------------------------


def routes(app: web.Application) -> list[tuple[str, str]]:
    """Every method and address of the application but for static files."""
    found = []
    for route in app.router.routes():
        info = route.resource.get_info() if route.resource else {}
        path = info.get("formatter") or info.get("path")
        if path and route.method != "HEAD":
            found.append((route.method, path))
    return found


PUBLIC = {
    *("/sign-in", "/language", "/set-up/{token}", "/health", "/health/live", "/health/ready", "/metrics"),
    # A screen has its token, a phone in the room its code; see test_kiosk_*.py and test_quiz_phones.py.
    *("/kiosk", "/kiosk/pairing", "/kiosk/events"),
    *("/q", "/q/{code}", "/q/{code}/state"),
}


def filled(path: str, value: str) -> str:
    return re.sub(r"\{[^}]*\}", value, path)


async def test_every_page_asks_who_you_are(sign_in: SignIn, app: web.Application, world: World) -> None:
    nobody = await sign_in(None)
    for method, path in routes(app):
        if path in PUBLIC or path.startswith("/static"):
            continue
        response = await nobody.request(method, filled(path, "1"), allow_redirects=False)
        assert response.status == 303, (method, path)
        assert response.headers["Location"].startswith("/sign-in"), (method, path)


async def test_a_stranger_finds_nothing(
    sign_in: SignIn, app: web.Application, world: World, database: Database
) -> None:
    """What is there answers as what is not; a form may be refused before anything is looked for."""
    work = await papers_help.make_work(database, world)
    async with database.begin() as db:
        db.add(
            Paper(
                assignment_id=work.assignment.id,
                student_id=work.ann.id,
                file_name="a.txt",
                size=1,
                sha256="a",
                storage_key="a",
                state=PaperState.READ,
            )
        )
    before = [await count(database, table) for table in (Class, Student, Assignment, Question, Paper)]
    charlie = await sign_in(world.charlie)
    for method, path in routes(app):
        if not re.match(r"/(classes|assignments|papers)/\{", path):
            continue
        there, missing = [
            await charlie.request(method, filled(path, value), allow_redirects=False)
            for value in ("1", "999999")
        ]
        assert there.status in (400, 404, 422), (method, path)
        assert there.status == missing.status, (method, path)
        assert "Heat" not in await there.text()
    assert [await count(database, table) for table in (Class, Student, Assignment, Question, Paper)] == before


async def test_a_wrong_method_is_said_to_be_one(sign_in: SignIn, app: web.Application, world: World) -> None:
    alice = await sign_in(world.alice)
    by_path: dict[str, set[str]] = {}
    for method, path in routes(app):
        by_path.setdefault(path, set()).add(method)
    for path, methods in by_path.items():
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - methods - ({"*"} & methods):
            if "*" in methods:
                continue
            response = await alice.request(method, filled(path, "1"), allow_redirects=False)
            if response.status != 405:
                # Another address of the same form takes this method, such as /classes/{id} for /classes/new.
                assert method != "GET" and any(_covers(other, path) for other in by_path if other != path), (
                    method,
                    path,
                )
            else:
                assert methods <= {each.strip() for each in response.headers["Allow"].split(",")}, path


def _covers(pattern: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", pattern), filled(path, "1")) is not None


STRANGE = [
    "%00", "a%00b", "-1", "9223372036854775808", "9" * 4400, "1.5", "%F0%9F%98%80", "%ff", "..%2f..", "1'--", "NaN",
    "x" * 3000, "%0a", "１",
]  # fmt: skip


async def test_strange_ids_are_no_ids(sign_in: SignIn, app: web.Application, world: World) -> None:
    alice = await sign_in(world.alice)
    for (method, path), value in itertools.product(routes(app), STRANGE):
        if re.match(r"/(classes|assignments|papers|users)/\{", path):
            if len(filled(path, value)) > 8000:
                continue  # longer than aiohttp takes: it answers 400 by itself
            response = await alice.request(method, filled(path, value), allow_redirects=False)
            assert response.status in (303, 400, 403, 404, 405, 422), (
                method,
                path,
                value[:30],
                response.status,
            )


LONG = "很" * 10_000
HOSTILE = ["\0", "a\0b", LONG, "<script>alert(1)</script>", "\u202e\ufffe", "{0.__class__}%s%(x)s"]


async def test_hostile_values_are_nowhere_a_fault_of_ours(
    sign_in: SignIn, app: web.Application, world: World, database: Database
) -> None:
    async with database.begin() as db:
        await factories.student(db, world.klass, "Ann", "1")
        admin = await factories.user(db, "admin", Role.ADMIN)
    boss, alice = await sign_in(admin), await sign_in(world.alice)
    fields = ["name", "number", "username", "password", "old", "new", "again", "language", "list", "next", "role",
              "seen", "without_bad", "title", "text", "student", "confirm", "points", "cost_cap"]  # fmt: skip
    for (method, path), value in itertools.product(routes(app), HOSTILE):
        if method != "POST" or path in ("/sign-out", "/account/password"):
            continue
        for client in (alice, boss):
            if client is boss and not path.startswith("/users"):
                continue
            form = FormData()
            for name in fields:
                form.add_field(name, value)
            response = await client.post(filled(path, "1"), data=form, allow_redirects=False)
            assert response.status < 500, (path, str(value)[:30], response.status)


BODIES = [
    (b"\xff\xfe%zz=%ff&a=%00", "application/x-www-form-urlencoded"),
    (b"a=1", "application/x-www-form-urlencoded; charset=no-such-charset"),
    (b"name=+2AA-", "application/x-www-form-urlencoded; charset=utf-7"),
    (b"--x\r\n", "multipart/form-data; boundary=x"),
    (b"", "multipart/form-data"),
    (b"--x\r\nContent-Disposition: form-data; name=name\r\nContent-Transfer-Encoding: odd\r\n\r\na\r\n--x--\r\n",
     "multipart/form-data; boundary=x"),
    (b"--x\r\nContent-Disposition: form-data; name=name\r\nContent-Encoding: gzip\r\n\r\nnot gzip\r\n--x--\r\n",
     "multipart/form-data; boundary=x"),
    (b"--x\r\n\r\nno head\r\n--x--\r\n", "multipart/form-data; boundary=x"),
    (b'{"name": "x"}', "application/json"),
    (b"x", "text/plain"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind"), BODIES)
async def test_broken_forms_are_refused_politely(
    sign_in: SignIn, world: World, database: Database, body: bytes, kind: str
) -> None:
    alice = await sign_in(world.alice)
    for path in ("/classes", "/classes/1/students", "/classes/1/import", "/account", "/sign-in", "/language"):
        response = await alice.post(path, data=body, headers={"Content-Type": kind}, allow_redirects=False)
        assert 400 <= response.status < 500 or response.status == 303, (path, response.status)
    assert await count(database, Student) == 0


async def test_a_form_that_is_too_large_is_refused(sign_in: SignIn, world: World, database: Database) -> None:
    alice, nobody = await sign_in(world.alice), await sign_in(None)
    big = {"name": "x" * (5 * 2**20), "username": "x"}
    for client, path in ((alice, "/classes"), (alice, "/classes/1/import"), (nobody, "/sign-in")):
        response = await client.post(path, data=big, allow_redirects=False)
        assert response.status == 413, path
        assert "That is too large." in await response.text()
    assert await count(database, Class) == 1


async def test_names_are_shown_as_text(sign_in: SignIn, world: World, database: Database) -> None:
    evil = "<img src=x onerror=alert(1)>\"'{{ 7*7 }}&amp;"
    alice = await sign_in(world.alice)
    await alice.post("/account", data={"name": evil, "language": "en"})
    await alice.post("/classes", data={"name": evil})
    await alice.post("/classes/2/students", data={"number": "<b>1</b>", "name": evil})
    await alice.post(
        "/classes/2/students", data={"number": "<b>1</b>", "name": evil}
    )  # a problem that says the name
    for path in ("/", "/classes/2", "/classes/2?edit=1", "/classes/2/settings", "/account"):
        page = await (await alice.get(path)).text()
        assert "&lt;img" in page, path
        assert "<img" not in page, path
        assert "<b>1</b>" not in page, path
        assert "49" not in re.sub(r"\?v=\w+", "", page), path
    taken = await (await alice.post("/classes/2/students", data={"number": "<b>1</b>", "name": evil})).text()
    assert "&lt;b&gt;1&lt;/b&gt;" in taken
    assert "<img" not in taken
