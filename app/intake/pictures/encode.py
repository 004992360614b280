"""Pixels to the bytes that are kept and shown, and places painted over before a picture leaves."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from math import ceil, floor

import numpy as np
from PIL import Image

from app.document import Box
from app.intake.page import Picture
from app.intake.pictures.pixels import Pixels, reduced

LONGEST = 1800  # px of a shown page: A4 at 154 dpi, small print stays readable when zoomed in
THUMB = 240  # px of the longest side in a strip of thumbnails
QUALITY = 75  # of 100: strokes keep their edges, a page of text takes about 240 kB
EFFORT = 2  # of 0 to 6: 4 saves three hundredths of the bytes and takes twice as long
PAINT = 128  # a grey that is no ink and no paper


def picture_of(image: Pixels) -> Picture:
    """A page's picture as it is shown: WebP of at most LONGEST px, and a thumbnail of at most THUMB px, also WebP."""
    shown = reduced(image, LONGEST)
    height, width = shown.shape[:2]
    return Picture(_webp(shown), width, height, _webp(reduced(shown, THUMB)))


def paint_over(image: Pixels, boxes: Sequence[Box]) -> Pixels:
    """A copy with these boxes filled with solid grey, out to whole pixels; what they held cannot be got back from it.

    Boxes may reach over the edge, or have their corners swapped.
    """
    painted = image.copy()
    height, width = image.shape[:2]
    for box in boxes:
        left, right = sorted((box.x0, box.x1))
        upper, lower = sorted((box.y0, box.y1))
        rows = slice(max(0, floor(upper * height)), max(0, ceil(lower * height)))
        columns = slice(max(0, floor(left * width)), max(0, ceil(right * width)))
        painted[rows, columns] = PAINT
    return painted


def _webp(image: Pixels) -> bytes:
    kept = BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(kept, "WEBP", quality=QUALITY, method=EFFORT)
    return kept.getvalue()
