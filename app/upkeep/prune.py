"""Retention: what is older than it may be, and what nothing refers to any more. First looked for, then removed.

Old are classes and assignments by their last activity: made, a paper uploaded, a run, a mark or a change of one; for a
class also a student or teacher who came. Looking at results is no activity. While a run is open nothing of it is old.
Everything is looked at again, under a lock, in the transaction that removes it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, delete, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.accounts.models import SetupToken
from app.assignments.models import Assignment
from app.audit import service as audit
from app.audit import store as entries
from app.audit.models import Action
from app.audit.service import Actor
from app.classes.models import Class
from app.storage import SPOOL_SECONDS
from app.upkeep import orphans
from app.upkeep.dropped import remove_files
from app.upkeep.parts import Parts

LOG_DAYS = 7  # of the queue's own log
SETUP_DAYS = 30  # for set-up links that are used or expired


class Kind(StrEnum):
    """What can be removed, in the order in which it is."""

    CLASS = "class"
    ASSIGNMENT = "assignment"
    FILE = "file"  # in storage, and no paper has it
    SPOOL = "spool"  # on its way when its process was killed
    CHECKPOINTS = "checkpoints"
    ROSTER_DRAFTS = "roster-drafts"
    JOB_LOG = "job-log"
    SETUP_LINKS = "setup-links"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Found:
    """Something to remove. `id` and `name` where it has any; `last` is its last activity, `count` how many papers
    (class, assignment) or rows, `size` bytes of files."""

    kind: Kind
    name: str = ""
    id: int | None = None
    last: datetime | None = None
    count: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Ages:
    """From which age on: classes and assignments (None: never), and entries of the audit."""

    classes: timedelta | None
    audit: timedelta

    @property
    def before(self) -> datetime | None:
        """Classes and assignments without activity since then are old."""
        return None if self.classes is None else datetime.now(UTC) - self.classes

    @property
    def audit_before(self) -> datetime:
        """Entries from before then are old."""
        return datetime.now(UTC) - self.audit


_ASSIGNMENTS = text(
    """
    select a.id, a.class_id, c.name || ': ' || a.title as name, a.title, l.last,
        (select count(*) from papers where assignment_id = a.id) as papers
    from assignments a
    join classes c on c.id = a.class_id
    cross join lateral (select greatest(
        a.created_at,
        (select max(created_at) from papers where assignment_id = a.id),
        (select max(greatest(created_at, resumed_at, finished_at)) from runs where assignment_id = a.id),
        (select max(greatest(m.graded_at, m.decided_at))
            from marks m join papers p on p.id = m.paper_id where p.assignment_id = a.id),
        (select max(h.at) from mark_changes h join marks m on m.id = h.mark_id
            join papers p on p.id = m.paper_id where p.assignment_id = a.id)
    ) as last) l
    where l.last < :before
        and not exists (select from runs where assignment_id = a.id and state in ('running', 'paused'))
        and (cast(:id as bigint) is null or a.id = :id)
        and (cast(:class as bigint) is null or a.class_id = :class)
    order by a.class_id, a.id
    """
)
_CLASSES = text(
    """
    select c.id, c.name, l.last,
        (select count(*) from papers p join assignments a on a.id = p.assignment_id where a.class_id = c.id) as papers
    from classes c
    cross join lateral (select greatest(
        c.created_at, c.archived_at,
        (select max(created_at) from students where class_id = c.id),
        (select max(created_at) from class_teachers where class_id = c.id)
    ) as last) l
    where l.last < :before
        and not exists (select from assignments where class_id = c.id and id <> all(cast(:old as bigint[])))
        and (cast(:id as bigint) is null or c.id = :id)
    order by c.id
    """
)
_JOB_LOG = text("select count(*) from pgqueuer_log where created < now() - make_interval(days => :days)")
_KEYS = text(
    """
    with meant as (
        select id from assignments
        where (cast(:class as bigint) is not null and class_id = :class) or id = cast(:assignment as bigint)
    ), pages as (
        select g.source_key, g.image_key, g.thumb_key from paper_pages g
        left join papers p on p.id = g.paper_id left join piles s on s.id = g.pile_id
        where coalesce(p.assignment_id, s.assignment_id) in (select id from meant)
    )
    select storage_key from papers where assignment_id in (select id from meant)
    union select source_key from pages
    union select image_key from pages where image_key is not null
    union select thumb_key from pages where thumb_key is not null
    union select image_key from sent_images where assignment_id in (select id from meant)
    """
)


async def look(parts: Parts, ages: Ages) -> list[Found]:
    """What would be removed now. Changes nothing."""
    async with parts.database.begin() as session:
        old = await _old_assignments(session, ages.before)
        found = [
            Found(Kind.CLASS, row.name, row.id, row.last, row.papers)
            for row in await _old_classes(session, ages.before, [each.id for each in old])
        ]
        found += [Found(Kind.ASSIGNMENT, row.name, row.id, row.last, row.papers) for row in old]
        log = await session.scalar(_JOB_LOG, {"days": LOG_DAYS})
        links = len((await session.scalars(select(SetupToken.id).where(_spent()))).all())
        noted = await entries.count_before(session, ages.audit_before)
    found += [Found(Kind.FILE, key, count=1, size=size) for key, size in await orphans.files(parts)]
    for name, size in orphans.spool(parts.settings.var_dir / "spool", time.time() - SPOOL_SECONDS):
        found.append(Found(Kind.SPOOL, name, count=1, size=size))
    threads = await orphans.threads(parts)
    drafts = await orphans.drafts(parts.redis)
    rows = {
        Kind.CHECKPOINTS: len(threads),
        Kind.ROSTER_DRAFTS: len(drafts),
        Kind.JOB_LOG: log or 0,
        Kind.SETUP_LINKS: links,
        Kind.AUDIT: noted,
    }
    return [*found, *(Found(kind, count=count) for kind, count in rows.items() if count)]


async def prune(parts: Parts, found: Sequence[Found], ages: Ages, actor: Actor) -> list[Found]:
    """Remove what `look` found, as far as it still is old or unused; returns what went.

    What goes with another is not in it twice: an assignment of a removed class is.
    """
    gone: list[Found] = []
    keys: set[str] = set()
    for each in found:
        if each.kind in (Kind.CLASS, Kind.ASSIGNMENT):
            remove = _remove_class if each.kind is Kind.CLASS else _remove_assignment
            async with parts.database.begin() as session:
                removed = await remove(session, each, ages, actor)
            if removed is not None:
                keys |= removed
                gone.append(each)
    if keys:
        await remove_files(parts, keys)
    gone += await _leftovers(parts, found, ages)
    async with parts.database.begin() as session:
        await audit.record(session, actor, Action.PRUNED, "", None, **_counts(gone, ages))
    return gone


async def _leftovers(parts: Parts, found: Sequence[Found], ages: Ages) -> list[Found]:
    """Remove what is no class and no assignment."""
    removers: Mapping[Kind, Callable[[Found], Awaitable[bool]]] = {
        Kind.FILE: lambda each: orphans.remove_file(parts, each.name),
        Kind.SPOOL: lambda each: orphans.remove_spooled(parts.settings.var_dir / "spool" / each.name),
        Kind.CHECKPOINTS: lambda _: orphans.remove_threads(parts),
        Kind.ROSTER_DRAFTS: lambda _: orphans.remove_drafts(parts.redis),
        Kind.JOB_LOG: lambda _: _in_transaction(parts, lambda db: jobs.forget_finished(db, LOG_DAYS)),
        Kind.SETUP_LINKS: lambda _: _in_transaction(
            parts, lambda db: db.execute(delete(SetupToken).where(_spent()))
        ),
        Kind.AUDIT: lambda _: _in_transaction(parts, lambda db: entries.forget_before(db, ages.audit_before)),
    }
    return [each for each in found if each.kind in removers and await removers[each.kind](each)]


async def _in_transaction(parts: Parts, action: Callable[[AsyncSession], Awaitable[Any]]) -> bool:
    async with parts.database.begin() as session:
        await action(session)
    return True


async def _old_assignments(
    session: AsyncSession, before: datetime | None, *, one: int | None = None, klass: int | None = None
) -> Sequence[Row[Any]]:
    if before is None:
        return ()
    asked = {"before": before, "id": one, "class": klass}
    return (await session.execute(_ASSIGNMENTS, asked)).all()


async def _old_classes(
    session: AsyncSession, before: datetime | None, old: Sequence[int], one: int | None = None
) -> Sequence[Row[Any]]:
    if before is None:
        return ()
    return (await session.execute(_CLASSES, {"before": before, "old": list(old), "id": one})).all()


async def _remove_class(session: AsyncSession, found: Found, ages: Ages, actor: Actor) -> set[str] | None:
    """Remove a class with all that is in it; the storage keys of its papers, or None when it is not old any more."""
    # Held with its assignments: no paper, run or student can come in while it is looked at once more.
    held = await session.scalar(select(Class).where(Class.id == found.id).with_for_update())
    if held is None:
        return None
    await session.execute(select(Assignment.id).where(Assignment.class_id == held.id).with_for_update())
    old = [row.id for row in await _old_assignments(session, ages.before, klass=held.id)]
    if not await _old_classes(session, ages.before, old, held.id):
        return None
    keys = set((await session.scalars(_KEYS, {"class": held.id, "assignment": None})).all())
    await session.delete(held)
    await audit.record(session, actor, Action.CLASS_DELETED, "class", held.id, name=held.name, retention=True)
    return keys


async def _remove_assignment(
    session: AsyncSession, found: Found, ages: Ages, actor: Actor
) -> set[str] | None:
    """Remove an assignment with its papers; as `_remove_class`. One that went with its class counts as removed."""
    held = await session.scalar(select(Assignment).where(Assignment.id == found.id).with_for_update())
    if held is None:
        return set()
    if not await _old_assignments(session, ages.before, one=held.id):
        return None
    keys = set((await session.scalars(_KEYS, {"class": None, "assignment": held.id})).all())
    await session.execute(delete(Assignment).where(Assignment.id == held.id))
    await audit.record(
        session, actor, Action.ASSIGNMENT_DELETED, "assignment", held.id,
        title=held.title, class_id=held.class_id, retention=True,
    )  # fmt: skip
    return keys


def _spent() -> Any:
    limit = datetime.now(UTC) - timedelta(days=SETUP_DAYS)
    return or_(SetupToken.used_at < limit, SetupToken.expires_at < limit)


def _counts(gone: Sequence[Found], ages: Ages) -> dict[str, int]:
    """What went, for the audit: by kind how many, and the ages in days."""
    counted: Counter[str] = Counter()
    for each in gone:
        counted[each.kind.replace("-", "_")] += (
            1 if each.kind in (Kind.CLASS, Kind.ASSIGNMENT) else each.count
        )
    ages_in_days = {"audit_days": ages.audit.days}
    if ages.classes is not None:
        ages_in_days["days"] = ages.classes.days
    return {**counted, **ages_in_days}
