"""Whose page text recognition has read: one wrong character is normal, one wrong student is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.intake.matching import Match
from app.intake.read_matching import Class
from app.intake.roster import RosterEntry
from app.intake.said import said

WANG = RosterEntry("20240306", "王小明")
ZHANG = RosterEntry("20240317", "张伟")
LI = RosterEntry("20240328", "李娜")
OUYANG = RosterEntry("20240339", "欧阳修文")
ROBERT = RosterEntry("20240341", "Robert Smith")
JONATHAN = RosterEntry("20240352", "Jonathan Richardson")
CLASS = (WANG, ZHANG, LI, OUYANG, ROBERT, JONATHAN)


def match(text: str, roster: tuple[RosterEntry, ...] = CLASS) -> Match[RosterEntry]:
    return Class(roster).match(said(text))


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("姓名：王小明 学号：20240306", WANG),
        ("姓名：王小朋 学号：20240306", WANG),  # one character of the name
        ("姓名：张韦 学号：20240317", ZHANG),
        ("姓名：王小明 学号：20240366", WANG),  # one digit of the number
        ("姓名：王小明 学号：2O240306", WANG),  # a letter for a digit
        ("姓名：王·小明", WANG),
        ("姓名：王小明", WANG),
        ("王小明\n1. A", WANG),
        ("姓名：王小明 学号：306", WANG),  # the end of the number
        ("姓名：王小明 座号：6 学号：6", WANG),
        ("学号：20240306", WANG),  # nobody's number is one digit apart
        ("Name: Wang Xiaoming", WANG),  # pinyin, whole and of nobody else
        ("Name: XiaoMing WANG", WANG),
        ("姓名：小明 学号：20240306", WANG),  # a short name beside the number
        ("姓名：欧阳修文", OUYANG),
        ("Name: Rohert Smith  No.: 20240341", ROBERT),
        ("Name: Bob Smith  No.: 20240341", ROBERT),
        ("Name: Jonathan Richands0n No.: 20240352", JONATHAN),  # two letters of a long name
        ("Name: Jonathan Richards0n", JONATHAN),  # a letter that looks alike, and nobody near
    ],
)
def test_matched(text: str, entry: RosterEntry) -> None:
    found = match(text)
    assert (found.state, found.entry, found.reason) == ("matched", entry, None)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("姓名：王小朋", WANG),  # a name alone, one character off
        ("姓名：小明", WANG),
        ("学号：306", WANG),
        ("姓名：王小明 学号：307", WANG),
        ("姓名：王小朋 学号：06", WANG),
        ("姓名：明明", WANG),
        ("Name: WangXM", WANG),
        ("Name: Bob", ROBERT),
        ("Name: Rob Smith", ROBERT),
        ("姓名：王小朋 学号：20240366", WANG),  # one off in both
        ("学号：20240366", WANG),
        ("姓名：王小明 学号：20240317", WANG),  # another student's number
        ("姓名：王小明 学号：20999999", WANG),
        ("姓名：赵大海 学号：20240306", WANG),  # a stranger's name
        ("Name: Jonathan Richordsen", JONATHAN),
    ],
)
def test_doubtful(text: str, first: RosterEntry) -> None:
    found = match(text)
    assert (found.state, found.entry) == ("doubtful", None)
    assert found.candidates[0] == first
    assert found.reason is not None
    assert "{" not in found.reason.render("zh") + found.reason.render("en")


@pytest.mark.parametrize(
    "text",
    ["", "1. A\n2. B", "姓名：赵大海 学号：19990001", "姓名：____", "Name: Marie Curie", "王", "张白\n1. A"],
)
def test_unknown(text: str) -> None:
    found = match(text)
    assert (found.state, found.entry, found.candidates) == ("unknown", None, ())
    assert found.reason is not None


TWINS = (
    RosterEntry("20240306", "王小明"), RosterEntry("20240307", "王小朋"),
    RosterEntry("20240301", "张伟"), RosterEntry("20240302", "张伟"), RosterEntry("20240399", "张玮"),
    RosterEntry("20240455", "Wang Xiaomin"), RosterEntry("20240466", "汪晓明"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("姓名：王小明", 0),  # one character from 王小朋
        ("学号：20240306", 0),  # one digit from 20240307
        ("姓名：王小明 学号：20240307", 0),
        ("姓名：王小朋 学号：20240306", 0),
        ("姓名：王小月 学号：20240306", 0),  # both are one character away, one digit apart
        ("姓名：张伟", 2),  # twice in the class
        ("姓名：张伟 学号：20240301", 2),  # a digit from the other's
        ("Name: Wang Xiaoming", 0),  # as 汪晓明 is spelled
    ],
)
def test_traps_are_doubtful(text: str, first: int) -> None:
    found = match(text, TWINS)
    assert found.state == "doubtful"
    assert TWINS[first] in found.candidates


@pytest.mark.parametrize(
    ("text", "place"), [("姓名：王小明 学号：20240306", 0), ("姓名：张玮 学号：20240399", 4)]
)
def test_both_together_tell_twins_apart(text: str, place: int) -> None:
    assert match(text, TWINS).entry == TWINS[place]


def test_a_misread_number_that_is_exactly_another_student_s_is_a_contradiction() -> None:
    roster = (WANG, RosterEntry("20240307", "孙七七"))
    found = match("姓名：王小明 学号：20240307", roster)
    assert (found.state, found.candidates) == ("doubtful", roster)


def test_a_short_name_alone_has_to_be_exact() -> None:
    roster = (RosterEntry("20240306", "Rob Ray"), JONATHAN)
    assert match("Name: Rob Ray", roster).entry == roster[0]
    assert match("Name: R0b Ray", roster).state == "doubtful"


def test_short_numbers_have_to_be_exact() -> None:
    roster = (RosterEntry("07", "张伟"), RosterEntry("12", "李娜"))
    assert match("姓名：张伟 学号：07", roster).entry == roster[0]
    assert match("姓名：张伟 学号：08", roster).state == "doubtful"  # another class's 张伟


def test_typed_text_has_no_misread_characters() -> None:
    page = said("姓名：王小朋 学号：20240306")
    assert Class(CLASS).match(page).state == "matched"
    assert Class(CLASS).match(page, typed=True).state == "doubtful"


def test_an_empty_class() -> None:
    assert match("姓名：王小明", ()).state == "unknown"


values = st.sampled_from(
    [each.name for each in CLASS + TWINS] + [each.number for each in CLASS + TWINS] + ["小明", "Bob"]
)
parts = st.sampled_from(["姓名：", "学号：", "Name: ", "No.: ", "\n", " ", "  ", "1. "])
texts = st.lists(values | parts | st.text(max_size=4), max_size=10).map("".join)


@settings(max_examples=150, deadline=None)
@given(texts)
def test_it_never_raises_and_a_match_is_alone(text: str) -> None:
    for roster in (CLASS, TWINS):
        found = match(text, roster)
        assert (found.entry is not None) == (found.state == "matched")
        assert (found.reason is None) == (found.state == "matched")
        assert set(found.candidates) <= set(roster)
