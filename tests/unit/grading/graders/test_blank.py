"""Gaps: what counts as the same words, what is one slip away, and how several gaps share the points."""

from __future__ import annotations

import pytest

from app.grading.graders.blank import BlankGrader
from app.grading.model import GradeOptions
from app.grading.state import Answer, MarkState, QuestionMark
from app.scheme.types import Criterion, Kind, Question


def question(
    *references: str, points: float = 2.0, criteria: tuple[Criterion, ...] | None = None
) -> Question:
    return Question("1", Kind.BLANK, "", points, references, criteria or (Criterion("right", points),))


def each(*points: float) -> tuple[Criterion, ...]:
    return tuple(Criterion(f"gap {number}", value) for number, value in enumerate(points, 1))


async def mark(asked: Question, text: str) -> QuestionMark:
    made = await BlankGrader().grade(asked, Answer(asked.label, text), GradeOptions())
    for entry in made.criteria:
        assert entry.quote == text[entry.start : entry.end]
    if made.state is MarkState.GRADED:
        assert [entry.position for entry in made.criteria] == list(range(len(asked.criteria)))
        assert made.points == sum(entry.points for entry in made.criteria)
        assert made.points is not None and 0 <= made.points <= asked.points
    else:
        assert made.points is None and made.reason is not None
    return made


SAME = [
    ("photosynthesis", "photosynthesis"),
    ("photosynthesis", "Photosynthesis."),
    ("photosynthesis", "  PHOTOSYNTHESIS  "),
    ("光合作用", "光合作用"),
    ("光合作用", "光合 作用。"),
    ("光合作用", "「光合作用」"),
    ("光合作用", "“光合作用”"),
    ("光合作用", "（光合作用）"),
    ("光合作用", "答：光合作用"),
    ("光合作用", "答案是：光合作用"),
    ("《红楼梦》", "红楼梦"),
    ("红楼梦", "《红楼梦》"),
    ("DNA", "ＤＮＡ"),
    ("dna", "DNA"),
    ("H2O", "H₂O"),
    ("x^2", "x²"),
    ("nucleus", "the nucleus"),
    ("The nucleus", "a nucleus"),
    ("new york", "New   York"),
    ("don't", "don’t"),
    ("café", "cafe\u0301"),
    ("Straße", "STRASSE"),
    ("100", "100.0"),
    ("100.0", "100"),
    ("1000", "1,000"),
    ("1000", "１０００"),
    ("0.5", ".5"),
    ("-3", "−3"),
    ("50%", "50％"),
    ("water | H2O", "water"),
    ("water | H2O", "H₂O"),
    ("carbon dioxide | CO2 | 二氧化碳", "二氧化碳"),
    ("|x|", "|x|"),
    ("5!", "5!"),
    ("mother-in-law", "mother–in–law"),
    ("光合作用", "(1) 光合作用"),
    ("Paris", "Paris!"),
    ("Paris", "_Paris_"),
    ("3:2", "3：2"),
]


@pytest.mark.parametrize(("reference", "text"), SAME)
async def test_the_same(reference: str, text: str) -> None:
    made = await mark(question(reference), text)
    assert (made.state, made.points, made.confidence) == (MarkState.GRADED, 2.0, 1.0), made.reason


OTHER = [
    ("photosynthesis", "respiration"),
    ("光合作用", "呼吸作用"),
    ("水", "火"),
    ("100", "101"),
    ("100", "1000"),
    ("-3", "3"),
    ("0.5", "5"),
    ("3", "8"),
    ("1/2", "1/3"),
    ("cat", "hat"),
    ("Paris", "London"),
    ("1919", "1949"),
    ("鲁迅", "老舍"),
    ("H2O", "H2SO4"),
    ("50%", "60%"),
]


@pytest.mark.parametrize(("reference", "text"), OTHER)
async def test_plainly_other(reference: str, text: str) -> None:
    made = await mark(question(reference), text)
    assert (made.state, made.points) == (MarkState.GRADED, 0.0), made.reason
    assert made.criteria[0].quote == text


LOOK = [
    ("photosynthesis", "photosyntesis"),
    ("photosynthesis", "photosynthesys"),
    ("photosynthesis", "photosynthesiss"),
    ("receive", "recieve"),
    ("cell", "cells"),
    ("光合作用", "光和作用"),
    ("诸葛亮", "诸葛高"),
    ("光合作用", "合光作用"),
    ("鲁迅", "鲁讯"),
    ("nucleus", "not the nucleus"),
    ("nucleus", "nucleus or cytoplasm"),
    ("cell nucleus", "nucleus"),
    ("细胞核", "在细胞核里"),
    ("光合作用", "不是光合作用"),
    ("A", "a"),
    ("CO", "Co"),
    ("Co", "CO"),
    ("NaCl", "nacl"),
    ("1/2", "0.5"),
    ("1/2", "2/4"),
    ("50%", "0.5"),
    ("100", "100 m"),
    ("3", "x=3"),
    ("100", "约100"),
    ("1949年10月1日", "1949.10.1"),
    ("1:2", "1/2"),
    ("5", "五"),
    ("十二", "12"),
    ("10%", "10"),
]


