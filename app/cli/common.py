"""What verbs share: settings and services, one action in the database, passwords, files, a progress bar."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from app.i18n import ProblemError, Text, gettext

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.settings import Settings

T = TypeVar("T")


def say(text: Text) -> None:
    """A sentence on standard output."""
    print(text)


def current_settings() -> Settings:
    """The settings from the environment. Raises SettingsError."""
    from app.settings import load_settings

    return load_settings()


@contextmanager
def services() -> Iterator[Settings]:
    """Settings with both addresses: those given, a running server's, or own services for the duration."""
    from app.embedded import attached

    with attached(current_settings()) as settings:
        yield settings


def in_database(action: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Run one action in one transaction on the migrated database."""
    from app.db import Database
    from app.migrate import upgrade

    async def run(settings: Settings) -> T:
        database = Database(settings.sqlalchemy_url, pool_size=1)
        try:
            async with database.begin() as session:
                return await action(session)
        finally:
            await database.close()

    with services() as settings:
        upgrade(settings)
        return asyncio.run(run(settings))


def ask_password(from_stdin: bool) -> str:
    """A password from a pipe, or asked for twice."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise ProblemError("There is no terminal to ask for the password on; use --password-stdin.")
    return str(typer.prompt(gettext("Password"), hide_input=True, confirmation_prompt=gettext("Once more")))


def write(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write a file, line ends as they are. Raises ProblemError."""
    try:
        path.write_text(text, encoding=encoding, newline="")
    except OSError as error:
        raise ProblemError(
            "{path} cannot be written: {why}", path=str(path), why=error.strerror or ""
        ) from None


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error while it is a terminal; called with what is done and the whole."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(title)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show(rows: Sequence[Mapping[str, Any]], headings: Mapping[str, str], as_json: bool) -> None:
    """Rows as a table under headings (key -> heading), or for scripts: one JSON array of the rows with all their keys.

    Times are ISO 8601 in both; what is None is an empty cell.
    """
    if as_json:
        print(json.dumps(list(rows), ensure_ascii=False, indent=2, default=str))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*headings.values())
    for row in rows:
        table.add_row(*("" if row[key] is None else str(row[key]) for key in headings))
    # A pipe gets whole lines: a table that is folded at 80 columns cannot be searched.
    Console(width=None if sys.stdout.isatty() else 200).print(table, markup=False)


def confirm(question: Text, yes: bool) -> None:
    """Ask before something is destroyed. Raises ProblemError when the answer is no, or nobody is there to ask.

    `yes` (the verb's --yes) answers without asking.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ProblemError(
            "This destroys something and there is no terminal to ask on; say --yes if you mean it."
        )
    # On standard error, so that the answer of a verb can be piped on.
    if not typer.confirm(str(question), err=True):
        raise ProblemError("Nothing was changed.")
