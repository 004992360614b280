"""Storing what the engine proposes: once, in one transaction with what it cost, and never over a teacher's decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Json, JsonList
from app.i18n import Text
from app.marks.models import Mark, MarkChange, MarkState, Run, RunState
from app.marks.pausing import pause_row

Place = tuple[int, int, int]  # run, paper, question


@dataclass(frozen=True, slots=True)
class Started:
    """A question that is being graded from now on."""

    run_id: int
    paper_id: int
    question_id: int

    @property
    def place(self) -> Place:
        """The row of run_questions this is about."""
        return self.run_id, self.paper_id, self.question_id


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the engine proposes for one question of one paper in a run; the fields are those of `Mark`.

    `points` is None when the teacher is needed. Tokens, and `cost` in US dollars, are what this proposal took.
    """

    run_id: int
    paper_id: int
    question_id: int
    scheme_version: int
    state: str
    points: float | None
    reason: Json | None
    confidence: float | None
    criteria: JsonList
    feedback: str
    grader: str
    tokens_in: int
    tokens_out: int
    cost: float

    @property
    def place(self) -> Place:
        """The row of run_questions this is about."""
        return self.run_id, self.paper_id, self.question_id


_START = text(
    """
    update run_questions q set started_at = clock_timestamp()
    from unnest(cast(:runs as bigint[]), cast(:papers as bigint[]), cast(:questions as bigint[]))
        as v(run, paper, question)
    where q.run_id = v.run and q.paper_id = v.paper and q.question_id = v.question
        and q.started_at is null and q.graded_at is null
    """
)
_LOCK = text("select id from runs where id = any(cast(:ids as bigint[])) order by id for update")
_FINISH = text(
    """
    update run_questions q
    set graded_at = clock_timestamp(), started_at = coalesce(q.started_at, clock_timestamp()),
        tokens_in = v.tokens_in, tokens_out = v.tokens_out, cost = v.cost
    from unnest(cast(:runs as bigint[]), cast(:papers as bigint[]), cast(:questions as bigint[]),
                cast(:tokens_in as bigint[]), cast(:tokens_out as bigint[]), cast(:costs as double precision[]))
        as v(run, paper, question, tokens_in, tokens_out, cost)
    where q.run_id = v.run and q.paper_id = v.paper and q.question_id = v.question and q.graded_at is null
    returning q.run_id, q.paper_id, q.question_id
    """
)
_EARLIER = text(
    """
    select m.id, m.paper_id, m.question_id, m.state, m.points, m.decided_by
    from marks m
    join unnest(cast(:papers as bigint[]), cast(:questions as bigint[])) as v(paper, question)
        on m.paper_id = v.paper and m.question_id = v.question
    order by m.id
    for update of m
    """
)
_COUNT = text(
    """
    update run_papers p set graded = p.graded + v.n
    from unnest(cast(:runs as bigint[]), cast(:papers as bigint[]), cast(:counts as bigint[])) as v(run, paper, n)
    where p.run_id = v.run and p.paper_id = v.paper
    """
)
_INSERT = upsert(Mark)
_UPSERT = _INSERT.on_conflict_do_update(
    index_elements=["paper_id", "question_id"],
    set_={
        **{
            name: _INSERT.excluded[name]
            for name in (
                "run_id", "state", "points", "proposed", "reason", "confidence", "criteria", "feedback", "grader",
                "scheme_version", "graded_at",
            )
        },
        "version": Mark.version + 1,
    },
    # The red ink: between our look and this write a teacher may have decided, or written a first comment.
    where=(Mark.state != MarkState.DECIDED) & Mark.decided_by.is_(None),
)  # fmt: skip


async def start(session: AsyncSession, started: Sequence[Started]) -> None:
    """Note which questions are being graded; for those who look at the run."""
    if started:
        await session.execute(_START, _columns([each.place for each in started]))