@pytest.mark.parametrize(("reference", "text"), LOOK)
async def test_close_to_the_reference(reference: str, text: str) -> None:
    made = await mark(question(reference), text)
    assert made.state is MarkState.NEEDS_TEACHER, made
    assert made.reason is not None and made.reason.values["gap"] == 1
    made.reason.render("zh")


TWO = [
    "oxygen; water",
    "oxygen, water",
    "oxygen，water",
    "oxygen、water",
    "oxygen；water。",
    "oxygen\nwater",
    "(1) oxygen (2) water",
    "（1）oxygen（2）water",
    "①oxygen②water",
    "①oxygen；②water",
    "1. oxygen 2. water",
    "1) oxygen\n2) water",
    "oxygen water",
    "oxygen  water",
    "oxygen / water",
    "oxygen __ water",
    "答：oxygen；water",
    "oxygen;water;",
]


@pytest.mark.parametrize("text", TWO)
async def test_two_gaps(text: str) -> None:
    made = await mark(question("oxygen", "water", criteria=each(0.5, 1.5)), text)
    assert (made.state, made.points) == (MarkState.GRADED, 2.0), made.reason
    half = await mark(question("oxygen", "alcohol", criteria=each(0.5, 1.5)), text)
    assert [entry.points for entry in half.criteria] == [0.5, 0.0]
    assert "oxygen" in half.criteria[0].quote and "water" not in half.criteria[0].quote


async def test_a_gap_left_out() -> None:
    asked = question("oxygen", "water", "light", criteria=each(1, 2, 3), points=6.0)
    for text in ("(1) oxygen (3) light", "oxygen;;light", "oxygen；  ；light", "①oxygen ②  ③light"):
        made = await mark(asked, text)
        assert [entry.points for entry in made.criteria] == [1, 0, 3], (text, made.reason)
        assert made.criteria[1].quote == ""


async def test_numbers_with_thousands_are_one_gap() -> None:
    made = await mark(question("1,000", "2", criteria=each(1, 1)), "1,000; 2")
    assert made.points == 2.0
    made = await mark(question("1,000", "2", criteria=each(1, 1)), "1,000 2")
    assert made.points == 2.0
    assert (await mark(question("5", "7", criteria=each(1, 1)), "5,7")).points == 2.0


@pytest.mark.parametrize(
    "text", ["oxygen", "a;b;c", "oxygen and water", "", "?", "new york", "1;2;3;4", "\n\n"]
)
async def test_another_count_of_parts(text: str) -> None:
    made = await mark(question("oxygen", "water", criteria=each(1, 1)), text)
    assert made.state is MarkState.NEEDS_TEACHER


async def test_exchanged_gaps_go_to_the_teacher() -> None:
    made = await mark(question("oxygen", "water", criteria=each(1, 1)), "water; oxygen")
    assert made.state is MarkState.NEEDS_TEACHER


async def test_a_doubtful_gap_keeps_what_was_sure() -> None:
    made = await mark(
        question("oxygen", "water", "salt", criteria=each(1, 1, 1), points=3.0), "oxygen;watr;sand"
    )
    assert made.state is MarkState.NEEDS_TEACHER
    assert [(entry.position, entry.points) for entry in made.criteria] == [(0, 1.0), (2, 0.0)]
    assert made.reason is not None and made.reason.values["gap"] == 2


async def test_one_criterion_is_shared_when_it_splits() -> None:
    made = await mark(question("oxygen", "water", points=3.0), "oxygen; fire")
    assert made.points == 1.5
    made = await mark(question("oxygen", "water", points=3.0), "fire; earth")
    assert (made.state, made.points) == (MarkState.GRADED, 0.0)


async def test_one_criterion_that_does_not_split() -> None:
    asked = question("oxygen", "water", "light", points=2.0)
    assert (await mark(asked, "oxygen; fire; light")).state is MarkState.NEEDS_TEACHER
    assert (await mark(asked, "oxygen; water; light")).points == 2.0


async def test_criteria_that_are_not_gaps() -> None:
    asked = question("oxygen", "water", "light", criteria=each(1, 1))
    assert (await mark(asked, "oxygen; fire; light")).state is MarkState.NEEDS_TEACHER
    assert (await mark(asked, "fire; earth; air")).points == 0.0
    assert (await mark(asked, "oxygen; water; light")).points == 2.0


