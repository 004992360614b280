"""Numbers and units: the many ways to state one, the near ways to miss it, and what must not be guessed."""

from __future__ import annotations

import pytest

from app.grading.graders.number import NumberGrader
from app.grading.model import GradeOptions
from app.grading.state import Answer, MarkState, QuestionMark
from app.scheme.types import Criterion, Kind, Question


def question(
    *references: str,
    unit: str | None = None,
    tolerance: float | None = None,
    relative: bool = False,
    criteria: tuple[Criterion, ...] | None = None,
) -> Question:
    made = criteria or (Criterion("right", 3.0),)
    points = sum(criterion.points for criterion in made)
    return Question("1", Kind.NUMBER, "", points, references, made, tolerance, relative, unit)


async def mark(asked: Question, text: str) -> QuestionMark:
    made = await NumberGrader().grade(asked, Answer(asked.label, text), GradeOptions())
    for entry in made.criteria:
        assert entry.quote == text[entry.start : entry.end]
    if made.state is MarkState.GRADED:
        assert [entry.position for entry in made.criteria] == list(range(len(asked.criteria)))
        assert made.points == sum(entry.points for entry in made.criteria)
    else:
        assert made.points is None and made.reason is not None
        made.reason.render("zh")
    return made


EQUAL = [
    ("4200 J", "4.2×10^3 J"),
    ("4200 J", "4.2×10³J"),
    ("4200 J", "4.2e3 J"),
    ("4200 J", "4.2E+3 J"),
    ("4200 J", "4.2*10^3 J"),
    ("4200 J", "4.2 x 10^3 J"),
    ("4200 J", "4.2\\times 10^{3} J"),
    ("4200 J", "４２００ Ｊ"),
    ("4200 J", "4,200 J"),
    ("4200 J", "4 200 J"),
    ("4200 J", "4.2 kJ"),
    ("4200 J", "4.2千焦"),
    ("4200 J", "4200焦耳"),
    ("4200 J", "4200焦"),
    ("4200 J", "Q=cmΔt=4200 J"),
    ("4.2", "4．2"),
    ("4.2", "x=4.2"),
    ("4.2", "约4.2"),
    ("4.2", "≈4.2"),
    ("4.2", "答：4.2。"),
    ("4.2", "The answer is 4.2."),
    ("4.2", "+4.2"),
    ("4.2", "21/5"),
    ("4.2", "4 1/5"),
    ("0.5", "1/2"),
    ("0.5", "½"),
    ("3.5", "3½"),
    ("0.5", "\\frac{1}{2}"),
    ("0.5", "50%"),
    ("50%", "0.5"),
    ("50%", "50 ％"),
    ("-3", "−3"),
    ("-3", "- 3"),
    ("-3", "x = -3"),
    ("1000 m", "1 km"),
    ("1000 m", "1千米"),
    ("1000 m", "1公里"),
    ("36 km/h", "10 m/s"),
    ("36 km/h", "10米/秒"),
    ("36 km/h", "36千米每小时"),
    ("36 km/h", "36 kilometers per hour"),
    ("6 N", "F=ma=2×3=6N"),
    ("6 N", "F=ma\n=2kg×3m/s²\n=6 N"),
    ("6 N", "6 牛顿"),
    ("6 N", "6 newtons."),
    ("6 N", "6 N because F = ma"),
    ("6 N", "6 kg·m/s²"),
    ("6 N", "2×3=6 N，所以力是6 N"),
    ("25 ℃", "25°C"),
    ("25 ℃", "25摄氏度"),
    ("25 ℃", "25度"),
    ("25 ℃", "298.15 K"),
    ("90°", "90度"),
    ("1.5 h", "90 min"),
    ("1.5 h", "1 h 30 min"),
    ("1.5 h", "1小时30分钟"),
    ("3.5 元", "3元5角"),
    ("3.5 元", "¥3.5"),
    ("3.5 元", "350分"),
    ("12 cm^2", "12平方厘米"),
    ("12 cm^2", "12 cm²"),
    ("12 cm^2", "12㎠"),
    ("1000 kg/m^3", "1.0 g/cm³"),
    ("1000 kg/m^3", "1×10^3千克/立方米"),
    ("4200 J/(kg·℃)", "4.2×10³ J/(kg·℃)"),
    ("4200 J/(kg·K)", "4200焦/(千克·℃)"),
    ("6", "六"),
    ("3.5", "三点五"),
    ("120", "一百二十"),
    ("10500", "一万零五百"),
    ("1/3", "三分之一"),
    ("50%", "百分之五十"),
    ("3.5 m", "三点五米"),
    ("42000", "4.2万"),
    ("2000000", "2 million"),
    ("6", "6个"),
    ("6", "6 apples"),
    ("6", "6人"),
    ("6", "2. 6"),
    ("6", "(2) 6"),
    ("0.1", "1e-1"),
    ("0.3 m", "30 cm"),
    ("1000", "10^3"),
    ("6 Ω", "6欧姆"),
    ("220 V", "220伏特"),
    ("2 kW·h", "2千瓦时"),
    ("5 m/s", "v=5（m/s）"),
    ("5 m/s", "5 [m/s]"),
    ("-5 ℃", "零下5度"),
    ("-2", "负2"),
    ("-2", "minus 2"),
    ("2 kWh", "7.2×10^6 J"),
]


