"""Named queries of the quiz: rounds, and answers that carry no student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.classroom.models import QuizAnswer, QuizRound, Verdict

MOST_ANSWERS = 3_000  # of one round: several schools' worth, and what one script may fill
CODE_HOURS = 12  # a code leads to its last round for a school day
ROUNDS_SHOWN = 30

# One statement: the answer is stored, or replaces this phone's earlier one, while the round is open and has room. A
# round that closes in this very moment may still take an answer that arrived before: it is counted as any other.
_STORE = text(
    """
    insert into quiz_answers (round_id, device_hash, text, group_key)
    select r.id, cast(:device as text), cast(:text as text), cast(:key as text) from quiz_rounds r
    where r.id = :round and r.closed_at is null and (r.ends_at is null or r.ends_at > now())
        and (exists (select from quiz_answers a where a.round_id = r.id and a.device_hash = cast(:device as text))
            or (select count(*) from quiz_answers a where a.round_id = r.id) < cast(:most as bigint))
    on conflict (round_id, device_hash) do update set
        text = excluded.text, group_key = excluded.group_key, version = quiz_answers.version + 1,
        verdict = 'waiting', points = null, created_at = now()
    returning id
    """
)
_GRADE = text(
    """
    update quiz_answers a set verdict = g.verdict, points = g.points
    from unnest(cast(:ids as bigint[]), cast(:versions as bigint[]), cast(:verdicts as text[]),
        cast(:points as double precision[])) as g (id, version, verdict, points)
    where a.id = g.id and a.version = g.version
    """
)


@dataclass(frozen=True, slots=True)
class Graded:
    """What the grader said of an answer; it is kept only while the answer still has this version."""

    id: int
    version: int
    verdict: Verdict
    points: float | None


@dataclass(frozen=True, slots=True)
class Tally:
    """Answers of one round that say the same: their text, the key of their option or value, how many, and what the
    graders said (the first of them: like texts get like verdicts)."""

    text: str
    key: str
    verdict: Verdict
    count: int


async def current(session: AsyncSession, assignment_id: int) -> QuizRound | None:
    """The newest round of an assignment, open or not."""
    return await session.scalar(
        select(QuizRound)
        .where(QuizRound.assignment_id == assignment_id)
        .order_by(QuizRound.id.desc())
        .limit(1)
    )


async def of_assignment(session: AsyncSession, round_id: int, assignment_id: int) -> QuizRound | None:
    """A round, held until the transaction ends; None when it belongs to another assignment."""
    return await session.scalar(
        select(QuizRound)
        .where(QuizRound.id == round_id, QuizRound.assignment_id == assignment_id)
        .with_for_update()
    )


async def by_id(session: AsyncSession, round_id: int) -> QuizRound | None:
    """A round, whoever asks: for the grading."""
    return await session.get(QuizRound, round_id)


async def by_code(session: AsyncSession, code: str) -> QuizRound | None:
    """The round that a code leads to: the open one, else the last one of this school day."""
    since = func.now() - timedelta(hours=CODE_HOURS)
    return await session.scalar(
        select(QuizRound)
        .where(QuizRound.code == code, or_(QuizRound.closed_at.is_(None), QuizRound.closed_at > since))
        .order_by(QuizRound.closed_at.is_(None).desc(), QuizRound.id.desc())
        .limit(1)
    )


async def code_is_open(session: AsyncSession, code: str) -> bool:
    """Whether an open round of any assignment has this code."""
    found = await session.scalar(
        select(QuizRound.id).where(QuizRound.code == code, QuizRound.closed_at.is_(None))
    )
    return found is not None


async def hold(session: AsyncSession, assignment_id: int) -> None:
    """Rounds of one assignment begin one after another: held until the transaction ends."""
    await session.execute(
        select(Assignment.id).where(Assignment.id == assignment_id).with_for_update(key_share=True)
    )


async def close_open(session: AsyncSession, assignment_id: int) -> None:
    """Close the assignment's open round, if there is one."""
    await session.execute(
        update(QuizRound)
        .where(QuizRound.assignment_id == assignment_id, QuizRound.closed_at.is_(None))
        .values(closed_at=func.now())
    )


async def close_due(session: AsyncSession) -> Sequence[tuple[int, int]]:
    """Close the rounds whose time is over; (assignment, round) of those that this call closed."""
    rows = await session.execute(
        update(QuizRound)
        .where(QuizRound.closed_at.is_(None), QuizRound.ends_at <= func.now())
        .values(closed_at=func.now())
        .returning(QuizRound.assignment_id, QuizRound.id)
    )
    return [(assignment_id, round_id) for assignment_id, round_id in rows]


async def running_clocks(session: AsyncSession) -> Sequence[tuple[int, int]]:
    """(assignment, round) of open rounds with a countdown."""
    rows = await session.execute(
        select(QuizRound.assignment_id, QuizRound.id).where(
            QuizRound.closed_at.is_(None), QuizRound.ends_at.is_not(None)
        )
    )
    return [(assignment_id, round_id) for assignment_id, round_id in rows]


