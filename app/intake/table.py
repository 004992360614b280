"""Rows of cells out of CSV and XLSX bytes, with the line each came from."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.i18n import Text
from app.intake.errors import UnreadableError
from app.intake.formats import ooxml
from app.intake.formats.text import clean, decode
from app.intake.limits import Limits
from app.intake.sniff import DOCX, HEAD, PDF, PPTX, TEXT, XLSX, ZIP, label, sniff

DELIMITERS = ("\t", ",", ";", "，", "；", "|")
MAX_COLUMNS = 60
LINE_SLACK = 50  # lines that titles and headings may take beyond the students
SHEET_MEGABYTES = 64  # inflated; 5000 lines take about one
EXACT = 10**15  # Excel keeps 15 significant digits


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one line; `rounded` says that a number in it has more digits than a spreadsheet keeps."""

    line: int
    cells: tuple[str, ...]
    rounded: bool = False

    def cell(self, index: int | None) -> str:
        """A cell's text; "" for a cell that the line does not have."""
        return self.cells[index] if index is not None and index < len(self.cells) else ""


def read_table(data: bytes, name: str, limits: Limits) -> list[Row]:
    """The lines that hold anything, at most `limits.rows` and a few more. Raises UnreadableError."""
    if not data.strip(b"\x00 \t\r\n"):
        raise UnreadableError("empty", Text("“{name}” is empty.", {"name": name}))
    media_type = sniff(data[:HEAD])
    if media_type in (ZIP, XLSX, DOCX, PPTX):
        rows = _sheet(data, name, limits)
    elif media_type == TEXT:
        rows = _lines(decode(data))
    else:
        values = {
            "name": name,
            "type": label(media_type if media_type else PDF if name.endswith(".pdf") else None),
        }
        raise UnreadableError("type", Text("“{name}” is no list (CSV or XLSX): it is {type}.", values))
    found: list[Row] = []
    for row in rows:
        if any(cell.strip() for cell in row.cells):
            found.append(row)
        if len(found) > limits.rows + LINE_SLACK:
            break
    return found


def _lines(text: str) -> Iterator[Row]:
    lines = text.split("\n")
    if lines and (
        match := re.fullmatch(r"sep=(.)", lines[0].strip())
    ):  # Excel's own way to name the delimiter
        delimiter, skipped = match[1], 1
    else:
        delimiter, skipped = _delimiter(lines), 0
    for number, line in enumerate(lines, 1):
        if number > skipped:
            # Line by line, so that one forgotten quotation mark does not swallow the rest of the class.
            yield Row(number, _split(line, delimiter))


def _delimiter(lines: list[str]) -> str | None:
    """The mark that parts most lines; None when white space has to do."""
    sample = [line for line in lines if line.strip()][:200]
    counts = {mark: sum(mark in line for line in sample) for mark in DELIMITERS}
    best = max(DELIMITERS, key=lambda mark: counts[mark])
    return best if sample and counts[best] * 2 >= len(sample) else None


def _split(line: str, delimiter: str | None) -> tuple[str, ...]:
    if delimiter is None:
        # "20240101 Ann Lee": the number ends at the first space.
        return tuple(line.split(maxsplit=1))
    try:
        return tuple(next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), ()))[:MAX_COLUMNS]
    except csv.Error:  # a field beyond the module's limit
        return tuple(line.split(delimiter))[:MAX_COLUMNS]


def _sheet(data: bytes, name: str, limits: Limits) -> Iterator[Row]:
    """The first sheet that holds anything."""
    bounded = Limits(
        files=limits.files, inflated_megabytes=min(limits.inflated_megabytes, 4 * SHEET_MEGABYTES)
    )
    ooxml.check(io.BytesIO(data), name, bounded)
    if not _is_workbook(data):
        raise UnreadableError(
            "type",
            Text("“{name}” is no list (CSV or XLSX): it is {type}.", {"name": name, "type": "ZIP/DOCX"}),
        )
    import openpyxl

    rows: list[Row] = []
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            # A sheet may claim a million rows or one; both are told by walking, within our own bounds.
            sheet.reset_dimensions()
            cells = sheet.iter_rows(max_row=limits.rows + 10 * LINE_SLACK, max_col=MAX_COLUMNS)
            rows = [_sheet_row(number, row) for number, row in enumerate(cells, 1)]
            if any(cell.strip() for row in rows for cell in row.cells):
                break
    except MemoryError:
        raise
    except Exception as error:  # the library throws whatever a damaged workbook causes
        raise ooxml.broken(name) from error
    return iter(rows)


def _is_workbook(data: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return "xl/workbook.xml" in package.namelist()


def _sheet_row(number: int, cells: tuple[Any, ...]) -> Row:
    values = [cell.value for cell in cells]
    rounded = any(
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= EXACT
        for value in values
    )
    return Row(number, tuple(_cell_text(cell) for cell in cells), rounded)


def _cell_text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        # A custom format such as 00000000 is how leading zeros are kept on numbers.
        pattern = str(getattr(cell, "number_format", "") or "")
        return str(value).zfill(len(pattern)) if re.fullmatch(r"0+", pattern) and value >= 0 else str(value)
    return clean(str(value)).replace("\n", " ")
