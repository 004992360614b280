"""`zhupi settings`."""

from __future__ import annotations

import sys

from app.cli.command import cli
from app.cli.common import current_settings
from app.i18n import N_, gettext


@cli.command(help=N_("Print every setting and where it comes from; secrets are masked."))
def settings() -> None:
    from rich.console import Console
    from rich.table import Table

    from app.settings import shown, sources

    current = current_settings()
    table = Table(gettext("Setting"), gettext("Value"), gettext("Source"))
    for name, source in sources().items():
        table.add_row(name, shown(current, name.lower()), source or gettext("default"))
    Console(width=None if sys.stdout.isatty() else 200).print(table, markup=False)