async def now(session: AsyncSession) -> datetime:
    """The database's clock, which all processes share."""
    found = await session.scalar(select(func.now()))
    assert found is not None
    return found


async def keep(session: AsyncSession, round_id: int, device: str, answer: str, key: str) -> int | None:
    """Store a phone's answer, or replace its earlier one; its id, or None when the round is closed or full."""
    values: Mapping[str, Any] = {
        "round": round_id,
        "device": device,
        "text": answer,
        "key": key,
        "most": MOST_ANSWERS,
    }
    found: int | None = await session.scalar(_STORE, values)
    return found


async def answer_of(session: AsyncSession, round_id: int, device: str) -> QuizAnswer | None:
    """What a phone answered in a round."""
    return await session.scalar(
        select(QuizAnswer).where(QuizAnswer.round_id == round_id, QuizAnswer.device_hash == device)
    )


async def waiting(session: AsyncSession, ids: Sequence[int]) -> Sequence[Row[int, int, int, str]]:
    """(id, version, round_id, text) of those of these answers that are not graded yet."""
    rows = await session.execute(
        select(QuizAnswer.id, QuizAnswer.version, QuizAnswer.round_id, QuizAnswer.text).where(
            QuizAnswer.id.in_(ids), QuizAnswer.verdict == Verdict.WAITING
        )
    )
    return rows.all()


async def left_waiting(session: AsyncSession, seconds: float, most: int) -> Sequence[int]:
    """Answers that wait to be graded for longer than `seconds`: the process that took them may be gone."""
    since = func.now() - timedelta(seconds=seconds)
    return (
        await session.scalars(
            select(QuizAnswer.id)
            .where(and_(QuizAnswer.verdict == Verdict.WAITING, QuizAnswer.created_at < since))
            .order_by(QuizAnswer.id)
            .limit(most)
        )
    ).all()


async def grade(session: AsyncSession, graded: Sequence[Graded]) -> None:
    """Write verdicts; an answer that was replaced meanwhile keeps waiting."""
    # In the order of their ids: two processes that write the same rows must not wait for each other.
    rows = sorted(graded, key=lambda each: each.id)
    await session.execute(
        _GRADE,
        {
            "ids": [each.id for each in rows],
            "versions": [each.version for each in rows],
            "verdicts": [each.verdict.value for each in rows],
            "points": [each.points for each in rows],
        },
    )


async def counts(session: AsyncSession, round_ids: Sequence[int]) -> dict[int, dict[Verdict, int]]:
    """How many answers of each verdict rounds have; rounds without any are missing."""
    rows = await session.execute(
        select(QuizAnswer.round_id, QuizAnswer.verdict, func.count())
        .where(QuizAnswer.round_id.in_(round_ids))
        .group_by(QuizAnswer.round_id, QuizAnswer.verdict)
    )
    found: dict[int, dict[Verdict, int]] = {}
    for round_id, verdict, count in rows:
        found.setdefault(round_id, {})[Verdict(verdict)] = count
    return found


async def state_of_answers(session: AsyncSession, round_id: int) -> tuple[int, int]:
    """How many answers a round has, and a figure that moves when any of them is replaced."""
    row = (
        await session.execute(
            select(func.count(), func.coalesce(func.sum(QuizAnswer.version), 0)).where(
                QuizAnswer.round_id == round_id
            )
        )
    ).one()
    return int(row[0]), int(row[1])


async def option_counts(session: AsyncSession, round_id: int) -> dict[str, int]:
    """How many answers have each key; for choices the key is the options' letters."""
    rows = await session.execute(
        select(QuizAnswer.group_key, func.count())
        .where(QuizAnswer.round_id == round_id)
        .group_by(QuizAnswer.group_key)
    )
    return {str(key): int(count) for key, count in rows}


async def tallies(session: AsyncSession, round_id: int) -> Sequence[Tally]:
    """The answers of a round, equal texts together, the most frequent first."""
    count = func.count()
    rows = await session.execute(
        select(QuizAnswer.text, QuizAnswer.group_key, func.min(QuizAnswer.verdict), count)
        .where(QuizAnswer.round_id == round_id)
        .group_by(QuizAnswer.text, QuizAnswer.group_key)
        .order_by(count.desc(), QuizAnswer.text)
    )
    return [Tally(answer, key, Verdict(verdict), number) for answer, key, verdict, number in rows]


async def rounds(session: AsyncSession, assignment_id: int) -> Sequence[QuizRound]:
    """The rounds of an assignment, newest first, at most ROUNDS_SHOWN."""
    return (
        await session.scalars(
            select(QuizRound)
            .where(QuizRound.assignment_id == assignment_id)
            .order_by(QuizRound.id.desc())
            .limit(ROUNDS_SHOWN)
        )
    ).all()


async def add(session: AsyncSession, values: Mapping[str, Any]) -> int | None:
    """Make a round; its id, or None when another open one has its assignment or its code."""
    found: int | None = await session.scalar(
        insert(QuizRound).values(**values).on_conflict_do_nothing().returning(QuizRound.id)
    )
    return found
