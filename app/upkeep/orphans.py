"""What nothing refers to any more: files that nothing has, spooled pieces, checkpoints of ended runs, drafts.

Each has somebody who removes it in the ordinary way (notes of dropped files, the storage's start, the workers' mending,
Redis's expiry); this finds what fell through, after a crash or a restored backup.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis.asyncio import Redis
from sqlalchemy import select

from app.marks import claims
from app.papers import files as dropped
from app.papers.models import DroppedFile
from app.storage import Storage
from app.upkeep import traces
from app.upkeep.parts import Parts

# An upload is stored before its paper is there; whatever is younger may be on its way.
YOUNGEST = timedelta(days=1)
BATCH = 1000
KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}")  # app.storage.key_of; other names are not ours to judge
THREAD = re.compile(r"(\d{1,18}):(\d{1,18})")
FOREVER = -1  # Redis's answer for a key that never expires


async def files(parts: Parts) -> list[tuple[str, int]]:
    """Stored files, older than a day, that no paper, page or ledger has and no note tells of: (key, bytes)."""
    limit = datetime.now(UTC) - YOUNGEST
    found: list[tuple[str, int]] = []
    # A spool of its own: opening the real one clears it, and looking must change nothing.
    with tempfile.TemporaryDirectory() as spool:
        batch: dict[str, int] = {}
        async for entry in Storage(parts.settings.uploads, Path(spool)).entries():
            if KEY.fullmatch(entry.key) and entry.modified < limit:
                batch[entry.key] = entry.size
            if len(batch) == BATCH:
                found += await _unused(parts, batch)
                batch = {}
        return sorted([*found, *await _unused(parts, batch)])


async def remove_file(parts: Parts, key: str) -> bool:
    """Remove a stored file, unless something has it by now or a backup is being made; whether it was removed."""
    async with parts.database.begin() as session:
        if await dropped.removal_waits(session):
            return False
        note = DroppedFile(storage_key=key)
        session.add(note)
        await session.flush()
        await dropped.settle(session, note, parts.storage.delete)
        return not await dropped.used(session, [key])


def spool(folder: Path, before: float) -> Iterator[tuple[str, int]]:
    """What has lain in the spool since before a moment (Unix time): (name, bytes)."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        try:
            if path.lstat().st_mtime <= before:
                yield path.name, _size(path)
        except OSError:
            continue  # its owner has just removed it


async def remove_spooled(path: Path) -> bool:
    """Remove a spooled file or folder; whether it is gone."""
    return await asyncio.to_thread(_remove, path)


def _remove(path: Path) -> bool:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return not path.exists()


async def threads(parts: Parts) -> list[str]:
    """Checkpoint threads of papers that no open run has still to grade."""
    names = await traces.threads(parts.settings.checkpoint_url)
    places = {name: (int(found[1]), int(found[2])) for name in names if (found := THREAD.fullmatch(name))}
    async with parts.database.begin() as session:
        still = await claims.open_places(session, {run for run, _ in places.values()})
    return [name for name in names if places.get(name) not in still]


async def remove_threads(parts: Parts) -> bool:
    """Remove such threads as there are now."""
    await traces.forget_threads(parts.settings.checkpoint_url, await threads(parts))
    return True


async def drafts(redis: Redis) -> list[bytes]:
    """Drafts of rosters that would stay for ever; all that are made expire within an hour."""
    return [key async for key in redis.scan_iter(match="roster:*") if await redis.ttl(key) == FOREVER]


async def remove_drafts(redis: Redis) -> bool:
    """Remove such drafts as there are now."""
    found = await drafts(redis)
    if found:
        await redis.delete(*found)
    return True


async def _unused(parts: Parts, batch: dict[str, int]) -> list[tuple[str, int]]:
    if not batch:
        return []
    async with parts.database.begin() as session:
        used = await dropped.used(session, batch)
        noted = await session.scalars(
            select(DroppedFile.storage_key).where(DroppedFile.storage_key.in_(list(batch)))
        )
        used |= set(noted)
    return [(key, size) for key, size in batch.items() if key not in used]


def _size(path: Path) -> int:
    if path.is_dir() and not path.is_symlink():
        return sum(each.lstat().st_size for each in path.rglob("*") if each.is_file())
    return path.lstat().st_size
