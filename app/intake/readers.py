"""What a file is, and one page of it after another: the format is found by content, its reader in `formats/`.

Synchronous and unprotected against time and memory: run it through `app.intake.process`.
"""

from __future__ import annotations

from pathlib import Path

from app.document import Document, Page
from app.i18n import Text
from app.intake.errors import Kind, UnreadableError
from app.intake.inspection import Inspection, PageKind, no_recognition, no_such_page, recognises
from app.intake.limits import MEGABYTE, Limits
from app.intake.page import By, PageReading, Picture
from app.intake.sniff import DOCX, PDF, TEXT, claimed, is_picture, label, sniff, sniff_file

__all__ = ["Inspection", "Kind", "Limits", "UnreadableError", "inspect", "read_file", "read_page", "sniff"]

# Readers are imported when needed: a child process that reads texts starts without the PDF library.


def inspect(path: Path, name: str, limits: Limits | None = None) -> Inspection:
    """What a file is and how many pages it has. `name` is what the uploader called it, shown in the sentences.

    Raises UnreadableError for what is refused as a whole: "empty", "type", "encrypted", "broken", "too_big",
    "too_many_pages", and "needs_ocr" for pictures where text recognition is not installed. A picture's pixels are
    decoded only when its page is read. Never another exception, but MemoryError.
    """
    limits = limits or Limits()
    media_type, kind = _sort(path, name, limits)
    return Inspection(media_type, _count(kind, path, name, limits), kind)


def read_page(
    path: Path, name: str, number: int, limits: Limits | None = None, careful: bool = False
) -> list[PageReading]:
    """One page, counted from 1; two readings for a photo of two pages. `careful` takes longer and reads better.

    Raises UnreadableError for this page, and as `inspect` does for a file that is another one by now.
    """
    limits = limits or Limits()
    if not careful and (found := read_layer(path, name, number, limits)) is not None:
        return found
    return recognise_page(path, name, number, limits, careful)


def read_layer(
    path: Path, name: str, number: int, limits: Limits, doubtful: bool = False
) -> list[PageReading] | None:
    """The page as far as no text recognition is needed; None where it is (`recognise_page`). Raises as `read_page`.

    `doubtful`: a PDF's text layer is taken even where it should be compared with what is seen on the page.
    """
    _, kind = _sort(path, name, limits)
    try:
        if kind == "pdf":
            from app.intake.formats import pdf_reading

            return pdf_reading.read_layer(path, name, number, limits, doubtful)
        if kind == "docx":
            from app.intake.formats import docx

            return docx.read_text(path, name, number, limits)
        if kind == "picture":
            return None
        if number != 1:
            raise no_such_page(name, number)
        from app.intake.formats import text

        return [PageReading(text.read(path, name, limits), By.TEXT)]
    except OSError as error:
        raise _gone(name) from error


def recognise_page(
    path: Path, name: str, number: int, limits: Limits, careful: bool = False
) -> list[PageReading]:
    """The page with text recognition; of formats that need none, as `read_layer`. Raises as `read_page`."""
    _, kind = _sort(path, name, limits)
    try:
        if kind == "pdf":
            from app.intake.formats import pdf_reading

            return pdf_reading.recognise(path, name, number, limits, careful)
        if kind == "picture":
            from app.intake.formats import picture

            return picture.read(path, name, limits, careful, number)
        found = read_layer(path, name, number, limits)
        if found is None:
            from app.intake.formats import docx

            return docx.read_picture(path, name, number, limits, careful)
        return found
    except OSError as error:
        raise _gone(name) from error


def render_page(path: Path, name: str, number: int, limits: Limits | None = None) -> Picture:
    """The picture of a PDF's page as it is shown. Raises UnreadableError; "type" for a file that is no PDF."""
    limits = limits or Limits()
    _, kind = _sort(path, name, limits)
    if kind != "pdf":
        raise UnreadableError("type", Text("“{name}” has no pages to show.", {"name": name}))
    from app.intake.formats import pdf_reading

    try:
        return pdf_reading.render_page(path, name, number, limits)
    except OSError as error:
        raise _gone(name) from error


