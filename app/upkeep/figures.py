"""How much waits, runs and stands still: the few numbers that `/health`, `/metrics` and `zhupi doctor` share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

STUCK_MINUTES = 10
"""Minutes without progress after which a run stands still; a model's call ends after LLM_TIMEOUT and three retries."""

LOST_SECONDS = 60
"""A job whose holder has not given a sign of life for so long is lost; consumers take it over after 10 s (app.jobs)."""

LAST_PROGRESS = """
    greatest(r.created_at, r.resumed_at,
             (select max(greatest(q.started_at, q.graded_at)) from run_questions q where q.run_id = r.id))
"""
"""SQL: when something last happened in run `r`."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The jobs of one kind; the lost are among the working.

    `oldest_seconds` is how long the first of those waiting could have been taken.
    """

    kind: str
    waiting: int
    working: int
    lost: int
    failed: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Work:
    """The queue by kind, the runs by state, the ids of runs that stand still, and papers that wait to be read."""

    queue: Sequence[Queue]
    runs: dict[str, int]
    stuck: Sequence[int]
    unread: int

    @property
    def waiting(self) -> int:
        """Jobs that wait, of all kinds."""
        return sum(each.waiting for each in self.queue)

    @property
    def working(self) -> int:
        """Jobs under way, of all kinds."""
        return sum(each.working for each in self.queue)

    @property
    def lost(self) -> int:
        """Jobs whose holder gives no sign of life."""
        return sum(each.lost for each in self.queue)

    @property
    def failed(self) -> int:
        """Jobs that the queue has given up."""
        return sum(each.failed for each in self.queue)

    @property
    def oldest_seconds(self) -> float:
        """How long the first waiting job of all has waited; 0 when none waits."""
        return max((each.oldest_seconds for each in self.queue), default=0.0)


_QUEUE = text(
    """
    select entrypoint,
        count(*) filter (where status = 'queued') as waiting,
        count(*) filter (where status = 'picked') as working,
        count(*) filter (where status = 'picked' and heartbeat < now() - make_interval(secs => :lost)) as lost,
        count(*) filter (where status = 'failed') as failed,
        coalesce(extract(epoch from now() - min(greatest(created, execute_after))
            filter (where status = 'queued' and execute_after <= now())), 0)::double precision as oldest
    from pgqueuer group by entrypoint order by entrypoint
    """
)
_RUNS = text("select state, count(*) from runs group by state")
_STUCK = text(
    f"""
    select r.id from runs r
    where r.state = 'running' and {LAST_PROGRESS} < now() - make_interval(mins => :minutes)
    order by r.id
    """  # noqa: S608 - a constant of this module
)
_UNREAD = text("select count(*) from papers where state = 'received'")


async def work(session: AsyncSession, stuck_minutes: int = STUCK_MINUTES) -> Work:
    """What waits, runs and stands still. Four short queries; raises what a database that is away raises."""
    queue = (await session.execute(_QUEUE, {"lost": LOST_SECONDS})).all()
    runs = (await session.execute(_RUNS)).all()
    stuck = (await session.scalars(_STUCK, {"minutes": stuck_minutes})).all()
    unread = await session.scalar(_UNREAD)
    return Work(
        queue=[Queue(*row) for row in queue],
        runs={str(state): int(count) for state, count in runs},
        stuck=list(stuck),
        unread=int(unread or 0),
    )
