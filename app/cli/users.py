"""Verbs for accounts."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.command import cli
from app.cli.common import ask_password, in_database, say
from app.i18n import N_, ProblemError, Text


@cli.command("create-user", help=N_("Make an account."))
def create_user(
    username: Annotated[str, typer.Argument(help=N_("The name to sign in with."))],
    name: Annotated[str, typer.Option(help=N_("The name that others see."))] = "",
    role: Annotated[str, typer.Option(help=N_("admin or teacher."))] = "teacher",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help=N_("Read the password from standard input."))
    ] = False,
) -> None:
    from app.accounts import service
    from app.accounts.models import Role

    if role not in list(Role):
        raise ProblemError("{value} is not a role; roles are {roles}.", value=role, roles=", ".join(Role))
    password = ask_password(password_stdin)
    user = in_database(
        lambda session: service.create(session, username, name or username, password, Role(role))
    )
    say(Text("The account {name} was made.", {"name": user.username}))


@cli.command("reset-password", help=N_("Give an account a new password; its sign-ins end."))
def reset_password(
    username: Annotated[str, typer.Argument(help=N_("The name to sign in with."))],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help=N_("Read the password from standard input."))
    ] = False,
) -> None:
    from app.accounts import service

    password = ask_password(password_stdin)
    user = in_database(lambda session: service.set_password(session, username, password))
    say(Text("The password of {name} was changed.", {"name": user.username}))
