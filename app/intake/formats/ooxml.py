"""What is asked of every Office package (DOCX, XLSX) before a library may open it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from app.i18n import Text
from app.intake.errors import UnreadableError
from app.intake.limits import MEGABYTE, Limits

CHUNK = 256 * 1024
DOCTYPE = (b"<!DOCTYPE", "<!DOCTYPE".encode("utf-16-le"), "<!DOCTYPE".encode("utf-16-be"))
XML_SHARE = 4  # XML may use this fraction of the inflated bytes: a parsed tree is several times its text


def check(source: Path | BinaryIO, name: str, limits: Limits) -> None:
    """Refuse bombs, encrypted packages and XML with a document type, counting while inflating.

    OOXML allows no DTD (ECMA-376 part 2, 6.2.5), so nothing honest is lost, and entities of every sort are out.
    Raises UnreadableError: "broken", "encrypted", "too_big".
    """
    try:
        with zipfile.ZipFile(source) as package:
            _check(package, name, limits)
    except UnreadableError:
        raise
    except (
        zipfile.BadZipFile,
        OSError,
        ValueError,
        NotImplementedError,
        EOFError,
        RuntimeError,
        zlib.error,
    ):
        raise broken(name) from None


def broken(name: str) -> UnreadableError:
    """The error of a package that does not open."""
    return UnreadableError(
        "broken",
        Text(
            "“{name}” is damaged. Save it again in your office program and upload it again.", {"name": name}
        ),
    )


def _check(package: zipfile.ZipFile, name: str, limits: Limits) -> None:
    entries = package.infolist()
    if len(entries) > limits.files:
        raise _too_big(name, limits)
    if any(entry.flag_bits & 1 for entry in entries):
        raise UnreadableError(
            "encrypted",
            Text(
                "“{name}” is protected with a password. Save it without and upload it again.", {"name": name}
            ),
        )
    # zipfile never yields more of an entry than its directory declares, so these sums bound what comes out.
    total = sum(entry.file_size for entry in entries)
    markup = [entry for entry in entries if entry.filename.lower().endswith((".xml", ".rels"))]
    budget = limits.inflated_megabytes * MEGABYTE
    if total > budget or sum(entry.file_size for entry in markup) > budget // XML_SHARE:
        raise _too_big(name, limits)
    for entry in markup:
        with package.open(entry) as part:
            _check_markup(part, name)  # type: ignore[arg-type]  # ZipExtFile reads like any binary file


def _check_markup(part: BinaryIO, name: str) -> None:
    tail = b""
    while chunk := part.read(CHUNK):
        window = tail + chunk
        if any(mark in window for mark in DOCTYPE):
            raise UnreadableError(
                "broken",
                Text(
                    "“{name}” declares XML entities, which no office program writes. It was not opened.",
                    {"name": name},
                ),
            )
        tail = window[-32:]


def _too_big(name: str, limits: Limits) -> UnreadableError:
    return UnreadableError(
        "too_big",
        Text(
            "“{name}” unpacks to more than is read: {limit} MB.",
            {"name": name, "limit": limits.inflated_megabytes},
        ),
    )
