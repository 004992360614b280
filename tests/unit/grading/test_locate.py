"""Which words answer which question: the forms of labels, lists inside answers, and that nothing is lost."""

from __future__ import annotations

import itertools
import re
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.document import Document, Page
from app.grading.locate import locate, locate_with_cuts
from app.grading.state import Located
from app.scheme.types import Criterion, Kind, Question, Scheme
from tests.timing import cpu_seconds


def scheme(*labels: str, kind: Kind = Kind.TEXT, prompts: dict[str, str] | None = None) -> Scheme:
    given_prompts = prompts or {}
    return Scheme(
        "",
        tuple(
            Question(label, kind, given_prompts.get(label, ""), 2, ("x",), (Criterion("c", 2),))
            for label in labels
        ),
    )


def numbers(count: int, kind: Kind = Kind.TEXT) -> Scheme:
    return scheme(*(str(i + 1) for i in range(count)), kind=kind)


def document(*pages: str) -> Document:
    return Document(tuple(Page(i + 1, text) for i, text in enumerate(pages)))


def answers(located: Located) -> dict[str, str | None]:
    return {a.label: a.text if a.found else None for a in located.answers}


def found(text: str, asked: Scheme) -> dict[str, str | None]:
    return answers(locate(document(text), asked))


def unmatched(doc: Document, located: Located) -> list[str]:
    return [doc.text[start:end] for start, end in located.unmatched]


@pytest.mark.parametrize(
    "text",
    [
        "1. red\n2. green\n3. blue",
        "1.red\n2.green\n3.blue",
        "1、red\n2、green\n3、blue",
        "1) red\n2) green\n3) blue",
        "(1) red\n(2) green\n(3) blue",
        "（1）red\n（2）green\n（3）blue",
        "１．red\n２．green\n３．blue",
        "1： red\n2： green\n3： blue",
        "① red\n② green\n③ blue",
        "第1题 red\n第2题：green\n第 3 题、blue",
        "第一题 red\n第二题 green\n第三题 blue",
        "一、red\n二、green\n三、blue",
        "Q1 red\nQ2: green\nq3. blue",
        "Question 1 red\nQuestion 2: green\nQUESTION 3\nblue",
        "Answer 1: red\nAnswer to question 2: green\nAns. 3: blue",
        "题1：red\n问题2：green\n答案3：blue",
        "1.答：red\n2.答：green\n3.解：blue",
        "1. (2分) red\n2. （3 marks） green\n第3题（2分）blue",
        "1. red  2. green  3. blue",
        "1. red\t2. green\t3. blue",
        "1. red 2. green 3. blue",
        "  1. red\n\n\n  2. green\n   3. blue\n\n",
        "# 1. red\n## 2. green\n* 3. blue",
        "1\nred\n2\ngreen\n3\nblue",
        "1. red\r\n2. green\r\n3. blue\r\n",
        "01. red\n02. green\n03. blue",
        "3. blue\n1. red\n2. green",
        "1 red\n2 green\n3 blue",
        "1，red\n2，green\n3，blue",
        "【1】red\n【2】green\n【3】blue",
        "Problem 1. red\nAufgabe 2: green\nExercise 3) blue",
    ],
)
def test_the_forms_of_labels(text: str) -> None:
    assert found(text, numbers(3)) == {"1": "red", "2": "green", "3": "blue"}


@pytest.mark.parametrize("labels", [("1a", "1b", "2a"), ("1(a)", "1(b)", "2(a)"), ("Q1a", "Q1b", "Q2a")])
@pytest.mark.parametrize(
    "text",
    [
        "1a red\n1b green\n2a blue",
        "1(a) red\n1(b) green\n2(a) blue",
        "1. (a) red\n   (b) green\n2. (a) blue",
        "1.\n(a) red\n(b) green\n2.\n(a) blue",
        "1.\na) red\nb) green\n2.\na) blue",
        "第1题(a) red\n第1题（b）green\n第2题(a) blue",
        "Q1a: red\nQ1b: green\nQuestion 2(a) blue",
        "Q1) a) red\n    b) green\nQ2) a) blue",
        "1. a. red\nb. green\n2. a. blue",
    ],
)
def test_labels_of_two_parts(text: str, labels: tuple[str, ...]) -> None:
    assert list(found(text, scheme(*labels)).values()) == ["red", "green", "blue"]


