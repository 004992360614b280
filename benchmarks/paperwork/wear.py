"""What happens to a sheet on its way: worn in a bag, skewed in a scanner, photographed on a table by a hand's shadow.

A `Worn` is a picture with the matrix (3 x 3, homogeneous) that maps pixels of the sheet to pixels of the picture, so
that every word's place is known afterwards. All randomness comes from the generator that is handed in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

Array = np.ndarray[Any, Any]
PAPER = (236, 234, 228)  # white paper in indoor light
TABLES = ((110, 78, 52), (92, 94, 98), (150, 128, 100), (62, 70, 60))


@dataclass(frozen=True, slots=True)
class Worn:
    """A picture, and where the sheet's points are on it."""

    image: Image.Image
    matrix: Array


def fresh(image: Image.Image) -> Worn:
    """A sheet as it was drawn."""
    return Worn(image, np.eye(3))


def show_through(worn: Worn, back: Image.Image, strength: float = 0.12) -> Worn:
    """What stands on the back shines through, mirrored."""
    behind = back.resize(worn.image.size).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    behind = behind.filter(ImageFilter.GaussianBlur(2.5))
    front, through = _floats(worn.image), _floats(behind)
    return Worn(_image(front * (1 - strength * (1 - through / 255))), worn.matrix)


def skewed(worn: Worn, degrees: float, fill: tuple[int, int, int] = (255, 255, 255)) -> Worn:
    """Turned by a few degrees counter-clockwise about its middle; what leaves the picture is lost."""
    image = worn.image
    turned = image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=fill)
    angle, (x, y) = math.radians(-degrees), (image.width / 2, image.height / 2)
    cos, sin = math.cos(angle), math.sin(angle)
    about = np.array([[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y], [0, 0, 1]])
    return Worn(turned, about @ worn.matrix)


def turned(worn: Worn, degrees: int) -> Worn:
    """Turned by 90, 180 or 270 degrees clockwise, as a phone held wrongly does."""
    width, height = worn.image.size
    if degrees == 90:
        image, matrix = worn.image.transpose(Image.Transpose.ROTATE_270), [[0, -1, height], [1, 0, 0]]
    elif degrees == 180:
        image, matrix = worn.image.transpose(Image.Transpose.ROTATE_180), [[-1, 0, width], [0, -1, height]]
    elif degrees == 270:
        image, matrix = worn.image.transpose(Image.Transpose.ROTATE_90), [[0, 1, 0], [-1, 0, width]]
    else:
        return worn
    return Worn(image, np.array([*matrix, [0, 0, 1]], dtype=float) @ worn.matrix)


def blurred(worn: Worn, radius: float) -> Worn:
    """Out of focus; `radius` in pixels."""
    return Worn(worn.image.filter(ImageFilter.GaussianBlur(radius)), worn.matrix)


def noisy(worn: Worn, sigma: float, rng: Generator) -> Worn:
    """Grain of a sensor: normal noise of `sigma` levels of 255, partly shared by the colours."""
    height, width = worn.image.height, worn.image.width
    noise = rng.normal(0, sigma, (height, width, 1)).astype(np.float32)
    return Worn(_image(_floats(worn.image) + noise), worn.matrix)


def unevenly_lit(worn: Worn, darkest: float, rng: Generator) -> Worn:
    """Light from one side: from full brightness down to `darkest` (0 to 1) on the other."""
    width, height = worn.image.size
    angle = rng.uniform(0, 2 * math.pi)
    x, y = np.meshgrid(
        np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    )
    along = (x * math.cos(angle) + y * math.sin(angle)) / math.sqrt(2)
    factor = darkest + (1 - darkest) * (0.5 + 0.5 * along)
    return Worn(_image(_floats(worn.image) * factor[..., None]), worn.matrix)


