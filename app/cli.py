"""The `zhupi` command: thin verbs; each imports what it needs when it is called.

A ProblemError is one line on standard error in the user's language and exit code 2; there are no tracebacks for
what a person can mend. Texts given to typer are translated when the command line is built (`_translated`).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from app import settings_checks
from app.i18n import LANGUAGES, N_, ProblemError, Text, gettext, language_of_request, translations

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.settings import Settings

MODEL_RETRIES = 3
PROBLEM = 2  # exit code, as for a wrong command line
T = TypeVar("T")

cli = typer.Typer(
    name="zhupi",
    help=N_("Zhupi grades schoolwork: the machine proposes in pencil, the teacher's red ink wins."),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@cli.command(help=N_("Serve the pages; what no setting names (PostgreSQL, Valkey) is started as well."))
def serve(
    demo: Annotated[bool, typer.Option("--demo", help=N_("Load the demo classes once."))] = False,
) -> None:
    from app import logs, serve

    settings = _settings()
    logs.configure(settings)
    serve.serve(settings, demo=demo)


@cli.command(help=N_("Grade in a process of its own, beside a server or on another machine."))
def worker() -> None:
    from app import logs
    from app.worker import main

    with _services() as settings:
        logs.configure(settings)
        main(settings)


@cli.command(help=N_("Bring the database to the shape that this version needs."))
def migrate() -> None:
    from app.migrate import upgrade

    with _services() as settings:
        upgrade(settings)
    _say(Text("The database is up to date."))


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
    password = _password(password_stdin)
    user = _in_database(
        lambda session: service.create(session, username, name or username, password, Role(role))
    )
    _say(Text("The account {name} was made.", {"name": user.username}))


@cli.command("reset-password", help=N_("Give an account a new password; its sign-ins end."))
def reset_password(
    username: Annotated[str, typer.Argument(help=N_("The name to sign in with."))],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help=N_("Read the password from standard input."))
    ] = False,
) -> None:
    from app.accounts import service

    password = _password(password_stdin)
    user = _in_database(lambda session: service.set_password(session, username, password))
    _say(Text("The password of {name} was changed.", {"name": user.username}))


@cli.command(help=N_("Grade a folder of papers here, without server and database."))
def grade(
    scheme: Annotated[Path, typer.Option(help=N_("The marking scheme: text, DOCX or PDF."))],
    papers: Annotated[Path, typer.Option(help=N_("The papers: a folder, a ZIP archive or one file."))],
    roster: Annotated[Path | None, typer.Option(help=N_("The class list: CSV, XLSX or text."))] = None,
    out: Annotated[Path | None, typer.Option(help=N_("Write the marks to this CSV file."))] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help=N_("Write everything to this JSON file."))
    ] = None,
    language: Annotated[
        str | None, typer.Option(help=N_("Language of reasons and feedback: zh or en."))
    ] = None,
    local: Annotated[bool, typer.Option("--local", help=N_("Ask no model, even with a key."))] = False,
) -> None:
    from app import headless

    if language is not None and language not in LANGUAGES:
        raise ProblemError("--language takes zh or en, not {value}.", value=language)
    current = _settings()
    with _progress(gettext("Grading")) as progress:
        results = asyncio.run(
            _graded(
                current,
                local,
                scheme,
                papers,
                roster,
                language=language or language_of_request.get(),
                progress=lambda done, total, _: progress(done, total),
                without=[path for path in (out, json_file) if path],
            )
        )
    if out is not None:
        # Spreadsheets read UTF-8 only with this mark in front.
        _write(out, headless.results_csv(results), encoding="utf-8-sig")
    if json_file is not None:
        _write(json_file, headless.results_json(results))
    if out is None and json_file is None:
        print(headless.results_csv(results), end="")
    facts = {"papers": len(results["papers"]), "questions": results["needs_teacher"]}
    print(
        Text("Papers graded: {papers}. Questions that need the teacher: {questions}.", facts), file=sys.stderr
    )


@cli.command(help=N_("Measure the local text grader against a human's marks."))
def evaluate(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.jsonl", help=N_("Graded answers, one JSON object a line."))
    ],
    marks: Annotated[
        str, typer.Option(help=N_("How many of a question's marks the grader knows, separated by commas."))
    ] = "0,5,10,20",
    json_file: Annotated[
        Path | None, typer.Option("--json", help=N_("Also write the figures to this file."))
    ] = None,
    seeds: Annotated[
        int, typer.Option(help=N_("Random orders to average over; 1 keeps the file's order."))
    ] = 1,
) -> None:
    from rich.console import Console
    from rich.table import Table

    from app.grading import evaluate as measuring

    ks = _numbers(marks)
    with _progress(gettext("Measuring")) as progress:
        results = measuring.evaluate_file(file, ks, seeds=seeds, progress=progress)
    table = Table("marks", "n", "r", "qwk", "rmse", "accuracy")
    for one in results:
        figures = (one.r, one.qwk, one.rmse, one.accuracy)
        table.add_row(str(one.k), str(one.n), *(f"{figure:.3f}" for figure in figures))
    Console().print(table)
    if json_file is not None:
        _write(json_file, json.dumps(measuring.to_json(results), indent=2) + "\n")


@cli.command(help=N_("Print every setting and where it comes from; secrets are masked."))
def settings() -> None:
    from rich.console import Console
    from rich.table import Table

    from app.settings import shown, sources

    current = _settings()
    table = Table(gettext("Setting"), gettext("Value"), gettext("Source"))
    for name, source in sources().items():
        table.add_row(name, shown(current, name.lower()), source or gettext("default"))
    Console(width=None if sys.stdout.isatty() else 200).print(table, markup=False)


def main() -> None:
    """The entry point: run a verb, put problems into words."""
    values = (os.environ.get(name) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"))
    language = str(settings_checks.language(next((value for value in values if value), "")))
    language_of_request.set(language)
    command = _translated(typer.main.get_command(cli), language)
    try:
        command(prog_name="zhupi")
    except ProblemError as problem:
        for text in getattr(problem, "problems", (problem.text,)):
            print(text.render(language), file=sys.stderr)
        sys.exit(PROBLEM)


def _translated(command: Any, language: str) -> Any:
    """The command with its help and that of its options and verbs in a language."""
    words = translations(language)
    command.help = words.gettext(command.help) if command.help else command.help
    for parameter in command.params:
        text = getattr(parameter, "help", None)
        if text:
            parameter.help = words.gettext(text)
    for verb in getattr(command, "commands", {}).values():
        _translated(verb, language)
    return command


def _say(text: Text) -> None:
    print(text)


def _settings() -> Settings:
    from app.settings import load_settings

    return load_settings()


@contextmanager
def _services() -> Iterator[Settings]:
    """Settings with both addresses: those given, a running server's, or own services for the duration."""
    from app.embedded import attached

    with attached(_settings()) as settings:
        yield settings


