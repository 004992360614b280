"""Name and number fields as text recognition leaves them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.intake.fields import fields
from app.intake.said import said


def found(text: str) -> dict[str, str]:
    """The first value of every kind of field."""
    return {field.kind: text[field.start : field.end] for field in reversed(fields(text))}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("姓名：王小明 学号：20240306", {"name": "王小明", "number": "20240306"}),
        (
            "姓 名: 王小明　　班级：三(1)班  学 号；2024",
            {"name": "王小明", "class": "三(1)班", "number": "2024"},
        ),
        ("姓名王小明学号20240306", {"name": "王小明", "number": "20240306"}),
        ("性名：王小明", {"name": "王小明"}),
        ("超名：王小明  班级：八（3）班", {"name": "王小明", "class": "八（3）班"}),
        ("姓x：王小明 字号:33", {"name": "王小明", "number": "33"}),
        ("姓名:____学号:____", {"name": "", "number": ""}),
        ("Name: Ann Lee  Class: 8A  No.: 12", {"name": "Ann Lee", "class": "8A", "number": "12"}),
        ("Narne: Ann Lee", {"name": "Ann Lee"}),
        ("Nam: Ann Lee", {"name": "Ann Lee"}),
        ("Name; Ann Lee Student No. 20240204", {"name": "Ann Lee", "number": "20240204"}),
        ("Name_____Ann Lee____", {"name": "Ann Lee"}),
        ("Name Ann Lee", {"name": "Ann Lee"}),
        ("Namec Ann Lee  Class: 8A", {"name": "Ann Lee", "class": "8A"}),
        ("Name\nAnn Lee", {"name": "Ann Lee"}),
        ("姓名\t学号\n张伟\t20240101", {"name": "张伟", "number": "20240101"}),
        ("姓名： 学号：\n1. A", {"name": "", "number": ""}),
        # No fields: sentences, questions, titles of books.
        ("请写出你的姓名：", {}),
        ("1. 学校的名字", {}),
        ("书名：活着", {}),
        ("Name the capital of France", {}),
        ("What is your name", {}),
        ("The name of the rose", {}),
        ("", {}),
    ],
)
def test_fields(text: str, values: dict[str, str]) -> None:
    assert found(text) == values


def test_places_are_those_of_the_text() -> None:
    text = "期中考试\n\n  姓名：王小明"
    (field,) = fields(text)
    assert (text[field.label_start : field.label_end], text[field.start : field.end], field.line) == (
        "姓名：",
        "王小明",
        1,
    )


@pytest.mark.parametrize(
    ("text", "names", "bare"),
    [
        ("姓名：王小明v 班级：三班", "王小明", None),
        ("姓名：王小明  班雅：三班", "王小明", None),
        ("名王小明  学号：1", None, "王小明"),
        ("期中考试\n王小明\n1. A", None, "王小明"),
        ("1. 王小明\n2. B", None, None),
    ],
)
def test_values_are_what_may_be_meant(text: str, names: str | None, bare: str | None) -> None:
    page = said(text)
    assert (names in page.names) if names else not page.names
    assert (bare in page.bare_names) if bare else "王小明" not in page.bare_names


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300) | st.text("姓名学号班:：;= \n\tNameo._王小明20", max_size=200))
def test_fields_never_raise_and_lie_in_the_text(text: str) -> None:
    for field in fields(text):
        assert 0 <= field.label_start < field.label_end <= len(text)
        assert 0 <= field.start <= field.end <= len(text)
    said(text)


@pytest.mark.parametrize(
    "text", ["a" * 20_000, "姓" * 20_000, "name " * 5_000, ":" * 20_000, "1名" * 10_000, "(" * 20_000]
)
def test_long_lines_take_no_time(text: str) -> None:
    before = time.process_time()
    fields(text)
    assert time.process_time() - before < 1
