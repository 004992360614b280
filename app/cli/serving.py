"""`zhupi serve`, `zhupi worker` and `zhupi migrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.command import cli
from app.cli.common import current_settings, say, services
from app.i18n import N_, Text


@cli.command(help=N_("Serve the pages; what no setting names (PostgreSQL, Valkey) is started as well."))
def serve(
    demo: Annotated[bool, typer.Option("--demo", help=N_("Load the demo classes once."))] = False,
) -> None:
    from app import logs, serve

    settings = current_settings()
    logs.configure(settings)
    serve.serve(settings, demo=demo)


@cli.command(help=N_("Grade in a process of its own, beside a server or on another machine."))
def worker() -> None:
    from app import logs
    from app.worker import main

    with services() as settings:
        logs.configure(settings)
        main(settings)


@cli.command(help=N_("Bring the database to the shape that this version needs."))
def migrate() -> None:
    from app.migrate import upgrade

    with services() as settings:
        upgrade(settings)
    say(Text("The database is up to date."))
