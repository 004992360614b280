"""PDF: opening one and taking the text out of its pages; every other exception of the libraries is a broken file."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.i18n import Text
from app.intake.errors import UnreadableError
from app.intake.formats.text import clean
from app.intake.inspection import too_many_pages
from app.intake.limits import Limits

if TYPE_CHECKING:
    from pypdf import PdfReader

AES_VERSION = 4  # ISO 32000-1, table 20: the first version with crypt filters, AES among them
TAIL = 4096  # bytes before the end in which a whole PDF has its end marks


@dataclass(slots=True)
class PdfFile:
    """An opened PDF of `count` pages: pypdf's view of it for its structure, pdfium's for text, places and pictures."""

    reader: PdfReader
    count: int
    data: bytes  # without encryption
    _document: Any = field(default=None, repr=False)

    def document(self) -> Any:
        """The pypdfium2 document, opened when first asked for; None where pdfium cannot open it."""
        if self._document is None:
            try:
                import pypdfium2

                self._document = pypdfium2.PdfDocument(self.data)
                self._document.init_forms()  # else what is filled into forms is not drawn; scripts never run here
            except ImportError:
                return None
            except pypdfium2.PdfiumError:
                self._document = False
        return self._document or None

    def text(self, number: int, name: str) -> str:
        """The text layer of a page by pypdf, counted from 1: "" where there is none; for where pdfium is missing.

        Raises UnreadableError("broken").
        """
        return _page_text(self.reader, number, name)

    def close(self) -> None:
        """Give back the file."""
        if self._document:
            self._document.close()
        self._document = None


def open_pdf(path: Path, name: str, limits: Limits) -> PdfFile:
    """Open a PDF and count its pages; nothing is read of them yet.

    Raises UnreadableError: "encrypted", "broken", "too_many_pages", "empty"; and OSError.
    """
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    from pypdf import apply_configuration

    # A page tree has inner nodes beside its pages; they seldom are more than the pages themselves.
    with apply_configuration(page_tree_maximum_entries=2 * limits.pages + 100):
        try:
            reader, data = _open(path, name)
            file = PdfFile(reader, _count_pages(reader, name, limits), data)
            reader.pages[0]  # the tree of an encrypted file is walked only now; it is to be within the limit
            return file
        except (UnreadableError, MemoryError, OSError):
            raise
        except Exception as error:
            raise _broken(name) from error


def _open(path: Path, name: str) -> tuple[PdfReader, bytes]:
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
            return _unlocked(reader, name), data
    except DependencyError:
        pass
    return _open_aes(data, name)


def _may_be_aes(reader: PdfReader) -> bool:
    """Asked beforehand: for some AES files pypdf finds its package missing only when a page is read."""
    encryption: Any = reader.trailer["/Encrypt"]
    return int(encryption.get("/V", 0)) >= AES_VERSION


def _open_aes(data: bytes, name: str) -> tuple[PdfReader, bytes]:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    plain = _without_security(data, name)
    if plain is not None:
        return PdfReader(io.BytesIO(plain)), plain
    try:
        return _unlocked(PdfReader(io.BytesIO(data)), name), data
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
        raise too_many_pages(name, count, limits)
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
