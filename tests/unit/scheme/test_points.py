"""Points, mark codes and the points of sections."""

from __future__ import annotations

import pytest

from app.scheme.points import SectionPoints, each_of, on_criterion, on_question, on_section, read_codes


@pytest.mark.parametrize(
    ("line", "points", "text"),
    [
        ("foo (8分)", 8, "foo"), ("foo （8 分）", 8, "foo"), ("foo [8 marks]", 8, "foo"),
        ("foo (8 points)", 8, "foo"),
        ("foo 8'", 8, "foo"), ("foo (2M)", 2, "foo"), ("foo (8)", 8, "foo"), ("foo [3]", 3, "foo"),
        ("8 marks", 8, ""),
        ("(8分) foo", 8, "foo"), ("（4分）：foo", 4, "foo"),
        ("求x（4分）（保留整数）", 4, "求x （保留整数）"),
        ("填空（每空2分，共4分）", 4, "填空"), ("foo (1.5分)", 1.5, "foo"),
        ("foo（本题满分12分）", 12, "foo"),
    ],
)  # fmt: skip
def test_points_of_a_question(line: str, points: float, text: str) -> None:
    found = on_question(line, head=True)
    assert found is not None
    assert (found.points, found.text) == (points, text)


@pytest.mark.parametrize(
    "line", ["f(3)", "in 1990 (see map)", "跑了25分钟（含休息）", "(25分钟)", "H2O", "", "5 apples"]
)
def test_a_line_without_points(line: str) -> None:
    assert on_question(line, head=True) is None


def test_a_bare_bracket_counts_on_the_first_line_only() -> None:
    assert on_question("see page (8)", head=False) is None
    assert on_question("see page (8)", head=True) is not None


def test_points_for_each_gap_and_mark_codes() -> None:
    gap = on_question("填空（每空2分）", head=True)
    assert gap is not None and gap.per_gap and gap.points == 2
    codes = on_question("Solve (2M/1A)", head=True)
    assert codes is not None and codes.codes == (("M", 2.0), ("A", 1.0)) and codes.points == 3
    assert read_codes("M1 A1") == () or read_codes("M1, A1") == (("M", 1.0), ("A", 1.0))
    assert read_codes("MA") == ()


@pytest.mark.parametrize(
    ("line", "points", "text"),
    [
        ("铁导热好……(3分)", 3, "铁导热好"), ("3分：说明导热", 3, "说明导热"), ("[2] heat", 2, "heat"),
        ("says foo [2]", 2, "says foo"), ("foo +2", 2, "foo"), ("+2 foo", 2, "foo"),
        ("foo (2 marks)", 2, "foo"),
        ("x = 3 A1", 1, "x = 3 (A)"), ("M1 correct use", 1, "correct use (M)"), ("x²=9   1M", 1, "x²=9 (M)"),
        ("1 mark for stating", 1, "stating"), ("(3) foo", 3, "foo"), ("导热好 3分", 3, "导热好"),
        ("写出“热”2分", 2, "写出“热”"),
        ("导热(3)", 3, "导热"), ("得2分：写对公式", 2, "写对公式"),
    ],
)  # fmt: skip
def test_points_of_a_criterion(line: str, points: float, text: str) -> None:
    found = on_criterion(line)
    assert found is not None
    assert (found.points, found.text) == (points, text)


@pytest.mark.parametrize("line", ["在1990年", "f(3)", "每错一处扣2分", "", "no points"])
def test_a_criterion_without_points(line: str) -> None:
    assert on_criterion(line) is None


def test_points_of_sections() -> None:
    assert on_section("选择题（每题4分，共20分）") == SectionPoints(4.0, None, 20.0)
    assert on_section("Multiple choice (2 marks each)") == SectionPoints(2.0, None, None)
    assert on_section("填空题（每空2分）") == SectionPoints(None, 2.0, None)
    assert on_section("Section A [20 marks]") == SectionPoints(None, None, 20.0)
    assert on_section("简答题") == SectionPoints()
    assert each_of("每点2分") == 2.0
    assert each_of("no figure") is None
