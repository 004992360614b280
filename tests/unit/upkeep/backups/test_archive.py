"""The format: what is written is read; whatever is cut, changed or put elsewhere is refused with a sentence."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.upkeep.backups import archive
from app.upkeep.backups.archive import (
    ArchiveError,
    DamagedError,
    NewerError,
    NotAnArchiveError,
    Reader,
    Writer,
)
from app.upkeep.backups.verifying import Checked, verify

HEAD = {"format": 1, "zhupi": "0.1.0", "schema": {"revision": "0001"}}
MANIFEST = {
    "zhupi": "0.1.0",
    "taken": "2026-01-31T02:00:00+00:00",
    "database": {"counts": {"papers": 2}},
    "uploads": {"count": 2, "bytes": 1012},
}
ONE, TWO = b"x" * 1000, b"hello world!"


def name_of(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"{archive.UPLOADS}{digest[:2]}/{digest}"


def written(
    scratch: Path, head: dict[str, Any] | None = None, manifest: dict[str, Any] | None = None
) -> bytes:
    """A small archive: a dump of two parts and two files."""
    out = io.BytesIO()
    writer = Writer(out, head or HEAD, scratch, 1_769_824_800)
    writer.add_stream(archive.DATABASE, io.BytesIO(b"PGDMP" * 100), lambda size: None)
    for content in (ONE, TWO):
        writer.add(name_of(content), len(content), (content[:5], content[5:]))
    writer.finish(manifest or MANIFEST)
    return out.getvalue()


def plain(name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    return chunks


def checked(
    data: bytes, scratch: Path, accept: Callable[[dict[str, Any]], None] = lambda head: None
) -> Checked:
    return verify(io.BytesIO(data), scratch, accept, plain, lambda done: None)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    found = checked(written(tmp_path), tmp_path)
    assert found.head == HEAD
    assert found.counts == {"papers": 2} and found.uploads == 2 and found.upload_bytes == 1012
    assert found.manifest["files"]["count"] == 4  # the head, one part of the dump, two files
    assert found.size == len(written(tmp_path))
    assert list(tmp_path.iterdir()) == []  # the list of files was never there to be seen


def test_any_tar_opens_it(tmp_path: Path) -> None:
    data = written(tmp_path)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames()[0] == archive.HEAD and tar.getnames()[-1] == archive.CHECKSUM
        member = tar.extractfile(name_of(TWO))
        assert member is not None and member.read() == TWO
        assert {info.mode for info in tar} == {0o600}
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    listed = subprocess.run(["tar", "tf", str(path)], capture_output=True, text=True, check=True)
    assert listed.stderr == "" and len(listed.stdout.split()) == 7


def test_a_dump_is_cut_into_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "PART", 100)
    told: list[int] = []
    out = io.BytesIO()
    writer = Writer(out, HEAD, tmp_path, 0)
    source = bytes(range(250))
    assert writer.add_stream(archive.DATABASE, Dripping(source), told.append) == 250
    writer.finish(MANIFEST)
    assert told == [100, 100, 50]
    reader = Reader(io.BytesIO(out.getvalue()))
    parts = [b"".join(reader.chunks()) for name, _ in reader.members() if name.startswith("database/")]
    assert b"".join(parts) == source and [len(part) for part in parts] == [100, 100, 50]


class Dripping(io.BytesIO):
    """A pipe that gives a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 7))


def test_a_stream_that_drips_is_read_as_well(tmp_path: Path) -> None:
    found = verify(Dripping(written(tmp_path)), tmp_path, lambda head: None, plain, lambda done: None)
    assert found.uploads == 2


def test_a_file_of_another_size_than_said_is_filled_or_cut(tmp_path: Path) -> None:
    """It changed while it was read: the archive stays readable, and the hash tells."""
    out = io.BytesIO()
    writer = Writer(out, HEAD, tmp_path, 0)
    short = writer.add("uploads/short", 10, (b"abc",))
    long = writer.add("uploads/long", 3, (b"abc", b"def"))
    writer.finish(MANIFEST)
    assert short.sha256 == hashlib.sha256(b"abc" + bytes(7)).hexdigest()
    assert long.sha256 == hashlib.sha256(b"abc").hexdigest()
    checked(out.getvalue(), tmp_path)


def test_an_empty_file_is_kept(tmp_path: Path) -> None:
    out = io.BytesIO()
    writer = Writer(out, HEAD, tmp_path, 0)
    writer.add(name_of(b""), 0, ())
    writer.finish(MANIFEST)
    assert checked(out.getvalue(), tmp_path).manifest["files"]["count"] == 2