async def store(session: AsyncSession, proposals: Sequence[Proposal]) -> list[Proposal]:
    """Store proposals; returns those that were new to their run. Telling one again changes nothing.

    Tokens and cost are added to the run with the same stroke that finishes the question, so they count once. A run
    that reaches its cost cap is paused, with the reason. A mark that a teacher decided, or began to write in, is left
    as it is.
    """
    if not proposals:
        return []
    run_ids = sorted({each.run_id for each in proposals})
    # Always the run first, then its rows: two processes with marks of one run wait for each other here.
    await session.execute(_LOCK, {"ids": run_ids})
    fresh = await _finish(session, proposals)
    if not fresh:
        return []
    await _write(session, fresh)
    counts = Counter((each.run_id, each.paper_id) for each in fresh)
    await session.execute(
        _COUNT,
        {
            "runs": [run for run, _ in counts],
            "papers": [paper for _, paper in counts],
            "counts": list(counts.values()),
        },
    )
    for run_id in run_ids:
        run = await session.get(Run, run_id)
        if run is not None:
            _charge(run, [each for each in fresh if each.run_id == run_id])
    await session.flush()
    return fresh


async def _finish(session: AsyncSession, proposals: Sequence[Proposal]) -> list[Proposal]:
    by_place = {each.place: each for each in proposals}
    told = list(by_place.values())
    columns = {
        **_columns(list(by_place)),
        "tokens_in": [each.tokens_in for each in told],
        "tokens_out": [each.tokens_out for each in told],
        "costs": [each.cost for each in told],
    }
    rows = (await session.execute(_FINISH, columns)).all()
    return [by_place[(row[0], row[1], row[2])] for row in rows]


async def _write(session: AsyncSession, fresh: Sequence[Proposal]) -> None:
    places = {
        "papers": [each.paper_id for each in fresh],
        "questions": [each.question_id for each in fresh],
    }
    earlier = {
        (row.paper_id, row.question_id): row for row in (await session.execute(_EARLIER, places)).all()
    }
    now = datetime.now(UTC)
    await session.execute(_UPSERT, [_row(each, now) for each in fresh])
    changes = [
        change
        for each in fresh
        if (row := earlier.get((each.paper_id, each.question_id))) is not None
        for change in _changes(row, each)
    ]
    if changes:
        await session.execute(insert(MarkChange), changes)


def _row(proposal: Proposal, now: datetime) -> dict[str, Any]:
    return {
        "paper_id": proposal.paper_id,
        "question_id": proposal.question_id,
        "run_id": proposal.run_id,
        "state": proposal.state,
        "points": proposal.points,
        "proposed": proposal.points,
        "reason": proposal.reason,
        "confidence": proposal.confidence,
        "criteria": proposal.criteria,
        "feedback": proposal.feedback,
        "grader": proposal.grader,
        "scheme_version": proposal.scheme_version,
        "graded_at": now,
    }


def _changes(row: Any, proposal: Proposal) -> list[Mapping[str, Any]]:
    """What a new proposal changes about an earlier one, as rows of the history; nothing where a teacher wrote."""
    if row.state == MarkState.DECIDED or row.decided_by is not None:
        return []
    changes = []
    if row.points != proposal.points:
        changes.append(("points", _figure(row.points), _figure(proposal.points)))
    if row.state != proposal.state:
        changes.append(("state", str(row.state), str(proposal.state)))
    return [
        {"mark_id": row.id, "user_id": None, "what": what, "before": before, "after": after}
        for what, before, after in changes
    ]


def _figure(points: float | None) -> str | None:
    return None if points is None else f"{points:g}"


def _charge(run: Run, fresh: Sequence[Proposal]) -> None:
    run.tokens_in += sum(each.tokens_in for each in fresh)
    run.tokens_out += sum(each.tokens_out for each in fresh)
    run.cost += sum(each.cost for each in fresh)
    if run.state == RunState.RUNNING and run.cost_cap is not None and run.cost >= run.cost_cap:
        reason = Text(
            "The cost cap of {cap} US dollars is reached. Raise it in the assignment's settings to go on.",
            {"cap": f"{run.cost_cap:.2f}"},
        )
        pause_row(run, datetime.now(UTC), reason)


def _columns(places: Sequence[Place]) -> dict[str, list[int]]:
    return {
        "runs": [run for run, _, _ in places],
        "papers": [paper for _, paper, _ in places],
        "questions": [question for _, _, question in places],
    }
