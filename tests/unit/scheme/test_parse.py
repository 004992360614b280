"""The parser's finer points and its bad cases; whole schemes stand in test_samples.py."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from app.scheme.check import MAX_QUESTIONS
from app.scheme.parse import MAX_CHARACTERS, MAX_LINES, MAX_NOTES, parse_scheme
from app.scheme.types import Kind, Question
from tests.timing import cpu_seconds


def only(text: str) -> Question:
    """The one question of a text."""
    questions = parse_scheme(text).scheme.questions
    assert len(questions) == 1
    return questions[0]


def said(text: str) -> list[tuple[int, str, str]]:
    """The remarks on a text."""
    return [(note.line, note.severity, note.text.render("en")) for note in parse_scheme(text).notes]


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "\ufeff", "\x00", "# Title", "---", "##", "| a | b |\n|---|---|", "= B"]
)
def test_a_text_without_questions_says_so_and_is_not_usable(text: str) -> None:
    parsed = parse_scheme(text)
    assert not parsed.usable
    assert parsed.scheme.questions == ()
    assert parsed.notes[0].line == 0
    assert "No question was found" in parsed.notes[0].text.message


def test_a_second_question_of_a_label_is_kept_under_another() -> None:
    parsed = parse_scheme(
        "## 1. [text] (2)\na\n= b\n\n## 1. [text] (2)\nc\n= d\n\n## 1-2. [text] (2)\ne\n= f\n"
    )
    assert [question.label for question in parsed.scheme.questions] == ["1", "1-3", "1-2"]
    assert [(note.line, note.severity) for note in parsed.notes] == [(5, "error")]
    assert parsed.notes[0].text.values["first"] == 1


def test_criteria_are_never_rescaled() -> None:
    text = "1. Why? (6 marks)\nAnswer: because of this and that\nCriteria:\n- this (2)\n- that (3)\n"
    question = only(text)
    assert [criterion.points for criterion in question.criteria] == [2.0, 3.0]
    assert question.points == 6.0
    assert said(text) == [
        (1, "error", "Question 1: its criteria add up to 5 points, but it gives 6. Change one of them.")
    ]


def test_points_missing_are_said_and_never_made_up() -> None:
    question = only("1. Why is it so?\nAnswer: because of many different reasons")
    assert question.points == 0
    assert "no points" in said("1. Why is it so?\nAnswer: because of many different reasons")[0][2]


def test_criteria_without_points_are_each_named() -> None:
    found = said(
        "1. Why? (4)\nAnswer: a long answer of several words\nCriteria:\n- one thing\n- another (2)\n"
    )
    assert any("criterion 1 has no points" in text for _, severity, text in found if severity == "error")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Total: 9\n1. B (4)\n2. C (4)", 1),
        ("1. B (4)\n2. C (4)\n总分：9分", 3),
        ("# Quiz (9 marks)\n1. B (4)\n2. C (4)", 1),
        ("一、选择题（每题4分，共9分）\n1. B\n2. C", 1),
        ("1. x？（9分）\n（1）y（4分）\n答案：z\n（2）y（4分）\n答案：z", 1),
        ("Total: 9\n## 1. [text] (8)\nx\n= y", 1),
    ],
)
def test_a_stated_total_that_disagrees_is_an_error_in_its_line(text: str, line: int) -> None:
    errors = [
        (note.line, note.text.values["stated"])
        for note in parse_scheme(text).notes
        if note.severity == "error"
    ]
    assert errors == [(line, "9")]


def test_totals_that_agree_are_silent() -> None:
    assert parse_scheme("Total: 8\n1. B (4)\n2. C (4)\n[Total: 8 marks]").usable
    assert parse_scheme("1a B (4)\n1b C (2)\nTotal for Question 1: 6 marks\n2. D (1)\nTotal: 7").usable


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1. Which? (2)\nA. x\nB. y\nAnswer: b", Kind.CHOICE),
        ("1. 选哪个？（2分）\nA．x  B．y\n答案：ＡＢ", Kind.CHOICE),
        ("1. It is ____. (2)\nAnswer: blue", Kind.BLANK),
        ("1. How far? (2)\nAnswer: 42 km", Kind.NUMBER),
        ("1. How many? (2)\nAnswer: 1,200", Kind.NUMBER),
        ("1. Expand. (2)\nAnswer: x^2 + 2x + 1", Kind.MATHS),
        ("1. 因式分解（2分）\n答案：(x+1)(x-1)", Kind.MATHS),
        ("1. Why is the sky blue? (2)\nAnswer: Short waves are scattered more.", Kind.TEXT),
        ("1. 写一篇作文，不少于600字。（60分）", Kind.ESSAY),
        ("1. [essay] Rome (9)", Kind.ESSAY),
        ("1.【多选题】Which? (2)\nAnswer: A B", Kind.CHOICE),
        ("1. （简答题）为什么？（2分）\n答案：5", Kind.TEXT),
        ("1. Why? (2)\nType: text\nAnswer: 5", Kind.TEXT),
    ],
)
def test_the_kind_is_named_or_follows_from_the_answer(text: str, kind: Kind) -> None:
    assert only(text).kind == kind


def test_a_doubtful_kind_is_said() -> None:
    found = said("1. What is the symbol of ampere? (1)\nAnswer: A")
    assert [severity for _, severity, _ in found] == ["warning"]
    assert "multiple choice" in found[0][2]


def test_a_number_has_its_unit_and_tolerance_wherever_they_stand() -> None:
    question = only("1. How long? (3 marks)\nAnswer: t = 2.0 s ± 5%")
    assert (question.references, question.unit, question.tolerance, question.relative) == (
        ("2.0",),
        "s",
        0.05,
        True,
    )
    question = only("1. 多长？（3分）\n答案：2.0\n单位：秒\n误差 ±0.1")
    assert (question.references, question.unit, question.tolerance, question.relative) == (
        ("2.0",),
        "秒",
        0.1,
        False,
    )


def test_an_unreadable_tolerance_and_number_are_errors_in_their_lines() -> None:
    found = said("## 1. [number] (2)\nHow far?\n= far away\ntolerance: a little\n")
    assert [(line, severity) for line, severity, _ in found] == [(1, "error"), (4, "error")]


def test_answers_of_another_unit_are_left_out_and_said() -> None:
    parsed = parse_scheme("1. How far? (2)\nAnswer: 2 km\nAnswer: 2000 m")
    assert parsed.scheme.questions[0].references == ("2",)
    assert [note.severity for note in parsed.notes] == ["warning"]


def test_numbered_lists_inside_answers_are_no_questions() -> None:
    listed = "1. 列举三点（6分）\n答案：\n1. 甲乙丙丁（2分）\n2. 戊己庚辛（2分）\n3. 壬癸子丑（2分）\n"
    text = f"{listed}\n2. 为什么？（2分）\n答案：因为如此这般。"
    questions = parse_scheme(text).scheme.questions
    assert [question.label for question in questions] == ["1", "2"]
    assert [criterion.points for criterion in questions[0].criteria] == [2.0, 2.0, 2.0]


def test_options_in_brackets_are_no_parts() -> None:
    assert only("1. Which is a metal? (2 marks)\n(a) wood\n(b) iron\n(c) glass\nAnswer: B").label == "1"


def test_a_key_range_that_does_not_fit_its_letters_is_an_error() -> None:
    parsed = parse_scheme("1-5 ABCD (2 marks each)")
    assert not parsed.usable
    assert [question.label for question in parsed.scheme.questions] == ["1", "2", "3", "4"]


def test_a_canonical_head_without_kind_is_said_and_its_question_kept() -> None:
    parsed = parse_scheme("## 1. [text] (2)\nx\n= y\n\n## 2. (3)\nWhich?\n= B\n")
    assert [question.points for question in parsed.scheme.questions] == [2.0, 3.0]
    assert [(note.line, note.severity) for note in parsed.notes if note.severity == "error"] == [(5, "error")]


def test_words_count_in_the_canonical_form_too_and_a_backslash_takes_their_meaning() -> None:
    question = only("## 1. [text] (2)\nWhy?\n\\Answer: is part of the prompt\nAnswer: because\n")
    assert question.prompt == "Why?\nAnswer: is part of the prompt"
    assert question.references == ("because",)


def test_a_scheme_beyond_the_limits_is_cut_and_said() -> None:
    many = "".join(f"{number}. B (1)\n" for number in range(1, 900))
    parsed = parse_scheme(many)
    assert len(parsed.scheme.questions) == MAX_QUESTIONS
    assert not parsed.usable
    assert not parse_scheme("1. B (1)\n" + "\n" * (MAX_LINES + 5)).usable
    assert not parse_scheme("1. B (1)\n" + "x" * MAX_CHARACTERS).usable
    assert len(parse_scheme("## 1. [number] (1)\n= 1\n" + "tolerance: x\n" * 3000).notes) <= MAX_NOTES


def many(piece: str, characters: int) -> str:
    return (piece * (characters // len(piece) + 1))[:characters]


HOSTILE = [
    "a", "(", "（", "**a ", "①", "①a（2分）", "_", "= x\n", "- (3) x\n", "1. foo (3)\n", "答案：",
    "| 1 | 2 | 3 |\n", "1", "…",
    "#", "> ", ">", "*", "A ", "9,", "±2%\n", "Total: 5\n", "1-5 ABCDA\n", "Answer: ",
    "一、选择题（每题4分）\n1. x\n",
    "1. x\n（1）a（2分）\n答案：（1）x（2）y\n", "## 1. [text] (4)\nx\n= y\n- (4) z\n", "a（2分）；",
    "1. x (3)\nTotal: 5\n",
    "\\", "[", "（每题", "参考答案\n1. B\n", " ", "A/",
]  # fmt: skip


def python_calls(work: Callable[[], object]) -> int:
    """How many functions a piece of work calls, those of C included."""
    count = 0

    def seen(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("piece", HOSTILE)
def test_the_work_grows_with_the_text_and_not_with_its_square(piece: str) -> None:
    small, large = many(piece, 6_000), many(piece, 48_000)
    calls = python_calls(lambda: parse_scheme(small))
    assert (
        python_calls(lambda: parse_scheme(large)) <= 12 * calls + 20_000
    )  # eight times the text; 64 were a square


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_pattern_searches_a_text_over_and_over(piece: str) -> None:
    """Patterns work inside one call; their share shows in processor time only, so a very wide bound on its growth."""

    def seconds(characters: int) -> float:
        text = many("1. x (1)\n" + many(piece, 100_000), characters)
        return cpu_seconds(lambda: parse_scheme(text))

    assert seconds(80_000) <= 30 * max(seconds(10_000), 0.01)


@pytest.mark.parametrize("answer", ["√", "对", "T", "False", "×"])
def test_true_or_false_is_a_choice_with_the_answer_as_written(answer: str) -> None:
    question = only(f"判断题（每题2分）\n1. 地球是圆的。（  ）\n答案：{answer}")
    assert (question.kind, question.references) == (Kind.CHOICE, (answer,))
    assert only(f"1. The sun is a star. (2)\nAnswer: {answer}").kind == Kind.CHOICE
    assert parse_scheme(f"## 1. [choice] (2)\nx\n= {answer}\n").usable


def test_letters_beyond_the_options_are_no_choice() -> None:
    assert not parse_scheme("## 1. [choice] (2)\nx\n= K\n").usable
    assert not parse_scheme("## 1. [choice] (2)\nx\n= bad\n").usable
