"""`zhupi read`: pages as they are read, figures against the truth, one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from app.document import Box, Word
from app.i18n import ProblemError, Text
from app.intake import process
from app.intake.errors import UnreadableError
from app.intake.inspection import Inspection
from app.intake.page import By, PageReading, Picture, Struck

READING = PageReading(
    "1. 水 water",
    By.OCR,
    (Word(3, 4, Box(0.1, 0.2, 0.3, 0.4), 0.98), Word(5, 10, Box(0.5, 0.2, 0.7, 0.4), 0.5)),
    confidence=0.912,
    quality=0.5,
    warnings=(Text("This page is blurred: photograph it again if its words are wrong."),),
    struck=(Struck("ice", Box(0, 0, 0.1, 0.1)),),
    picture=Picture(b"pixels", 100, 140),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """Two pages, of which the second is torn; what was asked for: (page, careful)."""
    found: list[tuple[int, bool]] = []

    async def inspect(path: Path, name: str) -> Inspection:
        if not path.is_file():
            raise UnreadableError("broken", Text("“{name}” could not be opened.", {"name": name}))
        return Inspection("application/pdf", 2, "pdf")

    async def read_page(path: Path, name: str, number: int, *, careful: bool = False) -> list[PageReading]:
        found.append((number, careful))
        if number == 2:
            raise UnreadableError(
                "broken", Text("Page {page} of “{name}” is torn.", {"page": 2, "name": name})
            )
        return [READING]

    monkeypatch.setattr(process, "inspect", inspect)
    monkeypatch.setattr(process, "read_page", read_page)
    return found


@pytest.fixture
def scan(tmp_path: Path) -> str:
    path = tmp_path / "scan.pdf"
    path.write_bytes(b"%PDF-")
    return str(path)


def zhupi(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["read", *arguments])


def test_pages_are_printed_as_they_are_read(asked: list[Any], scan: str) -> None:
    done = zhupi(scan)
    assert done.stdout.splitlines() == [
        "scan.pdf, page 1: text recognition, confidence 91 %, quality 50 %",
        "! This page is blurred: photograph it again if its words are wrong.",
        "! Crossed out: ice",
        "1. 水 water",
        "",
    ]
    assert done.stderr == "Page 2 of “scan.pdf” is torn.\n"
    assert done.exit_code == 2
    assert asked == [(1, False), (2, False)]


def test_boxes_and_care(asked: list[Any], scan: str) -> None:
    lines = zhupi(scan, "--boxes", "--careful").stdout.splitlines()
    assert "[0.1000 0.2000 0.3000 0.4000] 0.98 水" in lines
    assert "[0.5000 0.2000 0.7000 0.4000] 0.50 water" in lines
    assert asked == [(1, True), (2, True)]


def test_json_holds_everything_but_pixels(asked: list[Any], scan: str) -> None:
    (row,) = json.loads(zhupi(scan, "--json").stdout)
    assert (row["file"], row["page"], row["text"], row["by"]) == (scan, 1, "1. 水 water", "ocr")
    assert row["words"][0] == [3, 4, 0.1, 0.2, 0.3, 0.4, 0.98]
    assert row["picture"] == [100, 140]
    assert "pixels" not in json.dumps(row)


def test_a_missing_file_does_not_stop_the_others(asked: list[Any], scan: str) -> None:
    done = zhupi("nowhere.pdf", scan)
    assert done.exit_code == 2
    assert "“nowhere.pdf” could not be opened." in done.stderr
    assert "1. 水 water" in done.stdout


@pytest.mark.parametrize(
    "arguments", [[], ["a.pdf", "--evaluate", "b"], ["a.pdf", "--set", "photos"], ["--set", "photos"]]
)
def test_what_is_to_be_done_must_be_clear(arguments: list[str]) -> None:
    done = zhupi(*arguments)
    assert isinstance(done.exception, ProblemError)
    assert str(done.exception) == "Name files to read, or one folder of drawn papers with --evaluate."


def test_a_folder_without_truth(tmp_path: Path) -> None:
    done = zhupi("--evaluate", str(tmp_path))
    assert isinstance(done.exception, ProblemError)
    assert str(done.exception).startswith("There is no truth.json in ")


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """Two text files with their truth: real children read them, no model is loaded."""
    pages = []
    for name, text, right in (("a.txt", "water", "water"), ("b.txt", "wine", "vine")):
        (tmp_path / name).write_text(text, "utf-8")
        pages.append(
            {"file": name, "page": 1, "part": 0, "text": right, "words": [], "turned": 0, "quotes": [], "struck": [],
             "student": "", "blank": False}
        )  # fmt: skip
    sets = {"texts": {"kind": "pages", "pages": pages}, "none": {"kind": "pages", "pages": pages[:1]}}
    (tmp_path / "truth.json").write_text(json.dumps({"format": 1, "sets": sets}), "utf-8")
    return tmp_path


def test_figures_as_a_table(drawn: Path) -> None:
    done = zhupi("--evaluate", str(drawn), "--set", "texts")
    assert done.exit_code == 0, done.output
    (row,) = [line for line in done.stdout.splitlines() if "texts" in line]
    assert [cell.strip() for cell in row.split("│")[1:4]] == ["texts", "2", "88.9 %"]
    assert "none" not in done.stdout


def test_figures_as_json(drawn: Path) -> None:
    done = zhupi("--evaluate", str(drawn), "--json")
    data = json.loads(done.stdout)
    assert [each["set"] for each in data["sets"]] == ["texts", "none"]
    assert data["sets"][0]["accuracy"] == pytest.approx(8 / 9, abs=1e-4)


def test_an_unknown_set(drawn: Path) -> None:
    done = zhupi("--evaluate", str(drawn), "--set", "photos")
    assert "There is no set photos in" in str(done.exception)
    assert "there are: texts, none." in str(done.exception)
