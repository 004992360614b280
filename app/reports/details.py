"""Every answer of a class with what was written beside it, for export."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class Detail:
    """One question of one paper. `comments` are those of the criteria, a line each; `state` is "" without a mark."""

    paper_id: int
    number: str
    name: str
    file_name: str
    question: str
    answer: str
    state: str
    points: float | None
    maximum: float
    comments: str
    feedback: str


_DETAILS = text(
    """
    select p.id, coalesce(s.number, ''), coalesce(s.name, ''), p.file_name, q.label, coalesce(a.text, ''),
        coalesce(m.state, ''), m.points, q.points,
        coalesce((
            select string_agg(c.place || '. ' || (c.entry ->> 'comment'), E'\n' order by c.place)
            from jsonb_array_elements(m.criteria) with ordinality as c(entry, place)
            where coalesce(c.entry ->> 'comment', '') <> ''
        ), ''),
        coalesce(m.feedback, '')
    from papers p
    join questions q on q.assignment_id = p.assignment_id
    left join students s on s.id = p.student_id
    left join marks m on m.paper_id = p.id and m.question_id = q.id
    left join paper_answers a on a.paper_id = p.id and a.question_id = q.id
    where p.assignment_id = :assignment
    order by s.number nulls last, p.file_name, p.id, q.position
    """
)


async def load(session: AsyncSession, assignment_id: int) -> list[Detail]:
    """All answers of an assignment by student and question, in one query."""
    rows = await session.execute(_DETAILS, {"assignment": assignment_id})
    return [Detail(*row) for row in rows]
