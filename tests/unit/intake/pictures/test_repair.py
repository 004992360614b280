"""Photos and scans become upright, level, evenly lit pages; what needs no repair is not touched."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from app.intake.page import Repair
from app.intake.pictures import light, repair, sheet, skew, spread
from app.intake.pictures.pixels import Pixels, quarter_turned, reduced
from app.intake.pictures.quality import is_blank
from tests.unit.intake.pictures.drawn import lit, noisy, on_table, page, turned

CORNERS = [(70.0, 90.0), (900.0, 60.0), (940.0, 1260.0), (40.0, 1230.0)]


def book(fold: bool = True) -> Pixels:
    """Two pages beside each other, with the shadow of a fold or only their margins between them."""
    both = np.hstack([page(seed=1), page(seed=2, lines=18)])
    if fold:
        columns = np.arange(both.shape[1])
        both = both * (1 - 0.4 * np.exp(-np.abs(columns - both.shape[1] / 2) / 25))[None, :, None]
    return noisy(both, 2)


@pytest.mark.parametrize("lines", [2, 14, 40])
def test_a_flat_scan_comes_back_bit_for_bit(lines: int) -> None:
    scan = page(lines=lines)
    before = scan.copy()
    [(found, done)] = repair.pages_of(scan)
    assert found is scan
    assert (scan == before).all()
    assert done == Repair()


@pytest.mark.parametrize("size", [(16, 16), (16, 3000), (700, 18), (300, 400)])
@pytest.mark.parametrize("level", [0, 128, 255, None])
def test_pictures_of_nothing_are_no_error(size: tuple[int, int], level: int | None) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (*size, 3)).astype(np.uint8)
    for found, _ in repair.pages_of(noise if level is None else np.full((*size, 3), level, np.uint8)):
        assert found.dtype == np.uint8
        assert min(found.shape[:2]) > 0


def test_a_sheet_is_cut_out_of_a_photo_and_seen_from_above() -> None:
    photo = on_table([(page(seed=3), CORNERS)], (1000, 1333))
    [(found, done)] = repair.pages_of(photo)
    assert done.perspective
    assert (done.rotation, done.part) == (0, 0)
    [corners] = sheet.sheets_in(reduced(photo, 500))
    assert np.abs(corners * 1333 / 500 - np.array(CORNERS)).max() < 14
    assert found.shape[0] == pytest.approx(1200, abs=30)
    seen, drawn = (cv2.GaussianBlur(each[:, :, 0], (0, 0), 7) for each in (found, page(seed=3)))
    drawn = cv2.resize(drawn, found.shape[1::-1], interpolation=cv2.INTER_AREA)
    alike = [
        np.corrcoef(np.ravel(seen), np.ravel(each))[0, 1] for each in (drawn, drawn[::-1], drawn[:, ::-1])
    ]
    assert alike[0] > 0.4 > max(alike[1:]), "every line is where it stands on the page"


def test_a_photo_held_the_wrong_way() -> None:
    photo = quarter_turned(on_table([(page(seed=3), CORNERS)], (1000, 1333)), 90)
    [(found, done)] = repair.pages_of(photo)
    assert (done.rotation, done.perspective) == (270, True)
    assert found.shape[0] > found.shape[1]


@pytest.mark.parametrize("shade", [0.35, 0.5, 0.7])
def test_a_hard_shadow_is_no_edge_of_the_paper(shade: float) -> None:
    scan = page(seed=4).astype(np.float32)
    scan[:, :330] *= shade
    [(found, done)] = repair.pages_of(scan.astype(np.uint8))
    assert not done.perspective
    assert found.shape == scan.shape


def test_a_small_label_or_a_box_with_writing_around_it_is_not_the_page() -> None:
    small = on_table(
        [(page(lines=5), [(300.0, 300.0), (700.0, 300.0), (700.0, 800.0), (300.0, 800.0)])], (1000, 1333)
    )
    assert not sheet.sheets_in(reduced(small, 500))
    form = np.full((1169, 827, 3), 200, np.uint8)
    form[150:1120, 60:770] = page(lines=20)[100:1070, 60:770]
    heading = page(lines=1, size=30)[70:110]
    form[60:100] = np.minimum(form[60:100], heading)
    assert not sheet.sheets_in(reduced(form, 500))


def test_a_book_is_parted_in_reading_order_however_it_lies() -> None:
    for degrees in (0, 270):
        found = repair.pages_of(quarter_turned(book(), degrees))
        assert [done.part for _, done in found] == [1, 2]
        assert {done.rotation for _, done in found} == {-degrees % 360}
        left, right = (each for each, _ in found)
        assert left.shape[1] == pytest.approx(827, abs=20)
        assert (left < 100).mean() > 1.3 * (right < 100).mean(), "the fuller page is the left one"


def test_a_flat_scan_of_two_pages_is_parted_at_the_margins() -> None:
    column = spread.parting(book(fold=False))
    assert column is not None
    assert column == pytest.approx(827, abs=60)


def test_one_page_is_not_parted() -> None:
    wide = Image.new("RGB", (1169, 827), "white")
    draw, face = ImageDraw.Draw(wide), ImageFont.load_default(20)
    for y in range(110, 760, 36):
        for x in (60, 600):
            draw.text(
                (x, y), "two columns of one sheet, which are not two pages, ok", font=face, fill="black"
            )
    assert spread.parting(np.asarray(wide)) is None
    draw.line((585, 110, 585, 760), fill="black", width=2)
    assert spread.parting(np.asarray(wide)) is None, "nor at a line between columns"
    assert spread.parting(page()) is None
    assert spread.parting(np.full((827, 1169, 3), 255, np.uint8)) is None


@pytest.mark.parametrize("degrees", [0, 180, 270])
def test_two_sheets_on_a_table_in_reading_order(degrees: int) -> None:
    full, short = page(seed=5), page(seed=6, lines=8)
    short[700:900, 300:500] = 0
    places = [[(x, 60.0), (x + 620, 70.0), (x + 610, 950.0), (x - 8, 940.0)] for x in (50.0, 760.0)]
    photo = on_table([(full, places[0]), (short, places[1])], (1440, 1010))
    found = repair.pages_of(quarter_turned(photo, degrees))
    assert [(done.part, done.perspective) for _, done in found] == [(1, True), (2, True)]
    assert {done.rotation for _, done in found} == {-degrees % 360}
    assert (found[1][0] < 50).mean() > 0.03 > (found[0][0] < 50).mean(), (
        "the one with the black square is the second"
    )


@pytest.mark.parametrize("degrees", [-9.0, -3.3, -0.7, 0.6, 2.0, 6.9])
def test_skew_is_found_and_undone(degrees: float) -> None:
    scan = noisy(turned(page(lines=24, seed=7), degrees), 5)
    assert skew.skew_of(scan) == pytest.approx(-degrees, abs=0.2)
    found, angle = skew.leveled(scan)
    assert abs(skew.skew_of(found)) <= 0.25
    assert angle == pytest.approx(-degrees, abs=0.2)
    assert found.shape[0] > scan.shape[0], "the page grows, so that nothing is cut off"
    assert (found[0, 0] == 255).all()


def test_what_is_level_or_without_lines_is_not_turned() -> None:
    dots = np.full((800, 600, 3), 255, np.uint8)
    for x, y in np.random.default_rng(2).integers(20, 580, (300, 2)):
        cv2.circle(dots, (int(x), int(y)), 4, (0, 0, 0), -1)
    for image in (page(), dots, np.full((800, 600, 3), 255, np.uint8), turned(page(), 14)):
        found, angle = skew.leveled(image)
        assert angle == 0
        assert found is image


def test_shadows_are_evened_and_pencil_and_red_ink_stay() -> None:
    sheet_ = page(lines=10, ink=(190, 190, 190))
    sheet_[700:720, 100:700] = (200, 30, 30)
    shaded = noisy(lit(sheet_, 0.45, 0.95), 2)
    found, done = light.evened(shaded)
    assert done
    paper = (sheet_ == 255).all(axis=2)
    inner = np.zeros_like(paper)
    inner[40:-40, 40:-40] = True
    assert found[paper & inner].mean() == pytest.approx(light.WHITE, abs=10)
    assert np.percentile(found[paper & inner], 5) > 215
    pencil = (sheet_ == 190).all(axis=2)
    assert found[pencil].mean() < 0.85 * light.WHITE, "a quarter darker than the paper, as before"
    red = found[705:715, 150:650].reshape(-1, 3).mean(axis=0)
    assert red[0] > 2.5 * red[1]


def test_a_dark_figure_is_no_shadow() -> None:
    figure = page(lines=6)
    figure[500:900, 150:650] = 110
    found, done = light.evened(figure)
    assert not done
    assert found is figure


def test_repair_makes_no_page_blank_and_is_the_same_each_time() -> None:
    photo = on_table([(lit(page(lines=4), 0.6, 1), CORNERS)], (1000, 1333))
    once, again = repair.pages_of(photo), repair.pages_of(photo)
    assert once[0][1] == again[0][1]
    assert (once[0][0] == again[0][0]).all()
    assert not is_blank(once[0][0])
