"""Drawn papers are what their truth says: places through every change, the same seed the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.intake import covers
from benchmarks.paperwork import __main__ as command
from benchmarks.paperwork import classes, fonts, layouts, sets, texts, truth, wear
from benchmarks.paperwork.sheet import Sheet, word_spans, wrapped
from benchmarks.paperwork.wear import Worn


def generator(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One page of most sets, drawn once."""
    place = tmp_path_factory.mktemp("papers")
    for which, pages in {"photos": 1, "layouts": 4}.items():
        sets.write_set(place, which, pages, seed=5)
    return place


def of(folder: Path, which: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / truth.NAME).read_text("utf-8"))["sets"][which]["pages"]
    return found


def small_sheet() -> Sheet:
    """A sheet with one black word, quick to wear."""
    sheet = Sheet(310, 438)
    sheet.write((60, 80), "HHHHHH", fonts.printed("en")[0].at(40))
    return sheet


def darkness(image: Image.Image, points: list[float]) -> tuple[float, float]:
    """The mean darkness inside a word's corners, and of the whole picture."""
    grey = 255 - np.asarray(image.convert("L"), dtype=float)
    across = [each * image.width for each in points[::2]]
    down = [each * image.height for each in points[1::2]]
    inside = grey[int(min(down)) : int(max(down)) + 1, int(min(across)) : int(max(across)) + 1]
    return float(inside.mean()), float(grey.mean())


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("skew", [-7.0, 0.0, 7.0])
def test_words_are_found_where_the_truth_says(degrees: int, skew: float) -> None:
    sheet = small_sheet()
    worn = wear.turned(wear.skewed(wear.fresh(sheet.image), skew), degrees)
    points = truth.corners(sheet.words[0].box, worn.matrix, worn.image.size)
    inside, everywhere = darkness(worn.image, points)
    assert inside > 8 * everywhere
    # The corners go on from the top left as one reads: the top edge is left of the turn.
    (x0, y0), (x1, y1) = points[:2], points[2:4]
    along = np.array([(x1 - x0) * worn.image.width, (y1 - y0) * worn.image.height])
    angle = np.degrees(np.arctan2(along[1], along[0]))
    assert abs((angle - degrees + skew + 180) % 360 - 180) < 1.0


def test_words_of_a_photo_are_where_the_truth_says(folder: Path) -> None:
    page = of(folder, "photos")[0]
    image = Image.open(folder / page["file"]).convert("L")
    grey = np.asarray(image, dtype=float)
    text = page["text"]
    dark = []
    for start, end, *points in page["words"]:
        if text[start:end] in "，。、,.：" or end - start > 8:
            continue
        across = [each * image.width for each in points[::2]]
        down = [each * image.height for each in points[1::2]]
        patch = grey[int(min(down)) : int(max(down)), int(min(across)) : int(max(across))]
        dark.append(patch.min() < patch.max() - 60)
    assert len(dark) > 100
    assert np.mean(dark) > 0.97


def test_a_wrong_matrix_is_noticed() -> None:
    sheet = small_sheet()
    worn = wear.turned(wear.fresh(sheet.image), 90)
    points = truth.corners(sheet.words[0].box, np.eye(3), worn.image.size)
    inside, everywhere = darkness(worn.image, points)
    assert inside < 2 * everywhere


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for place, seed in (("one", 5), ("two", 5), ("three", 6)):
        sets.write_set(tmp_path / place, "printed-clean", 1, seed)
    one, two, three = (
        (tmp_path / place / "printed-clean/001.jpg").read_bytes() for place in ("one", "two", "three")
    )
    assert one == two
    assert one != three


def test_the_truth_of_a_page_fits_together(folder: Path) -> None:
    pages = of(folder, "layouts")
    for page in pages:
        text = page["text"]
        for start, end, *points in page["words"]:
            assert text[start:end].strip() == text[start:end] != ""
            assert all(-0.01 <= each <= 1.01 for each in points)
        for start, end in page["quotes"]:
            assert "\n" not in text[start:end]
            assert end - start >= 3
    columns, crossed, continued, blank = pages
    assert max(word[2] for word in columns["words"]) > 0.5
    assert crossed["struck"]
    assert not any(struck in crossed["text"] for struck in crossed["struck"])
    assert continued["text"].endswith("（见背面）")
    assert blank["blank"]
    assert blank["text"] == ""


def test_only_the_header_says_whose_a_page_is() -> None:
    for language in ("zh", "en"):
        choices = texts.answers(language)
        assert len(choices) > 30
        assert not [each for each in choices if "姓名" in each or "20240" in each or each.startswith("Name")]


