"""Named queries on users."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role, SetupToken, User


async def by_id(session: AsyncSession, user_id: int) -> User | None:
    """A user by id."""
    return await session.get(User, user_id)


async def by_username(session: AsyncSession, username: str) -> User | None:
    """A user by (normalised) name to sign in with."""
    return await session.scalar(select(User).where(User.username == username))


async def locked(session: AsyncSession, user_id: int) -> User:
    """A user that exists, read anew and held until the transaction ends."""
    held = select(User).where(User.id == user_id).with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(held)).one()


async def everybody(session: AsyncSession) -> Sequence[User]:
    """All users by name."""
    return (await session.scalars(select(User).order_by(User.username))).all()


async def is_admin(session: AsyncSession, user_id: int) -> bool:
    """Whether somebody can administer now: an admin that is not disabled."""
    found = select(User.id).where(User.id == user_id, User.role == Role.ADMIN, User.disabled_at.is_(None))
    return await session.scalar(found) is not None


async def another_admin(session: AsyncSession, user_id: int) -> bool:
    """Whether somebody other than this user can administer now."""
    found = select(User.id).where(User.id != user_id, User.role == Role.ADMIN, User.disabled_at.is_(None))
    return await session.scalar(found.limit(1)) is not None


async def lock_admins(session: AsyncSession) -> None:
    """Let decisions on who administers come one after another, until the transaction ends."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext("zhupi-admins"))))


async def any_user(session: AsyncSession) -> bool:
    """Whether anybody has an account."""
    return bool(await session.scalar(select(func.count()).select_from(User)))


async def claim_setup_token(session: AsyncSession, token_hash: str, now: datetime) -> bool:
    """Use a set-up token: True for exactly one caller, while it is neither used nor expired."""
    claimed = await session.scalar(
        update(SetupToken)
        .where(
            SetupToken.token_hash == token_hash,
            SetupToken.used_at.is_(None),
            SetupToken.expires_at > now,
        )
        .values(used_at=now)
        .returning(SetupToken.id)
    )
    return claimed is not None


async def setup_token_is_good(session: AsyncSession, token_hash: str, now: datetime) -> bool:
    """Whether a set-up token could be claimed now."""
    found = await session.scalar(
        select(SetupToken.id).where(
            SetupToken.token_hash == token_hash,
            SetupToken.used_at.is_(None),
            SetupToken.expires_at > now,
        )
    )
    return found is not None
