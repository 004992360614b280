"""Where a point of the picture that was sent in stands on the picture that is shown, found from the pictures alone.

Repair turns, straightens and cuts; what the truth says about the sent picture can be compared with words on the shown
one only through the map between both. It is found by matching features of the two pictures, never by the words that
were read: boxes that are all a line too low are then seen as wrong. For the command line only: it loads OpenCV.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from app.document import Box
from app.intake.page import Picture, Repair

Matrix = np.ndarray[Any, Any]

LONG_SIDE = 1500  # pixels that features are looked for at; letters are 15 high there
FEATURES = 5000
RATIO = (
    0.75  # of the nearest feature to the second nearest: Lowe 2004, "Distinctive image features", section 7.1
)
NEAR = 3.0  # pixels that a matched feature may be off
ENOUGH = 40  # features that agree on one map
QUARTERS: dict[int, list[list[float]]] = {
    0: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    90: [[0, -1, 1], [1, 0, 0], [0, 0, 1]],
    180: [[-1, 0, 1], [0, -1, 1], [0, 0, 1]],
    270: [[0, 1, 0], [-1, 0, 1], [0, 0, 1]],
}


def placing(sent: Path, shown: Picture | None, repair: Repair) -> Matrix | None:
    """The 3 x 3 matrix that maps points of the sent picture to points of the shown one, both in 0 to 1.

    A picture that was only turned needs no search. None where the pictures do not show the same, or cannot be opened.
    """
    if shown is None:
        return None
    if not repair.skew and not repair.perspective and not repair.part:
        return np.array(QUARTERS[repair.rotation], dtype=float)
    return _searched(sent, shown)


def moved(matrix: Matrix, corners: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Points mapped by a matrix; one that falls on the horizon is far outside."""
    found = np.array([[x, y, 1.0] for x, y in corners]) @ matrix.T
    depth = np.where(np.abs(found[:, 2:]) < 1e-9, 1e-9, found[:, 2:])
    return [(float(x), float(y)) for x, y in found[:, :2] / depth]


def around(points: list[tuple[float, float]]) -> Box:
    """The box around points."""
    across, down = [x for x, _ in points], [y for _, y in points]
    return Box(min(across), min(down), max(across), max(down))


def _searched(sent: Path, shown: Picture) -> Matrix | None:
    import cv2

    # The readers' own order of doing things is not trusted here: both pictures are opened as they are.
    one = cv2.imread(str(sent), cv2.IMREAD_GRAYSCALE)
    other = cv2.imdecode(np.frombuffer(shown.data, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    if one is None or other is None:
        return None
    one, other = _reduced(one), _reduced(other)
    sift = cv2.SIFT.create(nfeatures=FEATURES)
    from_points, from_marks = sift.detectAndCompute(one, None)
    to_points, to_marks = sift.detectAndCompute(other, None)
    if from_marks is None or to_marks is None or len(to_marks) < 2:
        return None
    pairs = cv2.BFMatcher().knnMatch(from_marks, to_marks, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < RATIO * pair[1].distance]
    if len(good) < ENOUGH:
        return None
    source = np.array([from_points[each.queryIdx].pt for each in good])
    target = np.array([to_points[each.trainIdx].pt for each in good])
    found, agree = cv2.findHomography(source, target, cv2.RANSAC, NEAR, maxIters=5000)
    if found is None or int(agree.sum()) < ENOUGH:
        return None
    scale_in = np.diag([one.shape[1], one.shape[0], 1.0])
    scale_out = np.diag([1 / other.shape[1], 1 / other.shape[0], 1.0])
    placed: Matrix = scale_out @ found @ scale_in
    return placed


def _reduced(image: Any) -> Any:
    import cv2

    factor = LONG_SIDE / max(image.shape[:2])
    return (
        cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else image
    )
