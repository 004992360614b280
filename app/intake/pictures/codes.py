"""QR codes on a page: cover sheets and stickers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.document import Box
from app.intake.pictures.pixels import Pixels, gray_of

COVER = "ZHUPI/"  # what the codes on cover sheets begin with
LONGEST = 300  # characters of a code that are kept; a cover sheet's has some 60
MOST = 20  # codes of one page that are kept


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code's text (printable, at most LONGEST characters) and where it stands."""

    text: str
    box: Box


def find_codes(image: Pixels) -> list[Code]:
    """The QR codes on an RGB picture, from the top down, turned and small ones too; no error for damaged ones."""
    import zxingcpp

    height, width = image.shape[:2]
    found = zxingcpp.read_barcodes(
        np.ascontiguousarray(gray_of(image)),
        formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode]),
        try_rotate=True,
        try_downscale=True,
        text_mode=zxingcpp.TextMode.Plain,  # the others spell control characters out
    )
    codes = []
    for each in found[:MOST]:
        text = _cleaned(each.text)
        if each.valid and text:
            place = each.position
            corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
            codes.append(Code(text, _box([(corner.x, corner.y) for corner in corners], width, height)))
    return sorted(codes, key=lambda code: code.box.y0)


def is_cover(codes: list[Code]) -> bool:
    """Whether a page with these codes is a cover sheet."""
    return any(code.text.startswith(COVER) for code in codes)


def _cleaned(text: str) -> str:
    """What a code says without control characters, line breaks and what no screen shows; cut to LONGEST."""
    return "".join(mark for mark in text[: 4 * LONGEST] if mark.isprintable())[:LONGEST].strip()


def _box(corners: list[tuple[int, int]], width: int, height: int) -> Box:
    across = [min(1.0, max(0.0, x / width)) for x, _ in corners]
    down = [min(1.0, max(0.0, y / height)) for _, y in corners]
    return Box(min(across), min(down), max(across), max(down))
