"""The results as a page shows them: sorted, every value already in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.marks.models import MarkState
from app.marks.order import natural
from app.reports import charts, grades
from app.reports.results import Line, Lost, QuestionRow, Results
from app.reports.statistics import BINS

SORTS = ("number", "name", "total")
MOST_LOST = 12
_TONES = {MarkState.GRADED: "p", MarkState.DECIDED: "t", MarkState.NEEDS_TEACHER: "ask"}


@dataclass(frozen=True, slots=True)
class Cell:
    """Points of one question: the ink ("p" pencil, "t" the teacher's, "ask", "") and the words."""

    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class RowView:
    """One line of the table."""

    paper_id: int
    number: str
    name: str
    file_name: str
    cells: tuple[Cell, ...]
    total: str
    percent: str
    grade: str
    tone: str
    double: bool


@dataclass(frozen=True, slots=True)
class QuestionView:
    """One line of the questions' table; `bar` is the facility in percent as a number for SVG."""

    id: int
    label: str
    maximum: str
    mean: str
    facility: str
    bar: str
    level: str
    discrimination: str
    full: int
    zero: int
    blank: int
    needs: int


@dataclass(frozen=True, slots=True)
class LostView:
    """One line of the criteria that lost most."""

    question: str
    number: int
    text: str
    lost: str
    average: str
    maximum: str
    share: str
    bar: str
    losing: int
    count: int


@dataclass(frozen=True, slots=True)
class TableView:
    """Everything of the results page below its head."""

    sort: str
    maximum: str
    rows: tuple[RowView, ...]
    unknown: tuple[RowView, ...]
    missing: tuple[Line, ...]
    questions: tuple[QuestionView, ...]
    lost: tuple[LostView, ...]
    facts: tuple[str, ...]
    complete: int
    incomplete: int
    distribution: charts.Chart
    grade_chart: charts.Chart
    lines: tuple[tuple[str, str], ...]


def figure(value: float | None, digits: int = 2) -> str:
    """A number without needless zeros; "–" for none."""
    return (
        "–" if value is None else f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    )


def view(results: Results, sort: str) -> TableView:
    """The page's values. `sort` is one of SORTS: totals from the best down."""
    spread = results.spread
    facts = (spread.mean, spread.median, spread.deviation, spread.highest, spread.lowest) if spread else ()
    return TableView(
        sort=sort,
        maximum=figure(results.maximum),
        rows=tuple(_row(line) for line in _sorted(results.lines, sort)),
        unknown=tuple(_row(line) for line in results.unknown),
        missing=results.missing,
        questions=tuple(_question(row) for row in results.questions),
        lost=tuple(_lost(entry) for entry in results.lost[:MOST_LOST]),
        facts=tuple(figure(value) for value in facts),
        complete=spread.count if spread else 0,
        incomplete=results.incomplete,
        distribution=charts.bars(results.bins, bin_labels()),
        grade_chart=charts.bars([results.grade_counts[level] for level in grades.ALL], grades.ALL),
        lines=tuple((level, figure(results.grade_lines.get(level))) for level in grades.LEVELS),
    )


def bin_labels() -> list[str]:
    """The bins of the distribution in percent: 0–9, ..., 90–100."""
    step = 100 // BINS
    return [f"{low}–{100 if low + step == 100 else low + step - 1}" for low in range(0, 100, step)]


def total_words(line: Line) -> str:
    """A total; "32+" while something is missing, "–" while there is nothing."""
    if not line.any:
        return "–"
    return figure(line.total) + ("" if line.complete else "+")


def _sorted(lines: Iterable[Line], sort: str) -> list[Line]:
    if sort == "name":
        return sorted(lines, key=lambda line: (natural(line.name), natural(line.number)))
    if sort == "total":
        return sorted(lines, key=lambda line: (not line.any, -line.total, natural(line.number)))
    return list(lines)


# Few different cells fill the table: one of each is made.
_NO_MARK = Cell("", "–")
_ASKS = Cell("ask", "?")


def _cell(state: str, points: float | None) -> Cell:
    if not state:
        return _NO_MARK
    return _ASKS if points is None else Cell(_TONES[MarkState(state)], figure(points))


def _row(line: Line) -> RowView:
    decided = all(state == MarkState.DECIDED for state in line.states)
    return RowView(
        paper_id=line.paper_id or 0,
        number=line.number,
        name=line.name,
        file_name=line.file_name,
        cells=tuple(map(_cell, line.states, line.points)),
        total=total_words(line),
        percent="" if line.percent is None else f"{line.percent:.0f}%",
        grade=line.grade,
        tone="" if not line.any else "ask" if not line.complete else "t" if decided else "p",
        double=line.double,
    )


def _question(row: QuestionRow) -> QuestionView:
    facility = row.item.facility
    level = "" if facility is None else "easy" if facility >= 0.8 else "hard" if facility < 0.5 else "middle"
    return QuestionView(
        id=row.id,
        label=row.label,
        maximum=figure(row.maximum),
        mean=figure(row.item.mean),
        facility=_share(facility),
        bar=f"{(facility or 0) * 100:.0f}",
        level=level,
        discrimination=_share(row.item.discrimination),
        full=row.item.full,
        zero=row.item.zero,
        blank=row.blank,
        needs=row.needs,
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _lost(entry: Lost) -> LostView:
    return LostView(
        question=entry.question,
        number=entry.number,
        text=entry.text,
        lost=figure(entry.lost),
        average=figure(entry.lost / entry.count),
        maximum=figure(entry.maximum),
        share=f"{entry.share * 100:.0f}%",
        bar=f"{entry.share * 100:.0f}",
        losing=entry.losing,
        count=entry.count,
    )
