"""The one-time link that makes the first admin."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select, text, update

from app.accounts import service
from app.accounts.models import SetupToken, User
from app.db import Database
from tests import factories
from tests.conftest import Client

SignIn = Callable[[User | None], Awaitable[Client]]
FORM = {"username": "Root", "name": "The Head", "password": "a good password 9"}


async def token_of(database: Database) -> str:
    async with database.begin() as db:
        token = await service.setup_token(db)
    assert token is not None
    return token


async def users(database: Database) -> list[User]:
    async with database.begin() as db:
        return list((await db.scalars(select(User))).all())


async def test_the_link_makes_an_admin_once(sign_in: SignIn, database: Database) -> None:
    nobody, token = await sign_in(None), await token_of(database)
    page = await nobody.get(f"/set-up/{token}")
    assert page.status == 200
    assert page.headers["Referrer-Policy"] == "same-origin", "the token does not get out with a link"
    response = await nobody.post(f"/set-up/{token}", data=FORM)
    assert response.url.path == "/"
    assert "The Head" in await response.text()
    made = (await users(database))[0]
    assert (made.username, made.role) == ("root", "admin")
    for method in ("GET", "POST"):
        again = await nobody.request(method, f"/set-up/{token}", data={**FORM, "username": "second"})
        assert again.status == 422
        assert "used already or has expired" in await again.text()
    assert len(await users(database)) == 1
    async with database.begin() as db:
        assert await service.setup_token(db) is None, "no further link once there is a user"


async def test_the_database_does_not_know_the_token(database: Database) -> None:
    token = await token_of(database)
    async with database.begin() as db:
        kept = (await db.execute(text("select * from setup_tokens"))).all()
    assert len(token) >= 32
    assert token not in str(kept)


async def test_an_old_link_does_not_work(sign_in: SignIn, database: Database) -> None:
    nobody, token = await sign_in(None), await token_of(database)
    async with database.begin() as db:
        await db.execute(update(SetupToken).values(expires_at=text("now() - interval '1 second'")))
    assert (await nobody.get(f"/set-up/{token}")).status == 422
    assert (await nobody.post(f"/set-up/{token}", data=FORM)).status == 422
    assert await users(database) == []


async def test_a_link_lives_for_a_day(database: Database) -> None:
    await token_of(database)
    async with database.begin() as db:
        left = await db.scalar(text("select extract(epoch from expires_at - now()) from setup_tokens"))
    assert 23.9 * 3600 < float(left or 0) <= 24 * 3600


@pytest.mark.parametrize("token", ["x", "%00", "a" * 3000, "..", "' or 1=1 --", "%F0%9F%98%80"])
async def test_wrong_links(sign_in: SignIn, database: Database, token: str) -> None:
    nobody = await sign_in(None)
    await token_of(database)
    assert (await nobody.get(f"/set-up/{token}", allow_redirects=False)).status in (303, 404, 422)
    assert (await nobody.post(f"/set-up/{token}", data=FORM, allow_redirects=False)).status in (
        303,
        404,
        405,
        422,
    )
    assert await users(database) == []


@pytest.mark.parametrize(
    "form", [{}, {**FORM, "username": "x"}, {**FORM, "password": "short"}, {**FORM, "password": "Root"}]
)
async def test_a_bad_form_does_not_use_the_link_up(
    sign_in: SignIn, database: Database, form: dict[str, str]
) -> None:
    nobody, token = await sign_in(None), await token_of(database)
    assert (await nobody.post(f"/set-up/{token}", data=form)).status == 422
    assert await users(database) == []
    assert (await nobody.post(f"/set-up/{token}", data=FORM)).status == 200
    assert len(await users(database)) == 1


async def test_two_at_once_make_one_admin(sign_in: SignIn, database: Database) -> None:
    """The same link twice, and the links of two starts: one wins."""
    nobody = await sign_in(None)
    tokens = [await token_of(database), await token_of(database)]
    tries = [
        nobody.post(f"/set-up/{token}", data={**FORM, "username": f"root{number}"}, allow_redirects=False)
        for number, token in enumerate(tokens * 2)
    ]
    answers = await asyncio.gather(*tries)
    assert sorted(answer.status for answer in answers) == [303, 422, 422, 422]
    assert len(await users(database)) == 1


async def test_no_link_works_where_there_are_users(sign_in: SignIn, database: Database) -> None:
    token = await token_of(database)
    async with database.begin() as db:
        await factories.user(db, "alice")
    nobody = await sign_in(None)
    assert (await nobody.get(f"/set-up/{token}")).status == 422
    assert (await nobody.post(f"/set-up/{token}", data=FORM)).status == 422
    assert len(await users(database)) == 1


async def test_the_link_takes_no_other_method_and_no_other_site(sign_in: SignIn, database: Database) -> None:
    nobody, token = await sign_in(None), await token_of(database)
    assert (await nobody.put(f"/set-up/{token}", data=FORM)).status == 405
    forged = await nobody.post(f"/set-up/{token}", data=FORM, headers={"Sec-Fetch-Site": "cross-site"})
    assert forged.status == 403
    assert await users(database) == []
