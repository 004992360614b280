"""QR codes: turned, small, several, hostile, none."""

from __future__ import annotations

import numpy as np
import pytest
import zxingcpp

from app.intake.pictures.codes import LONGEST, Code, find_codes, is_cover
from app.intake.pictures.pixels import Pixels
from tests.unit.intake.pictures.drawing import worn

COVER = "ZHUPI/1/0198f3c2-7d1e-7c3a-9b1f-1234567890ab/20240115"


def with_codes(*codes: tuple[str, int, int], scale: int = 4, side: int = 700) -> Pixels:
    page = np.full((side, side, 3), 255, np.uint8)
    for text, x, y in codes:
        drawn = np.array(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=scale))
        page[y : y + drawn.shape[0], x : x + drawn.shape[1]] = drawn.reshape(*drawn.shape[:2], 1)
    return page


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_code_is_read_whichever_way_it_lies(turns: int) -> None:
    page = np.ascontiguousarray(np.rot90(with_codes((COVER, 60, 80)), turns))
    (code,) = find_codes(page)
    assert code.text == COVER and is_cover([code])


def test_a_worn_and_slanted_code() -> None:
    assert [code.text for code in find_codes(worn(with_codes((COVER, 200, 200)), skew=7))] == [COVER]


def test_codes_come_from_the_top_down_with_their_boxes() -> None:
    low, high = find_codes(with_codes(("below", 400, 400), ("above", 50, 50)))[::-1]
    assert (high.text, low.text) == ("above", "below")
    assert 0.05 < high.box.x0 < 0.15 and 0.05 < high.box.y0 < 0.15 and high.box.x1 < 0.3
    assert not is_cover([high, low])


def test_a_code_of_control_characters_and_great_length_is_cut_to_what_can_be_shown() -> None:
    (code,) = find_codes(with_codes(("a\x00b\x1b[31m\n\u202ec汉字" + "x" * 900, 10, 10), scale=3))
    assert code.text.startswith("ab[31mc汉字xx")
    assert len(code.text) == LONGEST and code.text.isprintable()


def test_a_code_of_nothing_that_can_be_shown_is_none() -> None:
    assert find_codes(with_codes(("\n\n\x01", 10, 10))) == []


def test_a_damaged_code_is_none() -> None:
    page = with_codes((COVER, 60, 80))
    page[80:200, 60:200] = 255
    assert find_codes(page) == []


@pytest.mark.parametrize("shape", [(1, 1), (5, 400), (300, 2)])
def test_pictures_of_any_shape_have_none(shape: tuple[int, int]) -> None:
    assert find_codes(np.zeros((*shape, 3), np.uint8)) == []


def test_a_page_without_codes() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    assert find_codes(noise) == [] and not is_cover([])


def test_only_the_beginning_makes_a_cover() -> None:
    box = find_codes(with_codes((COVER, 60, 80)))[0].box
    assert not is_cover([Code("see ZHUPI/1", box)])
