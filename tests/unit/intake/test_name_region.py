"""What is painted over before a page's picture leaves: every character of a name or number, and a margin."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.document import Box, Page, Word
from app.intake.matching import match_paper
from app.intake.name_region import WHOLE_HEAD, name_boxes, region_text
from app.intake.roster import RosterEntry

WANG = RosterEntry("20240306", "王小明")
ANN = RosterEntry("S0042", "Ann Lee")
CLASS = (WANG, ANN, RosterEntry("20240307", "赵六"))
WIDE, HIGH, STEP = 0.02, 0.02, 0.04  # a character, a line, and the distance of lines, in parts of the page


def page(text: str, lost: str = "") -> Page:
    """A page on which every character is a word; those of `lost` were not read as words."""
    words = []
    line = column = 0
    for at, mark in enumerate(text):
        if mark == "\n":
            line, column = line + 1, 0
            continue
        if not mark.isspace() and mark not in lost:
            x, y = 0.05 + column * WIDE, 0.05 + line * STEP
            words.append(Word(at, at + 1, Box(x, y, x + WIDE, y + HIGH), 0.9))
        column += 1
    return Page(1, text, tuple(words))


def covered(box: Box, boxes: list[Box]) -> bool:
    return any(b.x0 <= box.x0 and b.y0 <= box.y0 and b.x1 >= box.x1 and b.y1 >= box.y1 for b in boxes)


def left(made: Page, boxes: list[Box]) -> str:
    """What can still be read once the boxes are painted over: characters that are not wholly covered."""
    return "".join(made.text[word.start : word.end] for word in made.words if not covered(word.box, boxes))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("姓名：王小明 学号：20240306\n1. 答案是对的", "姓名：学号：1.答案是对的"),
        ("期中考试\n姓 名:王小明  班级：三班\n1. 甲", "期中考试姓名:班级：1.甲"),
        ("性名：王小朋\n1. 甲", "性名：1.甲"),  # a misread label and a misread name
        ("Name: Ann Lee  Class: 8A\nQ1 because", "Name:Class:Q1because"),
        ("Narne; Ann Lee\nQ1 because", "Narne;Q1because"),
        ("王小明\n1. 甲", "1.甲"),  # no label
        ("数学\n王小朋\n1. 甲", "数学1.甲"),  # no label, one character misread
        ("姓名：王小明\n1. 甲\n2. 作者：王小明", "姓名：1.甲2.作者："),  # elsewhere as well
        ("姓名：孙七\n1. 甲\n写信人 孙七", "姓名：1.甲写信人"),  # whatever the field says
        ("1. 我的朋友赵六", "1.我的朋友"),  # a classmate
        ("1. 学生20240307", "1.学生"),
        ("Name\nAnn Lee\nQ1 x", "NameQ1x"),
        ("1. Ann Lee said\n2. lee, ann", "1.said2."),
    ],
)
def test_names_and_numbers_are_covered(text: str, kept: str) -> None:
    made = page(text)
    assert left(made, name_boxes(made, CLASS)) == kept


def test_a_field_in_which_nothing_was_read_is_covered_to_the_edge() -> None:
    made = page("姓名：王小明\n1. 甲", lost="王小明")
    boxes = name_boxes(made)
    assert covered(Box(0.05 + 3 * WIDE, 0.05, 1.0, 0.05 + HIGH), boxes)


def test_a_field_is_covered_to_the_next_label_with_half_a_line_of_margin() -> None:
    made = page("姓名：王    学号：1")
    first = name_boxes(made)[0]
    assert first.x1 >= 0.05 + 8 * WIDE  # where 学号 begins
    assert first.y0 <= 0.05 - HIGH / 2 + 1e-9
    assert first.y1 >= 0.05 + HIGH * 1.5 - 1e-9


def test_a_binding_line_is_covered_from_top_to_bottom() -> None:
    words = tuple(Word(at, at + 1, Box(0.02, 0.1 + at * 0.03, 0.04, 0.13 + at * 0.03)) for at in range(6))
    assert any(box.y0 == 0 and box.y1 == 1 for box in name_boxes(Page(1, "姓名：王小明", words)))


def test_a_page_whose_words_have_no_places_loses_its_head() -> None:
    assert name_boxes(Page(1, "姓名：王小明")) == [WHOLE_HEAD]
    assert name_boxes(page("1. 甲\n2. 乙")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("性 名：王小明 字号：20240306\n1. A", "Name: 王小明\nNumber: 20240306"),
        ("王小明\n1. A", "王小明"),
        ("1. A", ""),
        ("", ""),
    ],
)
def test_region_text_is_what_stands_in_the_fields(text: str, said: str) -> None:
    assert region_text(Page(1, text)) == said


def test_region_text_is_matched_as_any_text() -> None:
    text = region_text(Page(1, "Narne; Ann Lee  Sludent No.: S0042\nQ1"))
    assert match_paper("scan.jpg", text, CLASS).entry == ANN


@settings(max_examples=80, deadline=None)
@given(st.text("姓名学号：王小明 \nNameAn.L20340", max_size=120))
def test_boxes_lie_on_the_page(text: str) -> None:
    for box in name_boxes(page(text), CLASS):
        assert 0 <= box.x0 <= box.x1 <= 1
        assert 0 <= box.y0 <= box.y1
        assert box.y1 <= 1 or text.count("\n") > 20
