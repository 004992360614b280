"""The sheet in a photo: its four corners on a darker table, and the picture seen from straight above."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app.intake.pictures.pixels import Gray, Pixels, background_of, gray_of

Quad = npt.NDArray[
    np.float32
]  # (4, 2): x, y of the corners: upper left, upper right, lower right, lower left

LEAST = 0.35  # of the picture that a sheet has to cover; less may be a label, a figure, a card
LEAST_OF_TWO = 0.18  # of the picture, for each of two sheets
WHOLE = 0.97  # of the picture: a scan that has nothing but the sheet
SOLID = 0.94  # of its quadrilateral that is sheet: less is no sheet, or one that is partly covered
ANGLES = (50.0, 130.0)  # degrees of a corner in a photo that was meant to be one
STEP = 14.0  # levels of brightness from the sheet to what lies around it
SUPPORT = 0.8  # of a side's length along which that step is seen
THRESHOLDS = (0.0, 0.75, 0.6, 0.45)  # of the sheet's brightness, after Otsu's own choice (0)
TEXT_OUTSIDE = 0.25  # as dense as the ink on the sheet: writing lies outside, so this is not the sheet
WRITING_DEPTH = 0.1  # of the paper's brightness by which writing is darker than what it stands on
WRITING_CONTRAST = 0.22  # of the brightness of what it stands on
MARGIN = 0.004  # of the longest side that the corners are moved outwards


def sheets_in(small: Pixels) -> list[Quad]:
    """The sheets of paper in a picture: one, two beside (or below) each other, or none that is clearly seen.

    `small` is a copy of about 500 px; corners are in its pixels. A scan without a border has none. Found by
    thresholds at several levels: what is connected, convex, four-cornered and brighter than its surroundings nearly all
    along; the largest counts, because the edge of a shadow makes smaller ones.
    """
    gray = np.asarray(cv2.GaussianBlur(gray_of(small), (0, 0), 1.2), dtype=np.uint8)
    tried: list[list[Quad]] = [_at(gray, level) for level in _levels(gray)]
    ink = _writing(gray_of(small))
    singles = [found[0] for found in tried if len(found) == 1 and _share(found[0], gray) >= LEAST]
    pairs = [found for found in tried if len(found) == 2 and _apart(found)]
    largest_first = sorted(singles, key=lambda quad: _share(quad, gray), reverse=True)
    for found in [*pairs, *([quad] for quad in largest_first)]:
        share = sum(_share(quad, gray) for quad in found)
        if share < WHOLE and not _writing_outside(ink, gray, found):
            return [_outwards(quad, gray) for quad in found]
    return []


def straightened(image: Pixels, quad: Quad) -> Pixels:
    """What lies within the four corners, as a rectangle of the sides' longer lengths. Corners are in the image's px."""
    across = max(_length(quad[0], quad[1]), _length(quad[3], quad[2]))
    down = max(_length(quad[0], quad[3]), _length(quad[1], quad[2]))
    width, height = max(1, round(across)), max(1, round(down))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), corners)
    flat = cv2.warpPerspective(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(flat, dtype=np.uint8)


def _levels(gray: Gray) -> list[float]:
    otsu = float(cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[0])
    paper = float(np.percentile(gray, 90))
    return [otsu if part == 0 else paper * part for part in THRESHOLDS]


def _at(gray: Gray, level: float) -> list[Quad]:
    """The one or two sheets among what is brighter than a level."""
    reach = max(3, max(gray.shape) // 60)
    bright = np.where(gray > level, np.uint8(255), np.uint8(0))
    opened = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((reach, reach), np.uint8))
    outlines, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    least = LEAST_OF_TWO * gray.size
    large = [outline for outline in outlines if cv2.contourArea(outline) >= least]
    if not 1 <= len(large) <= 2:
        return []
    quads = [_quad(outline, gray) for outline in large]
    return [quad for quad in quads if quad is not None] if all(quad is not None for quad in quads) else []


def _quad(outline: npt.NDArray[Any], gray: Gray) -> Quad | None:
    """Its four corners, if it has four and looks like a sheet of paper on something darker."""
    hull = cv2.convexHull(outline)
    area = cv2.contourArea(hull)
    if cv2.contourArea(outline) < SOLID * area:
        return None
    around = cv2.arcLength(hull, True)
    for tolerance in (0.01, 0.02, 0.03, 0.045):
        corners = cv2.approxPolyDP(hull, tolerance * around, True)
        if len(corners) <= 4:
            break
    if len(corners) != 4 or not cv2.isContourConvex(corners):
        return None
    quad = _containing(
        _ordered(corners.reshape(4, 2).astype(np.float32)), hull.reshape(-1, 2).astype(np.float32)
    )
    if (
        quad is None
        or area < SOLID * cv2.contourArea(quad)
        or not _corners_square(quad)
        or not _edges_seen(quad, gray)
    ):
        return None
    return quad


def _ordered(corners: Quad) -> Quad:
    """From the upper left one clockwise."""
    centre = corners.mean(axis=0)
    angles = np.arctan2(corners[:, 1] - centre[1], corners[:, 0] - centre[0])
    turned = corners[np.argsort(angles)]
    return np.roll(turned, -int(turned.sum(axis=1).argmin()), axis=0)


def _containing(quad: Quad, hull: Quad) -> Quad | None:
    """The quadrilateral with its sides moved outwards until nothing of the hull is cut off; None if that fails."""
    lines = []
    for one, other in pairwise([*quad, quad[0]]):
        along = (other - one) / max(_length(one, other), 1e-6)
        outward = np.array([along[1], -along[0]])  # clockwise in a picture whose y grows downwards
        lines.append((outward, float((hull @ outward).max())))
    corners = []
    for before, after in pairwise([lines[-1], *lines]):
        matrix = np.array([before[0], after[0]])
        if abs(float(np.linalg.det(matrix))) < 0.2:
            return None
        corners.append(np.linalg.solve(matrix, np.array([before[1], after[1]])))
    return np.array(corners, dtype=np.float32)


def _corners_square(quad: Quad) -> bool:
    for index in range(4):
        one, other = quad[index - 1] - quad[index], quad[(index + 1) % 4] - quad[index]
        cosine = float(one @ other) / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-6)
        if not ANGLES[0] <= float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))) <= ANGLES[1]:
            return False
    return True


def _edges_seen(quad: Quad, gray: Gray) -> bool:
    """Whether each side has the sheet inside and something darker outside, or lies on the picture's own edge."""
    height, width = gray.shape
    reach = max(3.0, max(gray.shape) / 90)
    inner_side = 0
    for one, other in pairwise([*quad, quad[0]]):
        along = (other - one) / max(_length(one, other), 1e-6)
        outward = np.array([along[1], -along[0]])
        points = one + np.linspace(0.06, 0.94, 40)[:, None] * (other - one)
        outside, inside = points + reach * outward, points - reach * outward
        past = (
            (outside[:, 0] < 0)
            | (outside[:, 1] < 0)
            | (outside[:, 0] > width - 1)
            | (outside[:, 1] > height - 1)
        )
        step = _sampled(gray, inside) - _sampled(gray, outside)
        if float((past | (step >= STEP)).mean()) < SUPPORT:
            return False
        inner_side += float(past.mean()) < 0.5
    return inner_side >= 1


