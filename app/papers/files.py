"""Files of deleted papers and pages: removed from storage when nothing has them any more.

The same content is one file for all papers, and somebody may upload it at the very moment its last paper goes. So
both sides hold the content's lock: an upload around storing the file and inserting its paper, the removal around
looking for papers and deleting the file.

While a backup copies files, none is removed: it holds BACKUP_LOCK for itself, a removal shares it with others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from sqlalchemy import exists, func, or_, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from app.papers.models import DroppedFile, Paper, PaperPage, SentImage

# An advisory lock of the database: "zhupi b" in ASCII.
BACKUP_LOCK = 0x7A68_7570_6920_62

# Every column that names a file in storage.
HOLDERS = (
    Paper.storage_key,
    PaperPage.source_key,
    PaperPage.image_key,
    PaperPage.thumb_key,
    SentImage.image_key,
)


async def hold(session: AsyncSession, sha256: str) -> None:
    """Wait for a content's lock (SHA-256 in hex) and hold it until the transaction ends."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(sha256, 0))))


def note(session: AsyncSession, key: str) -> None:
    """Note that a stored file may have no paper: its upload failed after it was stored."""
    session.add(DroppedFile(storage_key=key))


async def used(session: AsyncSession, keys: Collection[str]) -> set[str]:
    """Which of these storage keys a paper, a page or the ledger has."""
    wanted = list(keys)
    found = union(*(select(column).where(column.in_(wanted)) for column in HOLDERS))
    return set(await session.scalars(found))


async def removal_waits(session: AsyncSession) -> bool:
    """Whether a backup or restore is at work. If none is, none begins before the transaction ends."""
    return not await session.scalar(select(func.pg_try_advisory_xact_lock_shared(BACKUP_LOCK)))


async def next_note(session: AsyncSession, after: int) -> DroppedFile | None:
    """The first note of a dropped file behind note `after`, held until the transaction ends.

    What another process holds is left to it.
    """
    behind = select(DroppedFile).where(DroppedFile.id > after).order_by(DroppedFile.id).limit(1)
    return await session.scalar(behind.with_for_update(skip_locked=True))


async def settle(
    session: AsyncSession, dropped: DroppedFile, delete: Callable[[str], Awaitable[None]]
) -> None:
    """Remove the file of a held note by `delete`, unless something has it, and the note with it.

    What `delete` raises passes through and undoes the transaction: the note stays.
    """
    key = dropped.storage_key
    await hold(session, key.rpartition("/")[2])
    # A statement of its own after the lock, so that it sees the paper of an upload that had the lock before.
    if not await session.scalar(select(or_(*(exists().where(column == key) for column in HOLDERS)))):
        await delete(key)
    await session.delete(dropped)
