"""Files of papers and pages that are gone, removed at once and not by the server's next look (`web.dropped_files`)."""

from __future__ import annotations

from collections.abc import Collection

import structlog
from sqlalchemy import func, select

from app.papers import files
from app.papers.models import DroppedFile
from app.upkeep.parts import Parts

log = structlog.get_logger(__name__)


async def remove_files(parts: Parts, keys: Collection[str]) -> tuple[int, int]:
    """Remove the files of these storage keys that nothing has any more; (removed, left for the server to remove).

    Their notes are there already, made by the trigger that saw the papers go. One transaction a file. While a backup
    is made nothing is removed, and what the storage refuses keeps its note.
    """
    removed = 0
    for key in keys:
        try:
            async with parts.database.begin() as session:
                if await files.removal_waits(session):
                    break
                noted = select(DroppedFile).where(DroppedFile.storage_key == key)
                notes = (await session.scalars(noted.with_for_update(skip_locked=True))).all()
                for note in notes:
                    await files.settle(session, note, parts.storage.delete)
                removed += bool(notes) and not await files.used(session, [key])
        except Exception as error:
            log.warning("file not removed", error=type(error).__name__)
    async with parts.database.begin() as session:
        left = select(func.count(DroppedFile.storage_key.distinct())).where(
            DroppedFile.storage_key.in_(list(keys))
        )
        return removed, await session.scalar(left) or 0
