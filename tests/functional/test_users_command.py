"""Accounts and the audit from the command line."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import select

from app.accounts.models import Role, User
from app.audit.models import AuditEntry
from app.db import Database
from app.keys import REDIS
from app.settings import Settings
from tests import factories
from tests.conftest import Client, World
from tests.functional.privacy_help import zhupi

SignIn = Callable[[User | None], Awaitable[Client]]
NEW = "a new password 9"


async def test_accounts_are_listed(
    sign_in: SignIn, world: World, settings: Settings, app: web.Application
) -> None:
    for _ in range(2):
        await sign_in(world.alice)
    # What is no session must not be counted, nor break the list.
    for value in (b"rubbish", b"[]", b'{"session": 1}', b'{"session": {"user_id": "x"}}'):
        await app[REDIS].set(f"zhupi_{len(value)}", value)
    done = await zhupi(settings, "list-users", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["username"]: row for row in json.loads(done.stdout)}
    assert list(rows) == ["alice", "bob", "charlie"]
    alice, bob = rows["alice"], rows["bob"]
    assert (alice["role"], alice["name"], alice["sign_ins"], alice["disabled"]) == (
        "teacher",
        "Alice",
        2,
        None,
    )
    assert alice["last_sign_in"] >= alice["made"]
    assert (bob["last_sign_in"], bob["sign_ins"]) == (None, 0)
    table = await zhupi(settings, "list-users")
    assert "Last sign-in" in table.stdout and "charlie" in table.stdout


async def test_the_list_does_without_redis(db: Database, world: World, settings: Settings) -> None:
    gone = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    done = await zhupi(gone, "list-users", "--json")
    assert (done.returncode, done.stderr) == (
        0,
        "Redis does not answer: sign-ins that are open are not known.\n",
    )
    assert [row["sign_ins"] for row in json.loads(done.stdout)] == [None, None, None]


async def test_an_account_is_shut_and_opened(
    sign_in: SignIn, world: World, settings: Settings, database: Database, app: web.Application
) -> None:
    alice, bob = await sign_in(world.alice), await sign_in(world.bob)
    asked = await zhupi(settings, "disable-user", "alice")
    assert (asked.returncode, "say --yes" in asked.stderr) == (2, True)
    done = await zhupi(settings, "disable-user", " ALICE", "--yes")
    assert (done.returncode, done.stdout) == (0, "alice cannot sign in any more.\n"), done.stderr
    assert (await alice.get("/account", allow_redirects=False)).status == 303
    assert (await bob.get("/account", allow_redirects=False)).status == 200
    assert len([key async for key in app[REDIS].scan_iter("zhupi_*")]) == 1
    again = await zhupi(settings, "disable-user", "alice", "--yes")
    assert (again.returncode, again.stdout) == (0, "alice was disabled already.\n")
    opened = await zhupi(settings, "enable-user", "alice")
    assert (opened.returncode, opened.stdout) == (0, "alice can sign in again.\n")
    assert (await alice.get("/account", allow_redirects=False)).status == 303
    await sign_in(world.alice)
    assert (await zhupi(settings, "enable-user", "alice")).stdout == "alice is not disabled.\n"
    async with database.begin() as db:
        rows = (await db.scalars(select(AuditEntry).where(AuditEntry.actor_id.is_(None)))).all()
    assert [(row.action, row.object_id) for row in rows] == [
        ("account-disabled", world.alice.id), ("account-enabled", world.alice.id),
    ]  # fmt: skip


async def test_the_last_administrator_stays(db: Database, world: World, settings: Settings) -> None:
    async with db.begin() as session:
        await factories.user(session, "root", Role.ADMIN)
    refused = await zhupi(settings, "disable-user", "root", "--yes")
    assert (refused.returncode, refused.stderr) == (
        2,
        "root is the last administrator. Make or enable another one first.\n",
    )
    made = await zhupi(
        settings, "create-user", "boss", "--role", "admin", "--password-stdin", stdin=f"{NEW}\n"
    )
    assert made.returncode == 0, made.stderr
    assert (await zhupi(settings, "disable-user", "root", "--yes")).returncode == 0
    assert (await zhupi(settings, "disable-user", "boss", "--yes")).returncode == 2
    for verb in ("disable-user", "enable-user"):
        unknown = await zhupi(settings, verb, "nobody")
        assert (unknown.returncode, unknown.stderr) == (2, "There is no user “nobody”.\n")


async def test_the_audit_is_shown(db: Database, world: World, settings: Settings) -> None:
    for arguments in (("create-user", "Dora"), ("reset-password", "dora")):
        assert (await zhupi(settings, *arguments, "--password-stdin", stdin=f"{NEW}\n")).returncode == 0
    done = await zhupi(settings, "audit", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [(row["action"], row["who"], row["details"]["name"]) for row in rows] == [
        ("password-reset", "admin on the command line", "dora"),
        ("account-made", "admin on the command line", "dora"),
    ]
    assert NEW not in done.stdout
    table = await zhupi(settings, "audit", "--action", "account-made", "--since", "1h", "--limit", "5")
    assert "name=dora, role=teacher" in table.stdout and "password-reset" not in table.stdout
    assert json.loads((await zhupi(settings, "audit", "--user", "ALICE", "--json")).stdout) == []
    nobody = await zhupi(settings, "audit", "--user", "nobody")
    assert (nobody.returncode, nobody.stderr) == (2, "There is no user “nobody”.\n")
    assert json.loads((await zhupi(settings, "audit", "--since", "2100-01-01", "--json")).stdout) == []
    for arguments, said in (
        (("--action", "dance"), "dance is not an action; actions are sign-in,"),
        (
            ("--since", "yesterday"),
            "--since takes a span such as 7d or a date such as 2026-01-31, not yesterday.",
        ),
        (("--since", "2026-13-01"), "--since takes a span"),
        (("--limit", "0"), "--limit"),
        (("--limit", "many"), "--limit"),
    ):
        bad = await zhupi(settings, "audit", *arguments)
        assert (bad.returncode, said in bad.stderr, "Traceback" in bad.stderr) == (2, True, False), bad.stderr
