"""A class as one matrix, papers by questions: what each cell shows, as values ready for a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Json

FILL_STEPS = 10


@dataclass(frozen=True, slots=True)
class Column:
    """One question: its id, label and maximum."""

    id: int
    label: str
    points: float


@dataclass(frozen=True, slots=True)
class Cell:
    """One question of one paper.

    `mark` is "graded" (pencil), "decided" (red ink), "needs_teacher", or "" without a mark; `busy` is "now" while it is
    graded, "wait" while it waits for that, "held" while its run is paused, or "". `fill` is the reached share in
    FILL_STEPS, 0 without points.
    """

    paper_id: int
    question_id: int
    label: str
    maximum: float
    mark: str
    busy: str
    points: float | None

    @property
    def fill(self) -> int:
        """The reached share in steps of a tenth."""
        if self.points is None or self.maximum <= 0:
            return 0
        return max(0, min(FILL_STEPS, round(self.points / self.maximum * FILL_STEPS)))


@dataclass(frozen=True, slots=True)
class Total:
    """A paper's sum so far; `more` says that something is still to be added, `any` whether there is a mark at all."""

    paper_id: int
    points: float
    more: bool
    any: bool


@dataclass(frozen=True, slots=True)
class Head:
    """Who a row is about: the student, or the file's name; `problem` is why it cannot be graded (Text as JSON)."""

    paper_id: int
    name: str
    number: str
    student: bool
    problem: Json | None


@dataclass(frozen=True, slots=True)
class Row:
    """One paper."""

    head: Head
    cells: tuple[Cell, ...]
    total: Total


@dataclass(frozen=True, slots=True)
class Matrix:
    """All papers of an assignment by name."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = field(default_factory=tuple)

    @property
    def maximum(self) -> float:
        """The most a paper can reach."""
        return sum(column.points for column in self.columns)


# The busy part looks at the open run only: what an ended run left undone waits for nothing.
_CELLS = """
    select p.id as paper, q.id as question, q.label, q.points as maximum, coalesce(m.state, '') as mark, m.points,
        case when rq.question_id is null or rq.graded_at is not null or rp.state = 'failed' then ''
             when r.state = 'paused' then 'held'
             when rq.started_at is not null and rp.state = 'grading' then 'now'
             else 'wait' end as busy
    from papers p
    join questions q on q.assignment_id = p.assignment_id
    left join marks m on m.paper_id = p.id and m.question_id = q.id
    left join runs r on r.assignment_id = p.assignment_id and r.state in ('running', 'paused')
    left join run_questions rq on rq.run_id = r.id and rq.paper_id = p.id and rq.question_id = q.id
    left join run_papers rp on rp.run_id = r.id and rp.paper_id = p.id
"""
_OF_ASSIGNMENT = text(_CELLS + " where p.assignment_id = :assignment order by p.id, q.position")
_OF_PAPERS = text(_CELLS + " where p.id = any(cast(:papers as bigint[])) order by p.id, q.position")
_HEADS = """
    select p.id, coalesce(s.name, p.file_name) as name, coalesce(s.number, '') as number, s.id is not null as student,
        coalesce(p.problem, rp.problem) as problem
    from papers p
    left join students s on s.id = p.student_id
    left join lateral (
        select x.problem from run_papers x where x.paper_id = p.id order by x.run_id desc limit 1
    ) rp on true
"""
_HEADS_OF_ASSIGNMENT = text(
    _HEADS + " where p.assignment_id = :assignment order by s.number nulls last, p.file_name, p.id"
)
_HEADS_OF_PAPERS = text(_HEADS + " where p.id = any(cast(:papers as bigint[]))")
_COLUMNS = text("select id, label, points from questions where assignment_id = :assignment order by position")


async def matrix(session: AsyncSession, assignment_id: int) -> Matrix:
    """The whole matrix of an assignment, in three queries."""
    columns = await session.execute(_COLUMNS, {"assignment": assignment_id})
    cells = _by_paper(await session.execute(_OF_ASSIGNMENT, {"assignment": assignment_id}))
    heads = await session.execute(_HEADS_OF_ASSIGNMENT, {"assignment": assignment_id})
    return Matrix(
        tuple(Column(*row) for row in columns),
        tuple(_row(Head(*head), cells.get(head.id, [])) for head in heads),
    )


async def rows(session: AsyncSession, paper_ids: Iterable[int]) -> dict[int, Row]:
    """Single rows of a matrix, by paper; papers that are gone are left out."""
    wanted = {"papers": list(paper_ids)}
    cells = _by_paper(await session.execute(_OF_PAPERS, wanted))
    heads = await session.execute(_HEADS_OF_PAPERS, wanted)
    return {head.id: _row(Head(*head), cells.get(head.id, [])) for head in heads}


def _by_paper(found: Iterable[Any]) -> dict[int, list[Cell]]:
    cells: dict[int, list[Cell]] = defaultdict(list)
    for row in found:
        cells[row.paper].append(
            Cell(row.paper, row.question, row.label, row.maximum, row.mark, row.busy, row.points)
        )
    return cells


def _row(head: Head, cells: Sequence[Cell]) -> Row:
    points = [cell.points for cell in cells if cell.points is not None]
    total = Total(head.paper_id, sum(points), len(points) < len(cells), bool(points))
    return Row(head, tuple(cells), total)


@dataclass(frozen=True, slots=True)
class Asking:
    """A question of a paper that needs the teacher."""

    paper_id: int
    question_id: int


_ASKING = text(
    """
    select m.paper_id, m.question_id
    from marks m
    join papers p on p.id = m.paper_id
    join questions q on q.id = m.question_id
    left join students s on s.id = p.student_id
    where p.assignment_id = :assignment and m.state = 'needs_teacher'
    order by s.number nulls last, p.file_name, p.id, q.position
    limit 1
    """
)


async def first_asking(session: AsyncSession, assignment_id: int) -> Asking | None:
    """The first question that needs the teacher, in the matrix's order."""
    found = (await session.execute(_ASKING, {"assignment": assignment_id})).first()
    return Asking(*found) if found is not None else None
