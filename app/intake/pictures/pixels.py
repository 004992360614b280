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
