"""ZIP archives of papers, taken apart without trusting anything they say about themselves."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from app.i18n import Text
from app.intake.errors import UnreadableError
from app.intake.formats.text import high_bytes_pair
from app.intake.limits import MEGABYTE, Limits
from app.intake.names import clean_name
from app.intake.sniff import ARCHIVES, ZIP, label, sniff_file

CHUNK = 256 * 1024
RATIO_FROM = 10 * MEGABYTE  # smaller entries may pack as well as they like
JUNK_FOLDERS = frozenset({"__MACOSX", ".git", ".svn"})
JUNK_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
UTF8_FLAG = 0x800  # APPNOTE 4.4.4, bit 11: the name is UTF-8
ENCRYPTED_FLAG = 0x1


@dataclass(frozen=True, slots=True)
class Extracted:
    """One entry: its display name, and either the file it was written to or why it was not."""

    name: str
    path: Path | None
    problem: Text | None


class _RefusedError(Exception):
    """This entry is not taken; the sentence says why. The others are."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.message)
        self.text = text


def extract(path: Path, into: Path, limits: Limits | None = None) -> list[Extracted]:
    """Unpack a ZIP archive into the folder `into` (made if missing), under numbered names of our own.

    The result has one item an entry, in the archive's order; folders and system files are left out. `name` keeps the
    folders that not all entries share ("张伟 - essay.pdf"), because they often say whose file it is; a name that
    occurs twice gets " (2)". Refused one by one, with `problem` set and `path` None: names that lead out of the
    archive, links, encrypted or damaged entries, archives within, single bombs.
    Raises UnreadableError: "type" (no ZIP), "broken", "empty", "too_big" (too many files or bytes; what was written
    is removed again). It blocks: call it in a thread.
    """
    limits = limits or Limits()
    try:
        found = sniff_file(path)
        if found != ZIP:
            raise _not_zip(found)
        with zipfile.ZipFile(path) as archive:
            return _extract(archive, into, limits)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise _broken() from error


def entry_name(info: zipfile.ZipInfo) -> str:
    """The name of an entry as its maker saw it.

    Without the UTF-8 flag Python reads names as code page 437; macOS writes UTF-8 there and Chinese Windows GBK.
    """
    name = info.orig_filename
    if info.flag_bits & UTF8_FLAG:
        return name
    try:
        raw = name.encode("cp437")
    except UnicodeEncodeError:
        return name
    # A lone byte above 127 is a letter such as Ü, although GB18030 would make a rare character of it and the next.
    for encoding in ("utf-8", "gb18030") if high_bytes_pair(raw) else ("utf-8",):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name


def _extract(archive: zipfile.ZipFile, into: Path, limits: Limits) -> list[Extracted]:
    entries = [(info, entry_name(info)) for info in archive.infolist()]
    entries = [(info, name) for info, name in entries if not info.is_dir() and not _junk(name)]
    if len(entries) > limits.files:
        values = {"count": len(entries), "limit": limits.files}
        raise UnreadableError(
            "too_big", Text("The archive holds {count} files; at most {limit} are read.", values)
        )
    if not entries:
        raise UnreadableError("empty", Text("The archive holds no files."))
    into.mkdir(parents=True, exist_ok=True)
    budget = _Budget(limits)
    names = _shown([name for _, name in entries])
    targets = [into / f"{number:05}" for number in range(1, len(entries) + 1)]
    try:
        return [
            _entry(archive, info, name, shown, target, budget)
            for (info, name), shown, target in zip(entries, names, targets, strict=True)
        ]
    except BaseException:
        for target in targets:
            target.unlink(missing_ok=True)
        raise


class _Budget:
    """What may still come out of an archive. Bytes of refused entries count too: they cost the same to inflate."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.left = limits.inflated_megabytes * MEGABYTE

    def spend(self, size: int, written: int, packed: int) -> None:
        """Count a chunk of `size` bytes, of `written` so far out of `packed`. Raises for the entry or the archive."""
        self.left -= size
        if self.left < 0:
            values = {"limit": self.limits.inflated_megabytes}
            raise UnreadableError("too_big", Text("The archive unpacks to more than {limit} MB.", values))
        if written > self.limits.file_megabytes * MEGABYTE:
            values = {"limit": self.limits.file_megabytes}
            raise _RefusedError(Text("This file unpacks to more than {limit} MB.", values))
        if written > RATIO_FROM and written > packed * self.limits.ratio:
            raise _RefusedError(Text("This file is packed so densely that it looks like a bomb."))


def _entry(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, shown: str, target: Path, budget: _Budget
) -> Extracted:
    try:
        _refuse_by_header(info, name)
        _write(archive, info, target, budget)
    except _RefusedError as refused:
        target.unlink(missing_ok=True)
        return Extracted(shown, None, refused.text)
    return Extracted(shown, target, None)


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, budget: _Budget) -> None:
    """Unpack one entry, counting what comes out whatever its header says."""
    written = 0
    try:
        with archive.open(info) as source, target.open("wb") as out:
            while chunk := source.read(CHUNK):
                written += len(chunk)
                budget.spend(len(chunk), written, info.compress_size)
                out.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _RefusedError(Text("This file is damaged inside the archive.")) from error
    found = sniff_file(target) if written else None
    if found in ARCHIVES:
        raise _RefusedError(
            Text(
                "An archive ({type}) inside the archive is not opened. Unpack it first.",
                {"type": label(found)},
            )
        )


def _refuse_by_header(info: zipfile.ZipInfo, name: str) -> None:
    parts = re.split(r"[\\/]", name)
    if ".." in parts or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[\\/]", name):
        raise _RefusedError(Text("The name of this file leads out of the archive, so it was not taken."))
    mode = info.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise _RefusedError(Text("This entry is a link or a device, not a file."))
    if info.flag_bits & ENCRYPTED_FLAG:
        raise _RefusedError(Text("This file is protected with a password."))


def _junk(name: str) -> bool:
    parts = re.split(r"[\\/]", name)
    return (
        bool(JUNK_FOLDERS.intersection(parts))
        or parts[-1] in JUNK_FILES
        or parts[-1].startswith(("._", "~$"))
    )


def _shown(names: list[str]) -> list[str]:
    """Display names: without the folders that all share, the others in front, no name twice."""
    split = [[part for part in re.split(r"[\\/]", name) if part not in ("", ".", "..")] for name in names]
    shared = 0
    folders = [parts[:-1] for parts in split]
    while all(len(parts) > shared and parts[shared] == folders[0][shared] for parts in folders):
        shared += 1
    taken: set[str] = set()
    return [_unique(clean_name(" - ".join(map(clean_name, parts[shared:]))), taken) for parts in split]


def _unique(name: str, taken: set[str]) -> str:
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    candidate, number = name, 1
    while candidate.casefold() in taken:
        number += 1
        mark = f" ({number})"
        candidate = stem[: 255 - len(mark) - len(dot) - len(extension)] + mark + dot + extension
    taken.add(candidate.casefold())
    return candidate


def _broken() -> UnreadableError:
    return UnreadableError("broken", Text("The archive is damaged. Pack it again and upload it again."))


def _not_zip(media_type: str | None) -> UnreadableError:
    values = {"type": label(media_type)}
    return UnreadableError(
        "type", Text("This is not a ZIP archive but {type}. Only ZIP archives are unpacked.", values)
    )