def test_a_roster_has_its_traps() -> None:
    pupils = texts.roster(40, generator())
    names = [each.name for each in pupils]
    assert {"张雨欣", "张雨昕"} <= set(names)
    assert names.count("李静") == 2
    assert len({each.number for each in pupils}) == len({each.id for each in pupils}) == 40


def test_words_of_mixed_lines() -> None:
    line = "1. 水 C=4.2 ab，好"
    assert [line[start:end] for start, end in word_spans(line)] == ["1.", "水", "C=4.2", "ab", "，", "好"]


def test_wrapped_lines_fit_and_lose_nothing() -> None:
    font = fonts.printed("zh")[0].at(30)
    text = "水的比热容大，吸收相同的热量时 temperature rises less，所以凉快。"
    lines = wrapped(text, font, 200)
    assert len(lines) > 3
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert not any(line[0] in "，。" for line in lines)
    assert all(font.getlength(line.rstrip("，。")) <= 200 for line in lines)


def test_two_sheets_in_one_photo_do_not_cover_one_another() -> None:
    sheets = [small_sheet().image, small_sheet().image]
    left, right = wear.photographed(sheets, (640, 480), generator())
    assert left.image is right.image
    edge = np.array([[310, 0, 1], [310, 438, 1]]) @ left.matrix.T
    begin = np.array([[0, 0, 1], [0, 438, 1]]) @ right.matrix.T
    assert (edge[:, 0] / edge[:, 2]).max() < (begin[:, 0] / begin[:, 2]).min()


@pytest.mark.parametrize("step", ["blurred", "noisy", "lit", "shadow", "through"])
def test_wear_changes_the_picture_and_moves_nothing(step: str) -> None:
    sheet = small_sheet()
    fresh = wear.fresh(sheet.image)
    done: Worn = {
        "blurred": lambda: wear.blurred(fresh, 1.0),
        "noisy": lambda: wear.noisy(fresh, 5.0, generator()),
        "lit": lambda: wear.unevenly_lit(fresh, 0.5, generator()),
        "shadow": lambda: wear.shadowed(fresh, generator()),
        "through": lambda: wear.show_through(fresh, sheet.image),
    }[step]()
    assert np.array_equal(done.matrix, np.eye(3))
    assert np.asarray(done.image).tobytes() != np.asarray(sheet.image).tobytes()


def test_a_class_scan_has_its_covers_and_traps() -> None:
    pupils = texts.roster(40, generator())
    pages = [
        page for place in (7, 17) for page in classes._paper(place, pupils[place], "zh", generator(place))
    ]
    assert len(pages) == 2 * (classes.PAGES + 1)
    assert [page.cover for page in pages[:3]] == [True, False, False]
    no_number, nameless = pages[1], pages[7]
    assert pupils[7].name in no_number.sheet.text
    assert pupils[7].number not in no_number.sheet.text
    assert nameless.asked
    assert pupils[17].name not in nameless.sheet.text


def test_a_cover_sheets_code_is_drawn_whole() -> None:
    zxing = pytest.importorskip("zxingcpp")
    pupil = texts.Pupil(12, "20240112", "李静")
    sheet = classes.cover(pupil, 7, layouts.TITLES["zh"])
    worn = wear.skewed(wear.fresh(sheet.image), 1.2)
    (code,) = zxing.read_barcodes(np.asarray(worn.image.convert("L")))
    assert covers.parse(code.text) == covers.Cover(7, 12)


def test_a_pdf_of_pages_is_the_same_twice(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf"):
        classes.save_pdf(tmp_path / name, iter([small_sheet().image, small_sheet().image]))
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")


def test_without_a_font_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fonts, "_files", dict)
    fonts.printed.cache_clear()
    try:
        assert command.main([str(tmp_path), "--set", "printed-clean"]) == 2
    finally:
        fonts.printed.cache_clear()
    assert "fonts-noto-cjk" in capsys.readouterr().err


def test_an_unknown_set_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(tmp_path), "--set", "scribbles"]) == 2
    assert "There is no set scribbles; there are printed-clean," in capsys.readouterr().err


def test_handwriting_is_left_out_without_its_fonts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fonts, "PACKAGES", tmp_path / "nowhere")
    fonts.handwriting.cache_clear()
    try:
        assert command.main([str(tmp_path), "--set", "handwriting", "--small"]) == 0
    finally:
        fonts.handwriting.cache_clear()
    assert "left out, say make handwriting" in capsys.readouterr().out
    assert of(tmp_path, "handwriting") == []
