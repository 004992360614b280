"""The format of a backup: a tar of parts with checksums, written and read as a stream.

Any `tar` opens it. In this order it holds

    zhupi-backup.json     what it is: format, version, schema, when. First, so that a reader knows at once.
    database/000001 ...   the output of `pg_dump --format=custom`, cut into parts of PART bytes (a tar wants every
                          size beforehand, and nobody knows that of a dump): `cat database/* > zhupi.dump`
    checkpoints/000001 .. the same of the checkpoints' database, where it is another one
    uploads/ab/abcdef...  the uploaded files under their keys, which end in the SHA-256 of their content
    files.jsonl           {"name", "size", "sha256"} of every part before it, one a line
    manifest.json         counts, what was missing, and size and SHA-256 of files.jsonl
    checksum.sha256       SHA-256 over all bytes before this last member, headers and padding too

The members are those of ustar, with GNU tar's sizes for files above 8 GB (`tar(5)`). Nothing is held in memory but one
part of a dump; the list of files is kept in an unlinked temporary file.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from app.i18n import ProblemError

FORMAT = 1
HEAD, FILES, MANIFEST, CHECKSUM = "zhupi-backup.json", "files.jsonl", "manifest.json", "checksum.sha256"
DATABASE, CHECKPOINTS, UPLOADS = "database/", "checkpoints/", "uploads/"

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
CHUNK = 256 * 1024
PART = 4 * 2**20  # bytes of a dump that are held in memory at once
SMALL = 2**20  # most bytes of a member that is read as a whole: head, manifest, checksum
LISTED = 4 * 2**20  # bytes of the list of files kept in memory before it goes to disk
NAMED = 20  # damaged members that a sentence names


class ArchiveError(ProblemError):
    """A file that is no whole backup, or none that this version reads."""


class NotAnArchiveError(ArchiveError):
    """The file is something else."""


class NewerError(ArchiveError):
    """The backup was made by a newer version."""


class DamagedError(ArchiveError):
    """The backup was cut off or changed."""


class Source(Protocol):
    """What an archive is read from."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""
        ...


class Sink(Protocol):
    """What an archive is written to."""

    def write(self, data: bytes, /) -> Any:
        """Take all of the bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """One part: its name, its size in bytes, the SHA-256 of its bytes in hex."""

    name: str
    size: int
    sha256: str

    def line(self) -> bytes:
        """Its line in files.jsonl."""
        return json.dumps(asdict(self), separators=(",", ":")).encode() + b"\n"


class Writer:
    """Writes an archive to a stream. What `write` of the stream raises passes through."""

    def __init__(self, out: Sink, head: dict[str, Any], scratch: Path, when: int) -> None:
        """`scratch` is a folder for the unlinked list of files; `when` (Unix time) is every member's time."""
        self._out, self._when, self._digest = out, when, hashlib.sha256()
        self.written = 0
        self._count, self._bytes = 0, 0
        self._list = tempfile.SpooledTemporaryFile(LISTED, dir=str(scratch))  # noqa: SIM115 - see `close`
        self.small(HEAD, head)

    def add(self, name: str, size: int, chunks: Iterable[bytes]) -> Member:
        """Add a part whose size is known. Chunks that are more or fewer than `size` are cut, or filled with zeros.

        The returned SHA-256 is that of the bytes in the archive.
        """
        member = self._member(name, size, chunks)
        self._list.write(member.line())
        self._count, self._bytes = self._count + 1, self._bytes + size
        return member

    def add_stream(self, prefix: str, source: Source, progress: Callable[[int], None]) -> int:
        """Add a stream of unknown length in parts under `prefix`; returns its bytes. `progress` is told each part's."""
        whole, number = 0, 0
        while part := _read_up_to(source, PART):
            number += 1
            self.add(f"{prefix}{number:06}", len(part), (part,))
            whole += len(part)
            progress(len(part))
        return whole

    def small(self, name: str, value: dict[str, Any]) -> None:
        """Add a JSON document."""
        data = json.dumps(value, ensure_ascii=False, indent=1).encode()
        self.add(name, len(data), (data,))

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the list, the manifest with the list's digest, the checksum and the end."""
        size = self._list.tell()
        self._list.seek(0)
        listed = self._member(FILES, size, iter(lambda: self._list.read(CHUNK), b""))
        files = {"count": self._count, "bytes": self._bytes, "list": listed.size, "sha256": listed.sha256}
        data = json.dumps({**manifest, "files": files}, ensure_ascii=False, indent=1).encode()
        self._member(MANIFEST, len(data), (data,))
        checksum = f"{self._digest.hexdigest()}\n".encode()
        self._member(CHECKSUM, len(checksum), (checksum,))
        self._put(END)
        self._list.close()

    def close(self) -> None:
        """Let go of the temporary list. An archive without `finish` is not whole, and readers say so."""
        self._list.close()

    def _member(self, name: str, size: int, chunks: Iterable[bytes]) -> Member:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, self._when
        self._put(info.tobuf(tarfile.GNU_FORMAT, "ascii"))
        digest, left = hashlib.sha256(), size
        for chunk in _exactly(size, chunks):
            digest.update(chunk)
            self._put(chunk)
            left -= len(chunk)
        assert left == 0
        self._put(bytes(-size % BLOCK))
        return Member(name, size, digest.hexdigest())

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self._digest.update(data)
        self.written += len(data)


