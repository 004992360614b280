"""The `zhupi` command itself; the verbs are in the modules beside this one and register on `cli`.

Each verb is thin and imports what it needs when it is called. Texts given to typer are translated when the command
line is built (`translated`).
"""

from __future__ import annotations

from typing import Any

import typer

from app.i18n import N_, translations

PROBLEM = 2  # exit code, as for a wrong command line

cli = typer.Typer(
    name="zhupi",
    help=N_("Zhupi grades schoolwork: the machine proposes in pencil, the teacher's red ink wins."),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def translated(command: Any, language: str) -> Any:
    """The command with its help and that of its options and verbs in a language."""
    words = translations(language)
    command.help = words.gettext(command.help) if command.help else command.help
    for parameter in command.params:
        text = getattr(parameter, "help", None)
        if text:
            parameter.help = words.gettext(text)
    for verb in getattr(command, "commands", {}).values():
        translated(verb, language)
    return command
