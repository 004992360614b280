"""Whose paper it is: matched only on exact evidence, doubtful whenever anything speaks against it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.intake.claims import file_claims, number_tokens, page_claims
from app.intake.matching import match_paper
from app.intake.normal import name_forms, number_key, words
from app.intake.roster import RosterEntry
from tests.timing import cpu_seconds

ZHANG = RosterEntry("20240101", "张伟")
LI = RosterEntry("20240102", "李娜")
OUYANG = RosterEntry("20240103", "欧阳修文")
ANN = RosterEntry("20240204", "Ann Lee")
ZOE = RosterEntry("20240205", "Zoë Müller-Schmidt")
WANG = RosterEntry("20240306", "王小明")
AYI = RosterEntry("20240307", "买买提·阿依")
CLASS = (ZHANG, LI, OUYANG, ANN, ZOE, WANG, AYI)


@pytest.mark.parametrize(
    ("file_name", "text", "entry"),
    [
        ("20240101.pdf", "", ZHANG),
        ("张伟.pdf", "", ZHANG),
        ("张伟-作业3.pdf", "", ZHANG),
        ("高一3班张伟作文.docx", "", ZHANG),
        ("李 娜.pdf", "", LI),
        ("欧阳 修文.pdf", "", OUYANG),
        ("物理20240306王小明.pdf", "", WANG),
        ("2024-09-01 李娜.pdf", "", LI),
        ("3班 - 张伟 - 作业.pdf", "", ZHANG),
        ("Lee, Ann.pdf", "", ANN),
        ("LEE Ann essay final.docx", "", ANN),
        ("ann_lee_hw2.pdf", "", ANN),
        ("AnnLee.pdf", "", ANN),
        ("Ann Lee_12345_assignsubmission_file_ - essay.pdf", "", ANN),
        ("ZOË MÜLLER-SCHMIDT.pdf", "", ZOE),
        ("scan.pdf", "期中考试\n姓名：张伟  班级：三(1)班  学号：20240101\n1. A", ZHANG),
        ("scan.pdf", "姓 名：张 伟\n学 号：２０２４０１０１", ZHANG),
        ("scan.pdf", "姓名\t张伟\t学号\t20240101", ZHANG),
        ("scan.pdf", "姓名\t学号\n张伟\t20240101", ZHANG),
        ("scan.pdf", "姓名_____李娜_____ 学号____20240102___", LI),
        ("scan.pdf", "Name: Ann Lee   Student No.: 20240204\n", ANN),
        ("scan.pdf", "Name: Ann Lee Date: 3 May\n", ANN),
        ("scan.pdf", "Name:\nＡＮＮ ＬＥＥ\n", ANN),
        ("scan.pdf", "买买提•阿依\n1. B", AYI),
        ("scan.pdf", "ID: 20240204 (again)", ANN),
        ("scan.pdf", "学号：20240101", ZHANG),
    ],
)
def test_matched(file_name: str, text: str, entry: RosterEntry) -> None:
    match = match_paper(file_name, text, CLASS)
    assert (match.state, match.entry, match.reason) == ("matched", entry, None)
    assert match.candidates == (entry,)


@pytest.mark.parametrize(
    ("file_name", "text", "candidates"),
    [
        ("李娜.pdf", "姓名：张伟", {LI, ZHANG}),  # file and page disagree
        ("20240102.pdf", "学号：20240101", {LI, ZHANG}),
        ("20240102.pdf", "姓名：张伟", {LI, ZHANG}),
        ("20240101_20240102.pdf", "", {LI, ZHANG}),
        ("张伟 李娜.pdf", "", {LI, ZHANG}),
        ("scan.pdf", "姓名：王五\n学号：20240101", {ZHANG}),  # a stranger's name with a student's number
        ("张伟.pdf", "姓名：王五", {ZHANG}),
        ("张伟.pdf", "学号：99999999", {ZHANG}),
        ("张伟.pdf", "学号：20240191", {ZHANG}),  # a number one digit off
        ("scan.pdf", "学号：20240191", {ZHANG}),
        ("2024010.pdf", "", {ZHANG}),
        ("张玮.pdf", "", {ZHANG}),  # one character off
        ("张玮_20240101.pdf", "", {ZHANG}),
        ("王小.pdf", "", {WANG}),  # contained
        ("王小明明.pdf", "", {WANG}),  # containing
        ("张伟的物理.pdf", "", {ZHANG}),
        ("Anna Lee.pdf", "", {ANN}),
        ("Ann Lee Smith.pdf", "", {ANN}),
        ("Zoe Müller-Schmidt.pdf", "", {ZOE}),
        ("scan.pdf", "Name: Ann Le", {ANN}),
    ],
)
def test_doubtful(file_name: str, text: str, candidates: set[RosterEntry]) -> None:
    match = match_paper(file_name, text, CLASS)
    assert (match.state, match.entry) == ("doubtful", None)
    assert candidates <= set(match.candidates)
    assert match.reason is not None
    assert "{" not in match.reason.render("en")


@pytest.mark.parametrize(
    ("file_name", "text"),
    [
        ("scan001.pdf", "1. Paris"),
        ("", ""),
        ("scan.pdf", "姓名：赵六\n学号：30009999"),
        ("赵六.pdf", ""),
        ("scan.pdf", "Name the capital of France\nParis"),
        ("scan.pdf", "1. Ann Lee\n2. 张伟"),
        ("scan.pdf", "Ann Lee discovered it"),
        ("scan.pdf", "Name: ________\n1. Ann Lee discovered it"),
        ("Bob Stone.pdf", "Name: Bob Stone"),
        ("\x00\u202e🙂.pdf", "\x00" * 50),
        ("scan.pdf", "1. x\n" * 50 + "姓名：张伟"),  # far down is an answer
    ],
)
def test_unknown(file_name: str, text: str) -> None:
    match = match_paper(file_name, text, CLASS)
    assert (match.state, match.entry, match.candidates) == ("unknown", None, ())
    assert match.reason is not None


def test_an_empty_class_matches_nothing() -> None:
    assert match_paper("张伟.pdf", "学号：20240101", ()).state == "unknown"


@pytest.mark.parametrize(
    ("one", "other"), [("张伟", "张玮"), ("Ann Lee", "Anna Lee"), ("王小", "王小明"), ("Ann", "Ann Lee")]
)
def test_alike_students_need_a_number(one: str, other: str) -> None:
    roster = (RosterEntry("20240101", one), RosterEntry("20240202", other))
    match = match_paper(f"{one}.pdf", f"Name: {one}", roster)
    assert match.state == "doubtful"
    assert match.candidates[0] == roster[0]
    assert set(match.candidates) == set(roster)
    assert match_paper(f"{one} 20240101.pdf", "", roster).entry == roster[0]


def test_the_same_name_twice_needs_the_number() -> None:
    roster = (
        RosterEntry("07", "张伟"),
        RosterEntry("12", "张伟"),
        RosterEntry("20", "Lee Ann"),
        RosterEntry("21", "Ann Lee"),
    )
    assert match_paper("张伟.pdf", "姓名：张伟", roster).state == "doubtful"
    assert match_paper("张伟.pdf", "姓名：张伟 学号：12", roster).entry == roster[1]
    assert match_paper("12-张伟.pdf", "", roster).entry == roster[1]
    assert match_paper("Ann Lee.pdf", "", roster).state == "doubtful"  # the order of names does not tell


def test_short_numbers_count_only_with_a_label_or_the_name() -> None:
    roster = (RosterEntry("3", "张伟"), RosterEntry("2024", "李娜"))
    assert match_paper("作业3.pdf", "1. A\n3. B", roster).state == "unknown"
    assert match_paper("2024期末.pdf", "", roster).state == "unknown"
    assert match_paper("x.pdf", "学号：3", roster).entry == roster[0]
    assert match_paper("李娜 作业3.pdf", "", roster).entry == roster[1]


def test_numbers_with_letters_and_marks() -> None:
    roster = (RosterEntry("2024-07-B", "张伟"), RosterEntry("S0042", "李娜"))
    assert match_paper("hw_2024-07-b.pdf", "", roster).entry == roster[0]
    assert match_paper("x.pdf", "Student ID: s0042", roster).entry == roster[1]


def test_a_large_class_is_matched_quickly() -> None:
    roster = [
        RosterEntry(str(20240000 + n), f"{a}{b}")
        for n, (a, b) in enumerate((chr(0x4E00 + i), chr(0x5000 + i)) for i in range(3000))
    ]
    text = "Name: Somebody Else\n" + "words here\n" * 10
    assert cpu_seconds(lambda: match_paper("x - y - z.pdf", text, roster)) < 2


names = st.sampled_from([entry.name for entry in CLASS] + ["张玮", "Anna Lee", "赵六", "Bob"])
numbers = st.sampled_from([entry.number for entry in CLASS] + ["20240191", "7", "2024"])
noise = st.sampled_from(
    ["作业", " ", "_", "-", "Name: ", "姓名：", "学号：", "ID: ", "\n", "\t", "essay", "3班", "(1)", "。"]
)
mixed = st.lists(st.one_of(names, numbers, noise, st.text(max_size=6)), max_size=8).map("".join)


@settings(max_examples=400, deadline=None)
@given(mixed, mixed)
def test_a_match_always_has_its_name_or_number_in_the_evidence(file_name: str, text: str) -> None:
    match = match_paper(file_name, text, CLASS)
    if match.state != "matched":
        assert match.entry is None
        assert match.reason is not None
        return
    assert match.entry is not None
    tokens = {number for part in (file_name, text) for number in number_tokens(part)}
    squeezed = number_key(file_name) + "|" + number_key(text)
    letters = ["".join(words(part)) for part in (file_name, text)]
    forms = name_forms(match.entry.name)
    assert (
        number_key(match.entry.number) in tokens
        or number_key(match.entry.number) in squeezed
        or any(form in part for form in forms for part in letters)
    )


@settings(max_examples=200, deadline=None)
@given(mixed, mixed)
def test_two_exact_numbers_never_match(before: str, after: str) -> None:
    assert match_paper(f"{before} 20240101 {after}.pdf", "学号：20240102", CLASS).state == "doubtful"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.text(max_size=600))
def test_claims_never_raise(file_name: str, text: str) -> None:
    file_claims(file_name)
    page_claims(text)


WESTERN = (
    RosterEntry("8A06", "Priya Nair"),
    RosterEntry("8A07", "Callum Reid"),
    RosterEntry("8A10", "Grace Chen"),
    RosterEntry("8A11", "Jimmy Page"),
)


@pytest.mark.parametrize(
    ("file_name", "text", "number"),
    [
        ("8A10_Grace Chen.docx", "Q1. B", "8A10"),
        ("8A10 Grace Chen.pdf", "Name: Grace Chen", "8A10"),
        ("8A10-grace-chen v2.pdf", "", "8A10"),
        ("IMG_2214.txt", "priya nair 8a06 science\n\nQ1 newton", "8A06"),
        ("science test (1).md", "# Science test\n\n**Name:** Callum Reid\n**ID:** 8A07\n", "8A07"),
        ("scan.pdf", "Jimmy Page\n1. B", "8A11"),
    ],
)
def test_codes_and_markup_are_no_part_of_a_name(file_name: str, text: str, number: str) -> None:
    match = match_paper(file_name, text, WESTERN)
    assert match.state == "matched" and match.entry is not None
    assert match.entry.number == number


def test_a_number_that_is_another_students_stays_a_contradiction() -> None:
    assert match_paper("8A10_Priya Nair.docx", "", WESTERN).state == "doubtful"
    assert match_paper("8A10_Grace Chan.docx", "", WESTERN).state == "doubtful"


PINYIN = (
    RosterEntry("20240306", "王小明"),
    RosterEntry("20240317", "张伟"),
    RosterEntry("20240328", "Robert Smith"),
)


@pytest.mark.parametrize(
    ("file_name", "text"),
    [("Wang Xiaoming.pdf", ""), ("xiaoming_wang_hw2.pdf", ""), ("scan.pdf", "Name: WANG Xiaoming")],
)
def test_whole_pinyin_of_one_student_matches(file_name: str, text: str) -> None:
    assert match_paper(file_name, text, PINYIN).entry == PINYIN[0]


@pytest.mark.parametrize(
    ("file_name", "text", "first"),
    [
        ("WangXM.pdf", "", 0),
        ("小明.pdf", "", 0),
        ("scan.pdf", "姓名：小明", 0),
        ("Bob.pdf", "", 2),
        ("scan.pdf", "Name: Bob Smith", 2),
    ],
)
def test_short_names_are_doubtful_with_the_student_first(file_name: str, text: str, first: int) -> None:
    match = match_paper(file_name, text, PINYIN)
    assert (match.state, match.candidates[0]) == ("doubtful", PINYIN[first])


def test_pinyin_of_two_students_is_doubtful() -> None:
    for other in ("汪晓明", "王晓敏", "Wang Xiaomin"):  # the same, and one letter apart
        match = match_paper("Wang Xiaoming.pdf", "", (*PINYIN, RosterEntry("20240399", other)))
        assert (match.state, match.candidates[0]) == ("doubtful", PINYIN[0])
