"""Class lists in every form that schools send them."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from app.intake.limits import Limits
from app.intake.roster import RosterImport, read_roster

PAIRS = [("20240101", "张伟"), ("20240102", "李娜")]


def pairs(found: RosterImport) -> list[tuple[str, str]]:
    return [(entry.number, entry.name) for entry in found.students]


def sheet(*rows: list[object], number_format: str = "") -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    if number_format:
        for cell in book.active["A"]:
            cell.number_format = number_format
    book.save(buffer := io.BytesIO())
    return buffer.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "，"])
def test_csv(encoding: str, mark: str) -> None:
    text = f"学号{mark}姓名\r\n20240101{mark}张伟\r\n\r\n20240102{mark}李 娜\r\n"
    found = read_roster(text.encode(encoding), "class.csv")
    assert pairs(found) == PAIRS
    assert [entry.line for entry in found.students] == [2, 4]
    assert not found.problems


@pytest.mark.parametrize(
    "text",
    [
        "20240101,张伟\n20240102,李娜",
        "张伟\t20240101\n李娜\t20240102",
        "20240101 张伟\n20240102 李娜",
        "三年一班名单,,\n序号,学号（必填）,姓名*,性别\n1,20240101,张伟,男\n2,20240102,李娜,女",
        "sep=;\nStudent No.;Name\n20240101;张伟\n20240102;李娜",
        "No.,Student ID,Full Name\n1,20240101.0,张伟\n2,'20240102,李娜",
        'ID,Name\n="20240101",张伟\n２０２４０１０２,李娜',
        "学号,姓,名\n20240101,张,伟\n20240102,李,娜",
        "number,name\n20240101,张\x00伟\n20240102,李娜",
    ],
)
def test_forms_of_lists(text: str) -> None:
    found = read_roster(text.encode(), "class.csv")
    assert pairs(found) == PAIRS
    assert not found.problems


def test_first_and_last_names() -> None:
    text = 'Last name,First name,Student number\nLee,Ann,007\n"O\'Neil, Jr",Bob,008\n'
    assert pairs(read_roster(text.encode(), "x.csv")) == [("007", "Ann Lee"), ("008", "Bob O'Neil, Jr")]


def test_xlsx() -> None:
    found = read_roster(
        sheet(["班级名单"], [], ["学号", "姓名"], [20240101.0, "张伟"], [20240102, "李娜"]), "x"
    )
    assert pairs(found) == PAIRS
    assert [entry.line for entry in found.students] == [4, 5]
    assert pairs(read_roster(sheet(["学号", "姓名"], ["0012", "张伟"]), "x")) == [("0012", "张伟")]
    assert pairs(read_roster(sheet(["学号", "姓名"], [12, "张伟"], number_format="0000"), "x")) == [
        ("0012", "张伟")
    ]


def test_every_bad_line_is_said() -> None:
    text = (
        "学号,姓名\n20240101,张伟\n,无号\n20240103,\n20240101,王芳\n20240105,张伟\n"
        f'{"9" * 65},长号\n20240107,{"长" * 101}\n2.02401E+11,科学\n20240109,123\n20240110,"未关\n20240111,最后\n'
    )
    found = read_roster(text.encode(), "x.csv")
    assert [problem.line for problem in found.problems] == [3, 4, 5, 6, 7, 8, 9, 10]
    assert pairs(found) == [
        ("20240101", "张伟"),
        ("20240105", "张伟"),
        ("20240110", "未关"),
        ("20240111", "最后"),
    ]
    for problem in found.problems:
        assert "{" not in problem.text.render("en")


def test_numbers_that_a_spreadsheet_has_rounded() -> None:
    found = read_roster(
        sheet(["学号", "姓名"], [110101200001011234, "张伟"], ["110101200001011234", "李娜"]), "x"
    )
    assert pairs(found) == [("110101200001011234", "李娜")]
    assert [problem.line for problem in found.problems] == [2]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00",
        b"\n\n",
        "学号,姓名\n".encode(),
        "姓名\n张伟\n李娜\n".encode(),
        b"just some words\nand some more\n",
        "1,2,张伟\n3,4,李娜\n".encode(),
        b"%PDF-1.7\n",
        b"\x89PNG\r\n\x1a\n" + bytes(50),
        b"PK\x03\x04" + bytes(50),
        sheet(["学号", "姓名"], [1, "x"])[:-200],
        sheet(),
    ],
)
def test_what_is_no_list_is_one_problem(data: bytes) -> None:
    found = read_roster(data, "class.xlsx")
    assert not found.students
    assert [problem.line for problem in found.problems] == [0]
    assert "{" not in found.problems[0].text.render("en")


def test_too_many_lines_and_a_far_cell() -> None:
    text = "number,name\n" + "".join(f"{n},x{n}y\n" for n in range(30)).replace("x", "n")
    assert read_roster(text.encode(), "x", Limits(rows=20)).problems[0].line == 0
    book = Workbook()
    book.active.append(["学号", "姓名"])
    book.active.append([1, "张伟"])
    book.active.cell(1_048_576, 16_384, "far")
    book.save(buffer := io.BytesIO())
    assert pairs(read_roster(buffer.getvalue(), "x")) == [("1", "张伟")]


def test_json_round_trip() -> None:
    found = read_roster("学号,姓名\n1,张伟\n1,李娜\n".encode(), "x")
    assert RosterImport.from_json(found.to_json()) == found
    assert found.problems


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(lambda text: ("学号,姓名\n" + text).encode("utf-8", "replace")),
    )
)
def test_any_bytes_are_a_list_or_a_problem(data: bytes) -> None:
    found = read_roster(data, "x")
    assert found.students or found.problems
    numbers = [entry.number.casefold() for entry in found.students]
    assert len(set(numbers)) == len(numbers)
    assert all(entry.number and entry.name for entry in found.students)