def shadowed(worn: Worn, rng: Generator, strength: float = 0.38) -> Worn:
    """The soft shadow of the hand that holds the phone, from the lower edge or a side."""
    width, height = worn.image.size
    mask = Image.new("L", (width // 4, height // 4), 0)
    draw = ImageDraw.Draw(mask)
    x, reach = rng.uniform(0.2, 0.9) * width / 4, rng.uniform(0.3, 0.6) * height / 4
    thick = rng.uniform(0.15, 0.3) * width / 4
    draw.polygon(
        [
            (x - thick, height / 4),
            (x - thick * 0.6, height / 4 - reach),
            (x + thick * 0.6, height / 4 - reach * 0.9),
            (x + thick * 1.6, height / 4),
        ],
        fill=255,
    )
    draw.ellipse((x - thick, height / 4 - reach * 1.2, x + thick, height / 4 - reach * 0.6), fill=255)
    soft = mask.filter(ImageFilter.GaussianBlur(12)).resize((width, height), Image.Resampling.BILINEAR)
    shade = 1 - strength * np.asarray(soft, dtype=np.float32)[..., None] / 255
    return Worn(_image(_floats(worn.image) * shade), worn.matrix)


def photographed(sheets: list[Image.Image], size: tuple[int, int], rng: Generator) -> list[Worn]:
    """One or two sheets (side by side) on a table, seen by a phone not quite from above; a `Worn` each, one picture.

    `size` in pixels; one sheet fills about 85 % of the picture's width.
    """
    picture = _table(size, rng)
    count = len(sheets)
    matrices = []
    for place, sheet in enumerate(sheets):
        matrix = _homography(sheet.size, _corners(size, place, count, sheet, rng))
        paper = Image.fromarray(_tinted(sheet))
        warped = _warp(paper, matrix, size)
        mask = _warp(Image.new("L", sheet.size, 255), matrix, size)
        edge = mask.filter(ImageFilter.GaussianBlur(9)).point(lambda level: round(level * 0.45))
        picture.paste((20, 18, 16), (6, 8), edge)
        picture.paste(warped, (0, 0), mask)
        matrices.append(matrix)
    return [Worn(picture, matrix) for matrix in matrices]


def _corners(
    size: tuple[int, int], place: int, count: int, sheet: Image.Image, rng: Generator
) -> list[tuple[float, float]]:
    """Where a sheet's four corners lie, clockwise from the top left: its own shape, with every corner off a little."""
    width, height = size
    room = width / count
    across = min(room * 0.88, height * 0.9 * sheet.width / sheet.height)
    down = across * sheet.height / sheet.width
    # Two sheets lie close to one another, in the middle.
    left = (width - across) / 2 if count == 1 else width / 2 + (place - 1) * across + (place - 0.5) * 24
    top = (height - down) / 2
    off = 0.028 * across
    lean = rng.uniform(-0.02, 0.02) * across
    corners = [
        (left + lean, top),
        (left + across + lean, top),
        (left + across - lean, top + down),
        (left - lean, top + down),
    ]
    jitter = rng.uniform(-off, off, (4, 2)) if count == 1 else rng.uniform(-8, 8, (4, 2))
    return [(float(x + dx), float(y + dy)) for (x, y), (dx, dy) in zip(corners, jitter.tolist(), strict=True)]


def _homography(size: tuple[int, int], corners: list[tuple[float, float]]) -> Array:
    """The matrix that maps a sheet's corners to these four points (direct linear solution, eight unknowns)."""
    width, height = size
    rows, values = [], []
    for (x, y), (u, v) in zip([(0, 0), (width, 0), (width, height), (0, height)], corners, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    solved = np.linalg.solve(np.array(rows, dtype=float), np.array(values, dtype=float))
    return np.append(solved, 1.0).reshape(3, 3)


def _warp(image: Image.Image, matrix: Array, size: tuple[int, int]) -> Image.Image:
    # Pillow asks where each pixel of the result comes from.
    back = np.linalg.inv(matrix)
    back = back / back[2, 2]
    coefficients = back.reshape(-1)[:8].tolist()
    return image.transform(size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)


def _table(size: tuple[int, int], rng: Generator) -> Image.Image:
    """A table top: one colour with a grain that runs along it."""
    width, height = size
    colour = np.array(TABLES[int(rng.integers(len(TABLES)))], dtype=np.float32)
    grain = rng.normal(0, 9, (height // 6 + 1, width // 60 + 1)).astype(np.float32)
    soft = Image.fromarray(grain).resize(size, Image.Resampling.BILINEAR)
    return _image(colour + np.asarray(soft)[..., None])


def _tinted(sheet: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """White paper as a camera sees it: not quite white."""
    tinted: np.ndarray[Any, np.dtype[np.uint8]] = (
        _floats(sheet) * np.array(PAPER, dtype=np.float32) / 255
    ).astype(np.uint8)
    return tinted


def _floats(image: Image.Image) -> Array:
    return np.asarray(image.convert("RGB"), dtype=np.float32)


def _image(levels: Array) -> Image.Image:
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
