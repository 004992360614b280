"""`zhupi settings`."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from app.cli.command import PROBLEM, cli
from app.cli.common import current_settings, say
from app.i18n import N_, Text, gettext


@cli.command(help=N_("Print every setting and where it comes from; secrets are masked."))
def settings(
    as_json: Annotated[bool, typer.Option("--json", help=N_("Print JSON, for scripts."))] = False,
    check: Annotated[
        bool, typer.Option("--check", help=N_("Only say what is wrong; exit code 2 when something is."))
    ] = False,
) -> None:
    if as_json:
        _as_json(check)
    elif check:
        current_settings()
        say(Text("The settings are good."))
    else:
        _as_table()


def _as_table() -> None:
    from rich.console import Console
    from rich.table import Table

    from app.settings import shown, sources

    current = current_settings()
    table = Table(gettext("Setting"), gettext("Value"), gettext("Source"))
    for name, source in sources().items():
        table.add_row(name, shown(current, name.lower()), source or gettext("default"))
    Console(width=None if sys.stdout.isatty() else 200).print(table, markup=False)


def _as_json(check: bool) -> None:
    """{"problems": [sentence], "settings": [{"name", "value", "source"}]}; no settings where there are problems."""
    from app.settings import SettingsError, shown, sources

    found: dict[str, Any] = {"problems": [], "settings": []}
    try:
        current = current_settings()
    except SettingsError as error:
        found["problems"] = [str(text) for text in error.problems]
    else:
        found["settings"] = [
            {"name": name, "value": shown(current, name.lower()), "source": source or "default"}
            for name, source in sources().items()
            if not check
        ]
    print(json.dumps(found, ensure_ascii=False, indent=2))
    if found["problems"]:
        raise typer.Exit(PROBLEM)