class Reader:
    """Reads an archive from a stream, member by member.

    Raises DamagedError where the stream ends early or holds what no archive has, NotAnArchiveError at its start.
    """

    def __init__(self, source: Source) -> None:
        self._source, self._digest, self._left = source, hashlib.sha256(), 0
        self._name, self._padding = "", 0
        self._before = ""  # the digest over all bytes before the member that was read last
        self.read_bytes = 0

    def members(self) -> Iterator[tuple[str, int]]:
        """Name and size of each member up to the end; between two steps `chunks` or `whole` read the member.

        What was not read is skipped.
        """
        first = True
        while True:
            for _ in self.chunks():
                pass
            self._before = self._digest.copy().hexdigest()
            header = self._take(BLOCK, first)
            if header == bytes(BLOCK) and not first:
                self._end()
                return
            self._name, self._left = _entry(header, first)
            self._padding, first = -self._left % BLOCK, False
            yield self._name, self._left

    def chunks(self) -> Iterator[bytes]:
        """The bytes of the current member, in pieces of up to CHUNK."""
        while self._left:
            chunk = self._take(min(self._left, CHUNK))
            self._left -= len(chunk)
            if not self._left and any(self._take(self._padding)):
                raise DamagedError("The backup is damaged: {names} changed.", names=self._name)
            yield chunk

    def whole(self) -> bytes:
        """The current member in one piece. Raises DamagedError when it is larger than SMALL."""
        if self._left > SMALL:
            raise DamagedError("The backup is damaged: {name} is larger than it can be.", name=self._name)
        return b"".join(self.chunks())

    @property
    def digest_before(self) -> str:
        """SHA-256 in hex over all bytes before the current member."""
        return self._before

    def _end(self) -> None:
        if self._take(BLOCK) != bytes(BLOCK) or self._source.read(1):
            raise DamagedError("The backup is damaged: there is something behind its end.")

    def _take(self, size: int, first: bool = False) -> bytes:
        data = _read_up_to(self._source, size)
        if len(data) < size:
            if first:
                raise not_an_archive()
            raise DamagedError(
                "The backup is damaged: it ends early. It was not copied to its end, or the disk was full."
            )
        self._digest.update(data)
        self.read_bytes += size
        return data


class Tally:
    """Notes what a reader found, and compares it with the archive's own list."""

    def __init__(self, scratch: Path) -> None:
        """`scratch` is a folder for an unlinked temporary file."""
        self._found = tempfile.SpooledTemporaryFile(LISTED, dir=str(scratch))  # noqa: SIM115 - see `close`
        self._digest = hashlib.sha256()
        self.count, self.bytes, self.size = 0, 0, 0

    def note(self, member: Member) -> None:
        """Note one part as it was read."""
        line = member.line()
        self._found.write(line)
        self._digest.update(line)
        self.count, self.bytes, self.size = self.count + 1, self.bytes + member.size, self.size + len(line)

    def facts(self) -> dict[str, Any]:
        """What the manifest must say under `files`."""
        return {
            "count": self.count,
            "bytes": self.bytes,
            "list": self.size,
            "sha256": self._digest.hexdigest(),
        }

    def compare(self, listed: Iterable[bytes]) -> list[str]:
        """Names of parts that are not what the list says, at most NAMED. Reads `listed` to its end."""
        self._found.seek(0)
        wrong: list[str] = []
        for line in _lines(listed):
            found = self._found.readline()
            if found != line and len(wrong) < NAMED:
                wrong.append(_name_in(found) or _name_in(line) or FILES)
        return wrong

    def close(self) -> None:
        """Let go of the temporary file."""
        self._found.close()


def not_an_archive() -> NotAnArchiveError:
    """The error for a file that is something else."""
    return NotAnArchiveError("This is no backup of Zhupi.")


def head_of(data: bytes) -> dict[str, Any]:
    """The head's document. Raises NotAnArchiveError, NewerError when its format is not known here."""
    try:
        head = json.loads(data)
        number = int(head["format"])
    except (ValueError, TypeError, KeyError):
        raise not_an_archive() from None
    if number > FORMAT:
        raise NewerError(
            "This backup was made by Zhupi {version}, which is newer. Restore it with that version or a later one.",
            version=str(head.get("zhupi", "?")),
        )
    return dict(head)


def _entry(header: bytes, first: bool) -> tuple[str, int]:
    try:
        info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
        sound = info.isreg() and info.size >= 0 and (not first or info.name == HEAD)
    except (tarfile.HeaderError, ValueError):
        sound = False
    if not sound:
        if first:
            raise not_an_archive()
        raise DamagedError("The backup is damaged: the head of a part cannot be read.")
    return info.name, info.size


def _exactly(size: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    left = size
    for chunk in chunks:
        yield chunk[:left]
        left -= min(len(chunk), left)
        if not left:
            return
    while left:
        yield bytes(min(left, CHUNK))
        left -= min(left, CHUNK)


def _read_up_to(source: Source, size: int) -> bytes:
    """Exactly `size` bytes, fewer only at the end: pipes give what they have."""
    data = source.read(size) if size else b""
    if len(data) == size or not data:
        return data
    parts, have = [data], len(data)
    while have < size and (data := source.read(size - have)):
        parts.append(data)
        have += len(data)
    return b"".join(parts)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of a stream of chunks. A line without end, as damage may make one, comes in pieces."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        *whole, rest = rest.split(b"\n")
        yield from (line + b"\n" for line in whole)
        if len(rest) > SMALL:
            yield rest
            rest = b""
    if rest:
        yield rest


def _name_in(line: bytes) -> str:
    try:
        return str(json.loads(line)["name"])
    except (ValueError, TypeError, KeyError):
        return ""
