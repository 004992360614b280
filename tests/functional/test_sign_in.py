"""Signing in and out, the language, one's own account, and the admin's users."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select

from app.accounts.models import Role, User
from app.db import Database
from tests import factories
from tests.conftest import Client, World
from tests.functional.papers_help import HTMX

SignIn = Callable[[User | None], Awaitable[Client]]
NEW = "a new password 9"


@pytest.fixture
async def alice(sign_in: SignIn, world: World) -> Client:
    return await sign_in(world.alice)


@pytest.fixture
async def admin(sign_in: SignIn, world: World, database: Database) -> Client:
    async with database.begin() as db:
        made = await factories.user(db, "root", Role.ADMIN)
    return await sign_in(made)


async def user(database: Database, username: str) -> User:
    async with database.begin() as db:
        return (await db.scalars(select(User).where(User.username == username))).one()


async def enter(client: Client, username: str, password: str = factories.PASSWORD) -> int:
    form = {"username": username, "password": password}
    return (await client.post("/sign-in", data=form, allow_redirects=False)).status


async def signed_in(client: Client) -> bool:
    return (await client.get("/account", allow_redirects=False)).status == 200


# --- Signing in -------------------------------------------------------------------------------------------------------


async def test_who_is_signed_in_needs_no_sign_in_page(alice: Client) -> None:
    response = await alice.get("/sign-in", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, "/")


async def test_the_form_says_what_is_wrong_and_nothing_more(sign_in: SignIn, world: World) -> None:
    nobody = await sign_in(None)
    for form in (
        {},
        {"username": "alice"},
        {"username": "alice", "password": "x"},
        {"password": factories.PASSWORD},
    ):
        response = await nobody.post("/sign-in", data=form)
        assert response.status == 422
        assert "The user name or the password is wrong." in await response.text()
    assert not await signed_in(nobody)
    assert (await nobody.put("/sign-in")).status == 405


@pytest.mark.parametrize("typed", ["alice", "ALICE", "  Alice ", "ａｌｉｃｅ"])
async def test_names_are_forgiving(sign_in: SignIn, world: World, typed: str) -> None:
    assert await enter(await sign_in(None), typed) == 303


@pytest.mark.parametrize(
    "typed", [factories.PASSWORD + " ", factories.PASSWORD.upper(), factories.PASSWORD[:-1]]
)
async def test_passwords_are_not(sign_in: SignIn, world: World, typed: str) -> None:
    assert await enter(await sign_in(None), "alice", typed) == 422


async def test_htmx_is_sent_to_the_sign_in_page(sign_in: SignIn) -> None:
    nobody = await sign_in(None)
    response = await nobody.get("/account", headers=HTMX, allow_redirects=False)
    assert (response.status, response.headers["HX-Redirect"]) == (401, "/sign-in")


async def test_signing_out_needs_to_be_signed_in(sign_in: SignIn) -> None:
    nobody = await sign_in(None)
    assert (await nobody.post("/sign-out", allow_redirects=False)).headers["Location"] == "/sign-in"


# --- Language ---------------------------------------------------------------------------------------------------------


async def test_the_language_is_the_browsers_until_one_chooses(sign_in: SignIn, world: World) -> None:
    nobody = await sign_in(None)
    assert "登录" in await (await nobody.get("/sign-in", headers={"Accept-Language": "zh-CN"})).text()
    assert "Sign in" in await (await nobody.get("/sign-in", headers={"Accept-Language": "de"})).text()
    response = await nobody.post(
        "/language", data={"language": "zh", "next": "/sign-in?next=/x"}, allow_redirects=False
    )
    assert response.headers["Location"] == "/sign-in?next=/x"
    assert "登录" in await (await nobody.get("/sign-in", headers={"Accept-Language": "en"})).text()
    for wrong in ("xx", "", "zh\0x", "../en"):
        assert (await nobody.post("/language", data={"language": wrong})).status == 400
    assert (await nobody.get("/language")).status == 405


async def test_a_users_language_goes_with_the_account(
    sign_in: SignIn, alice: Client, database: Database, world: World
) -> None:
    await alice.post("/language", data={"language": "zh"})
    assert (await user(database, "alice")).language == "zh"
    elsewhere = await sign_in(world.alice)
    assert "我的班级" in await (await elsewhere.get("/")).text()


async def test_after_a_problem_the_language_leads_back_to_the_form(alice: Client) -> None:
    referer = str(alice.make_url("/classes/1/settings?x=1"))
    response = await alice.post("/classes/1/settings", data={"name": ""}, headers={"Referer": referer})
    assert 'name="next" value="/classes/1/settings?x=1"' in await response.text()


# --- One's own account ------------------------------------------------------------------------------------------------


async def test_name_and_language_are_changed(alice: Client, database: Database) -> None:
    response = await alice.post("/account", data={"name": " 王\t老师 ", "language": "zh"})
    assert response.url.path == "/account"
    page = await response.text()
    assert "已保存" in page
    assert "王 老师" in page
    found = await user(database, "alice")
    assert (found.name, found.language, found.username, found.role) == ("王 老师", "zh", "alice", "teacher")
    await alice.post("/account", data={"name": "A", "language": "", "role": "admin", "username": "root"})
    found = await user(database, "alice")
    assert (found.name, found.language, found.username, found.role) == ("A", None, "alice", "teacher")
    response = await alice.post("/account", data={"name": "\u200b \0"})
    assert response.status == 422
    assert (await user(database, "alice")).name == "A"
    assert (await alice.delete("/account")).status == 405
    assert (await alice.get("/account/password")).status == 405


async def test_a_new_password_ends_the_other_sessions(sign_in: SignIn, alice: Client, world: World) -> None:
    elsewhere = await sign_in(world.alice)
    before = {each.key: each.value for each in alice.session.cookie_jar}["zhupi"]
    form = {"old": factories.PASSWORD, "new": NEW, "again": NEW}
    response = await alice.post("/account/password", data=form)
    assert response.status == 200
    assert "signed out everywhere else" in await response.text()
    assert {each.key: each.value for each in alice.session.cookie_jar}["zhupi"] != before
    assert await signed_in(alice)
    assert not await signed_in(elsewhere)
    stolen = await elsewhere.get("/account", headers={"Cookie": f"zhupi={before}"}, allow_redirects=False)
    assert stolen.status == 303
    nobody = await sign_in(None)
    assert await enter(nobody, "alice") == 422
    assert await enter(nobody, "alice", NEW) == 303


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"old": "wrong", "new": NEW, "again": NEW}, "The old password is wrong."),
        ({"old": "", "new": NEW, "again": NEW}, "The old password is wrong."),
        ({"old": factories.PASSWORD, "new": NEW, "again": NEW + "x"}, "The two new passwords differ."),
        ({"old": factories.PASSWORD, "new": "short", "again": "short"}, "at least 10 characters"),
        ({"old": factories.PASSWORD, "new": "x" * 201, "again": "x" * 201}, "at most 200 characters"),
        ({"old": factories.PASSWORD, "new": "a" * 12, "again": "a" * 12}, "too easy to guess"),
        ({}, "The old password is wrong."),
    ],
)
async def test_a_password_that_is_not_changed(
    sign_in: SignIn, alice: Client, form: dict[str, str], said: str
) -> None:
    response = await alice.post("/account/password", data=form)
    assert response.status == 422
    assert said in await response.text()
    assert await signed_in(alice)
    assert await enter(await sign_in(None), "alice") == 303


# --- Users ------------------------------------------------------------------------------------------------------------

USERS = [
    ("/users", {"username": "dora", "password": NEW}),
    ("/users/2/disable", {}),
    ("/users/2/enable", {}),
    ("/users/2/password", {"password": NEW}),
]


@pytest.mark.parametrize(("path", "form"), USERS)
async def test_only_admins_manage_users(
    sign_in: SignIn,
    alice: Client,
    admin: Client,
    database: Database,
    world: World,
    path: str,
    form: dict[str, str],
) -> None:
    nobody = await sign_in(None)
    assert (await nobody.post(path, data=form, allow_redirects=False)).headers["Location"] == "/sign-in"
    assert (await alice.post(path, data=form)).status == 403
    assert (await admin.put(path)).status == 405
    assert await enter(nobody, "bob") == 303
    async with database.begin() as db:
        assert len((await db.scalars(select(User))).all()) == 4
    assert (await admin.post(path, data=form)).status == 200


async def test_teachers_see_no_users(alice: Client, admin: Client) -> None:
    assert (await alice.get("/users")).status == 403
    assert 'href="/users"' not in await (await alice.get("/")).text()
    page = await (await admin.get("/users")).text()
    assert all(name in page for name in ("alice", "bob", "charlie", "root"))
    assert "argon2" not in page


async def test_an_account_is_made(sign_in: SignIn, admin: Client, database: Database) -> None:
    form = {"username": " Dora.K ", "name": "Dora", "password": NEW, "role": "teacher"}
    response = await admin.post("/users", data=form)
    assert "The account dora.k was made." in await response.text()
    made = await user(database, "dora.k")
    assert (made.name, made.role, made.disabled_at) == ("Dora", "teacher", None)
    assert await enter(await sign_in(None), "dora.k", NEW) == 303
    await admin.post("/users", data={**form, "username": "eve", "name": "", "role": "admin"})
    assert (await user(database, "eve")).name == "eve"
    assert (await user(database, "eve")).role == "admin"
    await admin.post("/users", data={**form, "username": "fay", "role": "emperor"})
    assert (await user(database, "fay")).role == "teacher"


@pytest.mark.parametrize(
    ("username", "password", "said"),
    [
        ("alice", NEW, "is taken"),
        ("ALICE", NEW, "is taken"),
        ("x", NEW, "2 to 64"),
        ("", NEW, "2 to 64"),
        ("a b", NEW, "2 to 64"),
        ("a/b", NEW, "2 to 64"),
        ("<b>", NEW, "2 to 64"),
        ("x" * 65, NEW, "2 to 64"),
        ("dora", "short", "at least 10"),
        ("dora-is-here", "DORA-is-here", "too easy"),
        ("dora", "", "at least 10"),
    ],
)
async def test_accounts_that_are_not_made(
    admin: Client, database: Database, username: str, password: str, said: str
) -> None:
    response = await admin.post("/users", data={"username": username, "password": password})
    assert response.status == 422
    page = await response.text()
    assert said in page
    assert password not in page or len(password) < 6
    async with database.begin() as db:
        assert len((await db.scalars(select(User))).all()) == 4


async def test_a_reset_password(sign_in: SignIn, alice: Client, admin: Client, world: World) -> None:
    response = await admin.post(f"/users/{world.alice.id}/password", data={"password": NEW})
    assert "alice has a new password" in await response.text()
    assert not await signed_in(alice)
    assert await enter(alice, "alice") == 422
    assert await enter(alice, "alice", NEW) == 303
    assert (await admin.post(f"/users/{world.alice.id}/password", data={"password": "short"})).status == 422
    assert await enter(await sign_in(None), "alice", NEW) == 303


async def test_an_admin_does_not_shut_out_themselves(
    sign_in: SignIn, admin: Client, database: Database
) -> None:
    me = (await user(database, "root")).id
    for path in (f"/users/{me}/disable", f"/users/{me}/password"):
        response = await admin.post(path, data={"password": NEW})
        assert response.status == 422
        assert "our own" in await response.text()
    assert await enter(await sign_in(None), "root") == 303
    for path in ("/users/999/disable", "/users/999/enable", "/users/999/password"):
        assert (await admin.post(path, data={"password": NEW})).status == 422


async def test_two_admins_do_not_shut_out_each_other(
    sign_in: SignIn, admin: Client, database: Database
) -> None:
    async with database.begin() as db:
        second = await factories.user(db, "second", Role.ADMIN)
    other = await sign_in(second)
    root = await user(database, "root")
    await asyncio.gather(admin.post(f"/users/{second.id}/disable"), other.post(f"/users/{root.id}/disable"))
    async with database.begin() as db:
        admins = (await db.scalars(select(User).where(User.role == Role.ADMIN))).all()
    assert sum(each.disabled_at is None for each in admins) == 1
