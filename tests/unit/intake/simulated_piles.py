"""Piles of a class as text recognition gives them: headers, printed questions, answers, and misread characters."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.document import Page
from app.intake.covers import payload
from app.intake.lookalikes import GROUPS
from app.intake.splitting import PileView, Split

ASSIGNMENT = 7
NOISE = 0.02  # share of characters that are misread

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧"
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉萍红鑫宇浩然子涵欣怡梓轩晨曦雨桐"
    "诗琪思远嘉豪佳慧俊辉雅婷志鹏文博"
)
FIRST = """
Anna Ben Clara Daniel Emma Felix Grace Henry Iris Jack Kate Liam Maya Noah Olivia Peter Ruth Sam
Tara Victor
""".split()  # noqa: SIM905
LAST = """
Adams Baker Carter Davies Evans Foster Green Hughes Irving Jones Kelly Lewis Morris Nolan Owens
Parker Reid
""".split()  # noqa: SIM905
WORDS = """
the of and water force because answer energy is on when light mass time we it so that larger than
then a plant cell grows under sun heat moves from left right number equal half
""".split()  # noqa: SIM905
QUESTIONS = (
    "一、选择题（每小题3分，共30分）下列各数中最大的是",
    "二、填空题 计算并填写下列各式的结果",
    "三、解答题 写出必要的文字说明和演算步骤",
    "四、阅读下面的短文，回答后面的问题",
    "五、作文 以“我的家乡”为题写一篇不少于六百字的文章",
    "六、附加题 证明三角形内角和定理",
)
ENGLISH_QUESTIONS = (
    "Section A. Choose the best answer to each question below (30 marks)",
    "Section B. Fill in the blanks with words",
    "Section C. Explain why a falling stone speeds up and draw a diagram",
    "Section D. Read the passage and answer",
    "Section E. Write an essay of about two hundred words on your home town",
    "Section F. Bonus: prove the theorem",
)


@dataclass(frozen=True)
class Pupil:
    """A student of a simulated class."""

    id: int
    number: str
    name: str


@dataclass(frozen=True)
class Habits:
    """How a pile is made."""

    pages: int = 5
    covers: bool = False
    header_everywhere: bool = False
    english: bool = False
    page_numbers: bool = False
    printed: bool = True
    with_number: bool = True
    noise: float = NOISE


@dataclass
class Simulated:
    """A pile with its class and the truth: the pages of every student, by id."""

    roster: list[Pupil]
    views: list[PileView]
    truth: dict[int, tuple[int, ...]] = field(default_factory=dict)


def roster(chance: random.Random, size: int, english: bool) -> list[Pupil]:
    """A class with traps: numbers in a row, two names one character apart, the same name twice."""
    names: list[str] = []
    while len(names) < size:
        if english:
            name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
        else:
            name = chance.choice(SURNAMES) + "".join(chance.choices(GIVEN, k=chance.choice((1, 2, 2, 2))))
        if name not in names:
            names.append(name)
    names[1] = names[0]
    names[3] = names[2][:-1] + ("明" if not english else "z")
    order = chance.sample(range(size), size)
    first = 20240300 + chance.randrange(3) * 100
    return [Pupil(1000 + at, str(first + at + 1), names[place]) for at, place in enumerate(order)]


def misread(chance: random.Random, text: str, noise: float) -> str:
    """A text with characters taken for others, lost or doubled."""
    return "".join(
        _misread(chance, mark) if chance.random() < noise and mark != "\n" else mark for mark in text
    )


def _misread(chance: random.Random, mark: str) -> str:
    kind = chance.random()
    if kind < 0.1:
        return ""
    if kind < 0.2:
        return mark + chance.choice("'.·、-")
    alike = next((group for group in GROUPS if mark in group), "")
    if alike and kind < 0.6:
        return chance.choice([each for each in alike if each != mark])
    if mark.isdigit():
        return chance.choice([each for each in "0123456789" if each != mark])
    return (
        chance.choice(GIVEN + SURNAMES) if mark >= "\u4e00" else chance.choice("abcdefghijklmnopqrstuvwxyz")
    )


def pile(seed: int, students: int, habits: Habits) -> Simulated:
    """One class's pile; the same for the same seed."""
    chance = random.Random(seed)
    pupils = roster(chance, students, habits.english)
    made = Simulated(pupils, [])
    for pupil in chance.sample(pupils, len(pupils)):
        if habits.covers:
            text = f"{pupil.name}\n{pupil.number}\n请把本页放在答卷的最上面"
            _add(made, chance, text, habits, codes=(payload(ASSIGNMENT, pupil.id),))
        ids = [
            _add(made, chance, _text(chance, pupil, place, habits), habits)
            for place in range(1, habits.pages + 1)
        ]
        made.truth[pupil.id] = tuple(ids)
    return made


def _add(
    made: Simulated, chance: random.Random, text: str, habits: Habits, codes: tuple[str, ...] = ()
) -> int:
    place = len(made.views) + 1
    page = Page(place, misread(chance, text, habits.noise))
    made.views.append(PileView(place, page, codes=codes, source="scan.pdf", source_page=place))
    return place


def _text(chance: random.Random, pupil: Pupil, place: int, habits: Habits) -> str:
    lines = []
    if place == 1 and habits.printed:
        lines.append(
            "Science test, second term" if habits.english else "2024-2025学年第二学期期中考试 八年级数学试卷"
        )
    if place == 1 or habits.header_everywhere:
        lines.append(_header(chance, pupil, habits))
    if habits.printed:
        lines.append((ENGLISH_QUESTIONS if habits.english else QUESTIONS)[(place - 1) % 6])
    words = WORDS if habits.english else GIVEN + SURNAMES
    for number in range(1, 9):
        answer = (" " if habits.english else "").join(chance.choices(words, k=chance.randint(6, 14)))
        lines.append(f"{number}. {answer}")
    if habits.page_numbers:
        lines.append(
            f"Page {place} of {habits.pages}" if habits.english else f"第{place}页 共{habits.pages}页"
        )
    return "\n".join(lines)


def _header(chance: random.Random, pupil: Pupil, habits: Habits) -> str:
    name, number = ("Name: ", "Student No.: ") if habits.english else ("姓名：", "学号：")
    said = [f"{name}{pupil.name}", "Class: 8A" if habits.english else "班级：八（3）班"]
    if habits.with_number:
        said.append(f"{number}{pupil.number}")
    return "  ".join(said)


def verdicts(made: Simulated, found: Split) -> Counter[str]:
    """How many papers are "right", "asked", and "wrong": certain, but with another student or other pages."""
    count: Counter[str] = Counter()
    for bundle in found.bundles:
        if bundle.match != "matched" or bundle.doubt is not None:
            count["asked"] += 1
        else:
            assert bundle.student is not None
            same = made.truth.get(bundle.student.id) == bundle.pages
            count["right" if same else "wrong"] += 1
    return count


def without(made: Simulated, pages: Sequence[int]) -> Simulated:
    """A pile of which some pages are lost."""
    return replace(made, views=[view for view in made.views if view.id not in pages])