def test_a_group_that_was_left_out_does_not_shift_the_parts() -> None:
    got = found("2.\n(a) red\n(b) green", scheme("1a", "1b", "2a", "2b"))
    assert got == {"1a": None, "1b": None, "2a": "red", "2b": "green"}


def test_numbered_parts_and_decimal_labels() -> None:
    assert found("1.\n(1) red\n(2) green\n2.\n(1) blue", scheme("1(1)", "1(2)", "2(1)")) == {
        "1(1)": "red",
        "1(2)": "green",
        "2(1)": "blue",
    }
    assert found("1.1 red\n1.2 green\n2.1 blue", scheme("1.1", "1.2", "2.1")) == {
        "1.1": "red",
        "1.2": "green",
        "2.1": "blue",
    }


@pytest.mark.parametrize(
    "text", ["一、1. red\n2. green\n二、1. blue", "一、选择题\n1. red\n2、green\n二、问答\n1. blue"]
)
def test_parts_under_chinese_heads(text: str) -> None:
    assert list(found(text, scheme("一、1", "一、2", "二、1")).values()) == ["red", "green", "blue"]


def test_bare_numbers_in_prose_are_no_labels() -> None:
    text = "Take\n2 cups of flour\n3 eggs\nand stir"
    assert set(found(text, numbers(8)).values()) == {None}


@pytest.mark.parametrize("line", ["____", "（　）", "……", "......", "_ _ _"])
def test_an_empty_line_of_the_form_is_no_answer(line: str) -> None:
    doc = document(f"1. {line}\n2. b")
    located = locate(doc, numbers(2))
    assert located.answers[0].blank
    assert "".join(unmatched(doc, located)).replace(" ", "") == line.replace(" ", "")


def test_labels_that_are_words() -> None:
    assert found("1. red\n作文：\n从前有座山", scheme("1", "作文")) == {"1": "red", "作文": "从前有座山"}
    assert found("essays are fun\nEssay: Once", scheme("1", "Essay"))["Essay"] == "Once"


@pytest.mark.parametrize(
    "text",
    [
        "1-5 BCADA",
        "1~5：B C A D A",
        "1—5 B,C,A,D,A",
        "1-5: bcada".upper(),
        "1-3 BCA  4-5 DA",
        "1-3 BCA\n4. D\n5. A",
        "1.B 2.C 3.A 4.D 5.A",
        "1.B2.C3.A4.D5.A",
        "1. B; 2. C; 3. A; 4. D; 5. A",
        "第1-5题 BCADA",
    ],
)
def test_short_answers_in_rows(text: str) -> None:
    assert "".join(v or "-" for v in found(text, numbers(5, Kind.CHOICE)).values()) == "BCADA"


def test_a_range_whose_count_differs_is_not_guessed() -> None:
    doc = document("1-5 BCAD\n6. x")
    located = locate(doc, numbers(6, Kind.CHOICE))
    assert answers(located) == {"1": None, "2": None, "3": None, "4": None, "5": None, "6": "x"}
    assert "1-5 BCAD" in unmatched(doc, located)


def test_several_letters_an_answer() -> None:
    assert found("1-3 AB C BD", numbers(3, Kind.CHOICE)) == {"1": "AB", "2": "C", "3": "BD"}


@pytest.mark.parametrize(
    ("text", "asked", "expected"),
    [
        ("1. a\n2. b:\n1. x\n2. y\n3. z\n3. c\n4. d", 4, ["a", "b:\n1. x\n2. y\n3. z", "c", "d"]),
        ("1. a\n2. b:\n(1) x\n(2) y\n(3) z", 4, ["a", "b:\n(1) x\n(2) y\n(3) z", None, None]),
        ("1. a\n2. b:\n① x ② y\n③ z\n3. c", 3, ["a", "b:\n① x ② y\n③ z", "c"]),
        ("1. a:\n  1. x\n  2. y\n2. b\n3. c", 3, ["a:\n  1. x\n  2. y", "b", "c"]),
        ("1. 3.14\n2. 1.5 m\n3. 2:3 or 5:6", 3, ["3.14", "1.5 m", "2:3 or 5:6"]),
        ("1. in 1914.\n1918. was the end\n2. b", 2, ["in 1914.\n1918. was the end", "b"]),
        ("1. a\n2. b\n7. c\n3. d", 3, ["a", "b\n7. c", "d"]),
    ],
)
def test_lists_and_numbers_inside_answers_do_not_steal(
    text: str, asked: int, expected: list[str | None]
) -> None:
    assert list(found(text, numbers(asked)).values()) == expected