@pytest.mark.parametrize(("reference", "text"), EQUAL)
async def test_equal(reference: str, text: str) -> None:
    made = await mark(question(reference), text)
    assert (made.state, made.points, made.confidence) == (MarkState.GRADED, 3.0, 1.0), made.reason


DIFFERENT = [
    ("4200 J", "420 J"),
    ("4200 J", "4200 kJ"),
    ("6 N", "7 N"),
    ("6 N", "F=ma=2×4=8N"),
    ("6", "60"),
    ("6", "-6"),
    ("6", "6.4"),
    ("0.5", "0.54"),
    ("0.5", "5%"),
    ("50%", "0.05"),
    ("-3", "3"),
    ("1/3", "0.3"),
    ("1000 m", "1 m"),
    ("36 km/h", "36 m/s"),
    ("25 ℃", "25 K"),
    ("25 ℃", "26 ℃"),
    ("1.5 h", "1 h 50 min"),
    ("12 cm^2", "12 m^2"),
    ("6", "七"),
    ("1000", "1 024"),
    ("3.5 元", "3元6角"),
    ("4.2×10^3", "4.2×10^-3"),
    ("5 ℃", "零下5度"),
]


@pytest.mark.parametrize(("reference", "text"), DIFFERENT)
async def test_different(reference: str, text: str) -> None:
    made = await mark(question(reference), text)
    assert (made.state, made.points) == (MarkState.GRADED, 0.0), made.reason
    assert made.criteria[0].quote


LOOK = [
    ("6 N", ""),
    ("6 N", "这个力一定很大"),
    ("6 N", "6"),
    ("6", "6 N"),
    ("6", "6000 m"),
    ("6 N", "6 foo"),
    ("6 N", "6 or 7 N"),
    ("6 N", "6或7"),
    ("6 N", "5-7 N"),
    ("6 N", "5~7 N"),
    ("6 N", "±6 N"),
    ("6 N", ">6 N"),
    ("6 N", "大于6N"),
    ("6 N", "6 N → 7 N"),
    ("6 N", "不是6 N"),
    ("6 N", "6N改7N"),
    ("6 N", "2×3"),
    ("6 N", "F=6N, a=3m/s²"),
    ("6 N", "6 7"),
    ("1.414", "√2"),
    ("6.28", "2π"),
    ("6", "6x"),
    ("6", "2^3"),
    ("6", "6 million or so"),
    ("4.2", "4,2"),
    ("1.234", "1,234"),
    ("9.8", "9.81"),
    ("9.81", "9.8"),
    ("1/3", "0.333"),
    ("3.14", "3.1416"),
    ("50%", "50"),
    ("0.5", "1/0"),
    ("6", "6e999"),
    ("6", "6e99999999"),
    ("6", "9" * 100),
    ("6", "sqrt(36)"),
    ("6", "6!"),
    ("6", "3+3"),
    ("6", "about 6 and a half"),
]


