"""A page of a PDF as pdfium sees it: what is drawn on it, and its picture."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.i18n import Text
from app.intake.errors import UnreadableError
from app.intake.limits import Limits

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DPI = 150  # A4 is 1240 x 1754 px: 200 reads nothing more in print and takes half as long again
CAREFUL_DPI = 200
LONGEST = 3000  # px of a rendered page, whatever size its paper claims
POINTS = 72  # to the inch, PDF's unit
OBJECTS = 5000  # of a page that are looked at
DEPTH = 3  # forms within forms that are looked into
STROKES = 8  # segments of a path from which on it may be handwriting and not a line or a frame
WRITTEN = (3, 13, 15, 20)  # annotations that hold what somebody wrote: free text, stamps, ink, form fields


@dataclass(frozen=True, slots=True)
class Look:
    """What is drawn on a page.

    `pictures`: the part of the page that pictures cover, 0 to 1. `invisible`: the part of the text objects that are
    not painted, as scanners lay what they read over the scan. `strokes`: paths that may be handwriting. `written`:
    annotations with something written. `marks`: pictures and paths, which a QR code is made of. `drawn`: anything.
    """

    pictures: float = 0.0
    invisible: float = 0.0
    strokes: int = 0
    written: int = 0
    marks: int = 0
    drawn: bool = False


def look(page: Any, name: str, limits: Limits) -> Look:
    """What is drawn on a pypdfium2.PdfPage, without painting it.

    Raises UnreadableError("too_big") for a picture of more pixels than the limits allow: it is not decoded.
    """
    from pypdfium2 import raw

    area = max(1.0, page.get_width() * page.get_height())
    covered, texts, invisible, strokes, marks, drawn = 0.0, 0, 0, 0, 0, False
    for item, kind, depth in _objects(page):
        drawn = True
        if kind == raw.FPDF_PAGEOBJ_TEXT:
            texts += 1
            invisible += raw.FPDFTextObj_GetTextRenderMode(item) == raw.FPDF_TEXTRENDERMODE_INVISIBLE
        elif kind == raw.FPDF_PAGEOBJ_PATH:
            marks += 1
            strokes += raw.FPDFPath_CountSegments(item) > STROKES
        elif kind == raw.FPDF_PAGEOBJ_IMAGE:
            marks += 1
            _refuse_large(item, name, limits)
            # Within a form a picture has the form's coordinates; then the form's own bounds were counted.
            covered += _area(item) if depth == 0 else 0.0
        elif kind == raw.FPDF_PAGEOBJ_FORM and depth == 0 and _holds_picture(item, DEPTH):
            covered += _area(item)
    written = _written(page)
    return Look(
        min(1.0, covered / area), invisible / max(texts, 1), strokes, written, marks, drawn or written > 0
    )


def render(page: Any, dpi: int) -> npt.NDArray[np.uint8]:
    """A page's picture: RGB (height, width, 3), turned and cropped as a viewer shows it, with what is written in ink
    and forms. Scripts are not run. Raises pypdfium2.PdfiumError."""
    import numpy as np

    longest = max(page.get_width(), page.get_height(), 1.0)
    scale = min(dpi / POINTS, LONGEST / longest)
    bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False)
    try:
        found = bitmap.to_numpy()
        if found.ndim == 2 or found.shape[2] == 1:
            found = np.repeat(found.reshape(*found.shape[:2], 1), 3, axis=2)
        return np.ascontiguousarray(found[:, :, :3])
    finally:
        bitmap.close()


def _objects(page: Any) -> Iterator[tuple[Any, int, int]]:
    """The objects of a page and of its forms, with their kind and how deep they lie, at most OBJECTS of them."""
    from pypdfium2 import raw

    left = OBJECTS
    waiting = [(page.raw, 0, raw.FPDFPage_CountObjects, raw.FPDFPage_GetObject)]
    while waiting:
        holder, depth, count, get = waiting.pop()
        for index in range(min(left, count(holder))):
            item = get(holder, index)
            kind = raw.FPDFPageObj_GetType(item)
            left -= 1
            yield item, kind, depth
            if kind == raw.FPDF_PAGEOBJ_FORM and depth < DEPTH:
                waiting.append((item, depth + 1, raw.FPDFFormObj_CountObjects, raw.FPDFFormObj_GetObject))
        if left <= 0:
            return


def _holds_picture(form: Any, depth: int) -> bool:
    from pypdfium2 import raw

    for index in range(min(OBJECTS, max(0, raw.FPDFFormObj_CountObjects(form)))):
        item = raw.FPDFFormObj_GetObject(form, index)
        kind = raw.FPDFPageObj_GetType(item)
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            return True
        if kind == raw.FPDF_PAGEOBJ_FORM and depth and _holds_picture(item, depth - 1):
            return True
    return False


def _area(item: Any) -> float:
    """The area of an object's bounds in square points."""
    from pypdfium2 import raw

    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    if not raw.FPDFPageObj_GetBounds(item, left, bottom, right, top):
        return 0.0
    return max(0.0, right.value - left.value) * max(0.0, top.value - bottom.value)


def _refuse_large(item: Any, name: str, limits: Limits) -> None:
    from pypdfium2 import raw

    width, height = ctypes.c_uint(), ctypes.c_uint()
    if not raw.FPDFImageObj_GetImagePixelSize(item, width, height):
        return
    if width.value * height.value > limits.megapixels * 1_000_000:
        raise UnreadableError(
            "too_big",
            Text(
                "“{name}” holds a picture of {width} × {height} pixels; at most {limit} million are read. "
                "Scan it with 300 dpi or less.",
                {"name": name, "width": width.value, "height": height.value, "limit": limits.megapixels},
            ),
        )


def _written(page: Any) -> int:
    from pypdfium2 import raw

    found = 0
    for index in range(min(OBJECTS, raw.FPDFPage_GetAnnotCount(page.raw))):
        note = raw.FPDFPage_GetAnnot(page.raw, index)
        if note:
            found += raw.FPDFAnnot_GetSubtype(note) in WRITTEN
            raw.FPDFPage_CloseAnnot(note)
    return found
