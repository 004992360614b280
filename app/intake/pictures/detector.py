"""Where lines of text stand on a picture: differentiable binarization (Liao et al. 2020), PP-OCRv6's small model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.intake.pictures.models import open_session, run
from app.intake.pictures.pixels import Pixels

Quad = NDArray[np.float32]  # (4, 2) pixels x, y: top left, top right, bottom right, bottom left

SIDE = 1024  # the longer side of what the model sees, pixels
STEP = 32  # the model halves its input five times
# Values the model was published with: a pixel is text; a region is text; how far a shrunken region grows again.
PIXEL, REGION, GROW = 0.3, 0.5, 1.6
SMALLEST = 3.0  # pixels of the model's picture; less is dust
MOST = 1000  # lines of one page


class Detector:
    """Finds lines of text; make one a process."""

    def __init__(self, path: Path) -> None:
        self._session = open_session(path)

    def find(self, image: Pixels, side: int = SIDE) -> list[Quad]:
        """The lines on an RGB picture, as quads in its pixels, in no order."""
        height, width = image.shape[:2]
        scale = min(1.0, side / max(height, width))
        small = (_rounded(width * scale), _rounded(height * scale))
        shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        # The model was trained on BGR, values -1 to 1.
        planes = np.ascontiguousarray(shrunk[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32)
        planes = planes / np.float32(127.5) - np.float32(1)
        likely = np.asarray(run(self._session, planes[None]), dtype=np.float32)[0, 0]
        return [_placed(quad, width / small[0], height / small[1], width, height) for quad in _quads(likely)]


def _rounded(length: float) -> int:
    return max(STEP, round(length / STEP) * STEP)


def _quads(likely: NDArray[np.float32]) -> list[Quad]:
    """Rotated rectangles around the connected regions of likely text, grown to the whole height of the letters."""
    mask = cv2.dilate((likely > PIXEL).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:MOST]:
        center, (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < SMALLEST:
            continue
        corners = _corners(center, width, height, angle)
        if _mean_inside(likely, corners) < REGION:
            continue
        grow = 2 * width * height * GROW / (2 * (width + height))
        corners = _corners(center, width + grow, height + grow, angle)
        found.append(_ordered(corners))
    return found


def _corners(center: Sequence[float], width: float, height: float, angle: float) -> Quad:
    return np.asarray(cv2.boxPoints((center, (width, height), angle)), dtype=np.float32)


def _mean_inside(likely: NDArray[np.float32], corners: Quad) -> float:
    height, width = likely.shape
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, (width - 1, height - 1))
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(mask, [np.round(corners - (left, top)).astype(np.int32)], 1)
    return float(cv2.mean(likely[top : bottom + 1, left : right + 1], mask)[0])


def _ordered(corners: Quad) -> Quad:
    """The corners from the top left clockwise, for a rectangle turned by less than 45 degrees."""
    middle = corners.mean(axis=0)
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    along = first if abs(first[0]) >= abs(first[1]) else second
    along = along if along[0] >= 0 else -along
    angle = math.atan2(float(along[1]), float(along[0]))
    cosine, sine = math.cos(angle), math.sin(angle)
    # In the frame of the line, corners are told apart by signs.
    flat = (corners - middle) @ np.array([[cosine, -sine], [sine, cosine]], np.float32)
    half_width, half_height = np.abs(flat).max(axis=0)
    x, y = np.array([cosine, sine]) * half_width, np.array([-sine, cosine]) * half_height
    return np.array([middle - x - y, middle + x - y, middle + x + y, middle - x + y], np.float32)


def _placed(quad: Quad, across: float, down: float, width: int, height: int) -> Quad:
    placed = quad * np.array([across, down], np.float32)
    return np.clip(placed, 0, np.array([width, height], np.float32))
