"""Reading order: columns one after the other, tables and choices row by row."""

from __future__ import annotations

import pytest

from app.intake.pictures.columns import in_order
from app.intake.pictures.rows import Segment, rows_of
from tests.unit.intake.pictures.pieces import piece

LONG = "光合作用是绿色植物利用光能把二氧化碳"


def order(pieces: list[Segment]) -> list[str]:
    return [" ".join(each.text for each in row) for part in in_order(pieces) for row in part]


def columns(lines: int, offset: float = 0, text: str = LONG) -> list[Segment]:
    left = [piece(100, 200 + 50 * index, f"左{index}{text}") for index in range(lines)]
    return left + [piece(900, 200 + 50 * index + offset, f"右{index}{text}") for index in range(lines)]


def starts(found: list[str]) -> list[str]:
    return [each[:2] for each in found]


def test_two_columns_of_text_are_read_one_after_the_other() -> None:
    assert starts(order(columns(5))) == [*(f"左{n}" for n in range(5)), *(f"右{n}" for n in range(5))]


def test_columns_whose_lines_are_not_level() -> None:
    assert starts(order(columns(5, offset=25))) == [
        *(f"左{n}" for n in range(5)),
        *(f"右{n}" for n in range(5)),
    ]


def test_headings_and_feet_across_the_page_stay_above_and_below() -> None:
    heading = piece(300, 100, "期末考试答卷" * 5)
    foot = piece(100, 600, "以上答案都是我自己写的" * 4)
    found = starts(order([foot, *columns(5), heading]))
    assert found[0] == "期末" and found[-1] == "以上" and found[1:6] == [f"左{n}" for n in range(5)]


def test_short_answers_in_columns_by_their_numbers() -> None:
    left = [piece(100, 100 + 60 * n, f"{n + 1}. {'光合'}") for n in range(4)]
    right = [piece(700, 100 + 60 * n, f"{n + 5}. {'密度'}") for n in range(4)]
    assert [each[0] for each in order(left + right)] == list("12345678")


def test_choices_numbered_across_are_rows() -> None:
    pieces = [piece(100 + 600 * (n % 2), 100 + 60 * (n // 2), f"{n + 1}. {LONG}") for n in range(8)]
    assert order(pieces)[0].startswith("1. ") and " 2. " in order(pieces)[0]


def test_four_columns_of_choices_numbered_down() -> None:
    pieces = [piece(100 + 300 * (n // 4), 100 + 60 * (n % 4), f"{n + 1}. C") for n in range(16)]
    assert [each.split(".")[0] for each in order(pieces)] == [str(n + 1) for n in range(16)]


def test_a_table_stays_rows() -> None:
    cells = [("次数", "质量", "密度"), ("一", "15.2", "2.7"), ("二", "30.1", "2.7"), ("三", "44.9", "2.7")]
    pieces = [
        piece(100 + 400 * column, 100 + 60 * row, text)
        for row, texts in enumerate(cells)
        for column, text in enumerate(texts)
    ]
    assert order(pieces) == [" ".join(texts) for texts in cells]


def test_numbers_in_the_margin_are_no_column() -> None:
    pieces = [piece(60, 100 + 150 * n, "①②③④"[n]) for n in range(4)]
    pieces += [piece(250, 100 + 50 * n, LONG * 2) for n in range(12)]
    assert len(order(pieces)) == 12


def test_two_lines_beside_each_other_are_no_columns() -> None:
    assert len(order(columns(2))) == 2


def test_rows_and_parts_of_nothing() -> None:
    assert in_order([]) == [] and rows_of([]) == []


def test_every_piece_is_read_once() -> None:
    pieces = [
        *columns(6, offset=13),
        piece(100, 40, "姓名：王小明"),
        piece(1700, 40, "第1页"),
        piece(1700, 900, "9"),
    ]
    found = [each for part in in_order(pieces) for row in part for each in row]
    assert sorted(map(id, found)) == sorted(map(id, pieces))


@pytest.mark.parametrize("x", [900, 1150])
def test_name_and_number_side_by_side_above_two_columns_stay_one_row(x: float) -> None:
    head = [piece(100, 40, "八年级物理"), piece(100, 110, "姓名：王小明"), piece(x, 110, "学号：20240115")]
    found = order([*columns(5), *head])
    assert found[:2] == ["八年级物理", "姓名：王小明 学号：20240115"]
    assert starts(found[2:]) == [*(f"左{n}" for n in range(5)), *(f"右{n}" for n in range(5))]
