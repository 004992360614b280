"""Archives in a folder: their names, which is the newest, when the next is due, which may go.

A name says when its backup was made (UTC): `zhupi-20260131T020000Z.tar`, with `.age` behind it where it is encrypted.
What is being written ends in `.partial` and is locked (flock) by its writer; without a lock it is a dead one's rest.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from app.i18n import ProblemError
from app.upkeep.backups.archive import HEAD
from app.upkeep.backups.sealing import ARMOUR, PLAIN_AGE

NAME = re.compile(r"zhupi-(\d{8}T\d{6}Z)(?:-(\d{1,6}))?\.tar(?:\.age)?")
STAMP = "%Y%m%dT%H%M%SZ"
PARTIAL = ".partial"
DURATION = re.compile(r"\s*(\d{1,8})\s*([smhdw]?)\s*")  # as deploy/container/backup_fresh.py reads it
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
SHORTEST = 60  # seconds between two backups


@dataclass(frozen=True, slots=True)
class Kept:
    """A whole archive in a folder, when it was made, and which of that second it is."""

    path: Path
    made: datetime
    number: int


def name_for(when: datetime, *, encrypted: bool) -> str:
    """The file name of a backup made at `when`."""
    return f"zhupi-{when.astimezone(UTC):{STAMP}}.tar" + (".age" if encrypted else "")


def free_name(folder: Path, name: str) -> Path:
    """A path of that name in a folder, with a number in it when two were made in one second."""
    stem, dot, ending = name.partition(".")
    path, number = folder / name, 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}{dot}{ending}"
    return path


def kept(folder: Path) -> list[Kept]:
    """The archives of a folder that this program made and finished, oldest first. An unreadable folder holds none."""
    found = []
    try:
        paths = list(folder.iterdir())
    except OSError:
        return []
    for path in paths:
        match = NAME.fullmatch(path.name)
        if match and not path.is_symlink() and _is_ours(path):
            with suppress(ValueError):
                made = datetime.strptime(match[1], STAMP).replace(tzinfo=UTC)
                found.append(Kept(path, made, int(match[2] or 1)))
    return sorted(found, key=lambda one: (one.made, one.number))


def prune(folder: Path, keep: int) -> list[Path]:
    """Remove the oldest archives but `keep`; returns what went. What cannot be removed stays."""
    gone = []
    for one in kept(folder)[:-keep] if keep else []:
        with suppress(OSError):
            one.path.unlink()
            gone.append(one.path)
    return gone


def wait_seconds(folder: Path, every: timedelta, now: datetime) -> float:
    """How long until the next backup of a folder is due; 0 when it is, or when the newest is from the future."""
    archives = kept(folder)
    if not archives or archives[-1].made > now:
        return 0.0
    return max(0.0, (archives[-1].made + every - now).total_seconds())


def duration(value: str) -> timedelta:
    """A time such as 90s, 30m, 24h, 7d or 1w. Raises ProblemError."""
    match = DURATION.fullmatch(value)
    if not match or int(match[1]) * UNITS[match[2]] < SHORTEST:
        raise ProblemError(
            "{value} is no time between backups: a number with s, m, h, d or w, such as 24h; a minute or more.",
            value=value,
        )
    return timedelta(seconds=int(match[1]) * UNITS[match[2]])


@contextmanager
def whole_or_nothing(final: Path) -> Iterator[BinaryIO]:
    """A new file that has its name only when the block has ended and all is on the disk (0600). Raises OSError.

    When the block raises, nothing is left. A killed process leaves NAME.partial.
    """
    partial = final.with_name(final.name + PARTIAL)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
            file.flush()
            os.fsync(file.fileno())
            partial.rename(final)
        _sync(final.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def clear_partials(folder: Path, name: str = "") -> list[Path]:
    """Remove what killed backups left in a folder (or of one file name); returns what went."""
    gone = []
    for path in folder.glob(f"*{PARTIAL}"):
        whole = path.name.removesuffix(PARTIAL)
        if (NAME.fullmatch(whole) or whole == name) and not path.is_symlink() and _abandoned(path):
            with suppress(OSError):
                path.unlink()
                gone.append(path)
    return gone


def _abandoned(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_ours(path: Path) -> bool:
    """Whether a file begins as our archives do: another's of the same name is not ours to remove."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return False
    return start.startswith((HEAD.encode() + b"\0", ARMOUR, PLAIN_AGE))


def _sync(folder: Path) -> None:
    """Put a folder's entries on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
