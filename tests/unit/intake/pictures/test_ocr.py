"""Text recognition: what is read, where each word stands, what is read again, and what is no text."""

from __future__ import annotations

import numpy as np
import pytest

from app.intake.errors import UnreadableError
from app.intake.pictures import again, models
from app.intake.pictures.crops import cut, is_upright
from app.intake.pictures.ocr import Engine, Line, engine, texts_of
from app.intake.pictures.pixels import Pixels
from app.intake.pictures.recogniser import HEIGHT, Glyph, Reading, is_wide
from app.intake.pictures.words import Placed, place
from benchmarks.paperwork.fonts import printed
from tests.unit.intake.pictures.drawing import Paper, overlap, worn

CHINESE = "光合作用把二氧化碳和水合成有机物，并释放氧气。"
ENGLISH = "Plants use 12.5 J of light, not heat, to make sugar."


def sample() -> Paper:
    paper = Paper(width=900, height=200)
    paper.write(40, 30, CHINESE, 28)
    paper.write(40, 110, ENGLISH, 28, "en")
    return paper


def lines_of(image: Pixels, careful: bool = False) -> list[Line]:
    return sorted(
        texts_of(engine().read(image, careful), image.shape[0], careful),
        key=lambda line: line.quad[:, 1].mean(),
    )


def texts(image: Pixels, careful: bool = False) -> list[str]:
    return [line.reading.text for line in lines_of(image, careful)]


def test_chinese_and_english_are_read_with_their_blanks() -> None:
    assert texts(sample().pixels()) == [CHINESE, ENGLISH]


def test_a_worn_and_slanted_picture_is_read() -> None:
    assert texts(worn(sample().pixels(), skew=2, noise=10)) == [CHINESE, ENGLISH]


def test_carefully_the_better_model_reads_the_same() -> None:
    assert texts(sample().pixels(), careful=True) == [CHINESE, ENGLISH]


def test_without_the_tiny_model_the_small_one_reads_all(monkeypatch: pytest.MonkeyPatch) -> None:
    files = models.find_files()
    alone = models.Files(files.detector, files.small, None, None)
    monkeypatch.setattr("app.intake.pictures.ocr.find_files", lambda: alone)
    found = Engine().read(sample().pixels())
    assert {line.reading.text for line in found} == {CHINESE, ENGLISH}


def words_of(image: Pixels) -> list[Placed]:
    height, width = image.shape[:2]
    return [word for line in lines_of(image) for word in place(line, width, height)]


@pytest.mark.parametrize("wear", [False, True])
def test_every_character_and_every_latin_word_has_its_box(wear: bool) -> None:
    paper = sample()
    image = worn(paper.pixels()) if wear else paper.pixels()
    height, width = image.shape[:2]
    words = words_of(image)
    assert [word.text for word in words] == [*CHINESE, *ENGLISH.split()]
    drawn = []
    for (text, box), language in zip(paper.written, ("zh", "en"), strict=True):
        measure, at = printed(language)[0].at(28).getlength, 0
        for part in list(text) if language == "zh" else text.split():
            at = text.index(part, at)
            left, right = box[0] + measure(text[:at]), box[0] + measure(text[: at + len(part)])
            drawn.append((left, box[1], right, box[3]))
            at += len(part)
    good = 0
    for word, box in zip(words, drawn, strict=True):
        found = (word.box.x0 * width, word.box.y0 * height, word.box.x1 * width, word.box.y1 * height)
        good += overlap(found, box) >= 0.5 or word.text in "，。一"
    assert good >= 0.95 * len(words)


def test_underlined_words_end_where_their_letters_do() -> None:
    paper = Paper(width=500, height=120)
    end = paper.write(40, 30, "two words", 30, "en")
    paper.strike(20, end + 30, 30 + 30 * 1.3, width=2)
    two, words = words_of(paper.pixels())
    assert (two.text, words.text, words.spaced) == ("two", "words", True)
    assert two.box.x0 * 500 > 30 and words.box.x1 * 500 < end + 10 and two.box.x1 < words.box.x0


def test_writing_from_top_to_bottom_is_upright() -> None:
    assert is_upright(np.array([[0, 0], [30, 0], [30, 200], [0, 200]], np.float32))
    assert not is_upright(np.array([[0, 0], [20, 0], [20, 34], [0, 34]], np.float32))