def read_file(path: Path, name: str, limits: Limits | None = None) -> Document:
    """All pages of a file. Raises UnreadableError, of the first page that cannot be read; never another exception, but
    MemoryError. Where text recognition is missing, "needs_ocr" names all pages that need it."""
    limits = limits or Limits()
    count = inspect(path, name, limits).pages
    collected = Collected(name, count, limits)
    for number in range(1, count + 1):
        try:
            collected.add(read_page(path, name, number, limits))
        except UnreadableError as error:
            collected.miss(number, error)
    return collected.document()


class Collected:
    """The pages of a file as they come, until they are a document."""

    def __init__(self, name: str, count: int, limits: Limits) -> None:
        self._name, self._count, self._limits = name, count, limits
        self._pages: list[Page] = []
        self._missing: list[int] = []
        self._characters = 0

    def add(self, readings: list[PageReading]) -> None:
        """The next page's readings. Raises UnreadableError("too_long")."""
        from app.intake.formats.text import check_length

        for reading in readings:
            self._characters += len(reading.text)
            check_length(self._characters, self._name, self._limits)
            self._pages.append(Page(len(self._pages) + 1, reading.text, reading.words))

    def miss(self, number: int, error: UnreadableError) -> None:
        """A page that could not be read: raises its error, unless it only lacks text recognition."""
        if error.kind != "needs_ocr":
            raise error
        self._missing.append(number)

    def document(self) -> Document:
        """The whole. Raises UnreadableError: "needs_ocr" for the pages that lack it, "empty" where nothing is said."""
        if self._missing:
            raise no_recognition(self._name, tuple(self._missing), self._count)
        if not self._characters:
            raise UnreadableError("empty", Text("“{name}” holds no text.", {"name": self._name}))
        return Document(tuple(self._pages))


def _sort(path: Path, name: str, limits: Limits) -> tuple[str, PageKind]:
    """The media type of a file and the reader for it. Raises UnreadableError: "broken", "empty", "too_big", "type"."""
    try:
        size = path.stat().st_size
        media_type = sniff_file(path) if size else None
    except OSError as error:
        raise _gone(name) from error
    if not size:
        raise UnreadableError("empty", Text("“{name}” is empty.", {"name": name}))
    if size > limits.file_megabytes * MEGABYTE:
        raise UnreadableError(
            "too_big",
            Text("“{name}” is larger than {limit} MB.", {"name": name, "limit": limits.file_megabytes}),
        )
    claim = claimed(name)
    if media_type == PDF:
        return PDF, "pdf"
    if media_type == DOCX:
        return DOCX, "docx"
    # A text file may be called .md, .py or nothing at all, but one called .pdf is a failed export.
    if media_type == TEXT and claim is None:
        return TEXT, "text"
    # Phones and messengers call a picture by another picture's extension.
    if media_type is not None and is_picture(media_type) and (claim is None or is_picture(claim)):
        if not recognises():
            raise no_recognition(name)
        return media_type, "picture"
    raise _unreadable(media_type, claim, name)


def _count(kind: PageKind, path: Path, name: str, limits: Limits) -> int:
    try:
        if kind == "pdf":
            from app.intake.formats import pdf_reading

            return pdf_reading.count_pages(path, name, limits)
        if kind == "docx":
            from app.intake.formats import docx

            return docx.count_pages(path, name, limits)
        if kind == "picture":
            from app.intake.formats import picture

            return picture.count_pages(path, name, limits)
        if kind == "text":
            from app.intake.formats import text

            text.read(path, name, limits)
    except OSError as error:
        raise _gone(name) from error
    return 1


def _gone(name: str) -> UnreadableError:
    return UnreadableError("broken", Text("“{name}” could not be opened.", {"name": name}))


def _unreadable(media_type: str | None, claim: str | None, name: str) -> UnreadableError:
    found = label(media_type)
    if media_type is None:
        return UnreadableError(
            "type",
            Text(
                "“{name}” is in an unknown format. Upload a PDF, a DOCX, a picture or a text file.",
                {"name": name},
            ),
        )
    if claim == media_type:
        return UnreadableError(
            "type",
            Text(
                "“{name}” is a {type} file, which is not read here. Upload a PDF, a DOCX, a picture or a text file.",
                {"name": name, "type": found},
            ),
        )
    return UnreadableError(
        "type",
        Text(
            "“{name}” is really a {type} file, whatever its name says. Upload a PDF, a DOCX, a picture or a text file.",
            {"name": name, "type": found},
        ),
    )
