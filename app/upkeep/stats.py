"""`zhupi stats`: what is in the system, in figures; no names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

DAYS = 30
"""How far back tokens and costs are summed."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of everything that is kept.

    `papers` and `runs` go by state, `marks` by state, `origins` by what proposed a mark ("" is the teacher alone).
    `overrides` of `decided` marks with a proposal were decided otherwise than proposed. Tokens and `cost` (US dollars)
    are those of runs begun in the last DAYS days. `storage_bytes` counts the same content once, `database_bytes`
    is the database on its disk.
    """

    admins: int
    teachers: int
    disabled: int
    classes: int
    archived: int
    students: int
    assignments: int
    papers: dict[str, int]
    marks: dict[str, int]
    origins: dict[str, int]
    decided: int
    overrides: int
    runs: dict[str, int]
    tokens_in: int
    tokens_out: int
    cost: float
    storage_bytes: int
    database_bytes: int

    @property
    def override_rate(self) -> float | None:
        """The share of decided proposals that the teacher changed, 0..1; None while none is decided."""
        return self.overrides / self.decided if self.decided else None

    def to_json(self) -> dict[str, Any]:
        """All figures under their names, for scripts."""
        names = [name for name in self.__slots__ if not name.startswith("_")]
        return {**{name: getattr(self, name) for name in names}, "override_rate": self.override_rate}


_COUNTS = text(
    """
    select
        (select count(*) from users where role = 'admin' and disabled_at is null) as admins,
        (select count(*) from users where role = 'teacher' and disabled_at is null) as teachers,
        (select count(*) from users where disabled_at is not null) as disabled,
        (select count(*) from classes where archived_at is null) as classes,
        (select count(*) from classes where archived_at is not null) as archived,
        (select count(*) from students) as students,
        (select count(*) from assignments) as assignments,
        (select count(*) from marks where state = 'decided' and proposed is not null) as decided,
        (select count(*) from marks where state = 'decided' and proposed is not null
            and points is distinct from proposed) as overrides,
        (select coalesce(sum(size), 0)::bigint
            from (select distinct on (storage_key) size from papers order by storage_key) files) as storage_bytes,
        pg_database_size(current_database()) as database_bytes
    """
)
_SPENT = text(
    """
    select coalesce(sum(tokens_in), 0)::bigint, coalesce(sum(tokens_out), 0)::bigint, coalesce(sum(cost), 0)
    from runs where created_at > now() - make_interval(days => :days)
    """
)
_GROUPS = {
    "papers": text("select state, count(*) from papers group by 1 order by 1"),
    "marks": text("select state, count(*) from marks group by 1 order by 1"),
    "origins": text("select grader, count(*) from marks group by 1 order by 2 desc, 1"),
    "runs": text("select state, count(*) from runs group by 1 order by 1"),
}


async def stats(session: AsyncSession) -> Stats:
    """Count everything, in one transaction."""
    counts = (await session.execute(_COUNTS)).one()
    groups = {
        name: {str(key): int(count) for key, count in (await session.execute(query)).all()}
        for name, query in _GROUPS.items()
    }
    tokens_in, tokens_out, cost = (await session.execute(_SPENT, {"days": DAYS})).one()
    return Stats(
        **counts._asdict(),
        papers=groups["papers"],
        marks=groups["marks"],
        origins=groups["origins"],
        runs=groups["runs"],
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=float(cost),
    )
