"""Crossed-out words are taken out and kept; what only looks like it stays text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.intake.pictures.ocr import engine, texts_of
from app.intake.pictures.pixels import Pixels
from app.intake.pictures.struck import part
from app.intake.pictures.words import place
from benchmarks.paperwork.fonts import printed
from tests.unit.intake.pictures.drawing import Paper, worn

SIZE = 28
CHINESE = "光合作用是绿色植物利用光能把二氧化碳"
ENGLISH = "The force on the body equals mass times acceleration"


def read(image: Pixels) -> tuple[list[str], list[str]]:
    """The texts of the lines from the top down, and what is crossed out."""
    height, width = image.shape[:2]
    texts, gone = [], []
    for line in sorted(texts_of(engine().read(image), height), key=lambda each: each.quad[:, 1].mean()):
        words, crossed = part(line, place(line, width, height), image)
        texts.append("".join((" " if word.spaced else "") + word.text for word in words))
        gone += [each.text for each in crossed]
    return texts, gone


def crossed(text: str, start: int, end: int, language: str, slant: float, strokes: int = 1) -> Paper:
    paper = Paper(height=140)
    measure = printed(language)[0].at(SIZE).getlength
    paper.write(60, 50, text, SIZE, language)
    for number in range(strokes):
        y = 50 + SIZE * (0.72 if language == "zh" else 0.66) + 6 * number
        paper.strike(60 + measure(text[:start]) - 4, 60 + measure(text[:end]) + 4, y, slant)
    return paper


@pytest.mark.parametrize("slant", [0, 3, -3])
def test_a_stroke_through_chinese(slant: float) -> None:
    (text,), gone = read(crossed(CHINESE, 9, 13, "zh", slant).pixels())
    assert gone == [CHINESE[9:13]]
    assert text.startswith(CHINESE[:9]) and text.endswith(CHINESE[13:])


def test_a_stroke_through_english_words() -> None:
    (text,), gone = read(crossed(ENGLISH, 13, 22, "en", 2).pixels())
    assert len(gone) == 1 and gone[0].replace("-", " ").split()[-1] == "body"
    assert text == "The force on equals mass times acceleration"


def test_two_strokes() -> None:
    _, gone = read(crossed(CHINESE, 5, 9, "zh", 0, strokes=2).pixels())
    assert gone == [CHINESE[5:9]]


def test_a_whole_line() -> None:
    texts, gone = read(crossed(CHINESE[:8], 0, 8, "zh", 0).pixels())
    assert "".join(texts) == "" and len(gone) == 1


def underlined() -> Paper:
    paper = Paper(height=200)
    right = paper.write(60, 40, CHINESE, SIZE)
    paper.strike(60, right, 40 + SIZE * 1.33, width=2)
    right = paper.write(60, 120, "gypsy jumping quickly by", SIZE, "en")
    paper.strike(60, right, 120 + SIZE * 1.05, width=2)
    return paper


def ruled() -> Paper:
    """Writing that sank into the paper's lines."""
    paper = Paper(height=300)
    for number in range(4):
        paper.write(100, 40 + 60 * number, CHINESE, SIZE)
        paper.draw.line(
            (
                10,
                40 + 60 * number + SIZE * (0.7 + 0.2 * number),
                990,
                40 + 60 * number + SIZE * (0.7 + 0.2 * number),
            ),
            (120, 120, 170),
            1,
        )
    return paper


def fractions_and_signs() -> Paper:
    paper = Paper(height=320)
    paper.write(60, 30, "x = -3 - 5 ——答案是 — 负八", SIZE)
    paper.write(60, 100, "123456", SIZE, "en")
    paper.strike(55, 170, 100 + SIZE * 1.25, width=2)
    paper.write(60, 100 + SIZE * 1.3, "789012", SIZE, "en")
    paper.write(60, 220, "Name: ______________  2 - 1 = 1", SIZE, "en")
    return paper


def table() -> Paper:
    paper = Paper(height=300)
    for row in range(5):
        paper.draw.line((60, 30 + 50 * row, 860, 30 + 50 * row), (0, 0, 0), 2)
    for column in range(5):
        paper.draw.line((60 + 200 * column, 30, 60 + 200 * column, 230), (0, 0, 0), 2)
        for row in range(4 if column < 4 else 0):
            paper.write(72 + 200 * column, 34 + 50 * row, CHINESE[row + column :][:5], SIZE)
    return paper


def long_bars() -> Paper:
    paper = Paper(height=200)
    paper.write(60, 30, "十二十三干千王三丰士土十十一二三三三王王", SIZE)
    paper.write(60, 100, "ttttt ffff HHHH EEEE eeee ++++ ==== A-B-C", SIZE, "en")
    return paper


@pytest.mark.parametrize("draw", [underlined, ruled, fractions_and_signs, table, long_bars])
def test_other_lines_cross_nothing_out(draw: Callable[[], Paper]) -> None:
    assert read(draw().pixels())[1] == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_blurred_letters_that_run_into_each_other_are_not_crossed_out(language: str) -> None:
    paper = Paper(height=420)
    for number in range(6):
        text = (CHINESE + "叶绿体吸收光")[number:] if language == "zh" else ENGLISH
        paper.write(60, 30 + 60 * number, text, 22 + number, language)
    assert read(worn(paper.pixels(), blur=1.2, noise=12))[1] == []


def test_a_line_without_words() -> None:
    line = engine().read(crossed(CHINESE, 0, 0, "zh", 0).pixels())[0]
    assert part(line, [], Paper().pixels()) == ([], [])