def test_instructions_with_their_own_list_come_before() -> None:
    text = "Read:\n(1) Write your name.\n(2) No calculators.\n" + "\n".join(
        f"{i}. answer {'abcdefgh'[i - 1]}" for i in range(1, 9)
    )
    assert list(found(text, numbers(8)).values()) == [f"answer {c}" for c in "abcdefgh"]


def test_sections_are_no_labels_beside_numbers_but_are_without() -> None:
    doc = document("一、选择题（每题2分）\n1. A\n2. B\n二、填空题\n3. x\n4. y")
    located = locate(doc, numbers(4))
    assert list(answers(located).values()) == ["A", "B", "x", "y"]
    assert unmatched(doc, located) == ["一、选择题（每题2分）", "二、填空题"]
    assert found("一、名词解释 x\n二、简答题 y", scheme("一", "二")) == {"一": "名词解释 x", "二": "简答题 y"}


@pytest.mark.parametrize(
    "again",
    [
        "续第2题 more",
        "2 (continued)\nmore",
        "2（续）more",
        "第2题（续）：more",
        "接第2题：more",
        "Q2 cont. : more",
    ],
)
def test_an_answer_that_goes_on_later(again: str) -> None:
    doc = document("1. a\n2. begin\n3. c", again)
    located = locate(doc, numbers(3))
    assert answers(located) == {"1": "a", "2": "begin\nmore", "3": "c"}
    assert len(located.answers[1].spans) == 2


@pytest.mark.parametrize("pointer", ["see back", "PTO", "（见背面）", "continued overleaf", "未完"])
def test_see_back_joins_the_second_label(pointer: str) -> None:
    got = answers(locate(document(f"1. a\n2. begin {pointer}\n3. c", "2. more"), numbers(3)))
    assert got == {"1": "a", "2": f"begin {pointer}\nmore", "3": "c"}
    # Without a pointer the number is a list's or a slip, and stays where it stands.
    got = answers(locate(document("1. a\n2. begin\n3. c", "2. more"), numbers(3)))
    assert got["2"] == "begin"


def test_words_that_only_look_like_a_continuation() -> None:
    assert found("1. continued growth\n2. 续写文章", numbers(2)) == {"1": "continued growth", "2": "续写文章"}


def test_the_prompt_before_an_answer_is_not_the_answer() -> None:
    asked = scheme(
        "1", "2", "3",
        prompts={
            "1": "What is water?",
            "2": "Name the colour of the sky at noon on a clear day.",
            "3": "水的化学式是什么",
        },
    )  # fmt: skip
    doc = document(
        "1. What is water?\nH2O\n2. Name the co1our of the sky at noon on a dear day (2 marks)\nblue\n"
        "3. 水的化学式是什么？答：H2O"
    )
    located = locate(doc, asked)
    assert answers(located) == {"1": "H2O", "2": "blue", "3": "H2O"}
    assert len(unmatched(doc, located)) == 3
    assert found("1. What is water?\n\n2. blue", asked)["1"] == ""


def test_an_answer_is_not_taken_for_its_prompt() -> None:
    asked = scheme("1", "2", prompts={"1": "Why?", "2": "What does a plant need to grow?"})
    got = found("1. Why not\n2. What a plant needs is light", asked)
    assert got == {"1": "Why not", "2": "What a plant needs is light"}


def test_headers_and_page_numbers_are_unmatched() -> None:
    doc = document(
        "姓名：张三  学号：12\n班级: 3\nMidterm\n1. a\n第 1 页 共 2 页", "姓名：张三\nmore\n2. b\n- 2 -"
    )
    located = locate(doc, numbers(2))
    assert answers(located) == {"1": "a\nmore", "2": "b"}
    assert len(located.answers[0].spans) == 2
    assert "第 1 页 共 2 页" in unmatched(doc, located)
    assert "Midterm" in " ".join(unmatched(doc, located))


def test_blank_and_missing_differ() -> None:
    located = locate(document("1.\n2. b\n"), numbers(3))
    one, two, three = located.answers
    assert (one.found, one.blank, one.spans) == (True, True, ())
    assert (two.found, two.blank) == (True, False)
    assert (three.found, three.blank) == (False, False)


def test_without_labels_only_a_single_question_is_answered() -> None:
    doc = document("Name: Bob\nWater is wet")
    one = locate(doc, scheme("1"))
    assert answers(one) == {"1": "Water is wet"}
    assert unmatched(doc, one) == ["Name: Bob"]
    two = locate(doc, scheme("1", "2"))
    assert answers(two) == {"1": None, "2": None}
    assert len(two.unmatched) >= 1


