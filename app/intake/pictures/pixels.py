"""What all pictures are here: RGB arrays. And their smaller copies, on which everything is decided."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]  # (height, width, 3) RGB; a Gray is (height, width)
Gray: TypeAlias = npt.NDArray[np.uint8]

cv2.setNumThreads(1)  # several readers run beside each other, a processor each


def reduced(image: Pixels, longest: int) -> Pixels:
    """A copy whose longest side is at most `longest` px, by averaging; the same array when it is small enough."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def gray_of(image: Pixels) -> Gray:
    """Its brightness, 0 to 255 (ITU-R BT.601)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def quarter_turned(image: Pixels, degrees: int) -> Pixels:
    """The picture turned clockwise by 0, 90, 180 or 270 degrees; without loss."""
    turned = np.rot90(image, k=-(degrees // 90) % 4)
    return image if degrees % 360 == 0 else np.ascontiguousarray(turned)


def background_of(gray: Gray, reach: int) -> Gray:
    """The paper without its ink: what is darker than its surroundings within `reach` px is filled up, then smoothed."""
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (reach, reach))
    closed = cv2.morphologyEx(gray, cv2.MORPH_CLOSE, kernel)
    return np.asarray(cv2.blur(closed, (reach, reach)), dtype=np.uint8)


def ink_of(gray: Gray, contrast: float = 0.85) -> Gray:
    """255 where something is darker than `contrast` of the paper around it, else 0: print, pen, pencil, lines.

    For copies of 500 to 1200 px; broad dark areas are not ink but their edges are.
    """
    paper = background_of(gray, max(9, max(gray.shape) // 40) | 1)
    darkest = cv2.multiply(paper, np.full_like(paper, 1), scale=contrast)
    return np.asarray(cv2.compare(gray, darkest, cv2.CMP_LT), dtype=np.uint8)
