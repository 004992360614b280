"""What must not leave with a page's picture: names and numbers of the class, also misread, and the header."""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass

import pytest

from app.document import Box, Page, Word
from app.intake.page import Struck
from app.intake.redaction import HEADER, mask_boxes, names_somebody, near_spans
from app.intake.transcribing import covered

WORD = re.compile(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+")
HIGH = 0.02


@dataclass(frozen=True)
class Pupil:
    name: str
    number: str


CLASS = (
    Pupil("王小明", "20240306"),
    Pupil("李雷", "20240307"),
    Pupil("Elizabeth O'Connor", "8C0012"),
    Pupil("Ann Lee", "12"),
)


def page(*lines: str, top: float = 0.2) -> Page:
    """A page whose lines stand one below the other."""
    words, start = [], 0
    for number, line in enumerate(lines):
        for found in WORD.finditer(line):
            y = top + 2 * HIGH * number
            box = Box(0.1 + 0.012 * found.start(), y, 0.1 + 0.012 * found.end(), y + HIGH)
            words.append(Word(start + found.start(), start + found.end(), box))
        start += len(line) + 1
    return Page(1, "\n".join(lines), tuple(words))


def found(text: str) -> list[str]:
    return [text[start:end] for start, end in near_spans(text, CLASS)]


def shown(read: Page, boxes: tuple[Box, ...]) -> str:
    """The words that no box covers."""
    under = covered(read.words, boxes)
    return " ".join(
        read.text[word.start : word.end] for index, word in enumerate(read.words) if index not in under
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("这是王小明的答案", "王小明"),
        ("王小朋", "王小朋"),
        ("主小明", "主小明"),
        ("王 小 明", "王 小 明"),
        ("number 20240306", "20240306"),
        ("2O24O3O6", "2O24O3O6"),
        ("20240366", "20240366"),
        ("2024 0306", "2024 0306"),
        ("8C00l2", "8C00l2"),
        ("said Elizabeth", "Elizabeth"),
        ("said Elizabcth.", "Elizabcth."),
        ("ELIZABETHOCONNOR", "ELIZABETHOCONNOR"),
    ],
)
def test_names_and_near_names_are_found(text: str, name: str) -> None:
    assert name in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "李先生说",
        "小明有五个苹果",
        "the year 2024",
        "12 apples and 13 pears",
        "elizabethan drama is old",
        "王\n小明天来",
        "2024\n0306",
        "x = 20240 + 3",
    ],
)
def test_what_is_no_name_is_shown(text: str) -> None:
    assert found(text) == []


def test_a_code_names_somebody_or_not() -> None:
    assert names_somebody("exam/8c0012/3", CLASS)
    assert names_somebody("李雷;3", CLASS)
    assert not names_somebody("https://school.example/form/7", CLASS)
    assert not names_somebody("anything", ())


def test_the_field_and_every_name_are_painted_over() -> None:
    read = page("姓名：王小明 学号：20240306", "1. 李雷 和 王小朋 说 热 向 冷 走", "2. Elizabcth agrees")
    start = read.text.index("李雷")
    boxes = mask_boxes(read, CLASS, [(start, start + 2)])
    seen = shown(read, boxes)
    assert not any(each in seen for each in ("王", "小", "20240306", "李", "雷", "Elizabcth"))
    assert "热 向 冷 走" in seen and "agrees" in seen
    assert len(boxes) <= 5, "the number's field, two names, one misread; a place is told once"
    assert list(boxes) == sorted(boxes, key=lambda box: (box.y0, box.x0))
    assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)


def test_the_header_goes_where_no_field_was_read() -> None:
    read = page("W@ng Xm", "1. heat flows", top=HEADER - HIGH)
    assert "W@ng" not in shown(read, mask_boxes(read, CLASS))
    assert "heat flows" in shown(read, mask_boxes(read, CLASS))
    # A name in an answer says nothing about the header.
    late = page("W@ng Xm", *([""] * 20), "1. 王小明 said", top=HEADER - HIGH)
    assert "W@ng" not in shown(late, mask_boxes(late, CLASS))
    early = page("W@ng Xm", "", "1. 王小明 said", "2. heat flows", top=HEADER - HIGH)
    assert "W@ng" in shown(early, mask_boxes(early, CLASS)), "the name stands where a name stands"
    below = page("W@ng Xm", *([""] * 4), "1. 王小明 said", top=HEADER - HIGH)
    assert "W@ng" not in shown(below, mask_boxes(below, CLASS))
    [empty] = mask_boxes(Page(1, "", ()), ())
    assert (empty.x0, empty.y0, empty.x1) == (0.0, 0.0, 1.0) and empty.y1 >= HEADER


def test_a_crossed_out_name_goes_and_other_crossed_out_words_stay() -> None:
    place = Box(0.4, 0.6, 0.5, 0.62)
    read = page("1. heat flows")
    assert len(mask_boxes(read, CLASS, (), [Struck("李雷", place)])) == 1 + len(mask_boxes(read, CLASS))
    assert mask_boxes(read, CLASS, (), [Struck("heat", place)]) == mask_boxes(read, CLASS)


def test_margins_reach_over_what_was_read_and_not_into_other_lines() -> None:
    read = page("热 向 冷", "李 雷 说", "冷 向 热")
    start = read.text.index("李")
    boxes = mask_boxes(read, (), [(start, start + 3)])
    name = [word.box for word in read.words if start <= word.start < start + 3]
    [box] = [box for box in boxes if box.y0 > HEADER]
    assert box.x0 < name[0].x0 and box.x1 > name[-1].x1 and box.y0 < name[0].y0 and box.y1 > name[0].y1
    assert shown(read, boxes).count("热") == 2


def test_a_class_of_sixty_and_a_full_page_take_little_time() -> None:
    chance = random.Random(3)
    marks = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动"
    people = [Pupil("".join(chance.choices(marks, k=3)), f"2024{number:04}") for number in range(60)]
    lines = ["".join(chance.choices(marks + "0123456789 ", k=45)) for _ in range(40)]
    began = time.perf_counter()
    near_spans("\n".join(lines), people)
    assert time.perf_counter() - began < 1.5