def test_cut_anywhere_is_refused(tmp_path: Path) -> None:
    data = written(tmp_path)
    for end in [*range(0, len(data), 97), len(data) - 1]:
        with pytest.raises(ArchiveError):
            checked(data[:end], tmp_path)
    with pytest.raises(DamagedError, match="ends early"):
        checked(data[: len(data) // 2], tmp_path)
    with pytest.raises(DamagedError, match="ends early"):
        checked(data[:-1024], tmp_path)  # all is there but the end


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    data = written(tmp_path)
    for place in range(0, len(data), 5):
        changed = bytearray(data)
        changed[place] ^= 0x10
        with pytest.raises(ArchiveError):
            checked(bytes(changed), tmp_path)


@pytest.mark.parametrize(
    ("mark", "named"),
    [(ONE, name_of(ONE)), (b"PGDMP" * 100, "database/000001"), (b'"papers": 2', archive.MANIFEST)],
    ids=["file", "database", "manifest"],
)
def test_the_changed_part_is_named(tmp_path: Path, mark: bytes, named: str) -> None:
    data = bytearray(written(tmp_path))
    place = data.index(mark)
    data[place + len(mark) - 1] ^= 1
    with pytest.raises(DamagedError) as raised:
        checked(bytes(data), tmp_path)
    assert named in str(raised.value) or "checksum" in str(raised.value)


def test_a_part_too_many_or_too_few_is_found(tmp_path: Path) -> None:
    data = written(tmp_path)
    place = data.index(name_of(TWO).encode())
    without = data[:place] + data[place + 1024 :]
    doubled = data[: place + 1024] + data[place : place + 1024] + data[place + 1024 :]
    for changed in (without, doubled):
        with pytest.raises(DamagedError):
            checked(changed, tmp_path)


def test_what_follows_the_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="behind its end"):
        checked(written(tmp_path) + b"x", tmp_path)


def test_a_tail_in_another_order_is_refused(tmp_path: Path) -> None:
    data = written(tmp_path)
    at = [data.index(name.encode() + b"\0") for name in (archive.FILES, archive.MANIFEST, archive.CHECKSUM)]
    files, manifest, rest = data[at[0] : at[1]], data[at[1] : at[2]], data[at[2] :]
    with pytest.raises(DamagedError, match="out of its place"):
        checked(data[: at[0]] + manifest + files + rest, tmp_path)
    with pytest.raises(DamagedError, match="missing"):
        checked(data[: at[1]] + archive.END, tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04" + bytes(2000), b"hello" * 1000, bytes(2048), b"\xff" * 512], ids=range(5)
)
def test_something_else_is_said_to_be_something_else(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(NotAnArchiveError):
        checked(data, tmp_path)


def test_another_tar_is_something_else(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("notes.txt"))
    with pytest.raises(NotAnArchiveError):
        checked(out.getvalue(), tmp_path)


@pytest.mark.parametrize("head", [{}, {"format": "one"}, {"format": None}])
def test_a_head_that_says_nothing_is_refused(tmp_path: Path, head: dict[str, Any]) -> None:
    data = written(tmp_path, head={"zhupi": "?", **head})
    with pytest.raises(NotAnArchiveError):
        checked(data, tmp_path)


def test_a_newer_format_is_refused_at_its_head(tmp_path: Path) -> None:
    data = written(tmp_path, head={"format": archive.FORMAT + 1, "zhupi": "9.0"})
    with pytest.raises(NewerError, match=r"9\.0"):
        checked(data[:2000], tmp_path)  # nothing behind the head is looked at


@pytest.mark.parametrize(
    "manifest",
    [{}, {**MANIFEST, "uploads": 3}, {**MANIFEST, "database": {"counts": {"papers": "x"}}}],
    ids=["empty", "uploads", "counts"],
)
def test_a_manifest_that_lacks_what_is_needed_is_refused(tmp_path: Path, manifest: dict[str, Any]) -> None:
    with pytest.raises(DamagedError, match="manifest"):
        checked(written(tmp_path, manifest=manifest or {"nothing": 1}), tmp_path)


def test_a_huge_head_is_not_read_into_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo(archive.HEAD)
    info.size = archive.SMALL + 1
    with pytest.raises(DamagedError, match="larger"):
        checked(info.tobuf(tarfile.GNU_FORMAT) + bytes(archive.SMALL + 1024), tmp_path)


def test_a_list_without_line_ends_is_not_read_into_memory(tmp_path: Path) -> None:
    lines = list(archive._lines(iter([b"a" * archive.CHUNK] * 9)))
    assert all(len(line) <= archive.SMALL + archive.CHUNK for line in lines)
    assert sum(map(len, lines)) == 9 * archive.CHUNK


def test_a_writer_that_breaks_off_leaves_no_archive(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any, /) -> int:
            if self.tell() > 2000:
                raise OSError(28, "No space left on device")
            return super().write(data)

    out = Full()
    writer = Writer(out, HEAD, tmp_path, 0)
    with pytest.raises(OSError, match="No space"):
        writer.add(name_of(ONE), 5000, (ONE,) * 5)
    writer.close()
    with pytest.raises(DamagedError):
        checked(out.getvalue(), tmp_path)


def test_a_member_is_one_line_of_json() -> None:
    line = archive.Member("uploads/x", 3, "ab").line()
    assert json.loads(line) == {"name": "uploads/x", "size": 3, "sha256": "ab"} and line.endswith(b"\n")
