"""What may come in: an uploaded file's name and content against what is allowed and what can be read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.i18n import N_, ProblemError, Text
from app.intake.sniff import DOCX, EXTENSIONS, PDF, TEXT, ZIP, label, sniff_file

EMPTY = N_("“{name}” is empty.")
# Content that the readers understand under any name, and the ending that allows it.
READABLE = {PDF: ".pdf", DOCX: ".docx"}


class RefusedError(ProblemError):
    """This file is not taken; the text says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one file. `known` is a file that was here already, `again` says that a second try may help."""

    name: str
    state: Literal["stored", "known", "refused"]
    text: Text
    again: bool = False


def ending(name: str) -> str:
    """A file name's ending in small letters, with its dot; "" for none."""
    return Path(name).suffix.lower()


def check_ending(name: str, allowed: Sequence[str]) -> None:
    """Before a byte is kept. Raises RefusedError for an ending that is not allowed."""
    if ending(name) not in allowed:
        raise RefusedError(
            N_("Files of this kind are not taken. Send one that ends in {endings}."),
            endings=", ".join(allowed),
        )


def check_content(name: str, size: int, found: str | None, allowed: Sequence[str]) -> None:
    """What a file is by its content (`found`, a media type) against its name and the readers. Raises RefusedError."""
    if not size:
        raise RefusedError(Text(EMPTY, {"name": name}))
    claim = EXTENSIONS.get(ending(name).lstrip("."), TEXT)
    if found == claim and found != ZIP:
        return
    if found in (PDF, DOCX) and READABLE[found] in allowed:
        return
    if found is None and claim == TEXT:
        raise RefusedError(N_("This is not a text, whatever its name says."))
    if found is None:
        raise RefusedError(
            N_("This is not a {claim} file, or it is damaged beyond reading. Export it again."),
            claim=label(claim),
        )
    if found == ZIP and claim == ZIP:
        raise RefusedError(N_("Archives are not taken. Send the files themselves."))
    raise RefusedError(
        N_("By its content this is {type}, whatever its name says. Send a PDF, a DOCX or a text file."),
        type=label(found),
    )


def known(name: str, first: str) -> Text:
    if name == first:
        return Text(N_("This file was here already."))
    return Text(N_("The same file was here already, under the name “{name}”."), {"name": first})


def examine(path: Path) -> tuple[int, str, str | None]:
    """Size, SHA-256 and media type of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = path.stat().st_size
    return size, digest, sniff_file(path) if size else None
