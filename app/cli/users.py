"""Verbs for accounts."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.command import cli
from app.cli.common import ask_password, confirm, in_database, say, show
from app.cli.parts import with_parts
from app.i18n import N_, ProblemError, Text, gettext

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.accounts.models import User
    from app.upkeep.parts import Parts

Name = Annotated[str, typer.Argument(metavar="NAME", help=N_("The name to sign in with."))]


@cli.command("create-user", help=N_("Make an account."))
def create_user(
    username: Name,
    name: Annotated[str, typer.Option(help=N_("The name that others see."))] = "",
    role: Annotated[str, typer.Option(help=N_("admin or teacher."))] = "teacher",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help=N_("Read the password from standard input."))
    ] = False,
) -> None:
    from app.accounts import service
    from app.accounts.models import Role
    from app.audit.models import Action
    from app.audit.service import COMMAND_LINE, record

    if role not in list(Role):
        raise ProblemError("{value} is not a role; roles are {roles}.", value=role, roles=", ".join(Role))
    password = ask_password(password_stdin)

    async def make(session: AsyncSession) -> User:
        made = await service.create(session, username, name or username, password, Role(role))
        what = {"name": made.username, "role": made.role}
        await record(session, COMMAND_LINE, Action.ACCOUNT_MADE, "user", made.id, **what)
        return made

    say(Text("The account {name} was made.", {"name": in_database(make).username}))


@cli.command("reset-password", help=N_("Give an account a new password; its sign-ins end."))
def reset_password(
    username: Name,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help=N_("Read the password from standard input."))
    ] = False,
) -> None:
    from app.accounts import service
    from app.audit.models import Action
    from app.audit.service import COMMAND_LINE, record

    password = ask_password(password_stdin)

    async def reset(session: AsyncSession) -> User:
        user = await service.set_password(session, username, password)
        await record(session, COMMAND_LINE, Action.PASSWORD_RESET, "user", user.id, name=user.username)
        return user

    say(Text("The password of {name} was changed.", {"name": in_database(reset).username}))


@cli.command("list-users", help=N_("List the accounts: role, last sign-in, sign-ins that are open."))
def list_users(
    as_json: Annotated[bool, typer.Option("--json", help=N_("Write JSON, for scripts."))] = False,
) -> None:
    headings = {
        "username": gettext("Name"),
        "name": gettext("Shown as"),
        "role": gettext("Role"),
        "made": gettext("Made"),
        "last_sign_in": gettext("Last sign-in"),
        "disabled": gettext("Disabled"),
        "sign_ins": gettext("Sign-ins open"),
    }
    show(with_parts(_accounts), headings, as_json)


async def _accounts(parts: Parts) -> list[dict[str, Any]]:
    """All accounts by name; `sign_ins` is None where Redis cannot be asked."""
    from redis.exceptions import RedisError

    from app.accounts import store
    from app.audit.store import last_sign_ins
    from app.upkeep import sign_ins

    async with parts.database.begin() as session:
        users = await store.everybody(session)
        last = await last_sign_ins(session)
    try:
        epochs = {user.id: user.session_epoch for user in users if user.disabled_at is None}
        counted = await sign_ins.count(parts.redis, epochs, parts.settings.session_hours)
    except (RedisError, OSError):
        counted = None
        print(Text("Redis does not answer: sign-ins that are open are not known."), file=sys.stderr)
    return [
        {
            "username": user.username,
            "name": user.name,
            "role": user.role,
            "made": _iso(user.created_at),
            "last_sign_in": _iso(last.get(user.id)),
            "disabled": _iso(user.disabled_at),
            "sign_ins": None if counted is None else counted[user.id],
        }
        for user in users
    ]


def _iso(moment: Any) -> str | None:
    return None if moment is None else moment.astimezone().isoformat(timespec="seconds")


@cli.command("disable-user", help=N_("Shut an account: its sign-ins end at once, its runs and marks stay."))
def disable_user(
    username: Name,
    yes: Annotated[bool, typer.Option("--yes", help=N_("Do not ask."))] = False,
) -> None:
    name, was_open = with_parts(lambda parts: _disable(parts, username, yes))
    text = N_("{name} cannot sign in any more.") if was_open else N_("{name} was disabled already.")
    say(Text(text, {"name": name}))


async def _disable(parts: Parts, username: str, yes: bool) -> tuple[str, bool]:
    """Shut an account; its name, and whether it was open."""
    from redis.exceptions import RedisError

    from app.accounts import service
    from app.audit.models import Action
    from app.audit.service import COMMAND_LINE, record
    from app.upkeep import sign_ins

    async with parts.database.begin() as session:
        name = (await service.named(session, username)).username
    confirm(Text("Disable the account {name}? Its sign-ins end at once.", {"name": name}), yes)
    async with parts.database.begin() as session:
        user, was_open = await service.disable_named(session, username)
        if was_open:
            await record(session, COMMAND_LINE, Action.ACCOUNT_DISABLED, "user", user.id, name=user.username)
    # The account's new epoch has ended them already; this only clears up.
    with suppress(RedisError, OSError):
        await sign_ins.end(parts.redis, user.id)
    return name, was_open


@cli.command("enable-user", help=N_("Open a disabled account again; its password is the old one."))
def enable_user(username: Name) -> None:
    from app.accounts import service
    from app.audit.models import Action
    from app.audit.service import COMMAND_LINE, record

    async def enable(session: AsyncSession) -> tuple[User, bool]:
        user, was_shut = await service.enable_named(session, username)
        if was_shut:
            await record(session, COMMAND_LINE, Action.ACCOUNT_ENABLED, "user", user.id, name=user.username)
        return user, was_shut

    user, was_shut = in_database(enable)
    text = N_("{name} can sign in again.") if was_shut else N_("{name} is not disabled.")
    say(Text(text, {"name": user.username}))
