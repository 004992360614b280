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
# Pictures are read by what they are, under the ending of any of these: phones and chats rename them.
PICTURES: dict[str, tuple[str, ...]] = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/gif": (".gif",),
    "image/bmp": (".bmp",),
    "image/webp": (".webp",),
    "image/heic": (".heic", ".heif"),
    "image/tiff": (".tif", ".tiff"),
}
PICTURE_ENDINGS = frozenset(each for endings in PICTURES.values() for each in endings)


class RefusedError(ProblemError):
    """This file is not taken; the text says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one file.

    `known` is a file that was here already, `again` says that a second try may help, `picture` that it is in a pile.
    """

    name: str
    state: Literal["stored", "known", "refused"]
    text: Text
    again: bool = False
    picture: bool = False


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
    if found in PICTURES:
        _check_picture(name, found, allowed)
        return
    if found in (PDF, DOCX) and READABLE[found] in allowed:
        return
    claim = "image/heic" if ending(name) == ".heif" else EXTENSIONS.get(ending(name).lstrip("."), TEXT)
    if found == claim and found != ZIP:
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
        N_(
            "By its content this is {type}, whatever its name says. Send a PDF, a DOCX, a text file or a picture."
        ),
        type=label(found),
    )


def _check_picture(name: str, found: str, allowed: Sequence[str]) -> None:
    """A picture wants a picture's ending: under a document's name, something went wrong that the sender should know."""
    if not any(each in allowed for each in PICTURES[found]):
        raise RefusedError(
            N_("By its content this is {type}, which is not taken here. Send one that ends in {endings}."),
            type=label(found),
            endings=", ".join(allowed),
        )
    if ending(name) not in PICTURE_ENDINGS:
        raise RefusedError(
            N_(
                "By its content this is {type}, whatever its name says. Give it the ending {ending} and send it again."
            ),
            type=label(found),
            ending=PICTURES[found][0],
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
