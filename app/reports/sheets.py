"""The results as files for other programs: CSV, and an Excel workbook. Headings are in the reader's language.

Both make text from what people wrote through `neutral`; numbers are written as numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from app.i18n import N_, gettext
from app.marks.models import MarkState
from app.reports import grades
from app.reports.details import Detail
from app.reports.neutral import neutral
from app.reports.results import Line, Results

Value = str | float | int | None
Row = list[Value]

_STATES = {
    "": N_("not graded"),
    MarkState.GRADED: N_("proposed"),
    MarkState.DECIDED: N_("decided"),
    MarkState.NEEDS_TEACHER: N_("needs the teacher"),
}
_NO_PAPER = N_("no paper")
WIDEST = 60  # characters of a column
HEAD_COLOUR = "F3F0E8"


def csv_bytes(results: Results) -> bytes:
    """One row a student or paper, in UTF-8 with the mark that makes Excel read it as such."""
    made = io.StringIO(newline="")
    writer = csv.writer(made)
    writer.writerow(marks_head(results))
    writer.writerows(marks_rows(results))
    return made.getvalue().encode("utf-8-sig")


def xlsx_bytes(results: Results, details: Sequence[Detail]) -> bytes:
    """A workbook of marks, questions, lost criteria, grade lines, and every answer. Slow: call it in a thread."""
    # Half a second to import: only who exports waits for it.
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    _sheet(book, gettext("Marks"), marks_head(results), marks_rows(results), freeze="C2")
    _sheet(book, gettext("Questions"), _questions_head(), _questions_rows(results))
    _sheet(book, gettext("Criteria lost"), _lost_head(), _lost_rows(results))
    _sheet(book, gettext("Grade lines"), _lines_head(), _lines_rows(results))
    _sheet(book, gettext("Answers"), _details_head(), _details_rows(details), freeze="C2")
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def marks_head(results: Results) -> list[str]:
    """Headings of the marks: number, name, file, a column a question, total, max, percent, grade, state."""
    return [
        gettext("Number"),
        gettext("Name"),
        gettext("File"),
        *(neutral(question.label) for question in results.questions),
        gettext("Total"),
        gettext("Maximum"),
        gettext("Percent"),
        gettext("Grade"),
        gettext("State"),
    ]


def marks_rows(results: Results) -> Iterable[Row]:
    """Students with papers, students without, then papers of nobody."""
    for line in (*results.lines, *results.missing, *results.unknown):
        points: list[Value] = [_number(value) for value in line.points]
        yield [
            neutral(line.number),
            neutral(line.name),
            neutral(line.file_name),
            *points,
            _number(line.total) if line.any else None,
            _number(results.maximum),
            None if line.percent is None else _number(round(line.percent, 2)),
            line.grade or None,
            state_words(line),
        ]


def state_words(line: Line) -> str:
    """How far a paper is: the first of what is still missing."""
    if line.paper_id is None:
        return gettext(_NO_PAPER)
    states = set(line.states)
    first = (MarkState.NEEDS_TEACHER, "", MarkState.GRADED, MarkState.DECIDED)
    return gettext(_STATES[next((state for state in first if state in states), "")])


def _questions_head() -> list[str]:
    return [
        gettext("Question"),
        gettext("Maximum"),
        gettext("Average"),
        gettext("Difficulty"),
        gettext("Discrimination"),
        gettext("With points"),
        gettext("All points"),
        gettext("No points"),
        gettext("Blank"),
        gettext("Needs the teacher"),
    ]


def _questions_rows(results: Results) -> Iterable[Row]:
    for row in results.questions:
        item = row.item
        yield [
            neutral(row.label),
            _number(row.maximum),
            _rounded(item.mean),
            _rounded(item.facility),
            _rounded(item.discrimination),
            item.count,
            item.full,
            item.zero,
            row.blank,
            row.needs,
        ]


def _lost_head() -> list[str]:
    return [
        gettext("Question"),
        gettext("Criterion number"),
        gettext("Criterion"),
        gettext("Maximum"),
        gettext("Lost in all"),
        gettext("Lost on average"),
        gettext("Lost share in percent"),
        gettext("Papers that lost points"),
        gettext("With points"),
    ]


def _lost_rows(results: Results) -> Iterable[Row]:
    for entry in results.lost:
        yield [
            neutral(entry.question),
            entry.number,
            neutral(entry.text),
            _number(entry.maximum),
            _number(entry.lost),
            _rounded(entry.lost / entry.count),
            _rounded(entry.share * 100),
            entry.losing,
            entry.count,
        ]


def _lines_head() -> list[str]:
    return [gettext("Grade"), gettext("From percent"), gettext("From points"), gettext("Papers")]


def _lines_rows(results: Results) -> Iterable[Row]:
    for level in grades.ALL:
        line = float(results.grade_lines.get(level, 0)) if level != grades.LOWEST else 0.0
        yield [
            level,
            _number(line),
            _rounded(line / 100 * results.maximum),
            results.grade_counts[level],
        ]


def _details_head() -> list[str]:
    return [
        gettext("Number"),
        gettext("Name"),
        gettext("File"),
        gettext("Question"),
        gettext("Answer"),
        gettext("Points given"),
        gettext("Maximum"),
        gettext("State"),
        gettext("Comments"),
        gettext("Feedback"),
    ]


def _details_rows(details: Sequence[Detail]) -> Iterable[Row]:
    for entry in details:
        yield [
            neutral(entry.number),
            neutral(entry.name),
            neutral(entry.file_name),
            neutral(entry.question),
            neutral(entry.answer),
            _number(entry.points),
            _number(entry.maximum),
            gettext(_STATES[entry.state]),
            neutral(entry.comments),
            neutral(entry.feedback),
        ]


def _number(value: float | None) -> float | int | None:
    """Whole points as whole numbers: 3 and not 3.0."""
    if value is None:
        return None
    plain = round(value, 6)
    return int(plain) if plain == int(plain) else plain


def _rounded(value: float | None) -> float | int | None:
    return None if value is None else _number(round(value, 3))


def _sheet(book: object, title: str, head: Sequence[str], rows: Iterable[Row], freeze: str = "A2") -> None:
    """One sheet: a styled head that stays in view, columns as wide as their words."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font, PatternFill
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(title)  # type: ignore[attr-defined]  # openpyxl ships no types
    body = list(rows)
    sheet.freeze_panes = freeze
    # A write-only sheet wants its widths before its first row.
    for place, words in enumerate(head):
        longest = max([_width(words), *(_width(row[place]) for row in body)])
        sheet.column_dimensions[get_column_letter(place + 1)].width = min(WIDEST, longest + 2)

    def cell(value: Value, *, head: bool = False) -> object:
        made = WriteOnlyCell(sheet, value)
        if isinstance(value, str):
            made.data_type = "s"  # never a formula, whatever it begins with
        if head:
            made.font, made.fill = Font(bold=True), PatternFill("solid", fgColor=HEAD_COLOUR)
        return made

    sheet.append([cell(words, head=True) for words in head])
    for row in body:
        sheet.append([cell(value) for value in row])


def _width(value: Value) -> int:
    """About how many digits wide a value is; Chinese takes two a character. Of several lines the widest counts."""
    if value is None:
        return 0
    lines = str(value).splitlines() or [""]
    return max(sum(2 if ord(character) > 0x2E7F else 1 for character in line[:WIDEST]) for line in lines[:20])
