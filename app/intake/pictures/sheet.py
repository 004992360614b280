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
# As dense as the ink on the sheet, and the least density: writing lies outside, so this is not the sheet. The second
# pair is for an outside that is too dark for most shadows.
TEXT_OUTSIDE = ((0.05, 0.002), (0.35, 0.01))
TABLE = 0.45  # of the sheet's brightness: darker than that is seldom a shadow
SHADOW = 0.22  # of the sheet's brightness: paper in shadow is brighter
TOGETHER = 0.04  # of the longest side: sheets that are nearer are the two pages of a book, parted by its fold
INK = 0.22  # of the brightness around it by which writing is darker
DARKER = 0.1  # of the sheet's brightness, besides
ALIKE = 0.6  # of the depth of most of the ink on the sheet, that writing beside it has as well
MARGIN = 0.004  # of the longest side that the corners are moved outwards


def sheets_in(small: Pixels) -> list[Quad]:
    """The sheets of paper in a picture: one, two beside (or below) each other, or none that is clearly seen.

    `small` is a copy of about 500 px; corners are in its pixels. A scan without a border has none. Found by
    thresholds at several levels: what is connected, convex, four-cornered and brighter than its surroundings nearly all
    along; the largest counts, because the edge of a shadow makes smaller ones.
    """
    plain = gray_of(small)
    gray = np.asarray(cv2.GaussianBlur(plain, (0, 0), 1.2), dtype=np.uint8)
    tried: list[list[Quad]] = [_at(gray, level) for level in _levels(gray)]
    singles = [found[0] for found in tried if len(found) == 1 and _share(found[0], gray) >= LEAST]
    pairs = [
        found for found in tried if len(found) == 2 and _apart(found) and not _one_further_down(found, gray)
    ]
    largest_first = sorted(singles, key=lambda quad: _share(quad, gray), reverse=True)
    joined = [_joined(pair, gray) for pair in pairs]
    for found in [*(pair for pair in joined if pair), *([quad] for quad in largest_first)]:
        share = sum(_share(quad, gray) for quad in found)
        if share < WHOLE and not _writing_outside(plain, found):
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


def _quad(outline: npt.NDArray[Any], gray: Gray, solid: bool = True) -> Quad | None:
    """Its four corners, if it has four and looks like a sheet of paper on something darker."""
    hull = cv2.convexHull(outline)
    area = cv2.contourArea(hull)
    if solid and cv2.contourArea(outline) < SOLID * area:
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


def _depth(gray: Gray, paper: Gray) -> npt.NDArray[np.float32]:
    """How much darker everything is than what is around it, as a share of that."""
    return np.asarray(cv2.subtract(paper, gray) / np.maximum(paper, 1).astype(np.float32), dtype=np.float32)


def _writing_outside(gray: Gray, quads: list[Quad]) -> bool:
    """Whether there is writing outside as well, on something that is bright enough to be paper in shadow."""
    inside = np.zeros_like(gray)
    for quad in quads:
        cv2.fillConvexPoly(inside, quad.round().astype(np.int32), 255)
    reach = (max(gray.shape) // 40) | 1
    kept = np.ones((reach, reach), np.uint8)
    # The sheet's own shadow on the table is no writing either, so the nearest strip is left out.
    around, core = cv2.dilate(inside, kept) > 0, cv2.erode(inside, kept) > 0
    paper = background_of(gray, reach)
    # The sheet taken away: its brightness must not make ink of the table beside it.
    beyond = np.where(around, np.uint8(0), gray)
    table = background_of(beyond, reach)
    bright = float(np.median(paper[inside > 0]))
    outside = ~around & (table >= SHADOW * bright)
    many = int(np.count_nonzero(outside))
    if many < 0.01 * gray.size:
        return False
    on_sheet = _depth(gray, paper)[core]
    ink = on_sheet[on_sheet > INK]
    # Writing in the shadow stands out from its paper as the rest does from its own; the grain of a table does less.
    least = max(INK, ALIKE * float(np.percentile(ink, 80))) if ink.size else INK
    # On a dark table the slightest grain is a large share, so it has to be dark beside the sheet as well.
    far = cv2.subtract(table, beyond) > DARKER * float(np.percentile(paper, 90))
    density = float(((_depth(beyond, table) > least) & far)[outside].mean())
    part, floor = TEXT_OUTSIDE[int(float(np.median(table[outside])) < TABLE * bright)]
    return density > max(floor, part * float((on_sheet > least).mean()))


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


def _one_further_down(pair: list[Quad], gray: Gray) -> bool:
    """Whether two sheets are one bright whole at the lowest level: then a fold's shadow parts them, and no table."""
    lowest = np.where(gray > float(np.percentile(gray, 90)) * THRESHOLDS[-1], np.uint8(255), np.uint8(0))
    _, labels = cv2.connectedComponents(lowest)
    middles = [np.asarray(labels)[tuple(quad.mean(axis=0).astype(int)[::-1])] for quad in pair]
    return bool(middles[0] == middles[1])


def _joined(pair: list[Quad], gray: Gray) -> list[Quad]:
    """Two sheets, or the one quadrilateral around both where they touch; none where that has no four corners."""
    one, other = (quad.reshape(-1, 1, 2) for quad in pair)
    near = max(
        max(cv2.pointPolygonTest(one, (float(x), float(y)), True) for x, y in pair[1]),
        max(cv2.pointPolygonTest(other, (float(x), float(y)), True) for x, y in pair[0]),
    )
    if near < -TOGETHER * max(gray.shape):
        return pair
    whole = _quad(np.vstack([one, other]).round().astype(np.int32), gray, solid=False)
    return [] if whole is None else [whole]


def _share(quad: Quad, gray: Gray) -> float:
    return float(cv2.contourArea(quad)) / gray.size


def _length(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    return float(np.linalg.norm(other - one))
