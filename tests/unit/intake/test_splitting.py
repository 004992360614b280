"""Piles become papers: what is certain is right, and everything else is asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.document import Page
from app.intake.covers import payload
from app.intake.piles.numbers import PageNumber, page_number
from app.intake.splitting import Bundle, PileView, Split, split
from tests.timing import cpu_seconds
from tests.unit.intake.simulated_piles import ASSIGNMENT, Habits, Pupil, Simulated, pile, verdicts, without

WANG = Pupil(1, "20240306", "王小明")
ZHANG = Pupil(2, "20240317", "张伟")
LI = Pupil(3, "20240328", "李娜")
ZHAO = Pupil(4, "20240339", "赵海")
CLASS = (WANG, ZHANG, LI, ZHAO)
BLANK = object()
FAILED = object()


def head(pupil: Pupil) -> str:
    return f"期中考试 数学试卷\n姓名：{pupil.name} 学号：{pupil.number}\n一、选择题 下列各数中最大的是\n1. 甲"


def more(number: int) -> str:
    return f"二、解答题 写出必要的文字说明\n{number}. 因为所以"


def views(*pages: object, source: str = "scan.pdf") -> list[PileView]:
    """A pile of one file: texts, pupils (their cover sheets), BLANK and FAILED."""
    made = []
    for number, page in enumerate(pages, 1):
        text = page if isinstance(page, str) else ""
        codes = (payload(ASSIGNMENT, page.id),) if isinstance(page, Pupil) else ()
        view = PileView(number, Page(number, text), codes, page is BLANK, page is FAILED, source, number)
        made.append(view)
    return made


def done(*pages: object) -> Split:
    return split(views(*pages), CLASS, ASSIGNMENT)


def shape(found: Split) -> list[tuple[str | None, tuple[int, ...]]]:
    """The bundles: whose, None where that is asked, and their pages."""
    return [(bundle.student.name if bundle.student else None, bundle.pages) for bundle in found.bundles]


def doubts(found: Split) -> list[str]:
    return [bundle.doubt.render("en") if bundle.doubt else "" for bundle in found.bundles]


# --- cover sheets -----------------------------------------------------------------------------------------------------


def test_cover_sheets_part_a_pile() -> None:
    found = done(WANG, "甲", "乙", LI, "丙", ZHANG, "丁", "戊", "己", ZHAO, "庚", "辛")
    assert shape(found)[:3] == [("王小明", (2, 3)), ("李娜", (5,)), ("张伟", (7, 8, 9))]
    assert {bundle.how for bundle in found.bundles} == {"cover"}
    assert found.left_out == (1, 4, 6, 10)
    assert [why.render("zh") for why in found.left_reasons] == ["封面页。"] * 4
    assert found.certain()
    assert found.missing == ()


def test_blank_backs_are_left_out_with_a_reason_and_a_cover_alone_is_nobody_s_paper() -> None:
    found = done(WANG, BLANK, "甲", BLANK, LI, BLANK)
    assert shape(found) == [("王小明", (3,))]
    assert found.left_out == (1, 2, 4, 5, 6)
    assert [pupil.name for pupil in found.missing] == ["张伟", "李娜", "赵海"]


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        (("甲", WANG, "乙"), "before the first cover"),
        ((WANG, "甲", WANG, "乙"), "Several papers of 王小明"),
        ((Pupil(99, "1", "x"), "甲"), "not in the class"),
        ((WANG, head(LI)), "a page behind it says 李娜"),
        ((WANG, "甲", FAILED), "could not be read"),
    ],
)
def test_what_is_strange_about_covers_is_doubted(pages: tuple[object, ...], said: str) -> None:
    found = done(*pages)
    assert any(said in doubt for doubt in doubts(found))
    assert not found.certain()


def test_a_cover_of_another_assignment_is_doubted() -> None:
    made = [replace(view, codes=(payload(ASSIGNMENT + 1, WANG.id),)) for view in views(WANG)]
    found = split([*made, *views("", "甲")[1:]], CLASS, ASSIGNMENT)
    assert doubts(found) == ["The cover sheet is one of another assignment."]
    assert (found.bundles[0].match, found.bundles[0].candidates) == ("doubtful", (WANG,))


def test_a_cover_whose_code_is_spoilt_begins_a_paper_in_doubt() -> None:
    pages = views(WANG, "甲", "姓名：李娜", "乙")
    pages[2] = replace(pages[2], codes=("ZHUPI/1/7/3/XXXX",))
    found = split(pages, CLASS, ASSIGNMENT)
    assert shape(found) == [("王小明", (2,)), (None, (4,))]
    assert found.bundles[1].candidates == (LI,)


def test_covers_whose_code_is_lost_are_known_by_their_words() -> None:
    made = pile(3, 8, Habits(pages=2, covers=True))
    lost = [replace(view, codes=()) if view.id == 4 else view for view in made.views]
    found = split(lost, made.roster, ASSIGNMENT)
    assert len(found.bundles) == 8
    assert found.bundles[1].doubt is not None
    assert verdicts(made, found) == Counter(right=7, asked=1)


def test_a_pile_with_covers_that_was_scanned_back_to_front_is_turned_in_doubt() -> None:
    found = done("乙", "甲", WANG, "丁", "丙", LI)
    assert shape(found) == [("王小明", (2, 1)), ("李娜", (5, 4))]
    assert all("back to front" in doubt for doubt in doubts(found))


def test_a_pile_of_which_everything_is_left_out_is_asked() -> None:
    assert done().certain()
    for pages in ((BLANK,), (WANG,), (WANG, BLANK, LI)):
        found = done(*pages)
        assert found.bundles == ()
        assert len(found.left_out) == len(pages)
        assert not found.certain()


# --- fields -----------------------------------------------------------------------------------------------------------


def test_fields_begin_papers() -> None:
    found = done(head(WANG), more(2), head(LI), more(2), head(ZHANG), more(2))
    assert shape(found) == [("王小明", (1, 2)), ("李娜", (3, 4)), ("张伟", (5, 6))]
    assert {bundle.how for bundle in found.bundles} == {"field"}
    assert found.certain()
    assert found.missing == (ZHAO,)


def test_a_header_on_every_page_continues_the_paper() -> None:
    pages = [text for pupil in (WANG, LI, ZHANG) for text in (head(pupil), f"姓名：{pupil.name}\n{more(2)}")]
    assert shape(done(*pages)) == [("王小明", (1, 2)), ("李娜", (3, 4)), ("张伟", (5, 6))]


def test_an_empty_field_begins_a_paper_in_doubt() -> None:
    empty = head(WANG).replace("王小明", "____").replace(WANG.number, "____")
    found = done(head(ZHANG), more(2), empty, more(2), head(LI), more(2))
    assert shape(found) == [("张伟", (1, 2)), (None, (3, 4)), ("李娜", (5, 6))]
    assert "empty" in doubts(found)[1]
    assert not found.certain()


def test_a_first_page_without_any_name_is_known_by_its_print() -> None:
    nameless = head(WANG).replace("姓名：王小明 学号：20240306\n", "")
    found = done(head(ZHANG), more(2), nameless, more(2), head(LI), more(2), head(ZHAO), more(2))
    assert [bundle.pages for bundle in found.bundles] == [(1, 2), (3, 4), (5, 6), (7, 8)]
    assert (found.bundles[1].how, found.bundles[1].match) == ("likeness", "unknown")
    assert "no name was read" in doubts(found)[1]


def test_an_answer_that_is_a_classmate_s_name_begins_nothing() -> None:
    found = done(head(WANG), "李娜\n二、解答题", head(ZHANG), more(2))
    assert [bundle.pages for bundle in found.bundles] == [(1, 2), (3, 4)]
    assert not found.certain()


def test_pages_before_the_first_field_put_everything_in_doubt() -> None:
    found = done("甲", "乙", head(WANG), more(2), head(LI), more(2))
    assert found.bundles[0].pages == (1, 2)
    assert all(doubts(found))


def test_a_pile_that_was_scanned_back_to_front_is_turned_in_doubt() -> None:
    found = done(more(2), head(WANG), more(2), head(LI), more(2), head(ZHANG))
    assert sorted(shape(found), key=lambda each: each[1]) == [
        ("王小明", (2, 1)),
        ("李娜", (4, 3)),
        ("张伟", (6, 5)),
    ]
    assert all("back to front" in doubt for doubt in doubts(found))


def test_one_paper_whose_first_page_names_nobody_is_not_turned() -> None:
    found = done("作文", "续", head(LI))
    assert [bundle.pages for bundle in found.bundles] == [(1, 2), (3,)]
    assert all(doubts(found))


def test_a_lost_page_and_two_papers_in_one_are_seen_by_the_count() -> None:
    whole = [text for pupil in CLASS for text in (head(pupil), more(2), more(3))]
    found = done(*whole[:-1])
    assert doubts(found) == ["", "", "", "This paper has 2 pages, most have 3."]
    whole[3] = "甲乙丙"  # a first page of which nothing was read
    found = done(
        *whole, *(text for pupil in CLASS[:1] for text in (head(Pupil(0, "", "孙七")), more(2), more(3)))
    )
    assert [bundle.pages for bundle in found.bundles][:2] == [(1, 2, 3), (4, 5, 6)]
    assert all("Several papers may lie here" in doubt for doubt in doubts(found)[:2])


def test_a_paper_that_ends_in_blank_pages_is_not_too_short() -> None:
    covered = done(WANG, "甲", "乙", LI, "丙", BLANK, ZHANG, "丁", "戊", ZHAO, "己", "庚")
    assert covered.certain()
    assert "most have 2" in doubts(done(WANG, "甲", "乙", LI, BLANK, "丙", ZHANG, "丁", "戊"))[1]
    fields = [text for pupil in CLASS for text in (head(pupil), more(2), more(3))]
    fields[5] = BLANK  # type: ignore[call-overload]
    assert doubts(done(*fields)) == ["", "", "", ""]


def test_two_papers_of_one_student_are_both_doubted() -> None:
    found = done(head(WANG), more(2), head(LI), more(2), head(WANG), more(2))
    assert doubts(found) == [
        "Several papers of 王小明 are in this pile.",
        "",
        "Several papers of 王小明 are in this pile.",
    ]


def test_blank_backs_and_pages_that_failed() -> None:
    found = done(head(WANG), BLANK, head(LI), FAILED)
    assert shape(found) == [("王小明", (1,)), ("李娜", (3, 4))]
    assert found.left_out == (2,)
    assert "could not be read" in doubts(found)[1]


def test_a_blank_page_that_is_no_back_stays_in_its_paper() -> None:
    assert done(head(WANG), more(2), BLANK, head(LI)).bundles[0].pages == (1, 2, 3)


def test_pages_without_any_name_are_asked() -> None:
    found = done("甲", "乙", "丙")
    assert (found.bundles[0].how, found.bundles[0].match) == ("count", "unknown")
    assert doubts(found) == ["No name was read on any of these pages."]
    alike = done(*("一、选择题 下列各数中最大的是哪一个数" if at % 2 == 0 else more(2) for at in range(6)))
    assert [bundle.pages for bundle in alike.bundles] == [(1, 2), (3, 4), (5, 6)]
    assert not alike.certain()


def test_strangers_in_a_pile_are_asked() -> None:
    stranger = Pupil(9, "20240307", "孙七")  # a digit from 王小明's number
    found = done(head(WANG), more(2), head(stranger), more(2), head(LI), more(2))
    assert shape(found) == [("王小明", (1, 2)), (None, (3, 4)), ("李娜", (5, 6))]


def test_a_stranger_s_pages_stay_together() -> None:
    header = "姓名：孙七七 学号：19990001\n"
    own = [text for pupil in (WANG, LI) for text in (head(pupil), f"姓名：{pupil.name}\n{more(2)}")]
    found = done(*own, header + "甲乙丙", header.replace("七七", "七匕") + "丁", header + "戊")
    assert [bundle.pages for bundle in found.bundles] == [(1, 2), (3, 4), (5, 6, 7)]
    assert found.bundles[2].match == "unknown"


def test_an_unreadable_header_puts_the_paper_before_it_in_doubt_too() -> None:
    own = [text for pupil in (WANG, LI) for text in (f"姓名：{pupil.name}\n甲", f"姓名：{pupil.name}\n乙")]
    found = done(*own, "姓名：~~~\n丙")
    assert shape(found) == [("王小明", (1, 2)), ("李娜", (3, 4)), (None, (5,))]
    first, second, third = doubts(found)
    assert first == ""
    assert "may belong here" in second
    assert "could not be read" in third


def test_two_that_one_misreading_confuses_are_settled_by_having_a_paper_each() -> None:
    twins = (Pupil(1, "20240301", "张伟"), Pupil(2, "20240302", "张伟"), LI)
    both = split(views(head(twins[0]), head(twins[1]), head(LI)), twins, ASSIGNMENT)
    assert [bundle.student for bundle in both.bundles] == list(twins)
    alone = split(views(head(twins[0]), head(LI)), twins, ASSIGNMENT)
    assert alone.bundles[0].match == "doubtful"
    assert alone.bundles[0].candidates[0] == twins[0]


# --- page numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("第2页", PageNumber(2)), ("甲\n第 ２ 页 共 4 页", PageNumber(2, 4)), ("第二页", PageNumber(2)),
        ("x\n2/4", PageNumber(2, 4)),
        ("Page 2 of 4", PageNumber(2, 4)), ("- 3 -", PageNumber(3)), ("第7页 共4页", None), ("1/2 of the cake", None),
        ("第1页\n甲\n乙\n第2页", None), ("甲", None), ("", None), ("Page 0", None), ("homepage 3", None),
    ],
)  # fmt: skip
def test_page_numbers(text: str, number: PageNumber | None) -> None:
    assert page_number(text) == number


def numbered(*numbers: int, total: int = 3) -> list[str]:
    return [f"{head(WANG) if number == 1 else more(number)}\n第{number}页 共{total}页" for number in numbers]


def test_page_numbers_order_a_paper() -> None:
    assert done(*numbered(1, 3, 2)).bundles[0].pages == (1, 3, 2)


@pytest.mark.parametrize("numbers", [(1, 2, 2), (1, 3), (1, 2, 3, 3)])
def test_page_numbers_that_contradict_are_doubted(numbers: tuple[int, ...]) -> None:
    found = done(*numbered(*numbers))
    assert len(found.bundles) == 1
    assert "page" in doubts(found)[0]


def test_a_page_in_the_wrong_place_is_seen_by_its_print() -> None:
    third = "三、作文 以我的家乡为题写一篇文章\n3. 从前"
    pages = [text for pupil in CLASS for text in (head(pupil), more(2), third)]
    assert done(*pages).certain()
    pages[4], pages[5] = pages[5], pages[4]
    assert doubts(done(*pages)) == ["", "Page 2 of this paper looks like page 3 of the others.", "", ""]


# --- files ------------------------------------------------------------------------------------------------------------


def pictures(*names: str) -> list[PileView]:
    return [PileView(number, Page(1, "甲乙丙"), source=name) for number, name in enumerate(names, 1)]


def test_pictures_go_by_their_files_names() -> None:
    names = (
        "王小明-2.jpg",
        "张伟 - 1.jpg",
        "王小明-1.jpg",
        "张伟 - 2.jpg",
        "20240328_1.png",
        "李娜（2）.jpg",
        "赵海10.jpg",
        "赵海9.jpg",
    )
    found = split(pictures(*names), CLASS, ASSIGNMENT)
    assert shape(found) == [("王小明", (3, 1)), ("张伟", (2, 4)), ("李娜", (5, 6)), ("赵海", (8, 7))]
    assert {bundle.how for bundle in found.bundles} == {"file"}
    assert found.certain()


@pytest.mark.parametrize(
    "name", ["IMG_2214.jpg", "IMG_20240306_101112.jpg", "微信图片_20240306.jpg", "", "王小.jpg", "a/b/c.jpg"]
)
def test_names_of_cameras_name_nobody(name: str) -> None:
    assert split(pictures(name), CLASS, ASSIGNMENT).bundles[0].student is None


def test_a_page_that_contradicts_its_file_s_name_is_doubted() -> None:
    made = [PileView(1, Page(1, head(LI)), source="王小明-1.jpg")]
    assert "a page says 李娜" in doubts(split(made, CLASS, ASSIGNMENT))[0]


def test_a_pile_that_is_called_like_a_student_is_split_by_its_pages() -> None:
    found = split(views(head(LI), head(ZHANG), source="王小明.pdf"), CLASS, ASSIGNMENT)
    assert shape(found) == [("李娜", (1,)), ("张伟", (2,))]


def test_files_of_many_pages_are_not_joined() -> None:
    first = views(head(WANG), more(2), source="a.pdf")
    second = [replace(view, id=view.id + 10) for view in views("丙", more(3), source="b.pdf")]
    assert [bundle.pages for bundle in split([*first, *second], CLASS, ASSIGNMENT).bundles] == [
        (1, 2),
        (11, 12),
    ]


# --- whole piles, as text recognition gives them ----------------------------------------------------------------------

# How a pile is made, and the share of its papers that has to be right; the others have to be asked.
PILES = {
    "covers": (Habits(covers=True), 1.0),
    "covers and headers": (Habits(covers=True, header_everywhere=True, page_numbers=True), 1.0),
    "first pages": (Habits(), 0.93),
    "all pages": (Habits(header_everywhere=True), 0.95),
    "English": (Habits(english=True, header_everywhere=True), 0.95),
    "nothing printed": (Habits(printed=False), 0.85),
    "names only": (Habits(with_number=False, header_everywhere=True), 0.8),
}


@pytest.mark.parametrize("name", PILES)
def test_simulated_piles_are_split_right_and_never_wrong(name: str) -> None:
    habits, least = PILES[name]
    made = pile(1, 40, habits)
    count = verdicts(made, split(made.views, made.roster, ASSIGNMENT))
    assert count["wrong"] == 0
    assert count["right"] >= least * count.total()


@pytest.mark.parametrize("seed", range(3))
def test_lost_pages_and_students_who_left_are_never_wrong_silently(seed: int) -> None:
    made = pile(seed, 20, Habits(pages=3))
    lost = [view.id for at, view in enumerate(made.views) if at % 17 == seed]
    found = split(without(made, lost).views, made.roster[:-3], ASSIGNMENT)
    truth = {
        student: tuple(page for page in pages if page not in lost) for student, pages in made.truth.items()
    }
    assert verdicts(Simulated(made.roster, made.views, truth), found)["wrong"] == 0


def test_six_hundred_pages_take_seconds() -> None:
    made = pile(1, 60, Habits(pages=10))
    assert len(made.views) == 600
    assert cpu_seconds(lambda: split(made.views, made.roster, ASSIGNMENT)) < 6


pieces = st.text(max_size=40) | st.sampled_from(
    [head(WANG), head(LI), more(2), "姓名：", "甲", "第2页", "", "李娜", "\x00", "Name: Bob"]
)
codes = st.sampled_from(
    ["", payload(ASSIGNMENT, 1), payload(ASSIGNMENT, 99), payload(1, 1), "ZHUPI/1/x", "https://x"]
)
anything = st.tuples(
    pieces, codes, st.booleans(), st.booleans(), st.sampled_from(["a.pdf", "王小明-1.jpg", "IMG 2.jpg", ""])
)


@settings(max_examples=50, deadline=None)
@given(st.lists(anything, max_size=12))
def test_every_page_is_somewhere_once(pages: list[tuple[str, str, bool, bool, str]]) -> None:
    made = [
        PileView(at, Page(1, text), (code,) if code else (), blank, failed, source, at % 4 + 1)
        for at, (text, code, blank, failed, source) in enumerate(pages)
    ]
    found = split(made, CLASS, ASSIGNMENT)
    placed = [page for bundle in found.bundles for page in bundle.pages] + list(found.left_out)
    assert sorted(placed) == list(range(len(made)))
    assert len(found.left_out) == len(found.left_reasons)
    assert all(isinstance(bundle, Bundle) and bundle.pages for bundle in found.bundles)
    assert all((bundle.student is not None) == (bundle.match == "matched") for bundle in found.bundles)
    assert not split(made, (), ASSIGNMENT).missing


def test_a_nameless_paper_of_the_usual_length_is_asked_alone() -> None:
    own = [
        text for pupil in (WANG, ZHANG, LI) for text in (f"姓名：{pupil.name}\n甲", f"姓名：{pupil.name}\n乙")
    ]
    found = done(*own, "姓名：~~~\n丙", "姓名：~~~\n丁")
    assert shape(found)[-2:] == [("李娜", (5, 6)), (None, (7, 8))]
    assert doubts(found)[:3] == ["", "", ""] and doubts(found)[3]
