"""`zhupi serve`, `zhupi worker`, `zhupi migrate`, and the link for the first account."""

from __future__ import annotations

import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from app.cli.command import cli
from app.cli.common import current_settings, in_database, say, services
from app.i18n import N_, ProblemError, Text


@cli.command(help=N_("Serve the pages; what no setting names (PostgreSQL, Valkey) is started as well."))
def serve(
    demo: Annotated[bool, typer.Option("--demo", help=N_("Load the demo classes once."))] = False,
) -> None:
    from app import logs, serve

    settings = current_settings()
    logs.configure(settings)
    serve.serve(settings, demo=demo)


@cli.command(help=N_("Grade in a process of its own, beside a server or on another machine."))
def worker(
    metrics_port: Annotated[
        int, typer.Option(min=0, max=65535, help=N_("Answer Prometheus on this port; 0 is on none."))
    ] = 0,
) -> None:
    from app import logs, metrics
    from app.worker import main

    with services() as settings:
        logs.configure(settings)
        if metrics_port:
            metrics.serve(metrics_port)
        main(settings)


@cli.command(help=N_("Bring the database to the shape that this version needs."))
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help=N_("Only look; exit code 2 when there is something to do."))
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help=N_("Only print the SQL that would run on Zhupi's own tables."))
    ] = False,
) -> None:
    from app import migrate as database

    with services() as settings:
        if sql:
            print(database.sql(settings), end="")
            return
        found = database.look(settings) if check else database.upgrade(settings)
    if found is database.State.NEWER:
        say(
            Text(
                "The database was migrated by a newer version, on which this one works. Nothing was changed."
            )
        )
    elif check and found is database.State.BEHIND:
        raise ProblemError("The database is not at this version yet: run zhupi migrate.")
    else:
        say(Text("The database is up to date."))


@cli.command(
    "set-up-link", help=N_("Print a one-time link that makes the first account; nothing once there is one.")
)
def set_up_link(
    address: Annotated[
        str, typer.Option(help=N_("Where browsers find the server, such as https://marks.school.example/."))
    ] = "",
) -> None:
    from app.accounts.service import setup_token

    if address and not _is_address(address):
        raise ProblemError(
            "--address takes an address such as https://marks.school.example/, not {value}.", value=address
        )
    token = in_database(setup_token)
    if token is None:
        print(
            Text("There is an account already; zhupi reset-password gives it a new password."),
            file=sys.stderr,
        )
        return
    print(f"{(address or _own_address()).rstrip('/')}/set-up/{token}")


def _own_address() -> str:
    from app import serve

    return serve.address(current_settings())


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
    )
