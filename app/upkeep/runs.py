"""Grading runs as an admin sees them: of all teachers, how far, since when, and whether they stand still."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.i18n import Text
from app.marks.models import RunState
from app.upkeep.figures import LAST_PROGRESS, STUCK_MINUTES

OPEN = (RunState.RUNNING, RunState.PAUSED)


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run. `done` of `total` questions; `failed` of `papers`; `teacher` is a sign-in name, "" when gone.

    `reason` says why it paused by itself. `stuck`: it runs, and nothing has happened for too long.
    """

    id: int
    assignment: str
    class_name: str
    teacher: str
    state: str
    papers: int
    failed: int
    total: int
    done: int
    needs_teacher: int
    started: datetime
    last_progress: datetime
    finished: datetime | None
    reason: Text | None
    stuck: bool

    def to_json(self) -> dict[str, Any]:
        """This line for scripts: times as ISO 8601, `reason` in words."""
        row = asdict(self)
        row["reason"] = str(self.reason) if self.reason else None
        for name in ("started", "last_progress", "finished"):
            row[name] = row[name].isoformat(timespec="seconds") if row[name] else None
        return row


_LINES = text(
    f"""
    select r.id, a.title as assignment, c.name as class_name, coalesce(u.username, '') as teacher, r.state,
        p.papers, p.failed, q.total, q.done, q.needs_teacher,
        r.created_at as started, {LAST_PROGRESS} as last_progress, r.finished_at as finished, r.reason,
        r.state = 'running' and {LAST_PROGRESS} < now() - make_interval(mins => :minutes) as stuck
    from runs r
    join assignments a on a.id = r.assignment_id
    join classes c on c.id = a.class_id
    left join users u on u.id = r.created_by
    cross join lateral (
        select count(*) as papers, count(*) filter (where state = 'failed') as failed
        from run_papers where run_id = r.id) p
    cross join lateral (
        select count(*) as total, count(q.graded_at) as done,
            count(*) filter (where m.state = 'needs_teacher' and q.graded_at is not null) as needs_teacher
        from run_questions q
        left join marks m on m.paper_id = q.paper_id and m.question_id = q.question_id
        where q.run_id = r.id) q
    where cast(:states as text[]) is null or r.state = any(cast(:states as text[]))
    order by r.id desc
    """  # noqa: S608 - a constant of this package
)


async def lines(
    session: AsyncSession, states: Collection[str] | None = OPEN, stuck_minutes: int = STUCK_MINUTES
) -> Sequence[RunLine]:
    """The runs in one of the states (None: all), newest first."""
    values = {"states": [str(state) for state in states] if states is not None else None}
    found = await session.execute(_LINES, {**values, "minutes": stuck_minutes})
    return [
        RunLine(**{**row._asdict(), "reason": Text.from_json(row.reason) if row.reason else None})
        for row in found.all()
    ]
