"""A picture to a page: text, words, codes, crossed-out text, warnings; parts read again."""

from __future__ import annotations

import numpy as np
import pytest
import zxingcpp

from app.document import Box
from app.i18n import Text
from app.intake.limits import Limits
from app.intake.page import By, PageReading
from app.intake.pictures import read, repair
from app.intake.pictures.ocr import engine
from app.intake.pictures.pixels import Pixels, quarter_turned
from app.intake.pictures.read import read_picture, read_region
from tests.unit.intake.pictures.drawing import Paper, worn

LINES = (
    "1. 光合作用把二氧化碳和水合成有机物",
    "并且释放出氧气，叶绿体吸收光能",
    "2. 牛顿第二定律说明力改变物体的运动",
    "所以质量越大，加速度越小",
)


def page(struck: bool = False) -> Paper:
    paper = Paper(width=800, height=1000)
    for index, text in enumerate(LINES):
        paper.write(60, 100 + 55 * index, text)
    if struck:
        end = paper.write(60, 500, "整行都写错了不要")
        paper.strike(55, end + 5, 500 + 26 * 0.62)
    return paper


def only(found: list[PageReading]) -> PageReading:
    assert len(found) == 1
    return found[0]


def without_blanks(text: str) -> str:
    return "".join(text.split())


def test_a_page_with_everything() -> None:
    image = page(struck=True).pixels()
    code = np.array(
        zxingcpp.create_barcode("ZHUPI/1/7/20240115", zxingcpp.BarcodeFormat.QRCode).to_image(scale=5)
    )
    image[700 : 700 + code.shape[0], 500 : 500 + code.shape[1]] = code.reshape(*code.shape[:2], 1)
    found = only(read_picture(image, "a.png", Limits()))
    assert without_blanks(found.text) == without_blanks("".join(LINES))
    assert found.text.count("\n") >= 3
    assert "".join(found.text[word.start : word.end] for word in found.words) == without_blanks(found.text)
    assert found.by is By.OCR and found.confidence > 0.9 and not found.blank
    assert found.codes == ("ZHUPI/1/7/20240115",)
    assert [each.text for each in found.struck] == ["整行都写错了不要"]
    assert found.picture is not None and (found.picture.width, found.picture.height) == (800, 1000)
    assert PageReading.from_json(found.to_json()).text == found.text


def test_a_blank_page_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(engine()), "read", lambda *_: pytest.fail("a blank page was read"))
    found = only(read_picture(np.full((700, 500, 3), 250, np.uint8), "a.png", Limits()))
    assert found.blank and found.text == "" and found.words == () and found.picture is not None


def test_a_page_that_was_turned_the_wrong_way_is_turned_back(monkeypatch: pytest.MonkeyPatch) -> None:
    done = repair.Repair(rotation=90)
    monkeypatch.setattr(repair, "pages_of", lambda image, last_word=None: [(image, done)])
    found = only(read_picture(quarter_turned(page().pixels(), 180), "a.png", Limits()))
    assert found.repair.rotation == 270
    assert without_blanks(found.text) == without_blanks("".join(LINES))


def test_lines_that_are_not_read_for_certain_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "UNCERTAIN", 1.01)
    found = only(read_picture(page().pixels(), "a.png", Limits()))
    assert Text("{count} lines could not be read for certain.", {"count": 4}) in found.warnings
    sure = page().pixels()
    monkeypatch.setattr(read, "UNCERTAIN", 0.8)
    assert not [
        each for each in only(read_picture(sure, "a.png", Limits())).warnings if "certain" in each.message
    ]


def test_a_part_is_read_again_in_the_coordinates_of_the_whole() -> None:
    image = worn(page().pixels(), blur=0.6)
    part = read_region(image, Box(0.0, 0.195, 1.0, 0.36), Limits())
    assert without_blanks(part.text) == without_blanks("".join(LINES[2:]))
    assert all(0.2 < word.box.y0 < word.box.y1 < 0.31 for word in part.words)
    assert abs(part.words[0].box.x0 - 60 / 800) < 0.01 and part.picture is None


@pytest.mark.parametrize(
    "box", [Box(0.5, 0.5, 0.5, 0.5), Box(2, 2, 3, 3), Box(0.9, 0.9, 0.1, 0.1), Box(-1, -1, 0, 0)]
)
def test_a_part_without_area_or_outside_is_empty(box: Box) -> None:
    image: Pixels = np.full((100, 100, 3), 255, np.uint8)
    assert read_region(image, box, Limits()).text == ""


def test_a_part_larger_than_the_picture_is_the_picture() -> None:
    found = read_region(page().pixels()[:320], Box(-0.5, -0.5, 1.5, 1.5), Limits())
    assert without_blanks(found.text) == without_blanks("".join(LINES))
