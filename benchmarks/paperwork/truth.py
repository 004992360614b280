"""The truth beside the pictures: FOLDER/truth.json.

    {"format": 1, "seed": 1, "sets": {
       "printed-clean": {"kind": "pages", "pages": [PAGE, ...]},
       "class": {"kind": "pile", "file": "class/scan.pdf", "assignment": 7, "roster": [{"id", "number", "name"}],
                 "pages": [{"page": 1, "student": 101, "cover": true, "blank": false, "asked": false}, ...]}}}

PAGE is {"file", "page", "part", "text", "words": [[start, end, x0, y0, ..., x3, y3]], "turned", "quotes":
[[start, end]], "struck": [text], "student", "blank"}: `file` relative to FOLDER, `page` counted from 1, `part` 0,
or 1 and 2 in a photo of two pages; `words` with the four corners (from the top left as one reads, clockwise) in 0
to 1 of the picture's width and height, as it lies in the file; `turned` by how many degrees clockwise
the page was turned;
`asked` of a pile's page: no machine can know whose it is, so asking is the right answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.paperwork.sheet import Rectangle, Sheet

FORMAT = 1
NAME = "truth.json"
DECIMALS = 5
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class PageTruth:
    """One page of a set; the fields are those of PAGE above."""

    file: str
    sheet: Sheet
    matrix: Array
    size: tuple[int, int]
    part: int = 0
    turned: int = 0
    quotes: tuple[tuple[int, int], ...] = ()
    student: str = ""
    blank: bool = False

    def to_json(self) -> dict[str, Any]:
        """As truth.json has it."""
        starts = line_starts(self.sheet)
        words = [
            [
                starts[word.line] + word.start,
                starts[word.line] + word.end,
                *corners(word.box, self.matrix, self.size),
            ]
            for word in self.sheet.words
        ]
        return {
            "file": self.file,
            "page": 1,
            "part": self.part,
            "text": self.sheet.text,
            "words": words,
            "turned": self.turned,
            "quotes": [list(quote) for quote in self.quotes],
            "struck": [text for text, _ in self.sheet.struck],
            "student": self.student,
            "blank": self.blank,
        }


def line_starts(sheet: Sheet) -> list[int]:
    """The offset of each line in the sheet's text."""
    starts, place = [], 0
    for line in sheet.lines:
        starts.append(place)
        place += len(line) + 1
    return starts


def corners(box: Rectangle, matrix: Array, size: tuple[int, int]) -> list[float]:
    """A box of the sheet (pixels) as eight numbers: its corners on the picture, in 0 to 1 of its size."""
    x0, y0, x1, y1 = box
    points = np.array([[x0, y0, 1], [x1, y0, 1], [x1, y1, 1], [x0, y1, 1]], dtype=float) @ matrix.T
    flat = points[:, :2] / points[:, 2:] / np.array(size)
    return [round(float(each), DECIMALS) for each in flat.reshape(-1)]


def add(folder: Path, seed: int, name: str, content: dict[str, Any]) -> None:
    """Put a set into FOLDER/truth.json, beside those that are there; of the same name it is replaced."""
    path = folder / NAME
    known: dict[str, Any] = (
        json.loads(path.read_text("utf-8")) if path.is_file() else {"format": FORMAT, "sets": {}}
    )
    known["seed"] = seed
    known["sets"][name] = content
    path.write_text(json.dumps(known, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