async def test_another_word_is_less_sure_than_another_number() -> None:
    word = await mark(question("oxygen"), "helium")
    number = await mark(question("100"), "17")
    assert word.confidence is not None and word.confidence < 1.0
    assert number.confidence == 1.0


@pytest.mark.parametrize("references", [(), ("",), ("oxygen", "。")])
async def test_no_reference(references: tuple[str, ...]) -> None:
    assert (await mark(question(*references), "oxygen")).state is MarkState.NEEDS_TEACHER


HOSTILE = [
    "a" * 2001,
    "(" * 2000,
    "1" * 2000,
    "1/0",
    "((1)" * 400,
    "\x00",
    "9" * 45 + "/3",
    ";" * 2000,
    "{0} %s",
    "1)" * 900,
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text(text: str) -> None:
    for asked in (question("oxygen"), question("1/2", "x"), question("{braces}")):
        made = await mark(asked, text)
        if made.reason is not None:
            made.reason.render("en")


STEAM = "标准大气压下，水的沸点是____℃，冰的熔点是____℃。物质由气态变为液态叫做____，这个过程要____热量。"
WATER = ("100", "0", "液化", "放出 | 放")


@pytest.mark.parametrize(
    "text",
    [
        "100℃；0℃；液化；放出",
        "水的沸点是100℃，冰的熔点是0℃，气态变液态叫液化，这个过程要放出热量",
        "100，0，液化，要放热量",
        "100 0 液化 放出",
    ],
)
async def test_words_of_the_question_around_a_gap(text: str) -> None:
    asked = Question("1", Kind.BLANK, STEAM, 4.0, WATER, (Criterion("right", 4.0),))
    assert (await mark(asked, text)).points == 4.0


@pytest.mark.parametrize(
    "text",
    [
        "100℃；0℃；不是液化；放出",
        "100 K；0℃；液化；放出",
        "100℃；0℃；液化；先放出后吸收",
        "100℃；0℃；汽化液化；放出",
    ],
)
async def test_words_beyond_the_question_around_a_gap(text: str) -> None:
    asked = Question("1", Kind.BLANK, STEAM, 4.0, WATER, (Criterion("right", 4.0),))
    assert (await mark(asked, text)).state is MarkState.NEEDS_TEACHER


@pytest.mark.parametrize(("text", "points"), [("10N", 1.0), ("about 10 N", 1.0), ("100N", 0.0), ("1", 0.0)])
async def test_a_unit_behind_a_gap(text: str, points: float) -> None:
    asked = Question(
        "1", Kind.BLANK, "1 kg weighs about ____ N.", 1.0, ("10 | 9.8",), (Criterion("right", 1.0),)
    )
    assert (await mark(asked, text)).points == points


async def test_a_number_with_a_unit_that_nobody_named() -> None:
    assert (await mark(question("10"), "10N")).state is MarkState.NEEDS_TEACHER


@pytest.mark.parametrize(
    ("reference", "text", "slip"),
    [
        ("凝华", "凝固", False),
        ("变大", "变小", False),
        ("升华", "凝华", False),
        ("吸热", "放热", False),
        ("液化", "夜化", True),
        ("熔化", "溶化", True),
        ("未知", "末知", True),
        ("诸葛亮", "诸葛高", True),
    ],
)
async def test_another_chinese_character(reference: str, text: str, slip: bool) -> None:
    made = await mark(question(reference), text)
    assert (made.state is MarkState.NEEDS_TEACHER) is slip, made


async def test_exchanged_gaps_where_the_question_tells_them_apart() -> None:
    prompt = "Plants take in ____ from the air and ____ from the soil."
    asked = Question("1", Kind.BLANK, prompt, 2.0, ("gas", "water"), (Criterion("right", 2.0),))
    assert (await mark(asked, "water; gas")).points == 0.0
    both = Question("1", Kind.BLANK, "Plants need ____ and ____.", 2.0, ("gas", "water"), asked.criteria)
    assert (await mark(both, "water; gas")).state is MarkState.NEEDS_TEACHER


@pytest.mark.parametrize("text", ["直线；虚像", "不会", "idk"])
async def test_fewer_parts_that_are_near_nothing(text: str) -> None:
    assert (await mark(question(*WATER, points=4.0), text)).points == 0.0


@pytest.mark.parametrize("text", ["100；液化", "100", "气化；放出", "直线；虚像；反射；折射；吸收"])
async def test_other_counts_of_parts_that_may_be_right(text: str) -> None:
    assert (await mark(question(*WATER, points=4.0), text)).state is MarkState.NEEDS_TEACHER