def _in_database(action: Callable[[AsyncSession], Awaitable[T]]) -> T:
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

    with _services() as settings:
        upgrade(settings)
        return asyncio.run(run(settings))


async def _graded(settings: Settings, local: bool, *files: Path | None, **options: Any) -> dict[str, Any]:
    """`grade_folder` with the model of the settings, if they name one and `local` does not forbid it."""
    from app import headless
    from app.grading.chat import connect

    scheme, papers, roster = files
    assert scheme is not None and papers is not None
    if local or not settings.asks_model:
        return await headless.grade_folder(scheme, papers, roster, **options)
    chat = connect(
        settings.llm_provider,
        settings.llm_base_url,
        settings.llm_api_key.get_secret_value(),
        settings.llm_model,
        timeout_seconds=settings.llm_timeout,
        max_retries=MODEL_RETRIES,
        max_parallel=settings.max_parallel_workers,
    )
    try:
        return await headless.grade_folder(scheme, papers, roster, chat=chat, **options)
    finally:
        await chat.aclose()


def _password(from_stdin: bool) -> str:
    """A password from a pipe, or asked for twice."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise ProblemError("There is no terminal to ask for the password on; use --password-stdin.")
    return str(typer.prompt(gettext("Password"), hide_input=True, confirmation_prompt=gettext("Once more")))


def _numbers(value: str) -> list[int]:
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdigit() for part in parts):
        raise ProblemError(
            "--marks takes whole numbers separated by commas, such as 0,5,10; not {value}.", value=value
        )
    return [int(part) for part in parts]


def _write(path: Path, text: str, encoding: str = "utf-8") -> None:
    try:
        path.write_text(text, encoding=encoding, newline="")
    except OSError as error:
        raise ProblemError(
            "{path} cannot be written: {why}", path=str(path), why=error.strerror or ""
        ) from None


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error while it is a terminal; called with what is done and the whole."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(title)
        yield lambda done, total: bar.update(task, completed=done, total=total)


if __name__ == "__main__":
    main()
