"""`zhupi grade` and `zhupi evaluate`: the engine without a server."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.command import cli
from app.cli.common import bar, current_settings, write
from app.i18n import LANGUAGES, N_, ProblemError, Text, gettext, language_of_request

if TYPE_CHECKING:
    from app.settings import Settings

MODEL_RETRIES = 3


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
    current = current_settings()
    with bar(gettext("Grading")) as progress:
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
        write(out, headless.results_csv(results), encoding="utf-8-sig")
    if json_file is not None:
        write(json_file, headless.results_json(results))
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
    with bar(gettext("Measuring")) as progress:
        results = measuring.evaluate_file(file, ks, seeds=seeds, progress=progress)
    table = Table("marks", "n", "r", "qwk", "rmse", "accuracy")
    for one in results:
        figures = (one.r, one.qwk, one.rmse, one.accuracy)
        table.add_row(str(one.k), str(one.n), *(f"{figure:.3f}" for figure in figures))
    Console().print(table)
    if json_file is not None:
        write(json_file, json.dumps(measuring.to_json(results), indent=2) + "\n")


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


def _numbers(value: str) -> list[int]:
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdigit() for part in parts):
        raise ProblemError(
            "--marks takes whole numbers separated by commas, such as 0,5,10; not {value}.", value=value
        )
    return [int(part) for part in parts]