def test_a_list_in_a_single_essay_is_part_of_it() -> None:
    essay = "A long first paragraph says what the whole essay will be about, and it takes its time.\n1. Yes\n2. No"
    assert found(essay, scheme("1", kind=Kind.ESSAY)) == {"1": essay}
    assert found("My essay\n1. It began.", scheme("1", kind=Kind.ESSAY)) == {"1": "It began."}


@pytest.mark.parametrize(
    "text", ["", "   \n\n\t ", "\x00\x01", "①", "第题", "(((((", "1-99999 A", "１－３", "\ud800"]
)
def test_strange_texts(text: str) -> None:
    located = locate(document(text), numbers(3))
    assert [a.label for a in located.answers] == ["1", "2", "3"]


def test_no_pages_and_no_questions() -> None:
    assert locate(Document(()), numbers(1)).answers[0].text == ""
    doc = document("1. a")
    nothing = locate(doc, Scheme("", ()))
    assert nothing.answers == ()
    assert unmatched(doc, nothing) == ["1. a"]


LABELS = ["1", "2", "3", "4", "5", "6", "7"]
STYLES = ["{}. ", "{}、", "({}) ", "第{}题 ", "Q{}: ", "{}）", "{} )  "]
WORDS = st.text(alphabet="abcdefgh 水火木金土。,", min_size=1, max_size=30).map(str.strip).filter(
    lambda s: bool(s) and not re.match(r"[a-h] ?[.)、:]|[。,]", s)
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(WORDS, min_size=1, max_size=3), min_size=2, max_size=7),
    st.sampled_from(STYLES),
    st.sampled_from(["", " ", "   "]),
    st.sampled_from(["\n", "\n\n", "\n \n\n"]),
    st.booleans(),
)
def test_a_paper_built_from_known_answers_gives_them_back(
    written: list[list[str]], style: str, indent: str, between: str, two_pages: bool
) -> None:
    parts = [
        f"{indent}{style.format(label)}" + "\n".join(lines)
        for label, lines in zip(LABELS, written, strict=False)
    ]
    half = len(parts) // 2 if two_pages else len(parts)
    pages = [between.join(parts[:half]), between.join(parts[half:])] if two_pages else [between.join(parts)]
    doc = document(*("Name: Bob\n" + page if i == 0 else page for i, page in enumerate(pages)))
    located = locate(doc, scheme(*LABELS[: len(written)]))
    for answer, lines in zip(located.answers, written, strict=True):
        assert answer.found
        assert answer.text.split() == "\n".join(lines).split()


SCRAPS = st.one_of(
    st.sampled_from(
        ["1.", "2)", "（3）", "④", "第5题", "Q6", "1-3 ABC", "2 (continued)", "续第3题", "see back", "1a", "(b)",
         "一、选择题", "答：", "姓名：", "第 1 页", "\n", "\n\n", "  ", "\t", "What is it?", "1. B 2. C"]
    ),
    st.text(max_size=12),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.lists(SCRAPS, max_size=30).map("".join),
    st.lists(SCRAPS, max_size=10).map("".join),
    st.sampled_from(
        [
            ("1", "2", "3"),
            ("1a", "1b", "2a", "2b"),
            ("1",),
            ("一", "二"),
            ("Essay", "作文"),
            ("1", "1", "1(1)"),
        ]
    ),
)
def test_any_text_keeps_every_visible_character(first: str, second: str, labels: tuple[str, ...]) -> None:
    doc = document(first, second)
    asked = scheme(*labels, prompts={labels[0]: "What is it?"})
    located, cuts = locate_with_cuts(doc, asked)
    text = doc.text
    assert [a.label for a in located.answers] == list(labels)
    spans = [span for a in located.answers for span in a.spans] + list(located.unmatched)
    for a in located.answers:
        assert list(a.spans) == sorted(a.spans)
        assert a.text == "\n".join(text[s:e] for s, e in a.spans)
    spans.sort()
    for start, end in spans:
        assert 0 <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end <= start
    covered = bytearray(len(text))
    for start, end in spans + [(cut.start, cut.end) for cut in cuts]:
        covered[start:end] = b"\x01" * (end - start)
    left = "".join(c for c, seen in zip(text, covered, strict=True) if not seen and not c.isspace())
    # Beside labels only the word "Answer:" before an answer belongs to nobody.
    assert re.fullmatch(r"(?:[答解]案?[:：]|answer:|ans:|a:)*", left, re.I), left


