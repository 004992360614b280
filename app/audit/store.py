"""Named queries on the audit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import Action, AuditEntry


async def newest(
    session: AsyncSession,
    *,
    since: datetime | None = None,
    actor: str | None = None,
    action: Action | None = None,
    most: int = 100,
) -> Sequence[AuditEntry]:
    """The newest entries, newest first; `actor` is a user name as it is stored."""
    asked = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(most)
    if since is not None:
        asked = asked.where(AuditEntry.at >= since)
    if actor is not None:
        asked = asked.where(AuditEntry.actor == actor)
    if action is not None:
        asked = asked.where(AuditEntry.action == action)
    return (await session.scalars(asked)).all()


async def knows(session: AsyncSession, actor: str) -> bool:
    """Whether any entry is of this user name."""
    return await session.scalar(select(AuditEntry.id).where(AuditEntry.actor == actor).limit(1)) is not None


async def last_sign_ins(session: AsyncSession) -> dict[int, datetime]:
    """When each user signed in last, by user id; those of whom no entry is left are missing."""
    rows = await session.execute(
        select(AuditEntry.actor_id, func.max(AuditEntry.at))
        .where(AuditEntry.action == Action.SIGN_IN, AuditEntry.actor_id.is_not(None))
        .group_by(AuditEntry.actor_id)
    )
    return {user_id: at for user_id, at in rows if user_id is not None}


async def count_before(session: AsyncSession, moment: datetime) -> int:
    """How many entries are older than a moment."""
    return await session.scalar(select(func.count()).where(AuditEntry.at < moment)) or 0


async def forget_before(session: AsyncSession, moment: datetime) -> int:
    """Remove entries older than a moment; how many. The one way to remove any."""
    # For this transaction only: the trigger lets a DELETE pass where it is set.
    await session.execute(text("select set_config('zhupi.audit_prune', 'on', true)"))
    gone = await session.execute(delete(AuditEntry).where(AuditEntry.at < moment).returning(AuditEntry.id))
    count = len(gone.all())
    await session.execute(text("select set_config('zhupi.audit_prune', 'off', true)"))
    return count
