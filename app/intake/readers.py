"""One file to text: find its format by content, hand it to that format's reader.

Synchronous and unprotected against time and memory: run it through `app.intake.process.read_document`.
"""

from __future__ import annotations

from pathlib import Path

from app.document import Document
from app.i18n import Text
from app.intake.errors import Kind, UnreadableError
from app.intake.limits import MEGABYTE, Limits
from app.intake.sniff import DOCX, PDF, TEXT, claimed, label, sniff, sniff_file

__all__ = ["Kind", "Limits", "UnreadableError", "read_file", "sniff"]


def read_file(path: Path, name: str, limits: Limits | None = None) -> Document:
    """The text of a PDF, DOCX or text file. `name` is what the uploader called it, shown in the sentences.

    Raises UnreadableError with every kind that it documents; never another exception, but MemoryError.
    """
    limits = limits or Limits()
    try:
        size = path.stat().st_size
        media_type = sniff_file(path) if size else None
    except OSError as error:
        raise UnreadableError("broken", Text("“{name}” could not be opened.", {"name": name})) from error
    if not size:
        raise UnreadableError("empty", Text("“{name}” is empty.", {"name": name}))
    if size > limits.file_megabytes * MEGABYTE:
        raise UnreadableError(
            "too_big",
            Text("“{name}” is larger than {limit} MB.", {"name": name, "limit": limits.file_megabytes}),
        )
    return _read_as(media_type, path, name, limits)


def _read_as(media_type: str | None, path: Path, name: str, limits: Limits) -> Document:
    # Readers are imported when needed: a child process that reads texts starts without the PDF library.
    if media_type == PDF:
        from app.intake.formats import pdf

        return pdf.read(path, name, limits)
    if media_type == DOCX:
        from app.intake.formats import docx

        return docx.read(path, name, limits)
    claim = claimed(name)
    # A text file may be called .md, .py or nothing at all, but one called .pdf is a failed export.
    if media_type == TEXT and claim is None:
        from app.intake.formats import text

        return text.read(path, name, limits)
    raise _unreadable(media_type, claim, name)


def _unreadable(media_type: str | None, claim: str | None, name: str) -> UnreadableError:
    found = label(media_type)
    if media_type and media_type.startswith("image/") and claim in (None, media_type):
        return UnreadableError(
            "needs_ocr",
            Text(
                "“{name}” is a picture ({type}): it has to be read by text recognition.",
                {"name": name, "type": found},
            ),
        )
    if media_type is None:
        return UnreadableError(
            "type",
            Text("“{name}” is in an unknown format. Upload a PDF, a DOCX or a text file.", {"name": name}),
        )
    if claim == media_type:
        return UnreadableError(
            "type",
            Text(
                "“{name}” is a {type} file, which is not read here. Upload a PDF, a DOCX or a text file.",
                {"name": name, "type": found},
            ),
        )
    return UnreadableError(
        "type",
        Text(
            "“{name}” is really a {type} file, whatever its name says. Upload a PDF, a DOCX or a text file.",
            {"name": name, "type": found},
        ),
    )
