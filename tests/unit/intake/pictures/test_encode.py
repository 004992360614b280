"""What is kept of a page, and what is painted over before a picture leaves."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from app.document import Box
from app.intake.pictures.encode import LONGEST, PAINT, THUMB, paint_over, picture_of
from tests.unit.intake.pictures.drawn import page


def test_a_page_and_its_thumbnail() -> None:
    image = page(lines=8)
    kept = picture_of(image)
    shown = Image.open(io.BytesIO(kept.data))
    assert (shown.format, shown.size) == ("WEBP", (827, 1169)) == ("WEBP", (kept.width, kept.height))
    assert np.abs(np.asarray(shown.convert("RGB")).astype(int) - image).mean() < 3
    assert max(Image.open(io.BytesIO(kept.thumb)).size) == THUMB
    assert picture_of(image) == kept, "the same bytes each time"


def test_large_pages_come_down_and_small_ones_stay() -> None:
    assert picture_of(np.full((2400, 1200, 3), 255, np.uint8)).height == LONGEST
    small = picture_of(np.zeros((20, 30, 3), np.uint8))
    assert (small.width, small.height) == (30, 20)
    assert Image.open(io.BytesIO(small.thumb)).size == (30, 20)


def test_painted_boxes_leave_nothing_behind() -> None:
    image = page(lines=8)
    before = image.copy()
    painted = paint_over(image, [Box(0.1, 0.05, 0.505, 0.1), Box(0.9, 0.95, 1.2, 1.4)])
    assert (painted[58:117, 82:418] == PAINT).all(), "out to whole pixels"
    assert (painted[1111:, 745:] == PAINT).all(), "over the edge too"
    assert (image == before).all(), "the page itself stays"
    outside = np.ones(image.shape[:2], bool)
    outside[58:117, 82:418] = False
    outside[1110:, 744:] = False
    assert (painted[outside] == image[outside]).all()


def test_odd_boxes() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    assert (paint_over(image, [Box(0.8, 0.8, 0.2, 0.2)])[2:8, 2:8] == PAINT).all(), "corners swapped"
    assert not paint_over(image, [Box(-2, -2, -1, -1), Box(3, 3, 4, 4)]).any()
    assert not paint_over(image, []).any()
