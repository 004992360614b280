"""Which columns of a class list hold the number and the name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from app.i18n import Text
from app.intake.normal import is_cjk, normal_name, normal_text
from app.intake.table import Row

# Best first: a list may have a running number (序号) beside the student number.
NUMBER = (
    "学号", "学生学号", "学生编号", "学籍号", "学生号", "考号", "考生号", "准考证号", "编号", "号码",
    "studentnumber", "studentno", "studentid", "studentnr", "matriculationnumber", "matrikelnummer", "idnumber",
    "number", "id", "no", "nr", "sid", "username", "座号", "座位号", "序号",
)  # fmt: skip
NAME = (
    "姓名", "学生姓名", "考生姓名", "名字", "学生", "fullname", "studentname", "name", "student", "displayname",
    "studentsname", "nameofstudent",
)  # fmt: skip
FIRST = ("firstname", "givenname", "givennames", "forename", "vorname", "first", "名")
LAST = ("lastname", "surname", "familyname", "nachname", "last", "姓", "姓氏")
HEADING_ROWS = 15  # lines at the top that may hold titles
OBVIOUS = 0.8  # of the lines must look alike before a column counts without a heading


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a list keeps its numbers and names, and the index of the first row with a student."""

    first_row: int
    number: int
    name: int | None = None
    first: int | None = None
    last: int | None = None

    def number_in(self, row: Row) -> str:
        """The number cell of a row."""
        return row.cell(self.number)

    def name_in(self, row: Row) -> str:
        """The whole name in a row: given name first, but the family name first and no space in Chinese."""
        if self.name is not None:
            return row.cell(self.name)
        first, last = normal_name(row.cell(self.first)), normal_name(row.cell(self.last))
        return last + first if is_cjk(last + first) else f"{first} {last}".strip()


def find_columns(rows: list[Row]) -> Columns | Text:
    """The columns of a list, by headings or by what they hold; a sentence when it cannot be told."""
    half = False
    for index, row in enumerate(rows[:HEADING_ROWS]):
        headings = [_heading(cell) for cell in row.cells]
        number, name = _place(headings, NUMBER), _place(headings, NAME)
        first, last = _place(headings, FIRST), _place(headings, LAST)
        if number is not None and name is not None:
            return Columns(index + 1, number, name)
        if number is not None and first is not None and last is not None:
            return Columns(index + 1, number, first=first, last=last)
        half = half or number is not None or name is not None
    if half:
        return Text(
            "The list needs a heading for the student number and one for the name, such as 学号 and 姓名."
        )
    return _obvious(rows)


def _heading(cell: str) -> str:
    """A heading's bare word: "学号（必填）*" is 学号, "Student No." is studentno."""
    text = re.sub(r"\(.*?\)|\[.*?\]", "", normal_text(cell).casefold())
    return "".join(mark for mark in text if unicodedata.category(mark)[0] == "L")


def _place(headings: list[str], wanted: tuple[str, ...]) -> int | None:
    return next((headings.index(word) for word in wanted if word in headings), None)


def _obvious(rows: list[Row]) -> Columns | Text:
    width = max(len(row.cells) for row in rows)
    numbers = [index for index in range(width) if _share(rows, index, _numberlike) >= OBVIOUS]
    names = [index for index in range(width) if _share(rows, index, _namelike) >= OBVIOUS]
    if len(numbers) == 1 and len(names) == 1:
        return Columns(0, numbers[0], names[0])
    return Text(
        "It cannot be told which columns hold number and name. Add a first line with 学号 and 姓名 (number, name)."
    )


def _share(rows: list[Row], index: int, fits: Callable[[str], bool]) -> float:
    return sum(fits(normal_text(row.cell(index))) for row in rows) / len(rows)


def _numberlike(cell: str) -> bool:
    return bool(re.fullmatch(r"""[='"]*[\w./-]*\d[\w./-]*"?""", cell))


def _namelike(cell: str) -> bool:
    return any(map(str.isalpha, cell)) and not any(map(str.isdigit, cell))
