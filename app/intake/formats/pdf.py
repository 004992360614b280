"""PDF by its text layer. Pages that are only a picture are said, never read as blank."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.document import Document, Page
from app.i18n import Text
from app.intake.errors import UnreadableError
from app.intake.formats.text import check_length, clean
from app.intake.limits import Limits

if TYPE_CHECKING:
    from pypdf import PdfReader

PICTURE_SIDE = 200  # pixels; smaller pictures are logos and lines, not a page
FORM_DEPTH = 3  # forms within forms that are searched for pictures
AES_VERSION = 4  # ISO 32000-1, table 20: the first version with crypt filters, AES among them
TAIL = 4096  # bytes before the end in which a whole PDF has its end marks


def read(path: Path, name: str, limits: Limits) -> Document:
    """The text layer of a PDF, page by page; a page without text and without a picture is an empty page.

    Raises UnreadableError: "encrypted", "broken", "needs_ocr" (with `pages`), "too_many_pages", "too_long", "empty".
    Any other exception out of the PDF library is a broken file too: it throws whatever a damaged object causes.
    """
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    from pypdf import apply_configuration

    # A page tree has inner nodes beside its pages; they seldom are more than the pages themselves.
    with apply_configuration(page_tree_maximum_entries=2 * limits.pages + 100):
        try:
            return _read(path, name, limits)
        except (UnreadableError, MemoryError):
            raise
        except Exception as error:
            raise _broken(name) from error


def _read(path: Path, name: str, limits: Limits) -> Document:
    reader = _open(path, name)
    count = _count_pages(reader, name, limits)
    pages: list[Page] = []
    pictures: list[int] = []
    characters = 0
    for number in range(1, count + 1):
        text = _page_text(reader, number, name)
        characters += len(text)
        check_length(characters, name, limits)
        if not text and _has_picture(reader.pages[number - 1]):
            pictures.append(number)
        pages.append(Page(number, text))
    if pictures:
        raise _needs_ocr(name, tuple(pictures), count)
    if not characters:
        # Glyphs drawn as outlines have no text either; only a picture of the page can tell.
        raise _needs_ocr(name, tuple(range(1, count + 1)), count)
    return Document(tuple(pages))


def _open(path: Path, name: str) -> PdfReader:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    data = path.read_bytes()
    if b"startxref" not in data.rstrip(b"\x00\r\n\t ")[-TAIL:]:
        # The library would rebuild what is left and show fewer pages without a word.
        raise UnreadableError(
            "broken",
            Text("“{name}” is not complete: the end of the PDF is missing. Upload it again.", {"name": name}),
        )
    try:
        reader = PdfReader(io.BytesIO(data))
        if not reader.is_encrypted or not _may_be_aes(reader):
            return _unlocked(reader, name)
    except DependencyError:
        pass
    return _open_aes(data, name)


def _may_be_aes(reader: PdfReader) -> bool:
    """Asked beforehand: for some AES files pypdf finds its package missing only when a page is read."""
    encryption: Any = reader.trailer["/Encrypt"]
    return int(encryption.get("/V", 0)) >= AES_VERSION


def _open_aes(data: bytes, name: str) -> PdfReader:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    plain = _without_security(data, name)
    if plain is not None:
        return PdfReader(io.BytesIO(plain))
    try:
        return _unlocked(PdfReader(io.BytesIO(data)), name)
    except DependencyError as error:
        raise _encrypted(name) from error


def _unlocked(reader: PdfReader, name: str) -> PdfReader:
    if reader.is_encrypted and not reader.decrypt(""):
        raise _encrypted(name)
    return reader


def _without_security(data: bytes, name: str) -> bytes | None:
    """A decrypted copy of an encrypted PDF that opens without a password; None when pdfium is not installed.

    pypdf needs an extra package for AES; pdfium, which makes pictures of pages, has its own.
    """
    try:
        import pypdfium2
    except ImportError:
        return None
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError:
        raise _encrypted(name) from None
    target = io.BytesIO()
    try:
        document.save(target, flags=pypdfium2.raw.FPDF_REMOVE_SECURITY)
    finally:
        document.close()
    return target.getvalue()


def _count_pages(reader: PdfReader, name: str, limits: Limits) -> int:
    """The number of pages, found without walking a page tree that is larger than the limit."""
    from pypdf.errors import LimitReachedError

    root: Any = reader.root_object["/Pages"]
    declared = root.get("/Count")
    declared = int(declared) if isinstance(declared, int) else 0
    try:
        count = len(reader.pages)
    except LimitReachedError:
        if declared <= limits.pages:
            raise
        count = declared
    if count > limits.pages:
        raise UnreadableError(
            "too_many_pages",
            Text(
                "“{name}” has {count} pages; at most {limit} are read. Split it into one file a student.",
                {"name": name, "count": count, "limit": limits.pages},
            ),
        )
    if count < declared:
        raise UnreadableError(
            "broken",
            Text(
                "“{name}” is damaged: only {count} of its {declared} pages can be found.",
                {"name": name, "count": count, "declared": declared},
            ),
        )
    if not count:
        raise UnreadableError("empty", Text("“{name}” has no pages.", {"name": name}))
    return count


def _page_text(reader: PdfReader, number: int, name: str) -> str:
    from pypdf.errors import DependencyError

    try:
        return clean(reader.pages[number - 1].extract_text()).strip()
    except MemoryError:
        raise
    except DependencyError as error:
        raise _encrypted(name) from error
    except Exception as error:
        raise UnreadableError(
            "broken", Text("Page {page} of “{name}” is damaged.", {"page": number, "name": name})
        ) from error


def _has_picture(page: Any) -> bool:
    return any(
        min(int(picture.get("/Width", 0)), int(picture.get("/Height", 0))) >= PICTURE_SIDE
        for picture in _pictures(page, FORM_DEPTH)
    )


def _pictures(holder: Any, depth: int) -> Iterator[Any]:
    """The image dictionaries of a page or form, nothing decoded."""
    resources = holder.get("/Resources")
    objects = resources.get_object().get("/XObject") if resources is not None else None
    for value in objects.get_object().values() if objects is not None else ():
        item = value.get_object()
        if item.get("/Subtype") == "/Image":
            yield item
        elif item.get("/Subtype") == "/Form" and depth:
            yield from _pictures(item, depth - 1)


def _broken(name: str) -> UnreadableError:
    return UnreadableError(
        "broken",
        Text("“{name}” is a damaged PDF. Export or scan it again and upload it again.", {"name": name}),
    )


def _encrypted(name: str) -> UnreadableError:
    return UnreadableError(
        "encrypted",
        Text("“{name}” is protected with a password. Save it without and upload it again.", {"name": name}),
    )


def _needs_ocr(name: str, pages: tuple[int, ...], count: int) -> UnreadableError:
    if len(pages) == count:
        text = Text(
            "“{name}” holds pictures without text: it has to be read by text recognition.", {"name": name}
        )
    else:
        shown = ", ".join(map(str, pages[:20])) + ("…" if len(pages) > 20 else "")
        text = Text(
            "“{name}” holds pictures without text on pages {pages}: they have to be read by text recognition.",
            {"name": name, "pages": shown},
        )
    return UnreadableError("needs_ocr", text, pages)
