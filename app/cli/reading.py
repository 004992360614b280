"""`zhupi read`: what is read from files, page by page; and how well drawn papers are read."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.command import PROBLEM, cli
from app.cli.common import bar, show
from app.i18n import N_, ProblemError, Text, gettext

if TYPE_CHECKING:
    from app.intake.evaluating import Evaluation, Measured
    from app.intake.page import PageReading

HEAD = N_("{file}, page {page}: {by}, confidence {confidence} %, quality {quality} %")
BY = {
    "text": N_("a text file"),
    "pdf": N_("the PDF's text"),
    "ocr": N_("text recognition"),
    "model": N_("a vision model"),
    "teacher": N_("a teacher"),
}
STRUCK = N_("Crossed out: {text}")


@cli.command(help=N_("Read papers here and print what is read; or measure how well drawn papers are read."))
def read(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", help=N_("PDF, pictures, DOCX or text."))
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=N_("For scripts: JSON instead of text."))] = False,
    boxes: Annotated[bool, typer.Option("--boxes", help=N_("Also print where each word stands."))] = False,
    careful: Annotated[bool, typer.Option("--careful", help=N_("Slower, with the larger model."))] = False,
    evaluate: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help=N_("Compare with FOLDER/truth.json and print figures.")),
    ] = None,
    which: Annotated[str | None, typer.Option("--set", help=N_("Only this set of the folder."))] = None,
) -> None:
    _log_aside()
    if evaluate is not None and not files:
        _evaluate(evaluate, which, careful, as_json)
    elif files and evaluate is None and which is None:
        _read(files, as_json, boxes, careful)
    else:
        raise ProblemError(N_("Name files to read, or one folder of drawn papers with --evaluate."))


def _log_aside() -> None:
    """Send the log to standard error: what is read, above all as JSON, has standard output for itself."""
    import structlog

    if not structlog.is_configured():
        structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def _read(files: list[Path], as_json: bool, boxes: bool, careful: bool) -> None:
    problems = asyncio.run(_each(files, as_json, boxes, careful))
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        raise typer.Exit(PROBLEM)


async def _each(files: list[Path], as_json: bool, boxes: bool, careful: bool) -> list[Text]:
    """Print every page that can be read; what is wrong with the others."""
    from app.intake import process
    from app.intake.errors import UnreadableError

    problems: list[Text] = []
    rows: list[dict[str, Any]] = []
    try:
        for file in files:
            try:
                count = (await process.inspect(file, file.name)).pages
            except UnreadableError as error:
                problems.append(error.text)
                continue
            for number in range(1, count + 1):
                try:
                    readings = await process.read_page(file, file.name, number, careful=careful)
                except UnreadableError as error:
                    problems.append(error.text)
                    continue
                for reading in readings:
                    if as_json:
                        rows.append(
                            {
                                "file": str(file),
                                "page": number,
                                **reading.to_json(),
                                "picture": _size(reading),
                            }
                        )
                    else:
                        _print(file, number, reading, boxes)
    finally:
        await process.close_readers()
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    return problems


def _size(reading: PageReading) -> list[int] | None:
    """The picture's width and height: its bytes help nobody on a terminal."""
    return [reading.picture.width, reading.picture.height] if reading.picture else None


def _print(file: Path, number: int, reading: PageReading, boxes: bool) -> None:
    values = {
        "file": file.name,
        "page": number,
        "by": gettext(BY[reading.by]),
        "confidence": round(100 * reading.confidence),
        "quality": round(100 * reading.quality),
    }
    print(Text(HEAD, values))
    for warning in reading.warnings:
        print("!", warning)
    for struck in reading.struck:
        print("!", Text(STRUCK, {"text": struck.text}))
    print(reading.text)
    for word in reading.words if boxes else ():
        place = " ".join(f"{each:.4f}" for each in word.box.to_json())
        print(f"[{place}] {word.confidence:.2f} {reading.text[word.start : word.end]}")
    print()


def _evaluate(folder: Path, which: str | None, careful: bool, as_json: bool) -> None:
    with bar(gettext("Reading")) as progress:
        result = asyncio.run(_evaluated(folder, which, careful, progress))
    if as_json:
        print(json.dumps(result.to_json(), ensure_ascii=False, indent=2))
        return
    rows = [row for each in result.sets for row in _rows(each)]
    headings = {
        "set": gettext("set"),
        "pages": gettext("pages"),
        "accuracy": gettext("characters right"),
        "upright": gettext("upright"),
        "quotes": gettext("quotes drawn right"),
        "blank": gettext("blank pages known"),
        "struck": gettext("crossed out, known"),
        "split": gettext("papers right / asked / wrong"),
        "failed": gettext("failed"),
        "speed": gettext("pages a second a core"),
    }
    show(rows, headings, as_json=False)
    if result.peak_megabytes:
        print(Text(N_("A reader used at most {count} MB of memory."), {"count": result.peak_megabytes}))
    for each in result.sets:
        for problem in each.problems:
            print(problem, file=sys.stderr)


async def _evaluated(folder: Path, which: str | None, careful: bool, progress: Any) -> Evaluation:
    from app.intake import evaluating, process

    try:
        return await evaluating.evaluate(folder, which, careful=careful, progress=progress)
    finally:
        await process.close_readers()


def _rows(each: Measured) -> list[dict[str, Any]]:
    """A set's lines in the table: a pile has one with its cover sheets and one without."""
    data = each.to_json()
    speed = data["pages_a_second_a_core"]
    row: dict[str, Any] = {
        "set": each.name,
        "pages": each.figures.pages,
        "accuracy": _percent(data["accuracy"]),
        "upright": _percent(data["upright"]),
        "quotes": _percent(data["quotes_drawn"]),
        "blank": _percent(data["blank_right"]),
        "struck": _percent(data["struck_right"]),
        "split": None,
        "failed": each.figures.failed,
        "speed": None if speed is None else f"{speed:.2f}",
    }
    if each.covers is None or each.fields is None:
        return [row]
    both = ((gettext("with covers"), each.covers), (gettext("without covers"), each.fields))
    return [
        {**row, "set": f"{each.name}, {name}", "split": f"{found.right} / {found.asked} / {found.wrong}"}
        for name, found in both
    ]


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.1f} %"
