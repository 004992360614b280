"""`zhupi rotate-secret`."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated

import typer

from app.cli.command import cli
from app.cli.common import confirm, current_settings
from app.cli.unreachable import unreachable
from app.i18n import N_, Text


@cli.command(
    "rotate-secret",
    help=N_(
        "Make a new secret_key, db_password or redis_password and have it accepted; prints the new value."
    ),
)
def rotate_secret(
    name: Annotated[str, typer.Argument(help=N_("secret_key, db_password or redis_password."))],
    yes: Annotated[bool, typer.Option("--yes", help=N_("Do not ask."))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=N_("Print JSON, for scripts."))] = False,
) -> None:
    from app.upkeep import rotation

    settings = current_settings()
    rotation.check(settings, name)
    place = rotation.place_of(settings, name)
    confirm(Text("Make a new {name}? It has to be put into {place}.", {"name": name, "place": place}), yes)
    rotated = asyncio.run(rotation.rotate(settings, name))
    if as_json:
        print(json.dumps({"name": name, "value": rotated.value, "place": place}))
    else:
        print(rotated.value)
    sys.stdout.flush()  # whatever comes, the caller has it
    print(rotated.after, file=sys.stderr)
    if not settings.postgres_url:
        return  # our own database may be at rest; there is nothing to wake it for
    try:
        asyncio.run(rotation.note(rotation.afterwards(settings, rotated)))
    except Exception as error:
        # The deed is done and the value is out: an audit that cannot be written must not make it look undone.
        why = str(unreachable(error) or type(error).__name__)
        print(Text("The audit does not tell of it: {why}", {"why": why}), file=sys.stderr)