@pytest.mark.parametrize(("reference", "text"), LOOK)
async def test_goes_to_the_teacher(reference: str, text: str) -> None:
    made = await mark(question(reference), text)
    assert made.state is MarkState.NEEDS_TEACHER, made


@pytest.mark.parametrize(
    ("text", "tolerance", "relative", "points"),
    [
        ("9.81", 0.05, False, 3.0),
        ("9.85", 0.05, False, 3.0),
        ("9.86", 0.05, False, 0.0),
        ("9.75", 0.05, False, 3.0),
        ("981 cm/s^2", 0.05, False, 3.0),
        ("9.9", 0.02, True, 3.0),
        ("9.996", 0.02, True, 3.0),
        ("10", 0.02, True, 0.0),
        ("9.604", 0.02, True, 3.0),
        ("9.8", 0.0, False, 3.0),
        ("9.81", 0.0, False, 0.0),
    ],
)
async def test_tolerance(text: str, tolerance: float, relative: bool, points: float) -> None:
    asked = question("9.8 m/s^2", tolerance=tolerance, relative=relative)
    said = text if "/" in text else f"{text} m/s²"
    assert (await mark(asked, said)).points == points


async def test_the_unit_of_the_question_counts() -> None:
    asked = question("6", unit="N")
    assert (await mark(asked, "6 N")).points == 3.0
    assert (await mark(asked, "0.006 kN")).points == 3.0
    assert (await mark(asked, "6")).state is MarkState.NEEDS_TEACHER
    assert (await mark(asked, "7")).points == 0.0
    assert (await mark(question("50", unit="%"), "50%")).points == 3.0
    assert (await mark(question("50", unit="%"), "50")).state is MarkState.NEEDS_TEACHER


async def test_a_word_as_unit() -> None:
    asked = question("6", unit="个")
    assert (await mark(asked, "6个")).points == 3.0
    assert (await mark(asked, "6")).points == 3.0
    assert (await mark(asked, "6 kg")).state is MarkState.NEEDS_TEACHER


CRITERIA = (Criterion("value", 2.0), Criterion("单位正确", 1.0))


async def test_a_missing_unit_costs_its_criterion() -> None:
    made = await mark(question("6 N", criteria=CRITERIA), "6")
    assert [entry.points for entry in made.criteria] == [2.0, 0.0]


async def test_a_right_unit_keeps_its_criterion() -> None:
    made = await mark(question("6 N", criteria=CRITERIA), "7 N")
    assert [entry.points for entry in made.criteria] == [0.0, 1.0]
    assert made.criteria[1].quote == "N"


async def test_a_wrong_unit_beside_the_right_number() -> None:
    assert (await mark(question("6 N", criteria=CRITERIA), "6 kg")).state is MarkState.NEEDS_TEACHER
    assert (await mark(question("6 N", criteria=CRITERIA), "8 kg")).points == 0.0


async def test_wrong_result_with_work_shown_is_not_nothing() -> None:
    steps = (Criterion("formula", 1.0), Criterion("substitution", 1.0), Criterion("result", 1.0))
    assert (await mark(question("6 N", criteria=steps), "F=ma=2×4=8N")).state is MarkState.NEEDS_TEACHER
    assert (await mark(question("6 N", criteria=steps), "8 N")).points == 0.0
    assert (await mark(question("6 N", criteria=steps), "F=ma=2×3=6N")).points == 3.0


async def test_several_references() -> None:
    asked = question("2", "-2")
    assert (await mark(asked, "-2")).points == 3.0
    assert (await mark(asked, "x=2")).points == 3.0
    assert (await mark(asked, "3")).points == 0.0


async def test_the_quote_is_the_result_with_its_unit() -> None:
    text = "解：F = ma = 2×3 = ６ N。"
    assert (await mark(question("6 N"), text)).criteria[0].quote == "６ N"


