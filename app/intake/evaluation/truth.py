"""The truth of drawn papers, FOLDER/truth.json; `benchmarks/paperwork/truth.py` writes it and describes its form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.i18n import N_, ProblemError

NAME = "truth.json"
FORMAT = 1

MISSING = N_("There is no {name} in {folder}: python -m benchmarks.paperwork {folder} draws papers with it.")
GARBAGE = N_("{path} is not the truth of drawn papers: {why}")
LOST = N_("{file}, which {name} tells of, is missing in {folder}.")
NO_SET = N_("There is no set {name} in {path}; there are: {names}.")


class EvaluationError(ProblemError):
    """A folder of drawn papers cannot be measured; the sentence says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class WordTruth:
    """A word as drawn: characters `start` to `end` of the page's text, its four corners clockwise from the top left
    as one reads, [(x, y)] in 0 to 1 of the file's picture."""

    start: int
    end: int
    corners: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class PageTruth:
    """What stands on one page of a file: its text, words and quotes (offsets in the text), what is crossed out.

    `turned`: by how many degrees clockwise the page lies in the picture; `part` 1 and 2 of a photo of two pages.
    """

    file: str
    page: int
    part: int
    text: str
    words: tuple[WordTruth, ...]
    turned: int
    quotes: tuple[tuple[int, int], ...]
    struck: tuple[str, ...]
    blank: bool


@dataclass(frozen=True, slots=True)
class Pupil:
    """A pupil of a drawn class, as a roster entry is handed to splitting."""

    id: int
    number: str
    name: str


@dataclass(frozen=True, slots=True)
class PilePage:
    """A page of a pile: whose it is (`Pupil.id`), whether it is a cover sheet or blank; `asked` when the page says
    too little for anybody to know, so that asking is right."""

    page: int
    student: int
    cover: bool
    blank: bool
    asked: bool


@dataclass(frozen=True, slots=True)
class SetTruth:
    """One set: single pages, or one pile (`file`, `assignment`, `roster`, `pile`)."""

    name: str
    pages: tuple[PageTruth, ...] = ()
    file: str = ""
    assignment: int = 0
    roster: tuple[Pupil, ...] = ()
    pile: tuple[PilePage, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the set, in order, each once."""
        return tuple(dict.fromkeys(page.file for page in self.pages)) if self.pages else (self.file,)


def read_truth(folder: Path, which: str | None = None) -> list[SetTruth]:
    """The sets of a folder, or the one named `which`; every file that they tell of is there.

    Raises EvaluationError.
    """
    path = folder / NAME
    if not path.is_file():
        raise EvaluationError(MISSING, name=NAME, folder=str(folder))
    sets = _parsed(path)
    if which is not None and which not in sets:
        raise EvaluationError(NO_SET, name=which, path=str(path), names=", ".join(sets))
    wanted = [each for name, each in sets.items() if which in (None, name)]
    for each in wanted:
        for file in each.files:
            if not (folder / file).is_file():
                raise EvaluationError(LOST, file=file, name=NAME, folder=str(folder))
    return wanted


def _parsed(path: Path) -> dict[str, SetTruth]:
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["format"] != FORMAT:
            raise EvaluationError(GARBAGE, path=str(path), why=f"format {data['format']!r}")
        found = {str(name): _set(str(name), content) for name, content in data["sets"].items()}
    except KeyError as error:
        raise EvaluationError(GARBAGE, path=str(path), why=f"no {error}") from None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise EvaluationError(GARBAGE, path=str(path), why=str(error)) from None
    if not found:
        raise EvaluationError(GARBAGE, path=str(path), why="no sets")
    return found


def _set(name: str, content: dict[str, Any]) -> SetTruth:
    if content["kind"] == "pages":
        return SetTruth(name, pages=tuple(_page(each) for each in content["pages"]))
    if content["kind"] != "pile":
        raise ValueError(f"kind {content['kind']!r}")
    return SetTruth(
        name,
        file=str(content["file"]),
        assignment=int(content["assignment"]),
        roster=tuple(
            Pupil(int(each["id"]), str(each["number"]), str(each["name"])) for each in content["roster"]
        ),
        pile=tuple(
            PilePage(
                int(each["page"]),
                int(each["student"]),
                bool(each["cover"]),
                bool(each["blank"]),
                bool(each["asked"]),
            )
            for each in content["pages"]
        ),
    )


def _page(data: dict[str, Any]) -> PageTruth:
    return PageTruth(
        file=str(data["file"]),
        page=int(data["page"]),
        part=int(data["part"]),
        text=str(data["text"]),
        words=tuple(_word(each) for each in data["words"]),
        turned=int(data["turned"]),
        quotes=tuple((int(start), int(end)) for start, end in data["quotes"]),
        struck=tuple(map(str, data["struck"])),
        blank=bool(data["blank"]),
    )


def _word(data: list[float]) -> WordTruth:
    start, end, *rest = data
    if len(rest) != 8:
        raise ValueError(f"a word of {len(data)} numbers")
    values = [float(each) for each in rest]
    return WordTruth(int(start), int(end), tuple(zip(values[::2], values[1::2], strict=True)))
