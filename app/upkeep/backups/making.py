"""Makes a backup: one moment of the database and the files it refers to, whole or not there.

What is missing or damaged in the storage already does not keep the rest from being saved: the backup goes on, names it
in its manifest, and its report says so.
"""

from __future__ import annotations

import errno
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from app.audit.models import Action
from app.i18n import ProblemError
from app.settings import Settings
from app.upkeep.backups import archive, programs, rotation, sealing
from app.upkeep.backups.noting import note
from app.upkeep.backups.sealing import Seal
from app.upkeep.backups.snapshot import (
    CHECKPOINT_TABLES,
    BackupError,
    Facts,
    Snapshot,
    same_database,
    snapshot,
)
from app.upkeep.backups.stored import Stored, stored

NAMED = 100  # missing files that a manifest names
COMPRESSION = "3"  # of gzip's 1 to 9; rows are text, and higher levels cost much and save little
LOCK_WAIT = "60s"  # for a migration that holds a table

Progress = Callable[[int, int], None]  # bytes done, bytes in all, about


@dataclass(slots=True)
class Lost:
    """Files that papers refer to and the storage has not, or not as they were: how many, and the first of them."""

    count: int = 0
    keys: list[str] = field(default_factory=list)

    def add(self, key: str) -> None:
        """Note one."""
        self.count += 1
        if len(self.keys) < NAMED:
            self.keys.append(key)

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        return {"count": self.count, "keys": self.keys}


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that is whole: where, its bytes, what it holds; `cleared` is what broken-off ones had left beside it."""

    path: Path
    size: int
    seconds: float
    encrypted: bool
    manifest: dict[str, Any]
    cleared: tuple[Path, ...] = ()

    @property
    def lost(self) -> int:
        """How many files the storage had not, or not as they were uploaded."""
        uploads = self.manifest["uploads"]
        return int(uploads["missing"]["count"]) + int(uploads["damaged"]["count"])

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "file": str(self.path),
            "bytes": self.size,
            "seconds": round(self.seconds, 1),
            "encrypted": self.encrypted,
            **{key: self.manifest[key] for key in ("zhupi", "taken", "database", "checkpoints", "uploads")},
        }


def target(out: Path | None, settings: Settings, *, encrypted: bool) -> Path:
    """Where a backup goes: a new name in a folder (by default the settings' own, made if missing), or a file's path.

    Raises BackupError.
    """
    folder = out or settings.backups
    if out is not None and not out.is_dir() and not str(out).endswith("/"):
        if out.exists():
            raise BackupError("{path} is there already; choose another name.", path=str(out))
        if not out.parent.is_dir():
            raise BackupError("{path} is no folder.", path=str(out.parent))
        return out.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unwritable(folder, error) from None
    return rotation.free_name(folder.absolute(), rotation.name_for(datetime.now(UTC), encrypted=encrypted))


def make(settings: Settings, final: Path, seal: Seal | None, progress: Progress) -> Made:
    """Make a backup under the path `final`; nothing is there when it fails. `settings` have both addresses.

    Raises BackupError, ProgramError and other ProblemErrors; what it raises for its own death passes through.
    """
    began = time.monotonic()
    scratch = settings.var_dir / "spool"
    with ExitStack() as stack:
        moments = stack.enter_context(_moments(settings))
        storage = stack.enter_context(stored(settings))
        cleared = rotation.clear_partials(final.parent, final.name)
        copy = _Copy(settings, moments, storage, scratch, progress)
        copy.room_in(final.parent)
        try:
            with rotation.whole_or_nothing(final) as file:
                with sealing.sealed(file, seal) as out:
                    manifest = copy.write(out)
                size = file.tell()
                moments.main.still_held()
        except OSError as error:
            raise _unwritable(final.parent, error) from None
    made = Made(final, size, time.monotonic() - began, seal is not None, manifest, tuple(cleared))
    note(settings, Action.BACKUP_MADE, file=final.name, megabytes=size // 2**20, lost=made.lost)
    return made


@dataclass(frozen=True, slots=True)
class _Moments:
    """The moment of the database, and of the checkpoints' where that is another one."""

    main: Snapshot
    checkpoints: Snapshot | None


@contextmanager
def _moments(settings: Settings) -> Iterator[_Moments]:
    """The checkpoints' moment comes first: of a question that was marked between the two, the older checkpoint knows
    nothing and it is asked again; the other way round its mark would be missing for good.
    """
    with ExitStack() as stack:
        early = None
        if settings.checkpoint_url != settings.postgres_url:
            early = stack.enter_context(snapshot(settings.checkpoint_url, lock=False))
        main = stack.enter_context(snapshot(settings.postgres_url, lock=True))
        if early is not None and same_database(early.connection, main.connection):
            early = None
        yield _Moments(main, early)


class _Copy:
    """One backup on its way."""

    def __init__(
        self, settings: Settings, moments: _Moments, storage: Stored, scratch: Path, progress: Progress
    ) -> None:
        self.settings, self.moments, self.storage = settings, moments, storage
        self.scratch, self.progress = scratch, progress
        self.facts: Facts = moments.main.facts()
        if "papers" not in self.facts.counts:
            raise BackupError("The database is empty: there is nothing to back up.")
        self.early: Facts | None = moments.checkpoints.facts() if moments.checkpoints else None
        self.uploads, self.upload_bytes = moments.main.uploads()
        self.dump_bytes = self.facts.bytes + (self.early.bytes if self.early else 0)
        self.done = 0
        self.missing, self.damaged = Lost(), Lost()
        self.taken = datetime.now(UTC)
        self.tools = programs.for_dump(max(self.facts.server, self.early.server if self.early else 0))

    def room_in(self, folder: Path) -> None:
        """Raise BackupError when not even the uploads can fit: said at once, not after an hour."""
        free = shutil.disk_usage(folder).free
        if self.upload_bytes > free:
            raise BackupError(
                "{folder} has room for {free} MB, and the uploads alone are {needed} MB.",
                folder=str(folder),
                free=free // 2**20,
                needed=self.upload_bytes // 2**20,
            )

    def write(self, out: archive.Sink) -> dict[str, Any]:
        """Write the archive; returns its manifest."""
        head = {
            "format": archive.FORMAT,
            "zhupi": version("zhupi"),
            "taken": self.taken.isoformat(timespec="seconds"),
            "schema": self.facts.schema,
            "server": self.facts.server,
            "pg_dump": self.tools.version,
            "checkpoints": self.early is not None,
        }
        writer = archive.Writer(out, head, self.scratch, int(self.taken.timestamp()))
        try:
            main, early = self.moments.main, self.moments.checkpoints
            self._dump(writer, archive.DATABASE, self.settings.postgres_url, main, ())
            if early is not None:
                self._dump(
                    writer, archive.CHECKPOINTS, self.settings.checkpoint_url, early, CHECKPOINT_TABLES
                )
            self.done = self.dump_bytes
            count, size = self._files(writer)
            manifest = {
                **head,
                "database": self.facts.to_json(),
                "checkpoints": self.early.to_json() if self.early else None,
                "uploads": {
                    "count": count,
                    "bytes": size,
                    "missing": self.missing.to_json(),
                    "damaged": self.damaged.to_json(),
                },
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            writer.finish(manifest)
            return manifest
        finally:
            writer.close()

    def _dump(
        self, writer: archive.Writer, prefix: str, url: str, moment: Snapshot, tables: tuple[str, ...]
    ) -> None:
        options = [
            "--format=custom",
            f"--compress={COMPRESSION}",
            f"--snapshot={moment.id}",
            f"--lock-wait-timeout={LOCK_WAIT}",
            "--no-owner",
            "--no-privileges",
            "--no-password",
            *([f"--table=public.{table}" for table in tables] or ["--schema=public"]),
        ]
        with programs.access(url, self.scratch) as access:
            command = [self.tools.path("pg_dump"), *options, f"--dbname={access.dbname}"]
            with programs.running(command, access.environment, stdout=subprocess.PIPE) as dump:
                assert dump.process.stdout is not None
                writer.add_stream(prefix, dump.process.stdout, self._tell)
                if dump.process.wait():
                    raise BackupError("pg_dump failed: {why}", why=dump.complaint())

    def _files(self, writer: archive.Writer) -> tuple[int, int]:
        count, whole = 0, 0
        for key, found in self.storage.each(self.moments.main.storage_keys()):
            if found is None:
                self.missing.add(key)
                continue
            size, chunks = found
            member = writer.add(archive.UPLOADS + key, size, self._told(chunks))
            count, whole = count + 1, whole + size
            if member.sha256 != key.rpartition("/")[2]:
                self.damaged.add(key)
        return count, whole

    def _told(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            yield chunk
            self._tell(len(chunk))

    def _tell(self, size: int) -> None:
        self.done += size
        whole = self.dump_bytes + self.upload_bytes
        self.progress(min(self.done, whole), whole)


def _unwritable(folder: Path, error: OSError) -> ProblemError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return BackupError("The disk of {path} is full. No backup was made.", path=str(folder))
    why = error.strerror or str(error)
    return BackupError("{path} cannot be written: {why}", path=str(folder), why=why)
