"""The audit: written with the deed, never changed, pruned by the one way there is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.accounts import limits
from app.accounts.models import Role, User
from app.audit import service as audit
from app.audit import store
from app.audit.models import Action, AuditEntry
from app.audit.service import COMMAND_LINE, Actor
from app.db import Database
from app.marks import decide
from app.marks.models import MarkState
from tests import factories, graded
from tests.conftest import Client, World

SignIn = Callable[[User | None], Awaitable[Client]]


async def entries(database: Database, **values: Any) -> list[AuditEntry]:
    """All entries with these values, oldest first."""
    async with database.begin() as db:
        found = await db.scalars(select(AuditEntry).filter_by(**values).order_by(AuditEntry.id))
        return list(found.all())


async def actions(database: Database) -> list[str]:
    return [entry.action for entry in await entries(database)]


async def try_as(client: Client, username: str, password: str) -> int:
    form = {"username": username, "password": password}
    return (await client.post("/sign-in", data=form, allow_redirects=False)).status


# --- The table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_entries set actor = 'nobody'",
        "delete from audit_entries",
        "truncate audit_entries",
        "set local zhupi.audit_prune = 'on'; update audit_entries set actor = 'nobody'",
        "set local zhupi.audit_prune = 'yes'; delete from audit_entries",
    ],
)
async def test_entries_are_only_added(db: Database, statement: str) -> None:
    async with db.begin() as session:
        await audit.record(session, COMMAND_LINE, Action.PRUNED)
    with pytest.raises(DBAPIError, match="append-only"):
        async with db.begin() as session:
            for each in statement.split(";"):
                await session.execute(text(each))
    assert [entry.actor for entry in await entries(db)] == [COMMAND_LINE.name]


async def test_an_entry_stands_and_falls_with_the_deed(db: Database, world: World) -> None:
    with pytest.raises(RuntimeError):
        async with db.begin() as session:
            await audit.record(session, COMMAND_LINE, Action.PRUNED)
            raise RuntimeError
    assert await entries(db) == []


async def test_old_entries_can_be_forgotten_and_newer_ones_stay(db: Database) -> None:
    now = datetime.now(UTC)
    async with db.begin() as session:
        session.add_all(
            AuditEntry(action=Action.PRUNED, at=now - timedelta(days=days)) for days in (10, 20, 30)
        )
    async with db.begin() as session:
        assert await store.count_before(session, now - timedelta(days=15)) == 2
        assert await store.forget_before(session, now - timedelta(days=15)) == 2
        # The same transaction may not do so in another way.
        with pytest.raises(DBAPIError, match="append-only"):
            async with session.begin_nested():
                await session.execute(text("delete from audit_entries"))
    assert len(await entries(db)) == 1


async def test_long_values_are_cut(db: Database) -> None:
    async with db.begin() as session:
        await audit.record(session, COMMAND_LINE, Action.CLASS_DELETED, "class", 1, name="x" * 5000, n=3)
    (entry,) = await entries(db)
    assert entry.details == {"name": "x" * audit.LONGEST_VALUE, "n": 3}


async def test_the_newest_come_first_and_are_chosen(db: Database) -> None:
    now = datetime.now(UTC)
    async with db.begin() as session:
        for days, name, action in ((3, "ann", Action.SIGN_IN), (2, "bob", Action.SIGN_IN)):
            session.add(AuditEntry(at=now - timedelta(days=days), actor=name, action=action))
            await session.flush()
        await audit.record(session, Actor(1, "ann", "10.0.0.1"), Action.SIGN_OUT)

    async def found(**asked: Any) -> list[tuple[str, str]]:
        async with db.begin() as session:
            return [(each.actor, each.action) for each in await store.newest(session, **asked)]

    assert await found() == [("ann", "sign-out"), ("bob", "sign-in"), ("ann", "sign-in")]
    assert await found(most=1) == [("ann", "sign-out")]
    assert await found(since=now - timedelta(days=2, hours=1)) == [("ann", "sign-out"), ("bob", "sign-in")]
    assert await found(actor="ann", action=Action.SIGN_IN) == [("ann", "sign-in")]
    assert await found(actor="carl") == []


# --- Who decided ------------------------------------------------------------------------------------------------------


async def test_an_account_whose_ink_is_in_a_mark_cannot_be_deleted(db: Database, world: World) -> None:
    """Not even past the application: a mark whose `decided_by` is null is a run's to write."""
    async with db.begin() as session:
        assignment = await factories.assignment(session, world.klass, graded.scheme(1))
        paper = await factories.paper(session, assignment)
        mark = await decide.open_mark(session, paper, assignment.questions[0], None)
        # One criterion of two: written in, and not decided yet. Only `decided_by` protects it.
        decide.set_points(session, mark, assignment.questions[0], world.bob, 0, 1.0)
    assert (mark.state, mark.decided_by) == (MarkState.NEEDS_TEACHER, world.bob.id)
    with pytest.raises(IntegrityError):
        async with db.begin() as session:
            await session.execute(text("delete from users where id = :id"), {"id": world.bob.id})
    async with db.begin() as session:
        await session.execute(text("delete from users where id = :id"), {"id": world.charlie.id})


# --- Signing in -------------------------------------------------------------------------------------------------------


async def test_signing_in_and_out_is_written(sign_in: SignIn, world: World, database: Database) -> None:
    alice = await sign_in(world.alice)
    await alice.post("/sign-out")
    found = await entries(database)
    assert [(each.action, each.actor_id, each.actor) for each in found] == [
        ("sign-in", world.alice.id, "alice"),
        ("sign-out", world.alice.id, "alice"),
    ]
    assert all(each.address == "127.0.0.1" for each in found)


