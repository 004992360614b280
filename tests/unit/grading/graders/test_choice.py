"""Option letters in the ways people write them, and what must go to the teacher instead."""

from __future__ import annotations

import pytest

from app.grading.graders.choice import ChoiceGrader, prompt_options
from app.grading.model import GradeOptions
from app.grading.state import Answer, MarkState, QuestionMark
from app.scheme.types import Criterion, Kind, Question

PROMPT = "Which unit measures force?\nA. joule\nB. newton\nC. a cat\nD. watt"


def question(
    *references: str,
    prompt: str = "",
    points: float = 4.0,
    criteria: tuple[Criterion, ...] | None = None,
) -> Question:
    made = criteria or (Criterion("right", points),)
    return Question("1", Kind.CHOICE, prompt, points, references, made)


async def mark(asked: Question, text: str) -> QuestionMark:
    made = await ChoiceGrader().grade(asked, Answer(asked.label, text), GradeOptions())
    for entry in made.criteria:
        assert entry.quote == text[entry.start : entry.end]
    if made.state is MarkState.GRADED:
        assert [entry.position for entry in made.criteria] == list(range(len(asked.criteria)))
        assert made.points == sum(entry.points for entry in made.criteria)
        assert made.confidence is not None and made.reason is None
    else:
        assert made.points is None and made.reason is not None
    assert made.grader == "choice"
    return made


SAYS_B = [
    "B",
    "b",
    "b.",
    "Ｂ",
    "（B）",
    "(b)",
    "【B】",
    "（ B ）",
    "[ b ]",
    "选B",
    "选 B。",
    "我选B",
    "应选B",
    "故选：B",
    "答案：B",
    "答案是B",
    "答：B",
    "Answer: B",
    "answer is B.",
    "The answer is b",
    "the correct answer is (B).",
    "I choose B",
    "Option B",
    "3. B",
    "（3）B",
    "第3题 B",
    "B B",
    "B.",
    "B、",
    "'B'",
    "B. newton",
    "B newton",
    "(B) Newton.",
    "newton",
    "NEWTON",
    "B, because force is measured in newtons",
    "B，因为力的单位是牛顿",
    "B is correct",
    "B正确",
    "B是对的",
    "B选项",
    "A是能量，D是功率，故选B",
    "Joule measures energy, so the answer is B",
    "A newton is the unit, so B",
    "C（划掉） B",
    "C (crossed out) B",
    "~~C~~ B",
    "B~~C~~",
]


@pytest.mark.parametrize("text", SAYS_B)
async def test_says_b(text: str) -> None:
    right = await mark(question("B", prompt=PROMPT), text)
    assert (right.state, right.points) == (MarkState.GRADED, 4.0), right.reason
    wrong = await mark(question("D", prompt=PROMPT), text)
    assert (wrong.state, wrong.points) == (MarkState.GRADED, 0.0)


UNCLEAR = [
    "",
    "   ",
    "?",
    "B不是C",
    "A→B",
    "A->B",
    "A改B",
    "A or B",
    "A或B",
    "A/B",
    "不选B",
    "not B",
    "B，不对，C",
    "A B",
    "AB",
    "A和B",
    "A and C",
    "E",
    "H",
    "BED",
    "B. watt",
    "D newton",
    "C, because A and B are wrong",
    "I think a cat sat there",
    "选B 选C",
    "因为A所以B",
    "3",
    "😀",
    "B or not B",
    "故选B或C",
    "B×",
    "\x00B\x00C",
]


@pytest.mark.parametrize("text", UNCLEAR)
async def test_unclear_goes_to_the_teacher(text: str) -> None:
    for reference in "BCD":
        made = await mark(question(reference, prompt=PROMPT), text)
        assert made.state is MarkState.NEEDS_TEACHER, (reference, made)


@pytest.mark.parametrize(
    "text", ["AC", "A、C", "A,C", "A and C", "A C", "ca", "选AC", "C；A", "A和C", "(A)(C)"]
)
async def test_several_letters_in_any_order(text: str) -> None:
    assert (await mark(question("AC"), text)).points == 4.0
    assert (await mark(question("A, C"), text)).points == 4.0
    assert (await mark(question("AB"), text)).points == 0.0
    assert (await mark(question("ABD"), text)).points == 0.0


async def test_some_right_letters_with_one_criterion_are_not_right() -> None:
    assert (await mark(question("ABD"), "AD")).points == 0.0


async def test_some_right_letters_where_the_scheme_states_their_worth() -> None:
    asked = question("ABD", prompt="（全部选对得4分，漏选得2分，错选得0分）")
    assert (await mark(asked, "AD")).points == 2.0
    assert (await mark(asked, "AC")).points == 0.0
    assert (await mark(asked, "ABD")).points == 4.0


async def test_some_right_letters_with_a_criterion_for_them() -> None:
    criteria = (Criterion("选对但不全", 2.0), Criterion("全部选对", 2.0))
    assert [c.points for c in (await mark(question("ABD", criteria=criteria), "A")).criteria] == [2.0, 0.0]


async def test_some_right_letters_with_a_criterion_a_letter() -> None:
    criteria = (Criterion("names A", 1.5), Criterion("D", 2.5))
    asked = question("AD", criteria=criteria)
    assert [c.points for c in (await mark(asked, "D")).criteria] == [0.0, 2.5]
    assert (await mark(asked, "DC")).points == 0.0


