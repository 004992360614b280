"""What is drawn on a page's picture."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from app.document import Box, Page, Word
from app.marks.picture import EVIDENCE, LOOSE, STRUCK, Located, Pictures, Quote, has_picture, text_layer
from app.marks.transcript import visible
from app.papers.models import PageState, PaperPage

TEXT = "1. iron conducts heat\n2. B"


def row(text: str = TEXT, **values: object) -> PaperPage:
    """A read page of 1000 x 1500 pixels, every character 0.02 wide."""
    words, start = [], 0
    for line, written in enumerate(text.split("\n")):
        at = 0
        for piece in written.split(" "):
            y = 0.1 + 0.05 * line
            box = Box(0.1 + at * 0.02, y, 0.1 + (at + len(piece)) * 0.02, y + 0.02)
            words.append(Word(start + at, start + at + len(piece), box).to_json())
            at += len(piece) + 1
        start += len(written) + 1
    given = {
        "id": 7, "state": PageState.READ, "by": "ocr", "text": text, "words": words, "struck": [],
        "image_key": "ab/abcdef0123456789",
        "width": 1000, "height": 1500, **values,
    }  # fmt: skip
    return PaperPage(**given)


def test_evidence_is_drawn_on_its_words_and_numbered_once() -> None:
    (sheet,) = Pictures([row()], []).of_answer([[3, 21]], [Quote(2, 0, 13)])
    (shape,) = [each for each in sheet.shapes if each.kind == EVIDENCE]
    assert (shape.area.x, shape.area.y, shape.area.width, shape.area.height) == (160, 150, 260, 30)
    assert (shape.number, shape.label) == (2, "2")
    assert sheet.version == "abcdef012345"


def test_the_part_shown_holds_the_answer() -> None:
    (sheet,) = Pictures([row()], []).of_answer([[3, 21]], [])
    assert sheet.part.x <= 160
    assert sheet.part.x + sheet.part.width >= 460
    assert sheet.part.height < 200


def test_an_answer_over_two_pages_has_two_parts() -> None:
    pages = [row(), row("more words", id=8)]
    found = Pictures(pages, []).of_answer([[3, 21], [28, 38]], [Quote(1, 14, 23)])
    assert [sheet.page_id for sheet in found] == [7, 8]
    assert [[shape.label for shape in sheet.shapes] for sheet in found] == [["1"], ["1"]]


def test_what_belongs_to_nothing_and_what_was_crossed_out_is_drawn() -> None:
    page = row(struck=[["wrong", 0.1, 0.3, 0.2, 0.32]])
    sheet = Pictures([page], [[22, 26]]).of_page(0, [Located("1", [[3, 21]], [Quote(2, 0, 4)], True)])
    assert sheet is not None
    assert [(shape.kind, shape.label, shape.title, shape.decided) for shape in sheet.shapes] == [
        ("answer-area", "1", "", False),
        (LOOSE, "", "", False),
        (STRUCK, "", "wrong", False),
        (EVIDENCE, "2", "", True),
    ]


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ({}, True),
        ({"image_key": None}, False),
        ({"image_key": None, "by": "pdf"}, True),
        ({"image_key": None, "by": "pdf", "state": PageState.FAILED}, False),
        ({"image_key": None, "by": "text"}, False),
    ],
)
def test_which_pages_are_drawn(values: dict[str, Any], drawn: bool) -> None:
    page = row(**values)
    assert has_picture(page) is drawn
    assert bool(Pictures([page], []).of_answer([[3, 21]], [])) is drawn
    assert (Pictures([page], []).of_page(0, []) is not None) is drawn


def test_a_pdf_that_nobody_looked_at_is_a4_until_then() -> None:
    (sheet,) = Pictures([row(by="pdf", image_key=None, width=0, height=0)], []).of_answer([[3, 21]], [])
    assert (sheet.nominal, sheet.width, sheet.height, sheet.version) == (True, 992, 1403, "")


def test_an_answer_without_place_has_no_picture() -> None:
    assert Pictures([row()], []).of_answer([], []) == ()
    assert Pictures([row(words=[])], []).of_answer([[3, 21]], [Quote(1, 0, 4)]) == ()


def test_the_text_layer_copies_as_the_text() -> None:
    page = row()
    words = tuple(Word.from_json(each) for each in page.words)
    layer = text_layer(Page(1, TEXT, words), Box(0, 0, 1, 1), 1000, 1500)
    assert ["".join(piece.text for piece in line.pieces) for line in layer] == TEXT.split("\n")
    for line in layer:
        assert all(one.x + one.width <= two.x + 0.11 for one, two in pairwise(line.pieces))
    assert text_layer(Page(1, TEXT, words), Box(0.1, 0.14, 1, 1), 1000, 1500) == layer[1:]


def test_chinese_characters_are_selected_together() -> None:
    words = tuple(
        Word(index, index + 1, Box(0.1 + index * 0.05, 0.1, 0.15 + index * 0.05, 0.13)) for index in range(4)
    )
    (line,) = text_layer(Page(1, "铁导热快", words), Box(0, 0, 1, 1), 1000, 1000)
    assert [(piece.x, piece.width, piece.text) for piece in line.pieces] == [(100, 200, "铁导热快")]


def test_a_form_is_given_no_control_characters() -> None:
    assert visible("a\x0cb\n\x00c") == "ab\nc"
