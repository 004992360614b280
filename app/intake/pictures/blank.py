"""Whether anything is written on a page, by hand or in print. Dust, holes, rules, the back shining through are not."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from app.intake.pictures.pixels import Gray, Pixels, background_of, gray_of, reduced

QUICK = 700  # px of the copy that is enough for a page full of writing
CAREFUL = (
    1754  # px of the copy for all others: A4 at 150 dpi; sizes below are in its pixels, 5.9 a millimetre
)
PLENTY = 25  # strokes on the quick copy that leave no question
LEAST_SIDE = 12  # px: nothing smaller is a page
RIM = 0.025  # of the longest side: a scanner's dark border, the sheet's own edge
CORNER = 0.08  # of the longest side: where staples are
STAPLE = 10  # px that a staple or a hair is thick at most
FAINTEST = 0.08  # of the paper's brightness by which a stroke is darker
GRAIN = 8  # times the paper's grain: three that the filled-up paper is brighter by, five that are no chance
DEEP = 0.22  # darker by this it is no print of the other side shining through
CRISP = 0.3  # of its depth that a stroke gains within a px; what shines through paper is blurred by it
STROKE = (12, 14)  # px of height or width of which a stroke has at least one; dust is smaller
LEAST_STROKE = 5  # px of the same on pictures that are smaller than CAREFUL, where all writing is
JOINED = 5  # px of the gaps in a faint stroke
RULE = 105  # px: longer straight level or upright lines are the paper's own
HOLE = (14, 60)  # px of a punched hole's width (5 to 8 mm), at most HOLE_EDGE of a side away from the edge
HOLE_EDGE = 0.09

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Marks:
    """What is darker than the paper, piece by piece: left, top, width, height, area; and how dark and crisp it is."""

    boxes: npt.NDArray[np.int_]
    deepest: Floats
    steepest: Floats
    shape: tuple[int, ...]


def is_blank(image: Pixels) -> bool:
    """Whether a page (upright, RGB) has nothing written on it.

    A single letter is enough not to be blank. Strokes that are fainter than pencil count where they are crisp: faint
    and blurred is what shines through from the back.
    """
    if min(image.shape[:2]) < LEAST_SIDE:
        return True
    gray = gray_of(image)
    quick = _marks(reduced(gray, QUICK))
    size = max(LEAST_STROKE, STROKE[0] * max(quick.shape) / CAREFUL)
    tall = np.count_nonzero(
        (quick.boxes[:, 3] > size) & (quick.deepest > 2 * DEEP) & (quick.boxes[:, 3] < 20 * size)
    )
    if tall >= PLENTY:
        return False
    marks = _marks(reduced(gray, CAREFUL))
    real = (marks.deepest >= DEEP) | (marks.steepest >= CRISP * marks.deepest)
    return not any(_is_stroke(box, marks.shape) for box in marks.boxes[real])


def _marks(gray: Gray) -> _Marks:
    smooth = np.asarray(cv2.GaussianBlur(gray, (0, 0), 0.8), dtype=np.uint8)
    paper = background_of(smooth, (max(gray.shape) // 25) | 1).astype(np.float32)
    depth = np.maximum(paper - smooth, 0) / np.maximum(paper, 1)
    found = _without_rules(
        np.where(depth > max(FAINTEST, GRAIN * _noise(smooth)), np.uint8(255), np.uint8(0))
    )
    rim = max(2, round(RIM * max(gray.shape)))
    found[:rim], found[-rim:], found[:, :rim], found[:, -rim:] = 0, 0, 0, 0
    joined = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((JOINED, JOINED), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(joined)
    inside = joined > 0
    place = np.asarray(labels, dtype=np.int64)[inside]
    deepest = _most(place, depth[inside], count)
    steepest = _most(place, _slope(depth)[inside], count)
    return _Marks(np.asarray(boxes, dtype=np.int64)[1:], deepest[1:], steepest[1:], gray.shape)


def _noise(smooth: Gray) -> float:
    """The paper's grain, as a share of its brightness: by the differences between px that mostly see no edge."""
    some = smooth[::3].astype(np.int16)
    if some.shape[1] < LEAST_SIDE:
        return 0.0
    # Of normal noise the median difference of two is 0.6745 times the root of 2.
    spread = float(np.median(np.abs(some[:, 5:] - some[:, :-5]))) / 0.954
    return spread / max(1.0, float(np.median(some)))


def _without_rules(found: Gray) -> Gray:
    length = max(8, RULE * max(found.shape) // CAREFUL)
    level = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    plumb = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8))
    rules = cv2.dilate(cv2.bitwise_or(level, plumb), np.ones((7, 7), np.uint8))
    return np.asarray(cv2.subtract(found, rules), dtype=np.uint8)


def _slope(depth: Floats) -> Floats:
    """How much the depth changes within a pixel, across or down, the larger."""
    across, down = np.zeros_like(depth), np.zeros_like(depth)
    across[:, 1:-1] = np.abs(depth[:, 2:] - depth[:, :-2]) / 2
    down[1:-1] = np.abs(depth[2:] - depth[:-2]) / 2
    return np.maximum(across, down)


def _most(place: npt.NDArray[np.int64], values: Floats, count: int) -> Floats:
    """The largest value of each piece."""
    most = np.zeros(count, dtype=np.float32)
    np.maximum.at(most, place, values)
    return most


def _is_stroke(box: npt.NDArray[np.int_], shape: tuple[int, ...]) -> bool:
    left, top, width, height, area = (int(each) for each in box)
    scale = max(shape) / CAREFUL
    if height < max(LEAST_STROKE, STROKE[0] * scale) and width < max(LEAST_STROKE, STROKE[1] * scale):
        return False
    aside = min(left, shape[1] - left - width)
    down = min(top, shape[0] - top - height)
    hole = (
        all(HOLE[0] <= side <= HOLE[1] for side in (width, height))
        and 0.75 <= width / height <= 1.33
        and (aside < HOLE_EDGE * shape[1] or down < HOLE_EDGE * shape[0])
        and area >= 0.6 * width * height
    )
    reach = CORNER * max(shape)
    staple = aside < reach and down < reach and area <= STAPLE * max(width, height)
    return not hole and not staple
