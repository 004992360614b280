"""Pictures: photos and scans of pages, and pictures of pages that are kept already."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from app.document import Box
from app.intake.inspection import no_recognition, no_such_page, recognises, too_many_pages
from app.intake.limits import Limits
from app.intake.page import PageReading

MASKED_QUALITY = 85  # of JPEG, for a picture that a model reads: as a phone's own


def count_pages(path: Path, name: str, limits: Limits) -> int:
    """1, and for a TIFF the number of its pages: scanners put a whole pile into one.

    Raises UnreadableError: "too_many_pages", and as `read` does; and OSError.
    """
    from app.intake.pictures.load import count_frames

    count = count_frames(path, name, limits)
    if count > limits.pages:
        raise too_many_pages(name, count, limits)
    return count


def read(
    source: Path | bytes, name: str, limits: Limits, careful: bool = False, number: int = 1
) -> list[PageReading]:
    """A picture file as one page, or two for a photo of two; of a TIFF of several pages the one of that number.

    Raises UnreadableError: "type", "broken", "empty", "too_big", "needs_ocr" where text recognition is missing.
    """
    if not recognises():
        raise no_recognition(name)
    from app.intake.pictures.load import open_picture

    if number != 1 and not (isinstance(source, Path) and 1 <= number <= count_pages(source, name, limits)):
        raise no_such_page(name, number)
    image = open_picture(source, name, limits, number - 1)
    from app.intake.pictures.read import read_picture  # takes its time, and a broken picture needs none of it

    return read_picture(image, name, limits, careful=careful)


def read_region(path: Path, name: str, box: Box, limits: Limits) -> PageReading:
    """A part of a kept page picture, read again with care; nothing of it is repaired, boxes are on the whole picture.

    Raises UnreadableError as `read` does.
    """
    if not recognises():
        raise no_recognition(name)
    from app.intake.pictures import read as reading
    from app.intake.pictures.load import open_picture

    return reading.read_region(open_picture(path, name, limits), box, limits)


def mask(path: Path, name: str, boxes: Sequence[Box], limits: Limits) -> bytes:
    """A kept page picture with these boxes painted over, as JPEG; nothing of what they held is in it.

    Raises UnreadableError: "type", "broken", "empty", "too_big", "needs_ocr".
    """
    if not recognises():
        raise no_recognition(name)
    from PIL import Image

    from app.intake.pictures.encode import paint_over
    from app.intake.pictures.load import open_picture

    painted = paint_over(open_picture(path, name, limits), boxes)
    Image.fromarray(painted).save(made := io.BytesIO(), "JPEG", quality=MASKED_QUALITY)
    return made.getvalue()