@pytest.mark.parametrize(
    "unit",
    [
        "7. some words of an answer, (2) and more\n(a) text  3. x\n", " ", "\t", "\n", "(", "1", "1. B; ", "1.\t",
        "1-5 BCADA ", "1 (continued)\n", "question ", "第1页 ", "Q1", "一、选择\n", "答案：", "____",
        "1\tC\n2\tD\n", "题号 1 2\n答案 A B\n", "| 1 | a |\n", "**1.** **a** ", "1 - ", "1.1", "(1) a (2) b ",
    ],
)  # fmt: skip
def test_a_long_text_takes_linear_time(unit: str) -> None:
    asked = scheme(*(str(i) for i in range(1, 31)), prompts={"1": "Explain how the heart works in detail"})
    took = []
    for size in (20_000, 160_000):
        text = document("question" + unit * (size // len(unit)))
        took.append(cpu_seconds(partial(locate, text, asked)))
    # Eight times the text; quadratic would be sixty-four times.
    assert took[1] < 24 * max(took[0], 0.02)


@pytest.mark.parametrize(
    "text",
    [
        "Question\tAnswer\n1\tred\n2\tgreen\n3. blue",
        "1\tred\n2\tgreen\n3. blue",
        "| No. | Answer |\n|-----|--------|\n| 1 | red |\n| 2 | green |\n\n3. blue",
        "题号\t1\t2\n答案\tred\tgreen\n3、blue",
        "题号 1 2\n答案 red green\n3、blue",
        "| 1 | 2 | 3 |\n|---|---|---|\n| red | green | blue |",
        "**1.** red\n\n**2.** green\n\n**3.** **blue**",
        "1 - red\n2 - green\n3 - blue",
        "1-red\n2-green\n3-blue",
        "（1）red （2）green （3）blue",
    ],
)
def test_tables_bold_labels_and_dashes(text: str) -> None:
    assert found(text, numbers(3)) == {"1": "red", "2": "green", "3": "blue"}


def test_an_empty_cell_is_a_blank_answer() -> None:
    assert found("题号\t1\t2\t3\n答案\tB\t\tC", numbers(3)) == {"1": "B", "2": "", "3": "C"}


def test_a_table_inside_an_answer_is_no_row_of_labels() -> None:
    text = "1. red\n2. see the table\nweek\tcm\n1\t3\n2\t6\n3\t9\n3. blue"
    assert found(text, numbers(3)) == {
        "1": "red",
        "2": "see the table\nweek\tcm\n1\t3\n2\t6\n3\t9",
        "3": "blue",
    }


def test_numbers_over_numbers_are_no_answers() -> None:
    assert found("1\t2\t3\n4\t5\t6", numbers(3))["1"] != "4"


@pytest.mark.parametrize("text", ["1.red\n2.green\n3.100", "１．red\n２．green\n３．100"])
def test_a_number_that_touches_its_label(text: str) -> None:
    assert found(text, numbers(3)) == {"1": "red", "2": "green", "3": "100"}


def test_a_decimal_at_the_start_of_a_line_is_no_label_elsewhere() -> None:
    assert found("1. red\n2. it is\n3.5 m", numbers(3)) == {"1": "red", "2": "it is\n3.5 m", "3": None}


def test_a_minus_sign_is_no_dash_of_a_label() -> None:
    assert found("1 red\n2 green\n3 -5", numbers(3)) == {"1": "red", "2": "green", "3": "-5"}
    assert found("1 red\n2 green\n3 - 5", numbers(3))["3"] == "- 5"
    assert found("1 - red\n2 - green\n3 - 5", numbers(3))["3"] == "5"


def test_the_first_questions_answered_last() -> None:
    text = "3. blue\n4. grey\n1. red\n2. green"
    assert found(text, numbers(4)) == {"1": "red", "2": "green", "3": "blue", "4": "grey"}
    steps = "3. blue\n4. steps\n  1. mix\n  2. stir"
    assert found(steps, numbers(4)) == {"1": None, "2": None, "3": "blue", "4": "steps\n  1. mix\n  2. stir"}


def test_a_prompt_printed_without_its_options() -> None:
    asked = scheme("1", "2", prompts={"1": "Which part of a plant takes in water?\nA. leaf\nB. root"})
    assert found("1. Which part of a plant takes in water?\nB\n2. x", asked)["1"] == "B"
