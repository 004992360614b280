"""Pieces to text: rows, blanks, tabs and empty lines, offsets of words; and that question labels are found in it."""

from __future__ import annotations

import numpy as np
import pytest

from app.document import Document, Page
from app.grading.locate import locate
from app.intake.pictures.lines import join, slope_of
from app.intake.pictures.ocr import Line
from app.intake.pictures.recogniser import Reading
from app.scheme.types import Criterion, Kind, Question, Scheme
from tests.unit.intake.pictures.pieces import piece


def text_of(*pieces: tuple[float, float, str]) -> str:
    return join([piece(*each) for each in pieces])[0]


def answers(text: str, *labels: str) -> list[str]:
    asked = tuple(Question(label, Kind.TEXT, "", 1, ("x",), (Criterion("c", 1),)) for label in labels)
    return [each.text for each in locate(Document((Page(1, text),)), Scheme("", asked)).answers]


def test_words_have_the_offsets_of_the_text() -> None:
    text, words = join([piece(100, 160, "二 the end"), piece(100, 100, "第一 line, 好")])
    assert text == "第一 line, 好\n二 the end"
    assert [text[word.start : word.end] for word in words] == ["第", "一", "line,", "好", "二", "the", "end"]
    assert all(word.confidence == 0.9 for word in words)


def test_nothing_gives_no_text() -> None:
    assert join([]) == ("", ())


def test_pieces_of_one_line_are_joined_by_the_gap_between_them() -> None:
    assert text_of((100, 100, "光合"), (165, 102, "作用")) == "光合作用"
    assert text_of((100, 100, "green"), (190, 103, "plants")) == "green plants"
    assert text_of((100, 100, "密度"), (400, 98, "2.7")) == "密度\t2.7"


def test_a_small_piece_joins_the_row_that_it_stands_in() -> None:
    big = piece(100, 100, "答案是", 40)
    small = piece(230, 118, "x", 16)
    assert join([small, big])[0] == "答案是 x"


def test_lines_that_hardly_touch_are_two() -> None:
    assert text_of((100, 100, "上面一行"), (110, 122, "下面一行")) == "上面一行\n下面一行"


def test_an_empty_line_where_the_gap_is_clearly_larger() -> None:
    rows = [(100.0, 100 + 45.0 * index, "行") for index in range(4)]
    assert text_of(*rows, (100, 400, "远")) == "行\n行\n行\n行\n\n远"
    assert text_of(*rows, (100, 290, "近")) == "行\n行\n行\n行\n近"


def test_lines_far_apart_everywhere_are_no_paragraphs() -> None:
    assert text_of(*[(100.0, 100 + 200.0 * index, "行") for index in range(5)]) == "行\n行\n行\n行\n行"


def test_a_number_in_the_margin_stays_with_its_line() -> None:
    text = text_of(
        (60, 104, "1."),
        (200, 100, "因为力是改变物体运动状态的原因"),
        (200, 145, "所以速度变大"),
        (60, 190, "2."),
        (200, 190, "密度"),
    )
    assert text == "1. 因为力是改变物体运动状态的原因\n所以速度变大\n2. 密度"


def test_a_tables_first_cell_is_no_number_in_the_margin() -> None:
    assert text_of((100, 100, "1"), (300, 100, "15.2"), (500, 100, "5.6")) == "1\t15.2\t5.6"
    assert text_of((100, 100, "1"), (300, 100, "B")) == "1\tB"


@pytest.mark.parametrize(
    ("first", "second", "labels"),
    [
        ("1.", "2.", ("1", "2")),
        ("(1)", "(2)", ("1", "2")),
        ("①", "②", ("1", "2")),
        ("第1题", "第2题", ("1", "2")),
        ("Q1", "Q2", ("1", "2")),
        ("1a", "1b", ("1a", "1b")),
    ],
)
@pytest.mark.parametrize("margin", [False, True])
def test_labels_are_found_in_the_joined_text(
    first: str, second: str, labels: tuple[str, str], margin: bool
) -> None:
    body = ("因为力是改变物体运动状态的原因", "the density of the metal is low")
    pieces = []
    for y, label, answer in ((100, first, body[0]), (200, second, body[1])):
        pieces += [(60, y, label), (260, y, answer)] if margin else [(60, y, f"{label} {answer}")]
    assert answers(text_of(*pieces), *labels) == list(body)


def test_choices_in_rows_are_found() -> None:
    text = text_of(
        *[(100 + 250.0 * (n % 4), 100 + 60.0 * (n // 4), f"{n + 1}. {'ABCD'[n % 4]}") for n in range(8)]
    )
    assert answers(text, *map(str, range(1, 9))) == list("ABCDABCD")


def line(x0: float, y0: float, x1: float, y1: float, high: float = 30) -> Line:
    quad = np.array([[x0, y0], [x1, y1], [x1, y1 + high], [x0, y0 + high]], np.float32)
    return Line(quad, Reading(), np.zeros((48, 100, 3), np.uint8))


def test_the_slope_is_that_of_long_lines() -> None:
    long = [line(0, y, 1000, y + 20) for y in (0, 100, 200)]
    assert slope_of([*long, line(0, 300, 40, 330)]) == pytest.approx(0.02)
    assert slope_of([line(0, 0, 40, 20)]) == 0.0
    assert slope_of([]) == 0.0
