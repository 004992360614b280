"""Pages drawn for the tests of pictures: print in any font that is here, and what scanners and phones do to it."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.intake.pictures.pixels import Pixels

ENGLISH = "The rate falls at high temperature because enzymes denature and glucose is no longer made there"
CHINESE = "牛顿第二定律说明物体的加速度跟作用力成正比跟质量成反比因此速度加倍时动能变为四倍"


def page(
    lines: int = 30,
    size: int = 22,
    width: int = 827,
    height: int = 1169,
    ink: tuple[int, int, int] = (20, 20, 30),
    font: ImageFont.FreeTypeFont | None = None,
    words: str = ENGLISH,
    seed: int = 0,
) -> Pixels:
    """A white page (A4 at 100 dpi) of printed lines of different lengths."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    face = font or ImageFont.load_default(size)
    margin = width // 11
    for line in range(lines):
        y = margin + line * size * 17 // 10
        if y > height - margin - size:
            break
        start = int(rng.integers(len(words) // 2))
        text = (words + " " + words)[start : start + int(rng.integers(len(words) // 3, len(words)))]
        while draw.textlength(text, font=face) > width - 2 * margin:
            text = text[:-1]
        draw.text((margin, y), text, font=face, fill=ink)
    return np.asarray(image).copy()


def noisy(image: Pixels, sigma: float = 4.0, seed: int = 0) -> Pixels:
    """With a sensor's noise, of `sigma` levels."""
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def turned(image: Pixels, degrees: float, border: tuple[int, int, int] = (255, 255, 255)) -> Pixels:
    """Turned clockwise by a few degrees about its middle, within the same size."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), borderValue=border), dtype=np.uint8)


def on_table(
    sheets: list[tuple[Pixels, list[tuple[float, float]]]], size: tuple[int, int], table: int = 70
) -> Pixels:
    """Sheets seen by a phone: each with its four corners (x, y, from the upper left clockwise), on something darker."""
    picture = np.full((size[1], size[0], 3), table, dtype=np.uint8)
    for sheet, corners in sheets:
        height, width = sheet.shape[:2]
        own = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
        matrix = cv2.getPerspectiveTransform(own, np.array(corners, dtype=np.float32))
        seen = cv2.warpPerspective(sheet, matrix, size, flags=cv2.INTER_AREA)
        mask = np.asarray(cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, size)) > 127
        picture[mask] = (np.asarray(seen)[mask] * 0.85).astype(np.uint8)
    return noisy(picture, 3)


def lit(image: Pixels, left: float, right: float) -> Pixels:
    """With light that falls from one side: brightness at the left and at the right edge, 0 to 1."""
    return (image * np.linspace(left, right, image.shape[1])[None, :, None]).astype(np.uint8)
