"""How far a page's lines are from level, and the page with its lines level."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from app.intake.pictures.pixels import Gray, Pixels, gray_of, ink_of, reduced

LOOKED_AT = 800  # px of the copy on which the angle is found: 0.1 degrees move the end of a line by a px
MOST = 10.0  # degrees; beyond it a page was not meant to be straight
STEPS = (1.0, 0.25, 0.05)  # degrees between the angles tried, coarse to fine
LEAST = 0.3  # degrees that are worth a resampling
LINES = 2.2  # times that they must stand out more than at a usual wrong angle: scattered ink reaches 1.3, writing 3.4
CLEARER = 1.08  # times that the lines must stand out more than they do unturned
INK = 0.0006  # of the page: fewer strokes make no line
WHITE = (255, 255, 255)


def leveled(image: Pixels) -> tuple[Pixels, float]:
    """The page with level lines, and how many degrees clockwise it was turned; 0 and the very array when it is level.

    The border that a turn needs is white, and the page grows by it: nothing is cut off.
    """
    angle = skew_of(image)
    if abs(angle) < LEAST:
        return image, 0.0
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -angle, 1.0)
    cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
    across, down = round(height * sine + width * cosine), round(height * cosine + width * sine)
    matrix[:, 2] += (across / 2 - width / 2, down / 2 - height / 2)
    turned = cv2.warpAffine(image, matrix, (across, down), flags=cv2.INTER_LINEAR, borderValue=WHITE)
    return np.asarray(turned, dtype=np.uint8), angle


def skew_of(image: Pixels) -> float:
    """Degrees that the page has to be turned clockwise for level lines, within MOST; 0 where no lines tell.

    The angle at which the ink's row sums differ the most from row to row (a projection profile: Postl 1986), searched
    from coarse to fine with sheared copies of the points of ink.
    """
    ink = _strokes(ink_of(gray_of(reduced(image, LOOKED_AT))))
    rows, columns = np.nonzero(ink)
    if rows.size < INK * ink.size:
        return 0.0
    points = (rows.astype(np.float32), columns.astype(np.float32) - ink.shape[1] / 2)
    best, spread, usual = 0.0, MOST, 0.0
    for step in STEPS:
        angles = np.arange(best - spread, best + spread + step / 2, step)
        scores = [_sharpness(points, float(angle), ink.shape[0]) for angle in angles]
        usual = usual or float(np.median(scores))
        best, spread = float(angles[int(np.argmax(scores))]), step
    found, unturned = (_sharpness(points, angle, ink.shape[0]) for angle in (best, 0.0))
    if abs(best) > MOST - 0.5 or found < LINES * usual or found < CLEARER * unturned:
        return 0.0
    return round(best, 2)


def _strokes(ink: Gray) -> Gray:
    """The ink without what lies on the very edge (a scanner's rim, the table) and without large patches."""
    kept = ink.copy()
    rim = max(2, max(ink.shape) // 60)
    kept[:rim], kept[-rim:], kept[:, :rim], kept[:, -rim:] = 0, 0, 0, 0
    return kept


def _sharpness(
    points: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]], angle: float, height: int
) -> float:
    """How much the row sums change from row to row, were the points turned by `angle` degrees clockwise."""
    rows, columns = points
    moved = rows + columns * np.float32(np.tan(np.radians(angle)))
    sums = np.bincount((moved + height).astype(np.int32), minlength=3 * height)
    return float(np.square(np.diff(sums.astype(np.float64))).sum())
