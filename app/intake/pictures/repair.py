"""A picture of paper to upright, level, evenly lit pages. Every step is taken only where it is clearly right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from app.intake.page import Repair
from app.intake.pictures import light, sheet, skew, spread, turn
from app.intake.pictures.pixels import Pixels, reduced

Point = tuple[float, float]

LOOKED_AT = 500  # px of the copy on which the sheet's corners are found


def pages_of(
    image: Pixels, last_word: Callable[[Pixels], float] | None = None
) -> list[tuple[Pixels, Repair]]:
    """The page in a picture, or the two pages in reading order (`part` 1 and 2), and what was done to each.

    In this order: the sheet is cut out of a photo and seen from straight above, turned the right way up, parted where
    there are two pages, made level, its shadows evened. A flat scan comes back as the very same array. `last_word` is
    `turn.upright`'s. Deterministic; raises nothing for a picture of any content and size.
    """
    sheets = _sheets(image)
    if len(sheets) == 2:
        turned = [_turned(page, done, last_word) for page, done, _ in sheets]
        degrees = turned[0][1].rotation if turned[0][1].rotation == turned[1][1].rotation else 0
        if _backwards(sheets[0][2], sheets[1][2], degrees):
            turned.reverse()
        return [_finished(page, replace(done, part=part)) for part, (page, done) in enumerate(turned, 1)]
    page, done = _turned(*sheets[0][:2], last_word)
    column = spread.parting(page)
    if column is None:
        return [_finished(page, done)]
    halves = (page[:, :column], page[:, column:])
    return [
        _finished(np.ascontiguousarray(half), replace(done, part=part)) for part, half in enumerate(halves, 1)
    ]


def _sheets(image: Pixels) -> list[tuple[Pixels, Repair, Point]]:
    """The sheets cut out, and where their middles were."""
    small = reduced(image, LOOKED_AT)
    quads = sheet.sheets_in(small)
    if not quads:
        return [(image, Repair(), (0.0, 0.0))]
    scale = image.shape[1] / small.shape[1]
    done = Repair(perspective=True)
    middles = [(float(quad[:, 0].mean()), float(quad[:, 1].mean())) for quad in quads]
    return [
        (sheet.straightened(image, quad * scale), done, at) for quad, at in zip(quads, middles, strict=True)
    ]


def _backwards(first: Point, second: Point, degrees: int) -> bool:
    """Whether the second sheet is read before the first: it lies left of it, or above, once the photo is turned."""
    x, y = second[0] - first[0], second[1] - first[1]
    x, y = {0: (x, y), 90: (-y, x), 180: (-x, -y), 270: (y, -x)}[degrees]
    return x < 0 if abs(x) >= abs(y) else y < 0


def _turned(page: Pixels, done: Repair, last_word: Callable[[Pixels], float] | None) -> tuple[Pixels, Repair]:
    turned, degrees = turn.upright(page, last_word)
    return turned, replace(done, rotation=degrees)


def _finished(page: Pixels, done: Repair) -> tuple[Pixels, Repair]:
    # Light first: the lines' angle is found on ink, and a turned page gets a white border that must not look lit.
    page, shadow = light.evened(page)
    page, angle = skew.leveled(page)
    return page, replace(done, skew=angle, shadow=shadow)
