"""How full the marks of each question are, and how many answers are blank. Counts and means only.

Nobody is to be recognised: a figure stands on the papers of at least FEWEST pupils, means come in whole per cent, and
how much of a mean the teacher has decided is told by the number of marks, never by their points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.classroom.models import Board

FEWEST = 3
"""Pupils that a figure needs: of two, each would know the other's."""

MOST = 84
"""Questions that a screen holds: 6 columns of 14."""

COLUMNS = ((8, 1), (16, 2), (30, 3), (44, 4), (60, 5), (MOST, 6))
"""Up to how many questions stand in how many columns, so that a row across a room is at least 1/14 of the screen."""

LONGEST_PROMPT = 90  # characters: more than a line holds, the rest is cut by the page


@dataclass(frozen=True, slots=True)
class QuestionBar:
    """One question.

    `percent` is the mean share of the points over the marks that count (pencil and decided), None with too few of
    them. `decided` and `pencil` are the lengths of the bar's two parts in per cent of the whole; together they are
    `percent`. `blank` and `asks` (answers that wait for the teacher) are None with too few papers. `prompt` is its
    first line, "" where there is no room.
    """

    label: str
    prompt: str
    percent: int | None
    decided: int
    pencil: int
    blank: int | None
    asks: int | None

    @property
    def known(self) -> bool:
        """Whether anything can be told."""
        return self.percent is not None or self.blank is not None or self.asks is not None


@dataclass(frozen=True, slots=True)
class QuestionsBoard:
    """Values for `partials/board_questions.html`: `rows` bars in each of `columns` columns; `more` have no place."""

    bars: tuple[QuestionBar, ...]
    columns: int
    rows: int
    more: int
    fewest: int = FEWEST

    @property
    def any(self) -> bool:
        """Whether any question has something to show."""
        return any(bar.known for bar in self.bars)

    @property
    def some_few(self) -> bool:
        """Whether a question has no mean."""
        return any(bar.percent is None for bar in self.bars)


# Of a pupil's papers only the newest that was read counts towards FEWEST (`pupil`), so that copies make no crowd; a
# paper that is nobody's yet counts for itself. Points above the question's (it was worth more once) are full.
_QUESTIONS = text(
    """
    with p as (
        select id, row_number() over (
            partition by coalesce(student_id, -id) order by state = 'read' desc, id desc
        ) = 1 as pupil
        from papers where assignment_id = :assignment
    ),
    m as (
        select m.question_id, count(*) filter (where p.pupil) as seen,
            count(*) filter (where p.pupil and m.state <> 'needs_teacher') as pupils,
            count(*) filter (where m.state = 'decided') as decided,
            count(*) filter (where m.state = 'graded') as pencil,
            count(*) filter (where m.state = 'needs_teacher') as asks,
            avg(least(q.points, greatest(0, m.points)) / nullif(q.points, 0)) filter (
                where m.state <> 'needs_teacher'
            ) as share
        from p
        join marks m on m.paper_id = p.id
        join questions q on q.id = m.question_id and q.assignment_id = :assignment
        where m.state = 'needs_teacher' or m.points is not null
        group by m.question_id
    ),
    a as (
        select a.question_id, count(*) filter (where p.pupil) as located,
            count(*) filter (where not a.found or a.text !~ '[^[:space:]]') as blank
        from p join paper_answers a on a.paper_id = p.id
        group by a.question_id
    )
    select q.label, q.prompt, m.share, coalesce(m.seen, 0) as seen, coalesce(m.pupils, 0) as pupils,
        coalesce(m.decided, 0) as decided, coalesce(m.pencil, 0) as pencil, coalesce(m.asks, 0) as asks,
        coalesce(a.located, 0) as located, coalesce(a.blank, 0) as blank
    from questions q
    left join m on m.question_id = q.id
    left join a on a.question_id = q.id
    where q.assignment_id = :assignment
    order by q.position, q.id
    """
)


async def board(session: AsyncSession, board: Board) -> QuestionsBoard:
    """The board as it is now, in one query."""
    found = (await session.execute(_QUESTIONS, {"assignment": board.assignment_id})).all()
    return arrange([bar(row, prompt=len(found) <= COLUMNS[0][0]) for row in found])


def bar(row: Any, prompt: bool = False) -> QuestionBar:
    """One row of the query as a bar; figures of too few pupils are left out. `prompt`: there is room for it."""
    percent, decided = None, 0
    if row.share is not None and row.pupils >= FEWEST:
        percent = round(100 * row.share)
        decided = round(percent * row.decided / (row.decided + row.pencil))
    return QuestionBar(
        label=row.label,
        prompt=first_line(row.prompt) if prompt else "",
        percent=percent,
        decided=decided,
        pencil=(percent or 0) - decided,
        blank=row.blank if row.located >= FEWEST else None,
        asks=row.asks if row.seen >= FEWEST else None,
    )


def arrange(bars: Sequence[QuestionBar]) -> QuestionsBoard:
    """Bars in columns that fit a screen without scrolling."""
    shown = tuple(bars[:MOST])
    columns = next(columns for most, columns in COLUMNS if len(shown) <= most)
    return QuestionsBoard(shown, columns, -(-len(shown) // columns), len(bars) - len(shown))


def first_line(prompt: str) -> str:
    """The first line of a prompt that says something, cut to what a line holds."""
    line = next((" ".join(each.split()) for each in prompt.splitlines() if each.strip()), "")
    return line if len(line) <= LONGEST_PROMPT else line[: LONGEST_PROMPT - 1].rstrip() + "…"
