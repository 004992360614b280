"""Pages that lie on their side or head are put upright."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from PIL import ImageFont

from app.intake.pictures import turn
from app.intake.pictures.pixels import Pixels, quarter_turned
from tests.unit.intake.pictures.drawn import CHINESE, noisy, page

needs_model = pytest.mark.skipif(turn._session() is None, reason="the extra `ocr` is not installed")


def chinese(size: int) -> ImageFont.FreeTypeFont:
    """A font with Chinese characters, of those that fontconfig knows."""
    tool = shutil.which("fc-match")
    if tool is None:
        pytest.skip("fontconfig is not installed")
    found = subprocess.run(
        [tool, "-f", "%{file}|%{index}", "Noto Sans CJK SC"], capture_output=True, text=True
    )
    file, _, index = found.stdout.partition("|")
    if "CJK" not in file:
        pytest.skip("fonts-noto-cjk is not installed")
    return ImageFont.truetype(file, size, index=int(index or 0))


def code(side: int, seed: int = 1) -> Pixels:
    """A square pattern like a QR code."""
    dots = np.random.default_rng(seed).random((29, 29)) < 0.5
    pattern = np.kron(dots, np.ones((side // 29, side // 29))) > 0
    return np.repeat(np.where(pattern, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def with_code() -> Pixels:
    sheet = page(lines=3, size=26)
    pattern = code(400)
    sheet[500 : 500 + len(pattern), 200 : 200 + len(pattern)] = pattern
    return sheet


PAGES = {
    "full": lambda: page(),
    "few lines": lambda: page(lines=3, seed=2),
    "noise": lambda: noisy(page(lines=12, seed=3), 9),
    "pencil": lambda: page(lines=15, seed=4, ink=(170, 170, 170)),
    "code": with_code,
    "chinese": lambda: page(font=chinese(22), words=CHINESE, seed=5),
    "chinese, few lines": lambda: page(lines=2, font=chinese(28), words=CHINESE, seed=6, size=28),
}


@needs_model
@pytest.mark.parametrize("which", PAGES)
def test_each_quarter_is_undone(which: str) -> None:
    sheet = PAGES[which]()
    for degrees in (0, 90, 180, 270):
        found, undone = turn.upright(quarter_turned(sheet, degrees))
        assert (degrees + undone) % 360 == 0
        assert np.array_equal(found, sheet)


@needs_model
def test_an_upright_page_is_the_very_same_array() -> None:
    sheet = page()
    assert turn.upright(sheet)[0] is sheet


@needs_model
@pytest.mark.parametrize("size", [(16, 16), (1169, 827), (16, 900)])
def test_nothing_to_go_by_is_left_alone(size: tuple[int, int]) -> None:
    assert turn.upright(np.full((*size, 3), 255, np.uint8))[1] == 0
    assert turn.upright(np.zeros((*size, 3), np.uint8))[1] == 0


def test_without_the_model_nothing_is_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "_session", lambda: None)
    sheet = quarter_turned(page(lines=4), 180)
    found, degrees = turn.upright(sheet)
    assert degrees == 0
    assert found is sheet


def test_the_last_word_is_asked_only_in_doubt_and_about_two(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []

    def reads_well(picture: Pixels) -> float:
        asked.append(picture.shape)
        return float(picture[0, 0, 0])  # the corner that is white only when the page is turned by 180 degrees

    sheet = np.full((40, 60, 3), 9, np.uint8)
    sheet[-1, -1] = 255
    monkeypatch.setattr(turn, "_session", lambda: object())
    monkeypatch.setattr(turn, "_chances", lambda *_: np.array([0.5, 0.02, 0.45, 0.03], np.float32))
    assert turn.upright(sheet, reads_well)[1] == 180
    assert len(asked) == 2
    monkeypatch.setattr(turn, "_chances", lambda *_: np.array([0.96, 0.01, 0.02, 0.01], np.float32))
    assert turn.upright(sheet, reads_well)[1] == 0
    assert len(asked) == 2