async def test_a_failed_try_is_written_without_what_was_typed(
    sign_in: SignIn, world: World, database: Database
) -> None:
    nobody = await sign_in(None)
    assert await try_as(nobody, "alice", "wrong password") == 422
    assert await try_as(nobody, "my secret password", "x") == 422
    found = await entries(database)
    assert [(each.action, each.actor) for each in found] == [
        ("sign-in-failed", "alice"),
        ("sign-in-failed", ""),
    ]
    assert "secret" not in str([vars(each) for each in found])


async def test_a_limit_is_written_once(sign_in: SignIn, world: World, database: Database) -> None:
    nobody = await sign_in(None)
    for _ in range(limits.PER_ACCOUNT):
        assert await try_as(nobody, "alice", "wrong password") == 422
    for _ in range(5):
        assert await try_as(nobody, "alice", factories.PASSWORD) == 429
    assert await actions(database) == ["sign-in-failed"] * limits.PER_ACCOUNT + ["sign-in-limited"]


async def test_nobody_fills_the_audit_with_ever_new_names(
    sign_in: SignIn, world: World, database: Database
) -> None:
    nobody = await sign_in(None)
    for number in range(limits.PER_ADDRESS + 40):
        await try_as(nobody, f"name{number % 4}", "x")
    written = await actions(database)
    # Each of the four accounts can be told as limited before the address is, and the address once.
    assert written.count("sign-in-failed") <= limits.PER_ADDRESS
    assert 1 <= written.count("sign-in-limited") <= 5


async def test_a_disabled_account_is_told_to_who_knows_its_password_only(
    sign_in: SignIn, world: World, database: Database
) -> None:
    async with database.begin() as db:
        user = await db.get(User, world.alice.id)
        assert user is not None
        user.disabled_at = datetime.now(UTC)
    nobody = await sign_in(None)
    for password, said, action in (
        ("wrong password", "The user name or the password is wrong.", "sign-in-failed"),
        (factories.PASSWORD, "This account is disabled. Ask your administrator.", "sign-in-disabled"),
    ):
        response = await nobody.post("/sign-in", data={"username": "alice", "password": password})
        body = await response.text()
        assert (response.status, said in body) == (422, True)
        assert ("disabled" in body) == (action == "sign-in-disabled")
        assert (await actions(database))[-1] == action
    assert (await nobody.get("/account", allow_redirects=False)).status == 303


# --- What teachers and admins do --------------------------------------------------------------------------------------


async def test_what_an_admin_does_to_accounts(sign_in: SignIn, world: World, database: Database) -> None:
    async with database.begin() as db:
        admin = await factories.user(db, "root", Role.ADMIN)
    root = await sign_in(admin)
    form = {"username": "Dora", "name": "Dora", "password": "a new password 9", "role": "teacher"}
    await root.post("/users", data=form)
    dora = (await entries(database, action=Action.ACCOUNT_MADE))[0].object_id
    await root.post(f"/users/{dora}/disable")
    await root.post(f"/users/{dora}/enable")
    await root.post(f"/users/{dora}/password", data={"password": "another password 9"})
    found = [each for each in await entries(database, actor="root") if each.object_kind == "user"]
    assert [each.action for each in found] == [
        "account-made", "account-disabled", "account-enabled", "password-reset",
    ]  # fmt: skip
    assert all(each.object_id == dora and each.details["name"] == "dora" for each in found)
    assert "another password 9" not in str([each.details for each in found])


async def test_what_was_refused_is_not_written(sign_in: SignIn, world: World, database: Database) -> None:
    async with database.begin() as db:
        admin = await factories.user(db, "root", Role.ADMIN)
    root, charlie = await sign_in(admin), await sign_in(world.charlie)
    before = await actions(database)
    assert (await root.post(f"/users/{admin.id}/disable")).status == 422
    assert (await charlie.post(f"/users/{world.bob.id}/disable")).status == 403
    assert (await charlie.post(f"/classes/{world.klass.id}/delete", data={"name": "8C"})).status == 404
    assert await actions(database) == before


async def test_what_a_teacher_does_to_a_class(sign_in: SignIn, world: World, database: Database) -> None:
    async with database.begin() as db:
        assignment, papers = await graded.assignment(db, world.klass)
    alice = await sign_in(world.alice)
    a, c = f"/assignments/{assignment.id}", f"/classes/{world.klass.id}"
    await alice.post(f"{a}/run/start")
    run = (await entries(database, action=Action.RUN_STARTED))[0].object_id
    for what in ("pause", "resume", "cancel"):
        await alice.post(f"{a}/run/change", data={"do": what, "run": str(run)})
    for suffix in ("csv", "xlsx"):
        assert (await alice.get(f"{a}/results.{suffix}")).status == 200
    await alice.post(f"/papers/{papers[0].id}/remove")
    await alice.post(f"{a}/delete", data={"confirm": "yes"})
    await alice.post(f"{c}/delete", data={"name": "8C"})
    found = (await entries(database, actor="alice"))[1:]
    assert [(each.action, each.object_kind, each.object_id) for each in found] == [
        ("run-started", "run", run),
        ("run-paused", "run", run),
        ("run-resumed", "run", run),
        ("run-cancelled", "run", run),
        ("results-downloaded", "assignment", assignment.id),
        ("results-downloaded", "assignment", assignment.id),
        ("paper-deleted", "paper", papers[0].id),
        ("assignment-deleted", "assignment", assignment.id),
        ("class-deleted", "class", world.klass.id),
    ]
    assert papers[0].file_name not in str([each.details for each in found])
