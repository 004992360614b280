"""Lines cut out of a picture, straight and as high as the recognisers want them."""

from __future__ import annotations

import math

import cv2
import numpy as np

from app.intake.pictures.detector import Quad
from app.intake.pictures.pixels import Pixels
from app.intake.pictures.recogniser import HEIGHT

LONGEST = 3200  # pixels; a longer line is squeezed
STRAIGHT = 0.0025  # slope of a line that may be cut out without turning: 2.5 pixels in 1000
UPRIGHT = 2.5  # times as high as wide: a column of characters, to be read lying


def size(quad: Quad) -> tuple[float, float]:
    """Width and height of a quad in pixels, along its own edges."""
    return math.dist(quad[0], quad[1]), math.dist(quad[0], quad[3])


def is_upright(quad: Quad) -> bool:
    """Whether a quad is so high and narrow that its text must run from top to bottom."""
    width, height = size(quad)
    return height > UPRIGHT * width


def cut(image: Pixels, quad: Quad) -> Pixels:
    """The line in a quad as RGB of (HEIGHT, width, 3), its proportions kept."""
    width, height = size(quad)
    target = max(8, min(LONGEST, round(HEIGHT * width / max(1.0, height))))
    slope = (quad[1][1] - quad[0][1]) / max(1.0, width)
    if abs(slope) < STRAIGHT:
        left, top = np.floor(quad.min(axis=0)).astype(int)
        right, bottom = np.ceil(quad.max(axis=0)).astype(int)
        piece = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    else:
        piece = _turned(image, quad, max(1, round(width)), max(1, round(height)))
    smaller = piece.shape[0] > HEIGHT
    return np.asarray(
        cv2.resize(piece, (target, HEIGHT), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR),
        dtype=np.uint8,
    )


def _turned(image: Pixels, quad: Quad, width: int, height: int) -> Pixels:
    corners = np.array([[0, 0], [width, 0], [0, height]], np.float32)
    matrix = cv2.getAffineTransform(quad[[0, 1, 3]].astype(np.float32), corners)
    return np.asarray(
        cv2.warpAffine(
            image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        dtype=np.uint8,
    )
