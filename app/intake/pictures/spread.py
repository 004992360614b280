"""Two pages in one picture: an open exercise book, or two sheets on one scan, told apart by fold or gutter."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from app.intake.pictures.pixels import Gray, Pixels, gray_of, ink_of, reduced

LOOKED_AT = 600  # px of the copy on which it is decided
SHAPE = (1.15, 1.75)  # width to height of two upright pages beside each other (two of A4: 1.41)
LEAST = 200  # px: a smaller picture holds no two pages that could be read
MIDDLE = 0.06  # of the width, to each side, within which the pages part
FOLD = 0.94  # of the paper's brightness beside it: the shadow in a fold is darker than this
FOLD_LENGTH = 0.93  # of the sheet's height along which it is seen; a line drawn between columns is shorter
SLOPES = (0.0, -0.005, 0.005, -0.01, 0.01, -0.015, 0.015, -0.02, 0.02)  # px a row by which it may lean
PAPER = 0.5  # of the brightest paper: darker rows beside the fold are the table
SHEET = 0.55  # of the height that has to be paper
CROSSED = 0.12  # of the rows in which writing may lie on both sides right beside the fold
EMPTY = 0.002  # of a column that may be ink (specks) where nothing is written
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
    """The column, at half the height, of a fold or a gap: darker than the paper beside it in nearly every row."""
    reach = max(4, gray.shape[1] // 40)
    # Closed along the height only: writing goes away, a line down the page stays, however thin.
    paper = np.asarray(cv2.morphologyEx(gray, cv2.MORPH_CLOSE, np.ones((11, 1), np.uint8)), dtype=np.uint8)
    best, slope, column = 0.0, 0.0, 0
    for each in SLOPES:
        seen, at = _line(_sheared(paper, each).astype(np.float32), reach)
        if seen > best:
            best, slope, column = seen, each, at
    if best < FOLD_LENGTH:
        return None
    return column if _crossed(_sheared(ink, slope), column, reach) <= CROSSED else None


def _sheared(gray: Gray, slope: float) -> Gray:
    """Its rows moved so that a line that leans by `slope` px a row stands upright; the middle row stays."""
    if not slope:
        return gray
    height, width = gray.shape
    matrix = np.array([[1, slope, -slope * height / 2], [0, 1, 0]], dtype=np.float32)
    moved = cv2.warpAffine(gray, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)


def _line(paper: npt.NDArray[np.float32], reach: int) -> tuple[float, int]:
    """In what share of the rows the best upright line near the middle is seen, and its column; 0 without paper."""
    width = paper.shape[1]
    columns = np.arange(int(width * (0.5 - MIDDLE)), int(width * (0.5 + MIDDLE)))
    left, right = (_beside(paper, columns + side) for side in (-reach, reach))
    bright = PAPER * float(np.percentile(paper, 90))
    sheet = (left > bright) & (right > bright)
    darker = (paper[:, columns] < FOLD * np.minimum(left, right)) & sheet
    shares = darker.sum(axis=0) / np.maximum(sheet.sum(axis=0), 1)
    shares[sheet.mean(axis=0) < SHEET] = 0
    best = float(shares.max())
    return best, int(columns[int(np.median(np.flatnonzero(shares >= best - 0.02)))])


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
