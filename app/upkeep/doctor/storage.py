"""Where uploads and everything else is written: a probe there and back, free space, rights."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from pathlib import Path

from obstore.exceptions import BaseError as StorageError

from app.i18n import Text
from app.settings import Settings
from app.storage import FolderError, Storage
from app.upkeep.doctor.findings import Finding, megabytes, ok, problem, skipped, warning
from app.upkeep.doctor.limits import SECONDS, in_thread

GIB = 2**30
LEAST_FREE = GIB  # a batch of uploads, and what PostgreSQL writes meanwhile, need room
LITTLE_FREE = 5 * GIB


async def check(settings: Settings) -> list[Finding]:
    """The storage, the disk and the rights of VAR_DIR, each for itself."""
    return [
        await _probe(settings),
        *await asyncio.gather(
            in_thread(lambda: disk("disk", settings.var_dir)), in_thread(lambda: rights(settings.var_dir))
        ),
        *await _uploads_disk(settings),
    ]


async def _probe(settings: Settings) -> Finding:
    where = {"place": settings.uploads}
    folder = Text("Look at free space, at the owner of the folder, and at whether the volume is read-only.")
    advice = folder
    if settings.uploads.startswith("s3://"):
        advice = Text("Look at the bucket's name, the key's rights and the network.")
    try:
        storage = await in_thread(lambda: Storage(settings.uploads, settings.var_dir / "spool"))
        async with asyncio.timeout(SECONDS):
            await storage.probe()
    except FolderError as error:  # which may be VAR_DIR's, where uploads go to s3://
        return problem("storage", error.text, folder)
    except TimeoutError:
        return problem("storage", Text("The storage {place} does not answer.", where), advice)
    except (OSError, StorageError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        text = Text("The storage {place} does not take files: {why}", {**where, "why": why})
        return problem("storage", text, advice)
    return ok("storage", Text("The storage {place} takes files and gives them back.", where))


async def _uploads_disk(settings: Settings) -> list[Finding]:
    """The uploads' own disk, where that is another one."""
    if settings.uploads.startswith("s3://"):
        return []
    uploads = Path(settings.uploads)
    try:
        if await in_thread(lambda: uploads.stat().st_dev == settings.var_dir.stat().st_dev):
            return []
    except OSError:
        return []  # the probe says so
    return [await in_thread(lambda: disk("disk.uploads", uploads))]


def disk(check: str, folder: Path) -> Finding:
    """How much room there is where a folder lies."""
    try:
        usage, nodes = shutil.disk_usage(folder), os.statvfs(folder)
    except OSError as error:
        text = Text("{path} cannot be looked at: {why}", {"path": str(folder), "why": error.strerror or ""})
        return problem(check, text, Text("Make the folder, or mend its volume."))
    values = {"path": str(folder), "free": megabytes(usage.free), "total": megabytes(usage.total)}
    facts = {"free_bytes": usage.free, "total_bytes": usage.total}
    room = Text("Make room: zhupi prune removes what is old; old images and logs go first.")
    if nodes.f_files and not nodes.f_favail:
        return problem(check, Text("{path}: no more files can be made on this disk.", values), room, **facts)
    text = Text("{path}: {free} of {total} are free.", values)
    if usage.free < LEAST_FREE:
        return problem(check, text, room, **facts)
    if usage.free < LITTLE_FREE:
        return warning(check, text, room, **facts)
    return ok(check, text, **facts)


def rights(folder: Path) -> Finding:
    """Who may read what this server writes. Only this server's user should."""
    check = "var_dir"
    try:
        state = folder.stat()
    except OSError as error:
        text = Text("{path} cannot be looked at: {why}", {"path": str(folder), "why": error.strerror or ""})
        return problem(check, text, Text("Make the folder, or mend its volume."))
    values = {"path": str(folder), "mode": f"{stat.S_IMODE(state.st_mode):04o}", "user": os.geteuid()}
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        text = Text("{path} cannot be written by this user ({user}).", values)
        return problem(
            check, text, Text("Give the folder to the server's user: chown -R {user} {path}", values)
        )
    key = folder / "secret_key"
    # A group may be the own one, and passing through is for PostgreSQL where root starts it: listing by all is neither.
    loose = [path for path, bits in ((folder, 0o006), (key, 0o077)) if _open(path, bits)]
    # Another user's folder is another's decision: a volume that came with a mode of its own.
    if loose and os.geteuid() in (0, state.st_uid):
        names = " ".join(map(str, loose))
        text = Text("Others on this machine may look into {names}.", {"names": names})
        return warning(check, text, Text("chmod go-rwx {names}", {"names": names}), mode=values["mode"])
    if os.geteuid() == 0:
        return skipped(check, Text("The command runs as root, who may everything."), mode=values["mode"])
    return ok(check, Text("{path} belongs to this server alone.", values), mode=values["mode"])


def _open(path: Path, bits: int) -> bool:
    try:
        return bool(path.stat().st_mode & bits)
    except OSError:
        return False