def _sampled(gray: Gray, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    columns = np.clip(points[:, 0].round().astype(int), 0, gray.shape[1] - 1)
    rows = np.clip(points[:, 1].round().astype(int), 0, gray.shape[0] - 1)
    return gray[rows, columns].astype(np.float32)


def _writing(gray: Gray) -> Gray:
    """255 where there may be writing: far darker than what is around it, which the grain of a table is not."""
    paper = background_of(gray, (max(gray.shape) // 40) | 1)
    depth = cv2.subtract(paper, gray)
    least = WRITING_DEPTH * float(np.percentile(paper, 90))
    return np.where((depth > least) & (depth > WRITING_CONTRAST * paper), np.uint8(255), np.uint8(0))


def _writing_outside(ink: Gray, gray: Gray, quads: list[Quad]) -> bool:
    """Whether there is about as much ink outside as on the sheets, on something bright enough to be paper in shadow."""
    inside = np.zeros_like(gray)
    for quad in quads:
        cv2.fillConvexPoly(inside, quad.round().astype(np.int32), 255)
    paper = float(np.median(gray[inside > 0]))
    kept = max(3, max(gray.shape) // 40)
    outside = cv2.bitwise_not(cv2.dilate(inside, np.ones((kept, kept), np.uint8)))
    outside[gray < paper * 0.3] = 0
    core = cv2.erode(inside, np.ones((kept, kept), np.uint8))
    many = int(np.count_nonzero(outside))
    if many < 0.01 * gray.size:
        return False
    density = np.count_nonzero(ink[outside > 0]) / many
    on_sheet = np.count_nonzero(ink[core > 0]) / max(1, int(np.count_nonzero(core)))
    return bool(density > max(0.004, TEXT_OUTSIDE * on_sheet))


def _outwards(quad: Quad, gray: Gray) -> Quad:
    """A little larger, within the picture: better a hair of the table than a line's end lost."""
    centre = quad.mean(axis=0)
    away = quad - centre
    moved = quad + away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6) * MARGIN * max(
        gray.shape
    )
    return np.clip(moved, 0, [gray.shape[1] - 1, gray.shape[0] - 1]).astype(np.float32)


def _apart(quads: list[Quad]) -> bool:
    """Whether two sheets are of like size, side by side or one below the other."""
    areas = sorted(cv2.contourArea(quad) for quad in quads)
    return areas[0] >= 0.5 * areas[1]


def _share(quad: Quad, gray: Gray) -> float:
    return float(cv2.contourArea(quad)) / gray.size


def _length(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    return float(np.linalg.norm(other - one))
