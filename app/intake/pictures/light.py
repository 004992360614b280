"""Shadows and uneven light, evened by dividing by the paper's own brightness; a flat scan stays as it is."""

from __future__ import annotations

import cv2
import numpy as np

from app.intake.pictures.pixels import Gray, Pixels, background_of, reduced

LOOKED_AT = 500  # px of the copy on which the paper's brightness is found
DARKER = 0.86  # of the bright paper: what is darker than this, over some area, is in shadow
AREA = 0.02  # of the page that has to be in shadow
LEAST = 0.3  # of the bright paper: darker than that is no paper, but a figure or the table
WHITE = 245  # what paper becomes: below 255, so that noise is not cut off on one side
STRONGEST = 3.0  # times that a shadow is brightened at most


def evened(image: Pixels) -> tuple[Pixels, bool]:
    """The page with its paper equally bright everywhere, and whether anything was done.

    Every channel is divided by its own background, so that red ink stays red and yellow lamplight goes away; what is
    a tenth darker than the paper around it (pencil) stays a tenth darker. Only shadows that reach the page's edge
    count: a dark figure within white paper is a figure.
    """
    paper = _paper(image)
    brightness = paper.min(axis=2)
    bright = float(np.percentile(brightness, 95))
    if not _shaded(brightness, bright):
        return image, False
    # A channel's own white, so that a warm light is taken out as well.
    white = np.percentile(paper.reshape(-1, 3), 95, axis=0)
    floor = np.maximum(white / STRONGEST, 1)
    divisor = np.clip(paper, floor, 255).astype(np.uint8)
    height, width = image.shape[:2]
    whole = cv2.resize(divisor, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.divide(image, whole, scale=WHITE), dtype=np.uint8), True


def _paper(image: Pixels) -> Pixels:
    """The page without its ink, a channel at a time, small."""
    small = reduced(image, LOOKED_AT)
    reach = (max(small.shape[:2]) // 22) | 1
    return np.dstack([background_of(np.ascontiguousarray(small[:, :, each]), reach) for each in range(3)])


def _shaded(brightness: Gray, bright: float) -> bool:
    dark = ((brightness < bright * DARKER) & (brightness > bright * LEAST)).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(dark)
    height, width = dark.shape
    for label in range(1, count):
        left, top, across, down, area = stats[label]
        on_edge = left <= 1 or top <= 1 or left + across >= width - 1 or top + down >= height - 1
        if on_edge and area >= AREA * dark.size:
            return True
    return False