async def test_some_right_letters_with_criteria_that_say_nothing() -> None:
    criteria = (Criterion("understanding", 2.0), Criterion("care", 2.0))
    assert (await mark(question("ABD", criteria=criteria), "AD")).state is MarkState.NEEDS_TEACHER


async def test_stated_worth_above_the_maximum_is_not_believed() -> None:
    made = await mark(question("AB", prompt="漏选得9分"), "A")
    assert made.state is MarkState.NEEDS_TEACHER


async def test_any_of_several_references() -> None:
    for text in ("A", "B"):
        assert (await mark(question("A", "B"), text)).points == 4.0
    assert (await mark(question("A", "B"), "C")).points == 0.0


@pytest.mark.parametrize("references", [(), ("see the book",), ("",)])
async def test_a_reference_without_letter(references: tuple[str, ...]) -> None:
    assert (await mark(question(*references), "B")).state is MarkState.NEEDS_TEACHER


async def test_the_quote_is_the_letter() -> None:
    made = await mark(question("B", prompt=PROMPT), "  答案：（Ｂ）因为…")
    assert "Ｂ" in made.criteria[0].quote and "答" not in made.criteria[0].quote


@pytest.mark.parametrize(
    ("reference", "text", "points"),
    [
        ("对", "√", 4.0),
        ("对", "正确", 4.0),
        ("√", "T", 4.0),
        ("True", "true.", 4.0),
        ("错", "×", 4.0),
        ("×", "错误", 4.0),
        ("False", "F", 4.0),
        ("对", "错", 0.0),
        ("T", "False", 0.0),
        ("×", "对", 0.0),
        ("对", "不对", 0.0),
        ("对", "答：对", 4.0),
        ("False", "The answer is false", 4.0),
    ],
)
async def test_true_or_false(reference: str, text: str, points: float) -> None:
    made = await mark(question(reference), text)
    assert (made.state, made.points) == (MarkState.GRADED, points)


@pytest.mark.parametrize("text", ["", "对错", "true or false", "A", "maybe", "对，不，错"])
async def test_true_or_false_unclear(text: str) -> None:
    assert (await mark(question("对"), text)).state is MarkState.NEEDS_TEACHER


@pytest.mark.parametrize(
    ("prompt", "letters"),
    [
        ("A. x\nB. y", "AB"),
        ("A、甲 B、乙 C、丙", "ABC"),
        ("(A) x\n(B) y\n(C) z", "ABC"),
        ("选（  ）\nＡ．甲\nＢ．乙", "AB"),
        ("see B) above", ""),
        ("A. only one", ""),
        ("", ""),
        ("B. y\nC. z", ""),
    ],
)
def test_options_of_a_prompt(prompt: str, letters: str) -> None:
    assert "".join(prompt_options(prompt)) == letters


async def test_a_very_long_answer_ends_soon() -> None:
    for text in (
        "A " * 20000,
        "A," * 20000 + "->",
        "(" * 40000,
        "答案是" * 20000,
        "故选" * 20000,
        " " * 50000 + "B",
    ):
        await mark(question("B", prompt=PROMPT), text)


OPTIONS = "哪个过程放热？\nA. 冰雪消融\nB. 湿衣服晾干\nC. 草叶上出现露珠\nD. 樟脑丸变小"


@pytest.mark.parametrize("text", ["B（露珠是放热的）", "B，因为草叶上有露珠", "A。樟脑丸会升华"])
async def test_a_letter_beside_words_of_another_option(text: str) -> None:
    for letter in "ABC":
        made = await mark(question(letter, prompt=OPTIONS), text)
        assert made.state is MarkState.NEEDS_TEACHER


@pytest.mark.parametrize("text", ["C（露珠是放热的）", "C，因为水蒸气液化", "C，露珠放热，樟脑丸吸热"])
async def test_a_letter_beside_words_of_its_own_option(text: str) -> None:
    assert (await mark(question("C", prompt=OPTIONS), text)).points == 4.0


ENERGY = "Which are renewable?\nA. coal\nB. wind\nC. natural gas\nD. tides\nE. sunlight"


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("wind, tides and sunlight", 4.0),
        ("Sunlight; wind; tides", 4.0),
        ("wind and coal", 0.0),
        ("wind\ntides", 0.0),
    ],
)
async def test_the_words_of_several_options(text: str, points: float) -> None:
    assert (await mark(question("BDE", prompt=ENERGY), text)).points == points


@pytest.mark.parametrize(
    "text", ["wind, tides and light", "wind or tides and sunlight", "not wind, tides", "energy"]
)
async def test_words_that_are_not_only_options(text: str) -> None:
    assert (await mark(question("BDE", prompt=ENERGY), text)).state is MarkState.NEEDS_TEACHER


@pytest.mark.parametrize("text", ["不会", "我不知道。", "idk", "I don't know", "no idea!", "不会做"])
async def test_nothing_known_is_nothing(text: str) -> None:
    assert (await mark(question("B", prompt=PROMPT), text)).points == 0.0


@pytest.mark.parametrize("text", ["不会错的是B或C", "I don't know, maybe B or C", "idk A B"])
async def test_more_than_nothing_known(text: str) -> None:
    assert (await mark(question("B", prompt=PROMPT), text)).state is MarkState.NEEDS_TEACHER
