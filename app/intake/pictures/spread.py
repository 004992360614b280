"""Two pages in one picture: an open exercise book, or two sheets on one scan, told apart by fold or gutter."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from app.intake.pictures.pixels import Gray, Pixels, background_of, gray_of, ink_of, reduced

LOOKED_AT = 600  # px of the copy on which it is decided
SHAPE = (1.15, 1.75)  # width to height of two upright pages beside each other (two of A4: 1.41)
LEAST = 200  # px: a smaller picture holds no two pages that could be read
MIDDLE = 0.06  # of the width, to each side, within which the pages part
FOLD = 0.94  # of the paper's brightness beside it: the shadow in a fold is darker than this
FOLD_LENGTH = 0.8  # of the height along which the fold is seen
EMPTY = 0.002  # of a column that may be ink (specks) where nothing is written
WIDEST_INK = 0.02  # of the rows in which something may cross the fold, or a staple lie in the gutter
GUTTER = (
    0.055  # of the width without ink: two margins. The gap between two columns of one page is 0.02 to 0.04
)
LIKE = 0.05  # of the width by which the two pages' left margins may differ
WRITTEN = 0.0008  # of a half that is ink: less is no page (an empty half is only split off at a fold)


def parting(image: Pixels) -> int | None:
    """The x, in px, at which an upright picture of two pages parts into them; None for one page.

    Only pictures as wide as two pages are looked at. They part at a fold (a thin darker line down nearly the whole
    height, with little ink on it) or, in flat scans, at a gutter as wide as two margins between two pages whose left
    margins are alike. A sheet in two columns stays one.
    """
    height, width = image.shape[:2]
    if min(width, height) < LEAST or not SHAPE[0] <= width / height <= SHAPE[1]:
        return None
    gray = gray_of(reduced(image, LOOKED_AT))
    ink = ink_of(gray)
    found = _fold(gray, ink)
    if found is None:
        found = _gutter(ink)
    return None if found is None else round(found * width / gray.shape[1])


def _fold(gray: Gray, ink: Gray) -> int | None:
    """The column of a fold: darker than the paper to both sides of it in nearly every row."""
    width = gray.shape[1]
    reach = max(4, width // 40)
    paper = background_of(gray, 5).astype(np.float32)
    first, last = int(width * (0.5 - MIDDLE)), int(width * (0.5 + MIDDLE))
    columns = np.arange(first, last)
    beside = np.minimum(_beside(paper, columns - reach), _beside(paper, columns + reach))
    seen = (paper[:, columns] < FOLD * beside).mean(axis=0)
    best = int(seen.argmax())
    if seen[best] < FOLD_LENGTH:
        return None
    near = np.flatnonzero(seen >= seen[best] - 0.02)
    column = first + int(np.median(near))
    return column if _crossed(ink, column, reach) <= 6 * WIDEST_INK else None


def _beside(paper: npt.NDArray[np.float32], columns: npt.NDArray[np.int_]) -> npt.NDArray[np.float32]:
    """Rows by columns, each evened along the height: a line of text beside the fold must not hide it."""
    return np.asarray(cv2.blur(np.ascontiguousarray(paper[:, columns]), (1, 15)), dtype=np.float32)


def _crossed(ink: Gray, column: int, reach: int) -> float:
    """The share of rows in which ink lies on both sides right beside a column: a drawn line, or writing over it."""
    left = ink[:, column - reach : column - reach // 2].any(axis=1)
    right = ink[:, column + reach // 2 : column + reach].any(axis=1)
    return float((left & right).mean())


def _gutter(ink: Gray) -> int | None:
    """The middle of a band without ink, wide enough and central, between two halves that both are pages."""
    width = ink.shape[1]
    shares = (ink > 0).mean(axis=0)
    empty = shares <= EMPTY
    middle = width // 2
    written = np.flatnonzero(~empty)
    before, after = written[written < middle], written[written >= middle]
    if not before.size or not after.size:
        return None
    start, end = int(before[-1]) + 1, int(after[0])
    column = (start + end) // 2
    if end - start < GUTTER * width or abs(column - width / 2) > MIDDLE * width:
        return None
    if min((ink[:, :column] > 0).mean(), (ink[:, column:] > 0).mean()) < WRITTEN:
        return None
    margins = int(before[0]), int(after[0]) - width // 2
    return column if abs(margins[0] - margins[1]) <= LIKE * width else None
