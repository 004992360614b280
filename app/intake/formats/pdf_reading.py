"""One page of a PDF: by its text layer, by text recognition, or by the better of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from app.i18n import Text
from app.intake.errors import UnreadableError
from app.intake.formats import pdf_layer, pdf_page, pdf_words
from app.intake.formats.pdf import PdfFile, open_pdf
from app.intake.formats.text import check_length
from app.intake.inspection import no_recognition, no_such_page, recognises
from app.intake.limits import Limits
from app.intake.opened import opened
from app.intake.page import By, PageReading, Picture

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

T = TypeVar("T")
COVER_TEXT = 300  # characters: a page with less and something drawn may be a cover sheet with a QR code
CODES_DPI = 100  # enough for a printed cover's code, whose modules are larger than a millimetre
LARGEST_CODE = 1200  # px of the longest side of the picture in which codes of a text page are looked for


def count_pages(path: Path, name: str, limits: Limits) -> int:
    """The number of pages. Raises UnreadableError as `pdf.open_pdf` does, and OSError."""
    return opened(path, name, limits, open_pdf).count


def read_layer(
    path: Path, name: str, number: int, limits: Limits, doubtful: bool = False
) -> list[PageReading] | None:
    """A page by its text layer, or a blank one; None when it is to be recognised too (`recognise`).

    `doubtful`: a layer that should be compared with what is seen is taken as it is, if it is letters.
    Raises UnreadableError: "broken", "too_long", "needs_ocr" where text recognition is missing; and OSError.
    """
    file = _file(path, name, number, limits)
    layer, look = _layer(file, name, number, limits)
    if look.drawn and not layer.text:
        if not recognises():
            raise no_recognition(name, (number,), file.count)
        return None
    if layer.text and recognises() and pdf_layer.doubtful(layer.text, look):
        return [layer] if doubtful and not pdf_layer.strange(layer.text) else None
    return [_with_codes(layer, file, name, number, look)]


def recognise(path: Path, name: str, number: int, limits: Limits, careful: bool = False) -> list[PageReading]:
    """A page by text recognition, or by its text layer where that is the better reading.

    Raises UnreadableError: "broken", "too_big", "too_long", "needs_ocr"; and OSError.
    """
    file = _file(path, name, number, limits)
    layer, look = _layer(file, name, number, limits)
    if not recognises():
        if layer.text:
            return [layer]
        raise no_recognition(name, (number,), file.count)
    from app.intake.pictures.read import read_picture

    image = _picture(file, name, number, pdf_page.CAREFUL_DPI if careful else pdf_page.DPI)
    found = read_picture(image, name, limits, careful=careful)
    if layer.text and len(found) == 1 and pdf_layer.keeps_layer(layer, found[0], look):
        return [pdf_layer.joined(layer, found[0])]
    return found


def render_page(path: Path, name: str, number: int, limits: Limits) -> Picture:
    """The picture of a page as it is shown. Raises UnreadableError: "broken", "too_big", "needs_ocr"; and OSError."""
    file = _file(path, name, number, limits)
    if not recognises():
        raise no_recognition(name, (number,), file.count)
    from app.intake.pictures.encode import picture_of

    _layer_look(file, name, number, limits)  # refuses what is too large to be painted
    return picture_of(_picture(file, name, number, pdf_page.DPI))


def _file(path: Path, name: str, number: int, limits: Limits) -> PdfFile:
    file = opened(path, name, limits, open_pdf)
    if not 1 <= number <= file.count:
        raise no_such_page(name, number)
    return file


def _layer(file: PdfFile, name: str, number: int, limits: Limits) -> tuple[PageReading, pdf_page.Look]:
    """What the text layer says and what is drawn. Without pdfium a text has no places, and a page may hold anything."""
    if file.document() is None:
        text = file.text(number, name)
        check_length(len(text), name, limits)
        return PageReading(text, By.PDF), pdf_page.Look(drawn=True)

    def both(page: Any) -> tuple[PageReading, pdf_page.Look]:
        look = pdf_page.look(page, name, limits)
        text, words = pdf_words.read_text(page)
        check_length(len(text), name, limits)
        return PageReading(text, By.PDF, words, blank=not text and not look.drawn), look

    return _with_page(file, name, number, both)


def _layer_look(file: PdfFile, name: str, number: int, limits: Limits) -> pdf_page.Look:
    return _with_page(file, name, number, lambda page: pdf_page.look(page, name, limits))


def _picture(file: PdfFile, name: str, number: int, dpi: int) -> npt.NDArray[np.uint8]:
    return _with_page(file, name, number, lambda page: pdf_page.render(page, dpi))


def _with_page(file: PdfFile, name: str, number: int, use: Callable[[Any], T]) -> T:
    """Something made of pdfium's page; every failure of it is a damaged page."""
    try:
        page = file.document()[number - 1]
        try:
            return use(page)
        finally:
            page.close()
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:  # an index beyond what pdfium counts, its own error, a document that is None
        raise UnreadableError(
            "broken", Text("Page {page} of “{name}” is damaged.", {"page": number, "name": name})
        ) from error


def _with_codes(
    layer: PageReading, file: PdfFile, name: str, number: int, look: pdf_page.Look
) -> PageReading:
    """A page that may be a cover sheet, with its QR codes: short, and with something drawn beside its text."""
    if not look.marks or len(layer.text) > COVER_TEXT or not recognises():
        return layer
    from app.intake.pictures.codes import find_codes

    image = _with_page(file, name, number, lambda page: pdf_page.render(page, CODES_DPI))
    if max(image.shape) > LARGEST_CODE:
        return layer
    return replace(layer, codes=tuple(code.text for code in find_codes(image)))