@pytest.mark.parametrize("references", [(), ("",), ("see page 3 or 4",), ("1/0",), ("6x",), ("√2",)])
async def test_a_reference_that_is_no_number(references: tuple[str, ...]) -> None:
    assert (await mark(question(*references), "6")).state is MarkState.NEEDS_TEACHER


HOSTILE = [
    "1" * 5000,
    "1 " * 3000,
    "1,000," * 600,
    "= " * 2000 + "6",
    "=6" * 1300,
    "一" * 3000,
    "6 " + "m" * 3000,
    "6 m" + "/m" * 1500,
    "10^" * 1000,
    "\x00",
    "6{0}",
    "(" * 3000,
    "1/" * 1900,
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text(text: str) -> None:
    await mark(question("6 N"), text)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("4200 J", "4200 N"),
        ("6 N", "6 kg"),
        ("25 ℃", "25 m"),
        ("12 cm^2", "12 cm"),
        ("4.2e5 J", "Q=cmt=4.2×10^5 W"),
    ],
)
async def test_the_right_number_with_another_unit_goes_to_the_teacher(reference: str, text: str) -> None:
    assert (await mark(question(reference), text)).state is MarkState.NEEDS_TEACHER
    assert (await mark(question("7 " + reference.split()[1]), text)).points == 0.0


def asking(prompt: str, reference: str, unit: str) -> Question:
    return Question("1", Kind.NUMBER, prompt, 3.0, (reference,), (Criterion("right", 3.0),), 0.5, False, unit)


@pytest.mark.parametrize(
    ("prompt", "unit"),
    [
        ("混合后的温度是多少℃？", "℃"),
        ("温度是____℃。", "℃"),
        ("求速度。（单位：m/s）", "m/s"),
        ("How many metres does it fall?", "m"),
        ("Find the speed in m/s.", "m/s"),
        ("Give your answer in kJ.", "kJ"),
    ],
)
async def test_the_question_names_the_unit(prompt: str, unit: str) -> None:
    assert (await mark(asking(prompt, "48", unit), "48")).points == 3.0
    assert (await mark(asking(prompt, "48", unit), "84")).points == 0.0


@pytest.mark.parametrize(
    ("prompt", "unit"),
    [
        ("混合后的温度是多少？", "℃"),
        ("吸收了多少焦耳的热量？写出结果的单位。", "J"),
        ("How many metres does it fall? Give the unit.", "m"),
        ("How many kilometres does it fall?", "m"),
        ("A ball falls 5 m. Find its speed.", "m/s"),
    ],
)
async def test_the_question_leaves_the_unit_to_the_student(prompt: str, unit: str) -> None:
    assert (await mark(asking(prompt, "48", unit), "48")).state is MarkState.NEEDS_TEACHER


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("48 ℃，见下表\n热水\t冷水\t混合后\n90 ℃，200 g\t20 ℃，300 g\t48 ℃", 3.0),
        ("50 ℃，见下表\n90 ℃\t20 ℃\t50 ℃", 0.0),
    ],
)
async def test_a_result_before_a_table(text: str, points: float) -> None:
    assert (await mark(question("48 ℃"), text)).points == points


async def test_the_only_quantity_of_the_kind_that_is_asked_for() -> None:
    table = "see the table\nForce\tArea\tPressure\n600 N\t0.25 m^2\t{} Pa"
    assert (await mark(question("2400 Pa"), table.format(2400))).points == 3.0
    assert (await mark(question("2400 Pa"), table.format(150))).points == 0.0
    assert (await mark(question("5 m/s"), table.format(5))).state is MarkState.NEEDS_TEACHER
    given = asking("The pump makes 2400 Pa. Which pressure is left?", "150", "Pa")
    assert (await mark(given, "600 N on 0.25 m^2 and 2400 Pa")).state is MarkState.NEEDS_TEACHER


@pytest.mark.parametrize("text", ["不会", "I do not know", "不知道", "idk"])
async def test_nothing_known_is_nothing(text: str) -> None:
    assert (await mark(question("6 N"), text)).points == 0.0
