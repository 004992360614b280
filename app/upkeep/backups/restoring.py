"""The way back: verify everything, put the files back, then the database in one transaction.

Files first: they lie under the hash of their content, so nothing is overwritten, and when the disk is full the old
database still stands, whole. Then one transaction empties the database, fills it from the dump, counts the rows and
commits; whatever fails before leaves the old data as they were. `psql` ends it only when `pg_restore` has ended well: a
killed process sends no COMMIT, and the server undoes the rest.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg

from app import migrate
from app.audit.models import Action
from app.i18n import ProblemError
from app.settings import Settings
from app.upkeep.backups import archive, programs, sealing
from app.upkeep.backups.archive import ArchiveError, DamagedError, NewerError, Reader, Source
from app.upkeep.backups.filling import APPLICATION, Filling, fill
from app.upkeep.backups.forgetting import forget
from app.upkeep.backups.noting import note
from app.upkeep.backups.sealing import Keys
from app.upkeep.backups.snapshot import (
    CHECKPOINT_TABLES,
    Connection,
    connected,
    same_database,
    server_of,
    take_lock,
)
from app.upkeep.backups.stored import Stored, stored
from app.upkeep.backups.verifying import Checked, verify

# A stored file's key (app/storage.py): nothing else becomes a path.
KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}")
# Where there is a row in one of these, somebody has worked.
WORK = ("users", "classes", "papers")

Progress = Callable[[int, int], None]


class RestoreError(ProblemError):
    """A backup that may not or cannot be restored here now."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored: files written, files that were there, files that were damaged before the backup."""

    checked: Checked
    written: int
    present: int
    damaged: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            **checked_json(self.checked),
            "files_written": self.written,
            "files_present": self.present,
            "files_damaged": self.damaged,
            "seconds": round(self.seconds, 1),
        }


def checked_json(checked: Checked) -> dict[str, Any]:
    """What a whole backup holds, for scripts."""
    keys = ("zhupi", "taken", "schema", "database", "checkpoints", "uploads")
    return {key: checked.manifest.get(key) for key in keys}


def check(path: Path, keys: Keys, scratch: Path, progress: Progress) -> Checked:
    """Read a whole backup and compare every byte; nothing is written anywhere.

    Raises RestoreError when there is no such file, ArchiveError, SealError, ProgramError.
    """
    try:
        whole = path.stat().st_size
        if not path.is_file():
            raise RestoreError("{path} is no file.", path=str(path))
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        with sealing.opened(path, keys) as source:
            return verify(
                source, scratch, _acceptable, _Look(), lambda done: progress(min(done, whole), whole)
            )
    except OSError as error:
        raise RestoreError(
            "{path} cannot be read: {why}", path=str(path), why=error.strerror or str(error)
        ) from None


def _acceptable(head: dict[str, Any]) -> None:
    """Raise NewerError when the database in the backup has a shape that this version does not know."""
    schema = head.get("schema")
    known = {script.stem.partition("_")[0] for script in (migrate.MIGRATIONS / "versions").glob("*.py")}
    if schema and str(schema.get("revision")) not in known:
        raise NewerError(
            "This backup was made by Zhupi {version}, which is newer. Restore it with that version or a later one.",
            version=str(head.get("zhupi", "?")),
        )


class _Look:
    """Keeps the beginning of each dump on its way, and lets pg_restore read its table of contents."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Hand on the chunks of a part. Raises ProgramError behind the first part of a dump that cannot be read."""
        prefix = name.partition("/")[0] + "/"
        if prefix not in (archive.DATABASE, archive.CHECKPOINTS) or prefix in self._seen:
            yield from chunks
            return
        self._seen.add(prefix)
        head = (
            bytearray()
        )  # a part is no longer than archive.PART where we made it; a longer one is not kept whole
        for chunk in chunks:
            if len(head) < programs.TOC:
                head += chunk
            yield chunk
        programs.for_restore(bytes(head), None)


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in the way of a restore: rows of work, other sessions."""

    rows: int
    sessions: int

    def __bool__(self) -> bool:
        return bool(self.rows or self.sessions)


def in_the_way(url: str) -> Found:
    """What a restore into the database of `url` would replace or disturb. Raises BackupError."""
    with connected(url, APPLICATION) as connection:
        return Found(_rows(connection), len(_others(connection)))


def restore(
    settings: Settings, path: Path, keys: Keys, checked: Checked, *, into_live: bool, progress: Progress
) -> Restored:
    """Restore a backup that `check` found whole. `settings` have both addresses.

    Without `into_live` a database with work in it, or with other sessions, is refused. Raises RestoreError and other
    ProblemErrors; then the database is as it was.
    """
    began = time.monotonic()
    with connected(settings.postgres_url, APPLICATION) as connection, stored(settings) as storage:
        take_lock(connection)
        found = Found(_rows(connection), len(_others(connection)))
        if found and not into_live:
            raise refused(found)
        _room(settings, checked)
        files = _Files(storage, checked, progress)
        with sealing.opened(path, keys) as source:
            files.restore(source)
        _database(settings, path, keys, checked, connection, into_live)
    migrate.upgrade(settings)
    forget(settings)
    note(settings, Action.BACKUP_RESTORED, taken=checked.taken, file=path.name)
    return Restored(checked, files.written, files.present, files.damaged, time.monotonic() - began)


def _database(
    settings: Settings, path: Path, keys: Keys, checked: Checked, connection: Connection, into_live: bool
) -> None:
    """The database, and the checkpoints' where that is another one."""
    apart = _kept_apart(settings, connection)
    scratch = settings.var_dir / "spool"
    filling = Filling(settings.postgres_url, server_of(connection), scratch, checked.counts, ending=into_live)
    if into_live:
        end_sessions(connection)
    with sealing.opened(path, keys) as source:
        fill(filling, _dump(source, archive.DATABASE))
    _checkpoints(settings, path, keys, checked, filling, apart)
    if apart is not None:
        # Tables may have been dropped there, and migrating makes them again: it must not find "up to date" here.
        connection.execute("drop table if exists public.schema_marker")
    if into_live:
        end_sessions(connection)  # what they prepared speaks of tables that are gone
    connection.execute("analyze")


