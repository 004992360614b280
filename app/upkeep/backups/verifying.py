"""Reads a whole backup and says whether it is one: every byte counted, every part compared with the list."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.upkeep.backups import archive
from app.upkeep.backups.archive import DamagedError, Member, Reader, Source, Tally

# The last three members, in this order.
TAIL = (archive.FILES, archive.MANIFEST, archive.CHECKSUM)

Watch = Callable[[str, Iterator[bytes]], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Checked:
    """A backup that is whole: its head, its manifest, its bytes (unencrypted)."""

    head: dict[str, Any]
    manifest: dict[str, Any]
    size: int

    @property
    def uploads(self) -> int:
        """How many uploaded files it holds."""
        return int(self.manifest["uploads"]["count"])

    @property
    def upload_bytes(self) -> int:
        """Their bytes."""
        return int(self.manifest["uploads"]["bytes"])

    @property
    def taken(self) -> str:
        """When it was made, ISO 8601."""
        return str(self.manifest["taken"])

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        return {str(name): int(count) for name, count in self.manifest["database"]["counts"].items()}


def verify(
    source: Source,
    scratch: Path,
    accept: Callable[[dict[str, Any]], None],
    watch: Watch,
    progress: Callable[[int], None],
) -> Checked:
    """Read a backup to its end. `scratch` is a folder for an unlinked temporary file.

    `accept` gets the head as soon as it is read and may raise; `watch` gets each part's name and chunks and hands the
    chunks on, looking at them; `progress` is told the bytes read so far. Raises NotAnArchiveError, NewerError,
    DamagedError, and what `source`, `accept` and `watch` raise.
    """
    tally = Tally(scratch)
    try:
        return _Check(Reader(source), tally, accept, watch, progress).run()
    finally:
        tally.close()


class _Check:
    def __init__(
        self,
        reader: Reader,
        tally: Tally,
        accept: Callable[[dict[str, Any]], None],
        watch: Watch,
        progress: Callable[[int], None],
    ) -> None:
        self.reader, self.tally = reader, tally
        self.accept, self.watch, self.progress = accept, watch, progress
        self.head: dict[str, Any] = {}
        self.manifest: dict[str, Any] = {}
        self.facts: dict[str, Any] = {}
        self.tail: list[str] = []

    def run(self) -> Checked:
        for name, size in self.reader.members():
            if name in TAIL or self.tail:
                self._tail(name)
            else:
                self._part(name, size)
            self.progress(self.reader.read_bytes)
        if tuple(self.tail) != TAIL:
            raise DamagedError("The backup is damaged: {name} is missing.", name=TAIL[len(self.tail)])
        return Checked(self.head, self.manifest, self.reader.read_bytes)

    def _part(self, name: str, size: int) -> None:
        if not self.head:
            data = self.reader.whole()
            self.head = archive.head_of(data)
            self.accept(self.head)
            self.tally.note(Member(name, size, hashlib.sha256(data).hexdigest()))
            return
        digest = hashlib.sha256()
        for chunk in self.watch(name, self.reader.chunks()):
            digest.update(chunk)
            self.progress(self.reader.read_bytes)
        self.tally.note(Member(name, size, digest.hexdigest()))

    def _tail(self, name: str) -> None:
        if len(self.tail) == len(TAIL) or name != TAIL[len(self.tail)]:
            raise DamagedError("The backup is damaged: {name} is out of its place.", name=name)
        self.tail.append(name)
        if name == archive.FILES:
            self._compare()
        elif name == archive.MANIFEST:
            self._read_manifest()
        elif self.reader.whole() != f"{self.reader.digest_before}\n".encode():
            raise DamagedError("The backup is damaged: its checksum does not fit.")

    def _compare(self) -> None:
        self.facts = self.tally.facts()
        digest, size = hashlib.sha256(), 0

        def listed() -> Iterator[bytes]:
            nonlocal size
            for chunk in self.reader.chunks():
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        wrong = self.tally.compare(listed())
        if wrong:
            raise DamagedError("The backup is damaged: {names} changed.", names=", ".join(wrong))
        if size != self.facts["list"] or digest.hexdigest() != self.facts["sha256"]:
            raise DamagedError("The backup is damaged: {names} changed.", names=archive.FILES)

    def _read_manifest(self) -> None:
        try:
            self.manifest = dict(json.loads(self.reader.whole()))
            sound = self.manifest["files"] == self.facts
            found = Checked({}, self.manifest, 0)  # reads all that restoring will read
            sound = sound and bool(found.taken) and min(found.uploads, found.upload_bytes) >= 0
            sound = sound and all(rows >= 0 for rows in found.counts.values())
        except (ValueError, TypeError, KeyError, AttributeError):
            sound = False
        if not sound:
            raise DamagedError("The backup is damaged: {names} changed.", names=archive.MANIFEST)
