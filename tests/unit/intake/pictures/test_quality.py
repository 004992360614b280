"""What is said of a page that is blank, blurred, dark, faint, coarse, or no page."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from app.i18n import LANGUAGES
from app.intake.pictures.pixels import Pixels, reduced
from app.intake.pictures.quality import assess, is_blank, steepness
from tests.unit.intake.pictures.drawn import lit, noisy, on_table, page

WHITE = np.full((1754, 1240, 3), 244, np.uint8)


def a4(lines: int) -> Pixels:
    """A page at 150 dpi."""
    return page(lines=lines, width=1240, height=1754, size=30)


def blurred(image: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.uint8)


def said(image: Pixels, words: int | None = None, before: Pixels | None = None) -> str:
    """All warnings of a page in one string; each must have been translated."""
    found = assess(image, words, before=before)
    assert 0 <= found.score <= 1
    for warning in found.warnings:
        assert {warning.render(language) for language in LANGUAGES} != {warning.message}
    return " ".join(map(str, found.warnings))


@pytest.mark.parametrize("lines", [1, 6, 30])
def test_nothing_is_said_of_a_good_page(lines: int) -> None:
    found = assess(noisy(a4(lines)))
    assert (found.blank, found.warnings) == (False, ())
    assert found.score > 0.95
    assert said(lit(a4(lines), 0.6, 0.9)) == ""


def test_blur_lowers_the_score_and_is_said_when_it_hurts() -> None:
    sheet = a4(30)
    scores = [assess(noisy(blurred(sheet, sigma))).score for sigma in (0.6, 3, 4.5, 5.5)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.95 > scores[1] > 0.55 > scores[2]
    assert said(noisy(blurred(sheet, 2))) == ""
    assert "blurred" in said(noisy(blurred(sheet, 5.5)))
    # A repaired page is softer than what was photographed: the sharper of the two counts.
    assert assess(noisy(blurred(sheet, 5)), sharpest=0.3).score > 0.8


def test_steepness_tells_the_blur() -> None:
    sheet = a4(30)
    found = [steepness(noisy(blurred(sheet, sigma), 2)) or 0.0 for sigma in (1.5, 2.5, 4)]
    assert found[0] > found[1] > found[2]
    assert found[1] == pytest.approx(0.4 / 2.5, abs=0.03)
    assert steepness(WHITE) is None


def test_dark_faint_coarse() -> None:
    sheet = a4(30)
    assert "too dark" in said((sheet * 0.12).astype(np.uint8))
    assert "faint" in said((255 - (255 - sheet.astype(int)) * 0.12).astype(np.uint8))
    assert "pixels" in said(reduced(sheet, 640))
    assert said((255 - (255 - sheet.astype(int)) * 0.4).astype(np.uint8)) == "", "pencil is not faint"


def test_light_is_judged_by_the_picture_as_it_was_taken() -> None:
    sheet = a4(20)
    assert "too dark" in said(sheet, before=(sheet * 0.12).astype(np.uint8))
    assert said(sheet, before=sheet) == ""


def test_a_reflection() -> None:
    rows, columns = np.mgrid[:1754, :1240]
    glow = 300 * np.exp(-((rows - 600) ** 2 + (columns - 500) ** 2) / (2 * 170**2))
    sheet = a4(30)
    assert "reflection" in said(np.clip(sheet * 0.8 + glow[..., None], 0, 255).astype(np.uint8))
    assert "reflection" not in said(sheet), "a scan is white all over"


def test_what_is_no_page() -> None:
    rng = np.random.default_rng(1)
    blotches = cv2.GaussianBlur(rng.normal(0, 1, (600, 800, 3)), (0, 0), 20)
    cat = np.clip(blotches / blotches.std() * 45 + (120, 100, 80) + rng.normal(0, 12, blotches.shape), 0, 255)
    found = assess(cat.astype(np.uint8))
    assert found.score < 0.2
    assert not found.blank, "or it would not be read at all"
    assert "does not look like" in said(cat.astype(np.uint8))
    assert "does not look like" not in said(cat.astype(np.uint8), words=30), (
        "a page is a page if it can be read"
    )
    corners = [(150.0, 200.0), (1100.0, 180.0), (1120.0, 1500.0), (130.0, 1520.0)]
    assert "does not look like" not in said(on_table([(page(), corners)], (1250, 1700)))


def test_blank_with_all_that_is_found_on_blank_pages() -> None:
    rng = np.random.default_rng(3)
    scan = noisy(WHITE, 8)
    holes, dust, ruled, rim = scan.copy(), scan.copy(), scan.copy(), scan.copy()
    for y in (500, 1250):
        cv2.circle(holes, (60, y), 18, (60, 60, 60), -1)
    for x, y, r in rng.integers((0, 0, 1), (1240, 1754, 4), (60, 3)):
        cv2.circle(dust, (int(x), int(y)), int(r), (90, 90, 90), -1)
    for y in range(150, 1700, 60):
        cv2.line(ruled, (80, y), (1160, y + 3), (150, 170, 200), 2)
    cv2.line(rim, (40, 50), (95, 80), (90, 90, 90), 3)  # a staple
    rim[:20], rim[:, :15] = 30, 40
    back = blurred(a4(30)[:, ::-1].copy(), 2.2).astype(float)
    through = noisy((244 - (255 - back) * 0.14).astype(np.uint8))
    pages = {"scan": scan, "holes": holes, "dust": dust, "ruled": ruled, "rim": rim, "through": through}
    assert [name for name, image in pages.items() if not is_blank(image)] == []
    found = assess(scan)
    assert (found.score, found.blank) == (1.0, True)
    assert "blank" in said(scan)


@pytest.mark.parametrize(
    ("text", "size", "level"), [("B", 24, 0), ("x = 3", 30, 140), ("7", 40, 185), ("-", 60, 40)]
)
def test_a_single_answer_is_not_blank(text: str, size: int, level: int) -> None:
    image = Image.fromarray(noisy(WHITE, 5))
    ImageDraw.Draw(image).text((600, 700), text, font=ImageFont.load_default(size), fill=(level,) * 3)
    assert not is_blank(np.asarray(image))


def test_words_that_were_read_are_stronger_than_looks() -> None:
    assert not assess(noisy(WHITE, 5), words=12).blank
    assert assess(noisy(WHITE, 5), words=0).blank


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (16, 3000), (40, 30)])
def test_pictures_of_any_size_are_judged(size: tuple[int, int]) -> None:
    for level in (0, 255):
        assert assess(np.full((*size, 3), level, np.uint8)).blank
    noise = np.random.default_rng(1).integers(0, 255, (*size, 3)).astype(np.uint8)
    assert 0 <= assess(noise).score <= 1
