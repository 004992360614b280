"""The text layer of a PDF and where its words stand, held against the ink on the rendered page."""

from __future__ import annotations

import io

import numpy as np
import pypdfium2
import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import RectangleObject
from reportlab.lib.pagesizes import A5
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from app.document import Word
from app.intake.formats.pdf_page import Look, look, render
from app.intake.formats.pdf_words import read_text
from app.intake.limits import Limits

pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
LINES = ("Plants take carbon dioxide.", "x = 5 - 3 and y=2")


def drawn(*lines: str, font: str = "Helvetica", turn: int = 0, crop: bool = False) -> bytes:
    """One A5 page with lines, turned by /Rotate or cropped to its upper half."""
    canvas = Canvas(buffer := io.BytesIO(), pagesize=A5)
    canvas.setFont(font, 14)
    for number, line in enumerate(lines):
        canvas.drawString(60, 520 - 30 * number, line)
    canvas.showPage()
    canvas.save()
    writer = PdfWriter(clone_from=PdfReader(buffer))
    if turn:
        writer.pages[0].rotate(turn)
    if crop:
        writer.pages[0].cropbox = RectangleObject((40, 300, 400, 580))
    writer.write(made := io.BytesIO())
    return made.getvalue()


def page_of(data: bytes) -> pypdfium2.PdfPage:
    return pypdfium2.PdfDocument(data)[0]


def said(text: str, words: tuple[Word, ...]) -> list[str]:
    return [text[word.start : word.end] for word in words]


@pytest.mark.parametrize(
    ("turn", "crop"), [(0, False), (90, False), (180, False), (270, False), (0, True), (90, True)]
)
def test_every_word_lies_on_its_ink_and_no_ink_lies_elsewhere(turn: int, crop: bool) -> None:
    page = page_of(drawn(*LINES, turn=turn, crop=crop))
    text, words = read_text(page)
    assert text == "\n".join(LINES)
    assert said(text, words) == " ".join(LINES).split()
    ink = render(page, 100).min(axis=2) < 128
    height, width = ink.shape
    assert (height > width) == (turn % 180 == (90 if crop else 0))
    for word in words:
        rows = slice(int(word.box.y0 * height) - 1, int(word.box.y1 * height) + 2)
        columns = slice(int(word.box.x0 * width) - 1, int(word.box.x1 * width) + 2)
        assert ink[rows, columns].any(), text[word.start : word.end]
        ink[rows, columns] = False
    assert not ink.any()


def test_chinese_characters_are_words_by_themselves() -> None:
    text, words = read_text(page_of(drawn("姓名：Ann Lee 20240101。", font="STSong-Light")))
    assert text == "姓名：Ann Lee 20240101。"
    assert said(text, words) == ["姓", "名", "：", "Ann", "Lee", "20240101", "。"]
    lefts = [word.box.x0 for word in words]
    assert lefts == sorted(lefts)
    assert all(word.confidence == 1.0 for word in words)


def test_a_line_that_ends_in_a_hyphen_stays_a_line() -> None:
    text, words = read_text(page_of(drawn("The photo-", "synthesis is 3 -", "2.  Rome")))
    assert text.split("\n")[:2] == ["The photo-", "synthesis is 3 -"]
    photo, synthesis = words[1], words[2]
    assert photo.box.y1 - photo.box.y0 == pytest.approx(synthesis.box.y1 - synthesis.box.y0, abs=0.002)
    assert photo.box.y1 < synthesis.box.y1


def test_text_outside_of_what_is_shown_has_no_place() -> None:
    page = page_of(drawn("seen", *[""] * 9, "below", crop=True))
    text, words = read_text(page)
    assert said(text, words) == ["seen"]
    assert all(0 <= each <= 1 for word in words for each in word.box.to_json())


def test_blank_and_odd_pages() -> None:
    page = page_of(drawn())
    assert read_text(page) == ("", ())
    assert look(page, "x.pdf", Limits()) == Look()
    canvas = Canvas(buffer := io.BytesIO(), pagesize=(1, 5000))
    canvas.drawString(0, 10, "a")
    canvas.showPage()
    canvas.save()
    assert render(page_of(buffer.getvalue()), 150).shape == (3000, 1, 3)


def test_the_picture_is_in_colour_from_the_top() -> None:
    canvas = Canvas(buffer := io.BytesIO(), pagesize=(100, 100))
    canvas.setFillColorRGB(1, 0, 0)
    canvas.rect(0, 50, 100, 50, stroke=0, fill=1)
    canvas.showPage()
    canvas.save()
    image = render(page_of(buffer.getvalue()), 72)
    assert image.dtype == np.uint8
    assert image[10, 50].tolist() == [255, 0, 0]
    assert image[90, 50].tolist() == [255, 255, 255]
