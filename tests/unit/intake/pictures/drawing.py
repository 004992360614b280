"""Pages drawn for the tests of text recognition, with what stands where."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image, ImageDraw

from app.intake.pictures.pixels import Pixels
from benchmarks.paperwork.fonts import printed

INK = (20, 20, 50)
WIDTH, HEIGHT = 1000, 700  # pixels; part of a page: less to read


@dataclass
class Paper:
    """A white sheet to write on; `written` are the texts and their boxes in pixels, in the order of writing."""

    width: int = WIDTH
    height: int = HEIGHT
    written: list[tuple[str, tuple[float, float, float, float]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.image = Image.new("RGB", (self.width, self.height), "white")
        self.draw = ImageDraw.Draw(self.image)

    def write(self, x: float, y: float, text: str, size: int = 26, language: str = "zh") -> float:
        """Write a line; where it ends on the right."""
        font = printed(language)[0].at(size)
        self.draw.text((x, y), text, font=font, fill=INK)
        _, top, right, bottom = font.getbbox(text)
        self.written.append((text, (x, y + top, x + right, y + bottom)))
        return x + font.getlength(text)

    def strike(self, x0: float, x1: float, y: float, slant: float = 0.0, width: int = 3) -> None:
        """A pen's stroke from left to right, `slant` pixels down on its way."""
        self.draw.line((x0, y - slant / 2, x1, y + slant / 2), fill=INK, width=width)

    def pixels(self) -> Pixels:
        """The sheet as a picture."""
        return np.array(self.image, dtype=np.uint8)


def worn(image: Pixels, skew: float = 0.0, blur: float = 0.8, noise: float = 8.0, seed: int = 1) -> Pixels:
    """The picture skewed by degrees, blurred and noisy, darker to the right."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), skew, 1)
    turned = cv2.warpAffine(image, matrix, (width, height), borderValue=(255, 255, 255))
    soft = cv2.GaussianBlur(turned, (0, 0), blur).astype(np.float32)
    soft *= np.linspace(1.0, 0.7, width, dtype=np.float32)[None, :, None]
    soft += np.random.default_rng(seed).normal(0, noise, (height, width, 1)).astype(np.float32)
    return np.clip(soft, 0, 255).astype(np.uint8)


def overlap(one: tuple[float, float, float, float], two: tuple[float, float, float, float]) -> float:
    """Intersection over union of two rectangles."""
    width = min(one[2], two[2]) - max(one[0], two[0])
    height = min(one[3], two[3]) - max(one[1], two[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = (one[2] - one[0]) * (one[3] - one[1]) + (two[2] - two[0]) * (two[3] - two[1])
    return width * height / (both - width * height)