def refused(found: Found) -> RestoreError:
    """The error for a database that is in use."""
    if found.rows:
        return RestoreError(
            "The database has data in it ({count} accounts, classes and papers). A restore replaces all of them: "
            "say --into-live --yes if you mean it, after a backup.",
            count=found.rows,
        )
    return RestoreError(
        "The database is in use ({count} other connections). Stop the server and its workers first, "
        "or say --into-live --yes.",
        count=found.sessions,
    )


def end_sessions(connection: Connection) -> int:
    """End the other sessions of this role on this database; returns how many."""
    ended = connection.execute(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid = any(%s)",
        (_others(connection),),
    ).fetchone()
    return int(ended[0]) if ended else 0


def _others(connection: Connection) -> list[int]:
    """Process ids of other sessions of our role on this database, those of a restore not counted."""
    rows = connection.execute(
        "select pid from pg_stat_activity where datname = current_database() and usename = current_user"
        " and pid <> pg_backend_pid() and application_name <> %s",
        (APPLICATION,),
    )
    return [int(pid) for (pid,) in rows]


def _rows(connection: Connection) -> int:
    """How many rows of work there are; tables that are not there have none."""
    count = 0
    for table in WORK:
        try:
            row = connection.execute(f"select count(*) from public.{table}").fetchone()  # noqa: S608
        except psycopg.errors.UndefinedTable:
            continue
        count += int(row[0]) if row else 0
    return count


def _room(settings: Settings, checked: Checked) -> None:
    """Raise RestoreError when the uploads cannot fit into their folder. Of those there some may be there already."""
    if "://" in settings.uploads:
        return
    folder = Path(settings.uploads)
    free = shutil.disk_usage(folder).free
    have = sum(each.stat().st_size for each in folder.glob("*/*") if each.is_file())
    needed = checked.upload_bytes - have
    if needed > free:
        raise RestoreError(
            "{folder} has room for {free} MB, and the uploads of the backup need {needed} MB. Nothing was changed.",
            folder=str(folder),
            free=free // 2**20,
            needed=needed // 2**20,
        )


def _kept_apart(settings: Settings, connection: Connection) -> int | None:
    """The major version of the server that has the checkpoints, when they are kept apart here; else None.

    Raises BackupError when that one does not answer.
    """
    with connected(settings.checkpoint_url, APPLICATION) as other:
        return None if same_database(connection, other) else server_of(other)


def _checkpoints(
    settings: Settings, path: Path, keys: Keys, checked: Checked, filling: Filling, apart: int | None
) -> None:
    """The checkpoints of runs that were under way, where the backup or this system keeps them apart.

    A system that keeps them apart, and a backup that does not: they are dropped. Those of another life would carry the
    numbers of the restored runs; without any, what was under way is asked again. Raises RestoreError.
    """
    saved = checked.manifest["checkpoints"]
    if not saved and apart is None:
        return
    rows = saved["counts"] if saved else {}
    filling = replace(
        filling,
        url=settings.checkpoint_url,
        server=apart or filling.server,
        counts={str(name): int(rows[name]) for name in rows if name in CHECKPOINT_TABLES},
        tables=CHECKPOINT_TABLES,
    )
    try:
        if saved:
            with sealing.opened(path, keys) as source:
                fill(filling, _dump(source, archive.CHECKPOINTS))
        else:
            fill(filling, iter(()))
    except ProblemError as problem:
        raise RestoreError(
            "The data are restored, but not the checkpoints of POSTGRES_CHECKPOINT_URL: {why} Restore once more "
            "before the server starts.",
            why=str(problem.text),
        ) from None


def _dump(source: Source, prefix: str) -> Iterator[bytes]:
    """The bytes of one dump in an archive."""
    reader = Reader(source)
    begun = False
    for name, _ in reader.members():
        if name.startswith(prefix):
            begun = True
            yield from reader.chunks()
        elif begun:
            return  # the parts stand together


class _Files:
    """Puts the uploads back; what is there with the right content stays."""

    def __init__(self, storage: Stored, checked: Checked, progress: Progress) -> None:
        self.storage, self.whole, self.progress = storage, checked.size, progress
        self.written, self.present, self.damaged = 0, 0, 0

    def restore(self, source: Source) -> None:
        """Read an archive through. Raises StorageError, DamagedError, ArchiveError."""
        reader = Reader(source)
        for name, size in reader.members():
            if name.startswith(archive.UPLOADS):
                self._one(name.removeprefix(archive.UPLOADS), size, reader)
            self.progress(reader.read_bytes, self.whole)

    def _one(self, key: str, size: int, reader: Reader) -> None:
        if not KEY.fullmatch(key) or not key[3:].startswith(key[:2]):
            raise DamagedError("The backup is damaged: {name} is out of its place.", name=key[:80])
        if self._is_there(key, size):
            self.present += 1
            return
        if self.storage.put(key, reader.chunks(), size) != key[3:]:
            self.damaged += 1  # it was so in the storage that the backup was made of
        self.written += 1

    def _is_there(self, key: str, size: int) -> bool:
        try:
            have, chunks = self.storage.opened(key)
        except FileNotFoundError:
            return False
        if have != size:
            return False
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
        return digest.hexdigest() == key[3:]


__all__ = ["ArchiveError", "Found", "RestoreError", "Restored", "check", "in_the_way", "refused", "restore"]
