"""Class lists: CSV and XLSX to numbers and names, with every bad line said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from app.i18n import Text
from app.intake.columns import Columns, find_columns
from app.intake.errors import UnreadableError
from app.intake.limits import Limits
from app.intake.normal import name_forms, normal_name, normal_number, number_key
from app.intake.table import Row, read_table

MAX_NUMBER = 64
MAX_NAME = 100
EXPONENT = re.compile(r"\d(?:[.,]\d+)?e\+?\d+", re.IGNORECASE)


class Listed(Protocol):
    """Whoever stands in a class list: `RosterEntry`, or a student of the tables."""

    @property
    def number(self) -> str:
        """The school's number, unique in the class."""

    @property
    def name(self) -> str:
        """The name as the class list has it."""


class Enrolled(Listed, Protocol):
    """A student with a row id, as cover sheets name one."""

    @property
    def id(self) -> int:
        """The row id."""


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """One student: number and name in their normal spelling, and the line of the list (from 1; 0 when unknown)."""

    number: str
    name: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one line of a list, counted from 1; line 0 is the list as a whole."""

    line: int
    text: Text


@dataclass(frozen=True, slots=True)
class RosterImport:
    """The students that can be taken over, and what is wrong. A doubled name is a student and a problem too."""

    students: tuple[RosterEntry, ...]
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """This import as a JSON object."""
        return {
            "students": [[entry.number, entry.name, entry.line] for entry in self.students],
            "problems": [[problem.line, problem.text.to_json()] for problem in self.problems],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RosterImport:
        """The inverse of `to_json`."""
        students = tuple(
            RosterEntry(str(number), str(name), int(line)) for number, name, line in data["students"]
        )
        problems = tuple(Problem(int(line), Text.from_json(text)) for line, text in data["problems"])
        return cls(students, problems)


def read_roster(data: bytes, name: str, limits: Limits | None = None) -> RosterImport:
    """The students of a CSV (comma, semicolon, tab) or XLSX list, found by content; `name` is shown in sentences.

    Columns are found by their headings in Chinese or English, or, without headings, when one column holds numbers
    and one names. Never raises for a bad list: a list that cannot be read at all has one problem at line 0. It
    blocks, and a spreadsheet is opened here and now: a server calls `app.intake.process.read_roster_safely`.
    """
    limits = limits or Limits()
    try:
        rows = read_table(data, name, limits)
    except UnreadableError as error:
        return RosterImport((), (Problem(0, error.text),))
    if not rows:
        return _nothing(Text("“{name}” holds no lines.", {"name": name}))
    columns = find_columns(rows)
    if isinstance(columns, Text):
        return _nothing(columns)
    body = rows[columns.first_row :]
    if not body:
        return _nothing(Text("The list has headings, but no students."))
    if len(body) > limits.rows:
        return _nothing(Text("The list has more than {limit} lines.", {"limit": limits.rows}))
    return _students(body, columns)


def _nothing(text: Text) -> RosterImport:
    return RosterImport((), (Problem(0, text),))


def _students(rows: list[Row], columns: Columns) -> RosterImport:
    students: list[RosterEntry] = []
    problems: list[Problem] = []
    numbers: dict[str, int] = {}
    names: dict[frozenset[str], int] = {}
    for row in rows:
        number, name = normal_number(plain_number(columns.number_in(row))), normal_name(columns.name_in(row))
        wrong = _wrong_number(number, row) or _wrong_name(name)
        if wrong is None and (first := numbers.get(number_key(number))):
            values = {"number": number, "first": first}
            wrong = Text("The number {number} already stands in line {first}; this line is left out.", values)
        if wrong is not None:
            problems.append(Problem(row.line, wrong))
            continue
        numbers[number_key(number)] = row.line
        if (first := names.setdefault(name_forms(name), row.line)) != row.line:
            problems.append(Problem(row.line, _doubled(name, first)))
        students.append(RosterEntry(number, name, row.line))
    return RosterImport(tuple(students), tuple(problems))


def plain_number(text: str) -> str:
    """A number as it was meant: without the ".0" that spreadsheets add, and without ="..." or a leading '."""
    text = text.strip()
    if match := re.fullmatch(r'="(.*)"', text):
        text = match[1]
    text = text.removeprefix("'")
    return re.sub(r"^(\d+)\.0+$", r"\1", text)


def _wrong_number(number: str, row: Row) -> Text | None:
    if not number:
        return Text("The student number is missing.")
    if len(number) > MAX_NUMBER:
        return Text("The student number is longer than {limit} characters.", {"limit": MAX_NUMBER})
    if row.rounded or EXPONENT.fullmatch(number):
        return Text(
            "The spreadsheet has rounded the number {number}. Format the column as text and enter it again.",
            {"number": number},
        )
    if not re.search(r"\w", number):
        return Text("“{number}” is not a student number.", {"number": number})
    return None


def _wrong_name(name: str) -> Text | None:
    if not name:
        return Text("The name is missing.")
    if len(name) > MAX_NAME:
        return Text("The name is longer than {limit} characters.", {"limit": MAX_NAME})
    if not any(map(str.isalpha, name)):
        return Text("“{name}” is not a name.", {"name": name})
    return None


def _doubled(name: str, first: int) -> Text:
    return Text(
        "{name} also stands in line {first}. Both are taken; only the number will tell their papers apart.",
        {"name": name, "first": first},
    )