def test_crops_have_the_models_height_whatever_the_quad() -> None:
    image = sample().pixels()
    for quad in (
        [[0, 0], [900, 0], [900, 1], [0, 1]],
        [[5, 5], [5, 5], [5, 5], [5, 5]],
        [[0, 30], [700, 60], [698, 90], [0, 60]],
    ):
        assert cut(image, np.array(quad, np.float32)).shape[0] == HEIGHT


@pytest.mark.parametrize("shape", [(1, 1), (16, 900), (900, 16), (200, 200)])
def test_nothing_is_read_where_nothing_is(shape: tuple[int, int]) -> None:
    assert texts(np.full((*shape, 3), 255, np.uint8)) == []


def test_noise_is_no_text() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    assert texts(noise) == []


def test_a_page_reads_best_the_right_way_up() -> None:
    page = sample().pixels()
    turned = [engine().readability(np.ascontiguousarray(np.rot90(page, turns))) for turns in range(4)]
    assert turned[0] > 0.9 and max(turned[1:]) < 0.7
    assert engine().readability(np.full((50, 50, 3), 255, np.uint8)) == 0.0


def test_missing_models_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    models.find_files.cache_clear()
    monkeypatch.setattr(models, "SMALL", ("rapidocr", "models/there is none.onnx"))
    try:
        with pytest.raises(UnreadableError) as caught:
            models.find_files()
        assert caught.value.kind == "needs_ocr" and not models.installed()
    finally:
        models.find_files.cache_clear()


def reading(text: str, *unsure: int) -> Reading:
    """Characters evenly along a line; those at the indices `unsure` with little confidence."""
    step = 1 / len(text)
    return Reading(
        tuple(
            Glyph(each, (index + 0.5) * step, 0.3 if index in unsure else 0.99)
            for index, each in enumerate(text)
        )
    )


def test_only_doubtful_characters_and_their_neighbours_are_read_again() -> None:
    sure = reading("光合作用把二氧化碳和水合成有机物")
    assert again.doubtful(sure, 1600) == []
    (span,) = again.doubtful(reading("光合作用把二氧化碳和水合成有机物", 5), 1600)
    assert (span.first, span.last, span.left, span.right, span.confidence) == (3, 8, 300, 800, 0.3)


def test_latin_words_are_read_again_whole() -> None:
    (span,) = again.doubtful(reading("the force on photosynthesis is greater than all of it", 17), 2500)
    assert (
        "the force on photosynthesis is greater than all of it"[span.first : span.last] == " photosynthesis"
    )


def test_a_line_that_is_mostly_doubtful_is_read_again_as_a_whole() -> None:
    (span,) = again.doubtful(reading("光合作用", 1), 200)
    assert (span.first, span.last, span.left, span.right) == (0, 4, 0, 200)
    assert again.doubtful(Reading(), 80) == [again.Span(0, 0, 0, 80, 0.0)]


def test_the_surer_reading_gets_into_the_line_with_its_blanks_and_places() -> None:
    old = reading("the farce on it", 5)
    span = again.Span(3, 9, 150, 450, 0.3)
    new = again.spliced(old, span, reading("force"), 750)
    assert new.text == "the force on it"
    ats = [glyph.at for glyph in new.glyphs]
    assert ats == sorted(ats) and 0.2 < new.glyphs[4].at < 0.6
    assert again.spliced(old, span, reading("farce", *range(5)), 750) is old
    assert again.spliced(old, span, Reading(), 750) is old


def test_on_pages_of_noise_the_least_sure_pieces_are_read_again_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(again, "MOST", 250)
    spans = [again.Span(0, 1, 0, 100, confidence) for confidence in (0.5, 0.1, 0.3)]
    assert [span.confidence for _, span in again.affordable(list(enumerate(spans)))] == [0.1, 0.3]


def test_confidence_counts_visible_characters_only() -> None:
    assert Reading((Glyph("a", 0.2, 0.8), Glyph(" ", 0.5, 0.1))).confidence == 0.8
    assert Reading().confidence == 0.0
    assert is_wide("汉") and is_wide("，") and not is_wide("a") and not is_wide("")
