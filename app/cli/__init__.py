"""The `zhupi` command: thin verbs, one module a subject.

A ProblemError is one line on standard error in the user's language and exit code 2; there are no tracebacks for
what a person can mend.
"""

from __future__ import annotations

import os
import sys

import typer

from app import settings_checks
from app.cli import (
    backups,
    checks,
    covers,
    grading,
    privacy,
    prune,
    reading,
    secrets,
    serving,
    settings,
    users,
)
from app.cli.command import PROBLEM, cli, translated
from app.cli.unreachable import unreachable
from app.i18n import ProblemError, language_of_request

__all__ = [
    "backups",
    "checks",
    "cli",
    "covers",
    "grading",
    "main",
    "privacy",
    "prune",
    "reading",
    "secrets",
    "serving",
    "settings",
    "users",
]


def main() -> None:
    """The entry point: run a verb, put problems into words."""
    values = (os.environ.get(name) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"))
    language = str(settings_checks.language(next((value for value in values if value), "")))
    language_of_request.set(language)
    command = translated(typer.main.get_command(cli), language)
    try:
        command(prog_name="zhupi")
    except ProblemError as problem:
        for text in getattr(problem, "problems", (problem.text,)):
            print(text.render(language), file=sys.stderr)
        sys.exit(PROBLEM)
    except Exception as error:
        sentence = unreachable(error)
        if sentence is None:
            raise
        print(sentence.render(language), file=sys.stderr)
        sys.exit(PROBLEM)
