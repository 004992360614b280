"""Changes of a proposed split: every action, at every edge, and everything that is none."""

from __future__ import annotations

import json

import pytest

from app.papers.models import PaperPage, Pile
from app.papers.piles import Arranged
from app.web.pile_edit import Draft, EditError, change, draft_of, whole

# Pages 1 and 9 are left out; paper 0 is Ann's (7), paper 1 is in doubt, paper 2 is nobody's.
BEFORE = Draft(
    (Arranged((2, 3, 4), 7), Arranged((5, 6)), Arranged((8,), None, nobody=True)), (1, 2, 3, 4, 5, 6, 8, 9)
)
ANN, DOUBT, NOBODY = BEFORE.bundles


def pages(word: str, draft: Draft = BEFORE) -> list[tuple[int, ...]]:
    return [each.pages for each in change(draft, word)]


@pytest.mark.parametrize(
    ("word", "after"),
    [
        ("split-3", [(2,), (3, 4), (5, 6), (8,)]),
        ("split-2", [(2, 3, 4), (5, 6), (8,)]),  # it is the first already
        ("split-1", [(2, 3, 4), (5, 6), (8,)]),  # it is left out
        ("merge-1", [(2, 3, 4, 5, 6), (8,)]),
        ("merge-0", [(2, 3, 4), (5, 6), (8,)]),
        ("out-3", [(2, 4), (5, 6), (8,)]),
        ("out-8", [(2, 3, 4), (5, 6)]),
        ("out-9", [(2, 3, 4), (5, 6), (8,)]),
        ("back-9", [(2, 3, 4), (5, 6), (8, 9)]),
        ("back-1", [(1,), (2, 3, 4), (5, 6), (8,)]),  # nothing before it
        ("back-3", [(2, 3, 4), (5, 6), (8,)]),
        ("earlier-4", [(2, 4, 3), (5, 6), (8,)]),
        ("earlier-5", [(2, 3, 4, 5), (6,), (8,)]),
        ("earlier-2", [(2, 3, 4), (5, 6), (8,)]),
        ("later-3", [(2, 4, 3), (5, 6), (8,)]),
        ("later-2", [(3, 2, 4), (5, 6), (8,)]),
        ("later-4", [(2, 3), (4, 5, 6), (8,)]),
        ("later-8", [(2, 3, 4), (5, 6), (8,)]),
        ("previous-6", [(2, 3, 4, 6), (5,), (8,)]),
        ("previous-3", [(2, 3, 4), (5, 6), (8,)]),
        ("next-3", [(2, 4), (3, 5, 6), (8,)]),
        ("next-8", [(2, 3, 4), (5, 6), (8,)]),  # alone already
        ("next-1", [(2, 3, 4), (5, 6), (8,)]),
        ("place-3-1-6", [(2, 4), (5, 3, 6), (8,)]),
        ("place-3-1-0", [(2, 4), (5, 6, 3), (8,)]),
        ("place-3-0-2", [(3, 2, 4), (5, 6), (8,)]),
        ("place-8-0-0", [(2, 3, 4, 8), (5, 6)]),
        ("place-3-new-0", [(2, 4), (5, 6), (8,), (3,)]),
        ("place-3-out-0", [(2, 4), (5, 6), (8,)]),
        ("place-1-2-8", [(2, 3, 4), (5, 6), (1, 8)]),
    ],
)
def test_actions(word: str, after: list[tuple[int, ...]]) -> None:
    assert pages(word) == after


def test_the_last_page_of_several_goes_into_a_new_paper() -> None:
    assert pages("next-6", Draft((Arranged((5, 6)),), (5, 6))) == [(5,), (6,)]


def test_whose_a_paper_is_stays_with_its_first_pages() -> None:
    first, second, *_ = change(BEFORE, "split-3")
    assert (first.student_id, second.student_id, second.nobody) == (7, None, False)
    assert change(BEFORE, "merge-1")[0].student_id == 7
    assert change(BEFORE, "merge-2")[1] == Arranged((5, 6, 8), None, nobody=True)
    assert change(Draft((DOUBT, ANN), BEFORE.order), "merge-1")[0].student_id == 7


def test_whose_it_is() -> None:
    assert change(BEFORE, "give-1-12")[1] == Arranged((5, 6), 12)
    assert change(BEFORE, "give-1-none")[1] == Arranged((5, 6), None, nobody=True)
    assert change(BEFORE, "pick-1", "12")[1] == Arranged((5, 6), 12)
    assert change(BEFORE, "pick-2", "none")[2].nobody


@pytest.mark.parametrize(
    "word",
    [
        "", "-", "split", "split-", "split-x", "split-99", "split-1-2", "split--1", "merge-3", "merge-99", "merge-x",
        "out-99", "back-99", "earlier-99", "later-99", "next-99", "previous-0", "place-3-9-0", "place-3-x-0",
        "place-99-0-0", "place-3-0", "give-1-", "give-9-1", "give-1-x", "give-1-²", "pick-1", "pick-x", "bogus-1",
        "split-" + "9" * 40, "__class__-1", "split-３", "place-3-0-x",
    ],
)  # fmt: skip
def test_what_is_no_action(word: str) -> None:
    with pytest.raises(EditError):
        change(BEFORE, word)


def test_nothing_to_move_in() -> None:
    empty = Draft((), (1,))
    assert change(empty, "back-1") == (Arranged((1,)),)
    for word in ("earlier-1", "later-1", "next-1", "previous-1", "split-1", "out-1"):
        assert change(empty, word) == ()


def test_a_whole_split() -> None:
    assert whole('[[7, 2, 3], [null, 5], ["none", 8]]') == (
        Arranged((2, 3), 7),
        Arranged((5,)),
        Arranged((8,), None, True),
    )
    assert whole("[]") == ()


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "null", "7", "{}x", "[7]", "[[]]", "[[7]]", "[[7, \"2\"]]", "[[7, 2.5]]", "[[true, 2]]", "[[7, true]]",
        "[[\"some\", 2]]", "[[-1, 2]]", "[[7, 0]]", "[[7, 99999999999999999999]]", "[[99999999999999999999, 2]]",
        "[[{}, 2]]", "[" * 50_000, json.dumps([[None, *range(1, 60_000)]]),
    ],
)  # fmt: skip
def test_what_is_no_split(text: str) -> None:
    with pytest.raises(EditError):
        whole(text)


def test_what_waits_for_the_teacher_has_no_student_in_the_draft() -> None:
    entry = {"match_reason": None, "candidates": [7]}
    pile = Pile(
        bundles=[
            {**entry, "student_id": 7, "match": "matched", "doubt": None},
            {**entry, "student_id": 8, "match": "matched", "doubt": {"message": "Pages are missing."}},
            {**entry, "student_id": None, "match": "confirmed", "doubt": None},
            {**entry, "student_id": None, "match": "unknown", "doubt": None},
        ]
    )
    rows = [PaperPage(id=10 + place, bundle=bundle) for place, bundle in enumerate((0, 0, None, 1, 2, 3))]
    draft = draft_of(pile, rows)
    assert draft.bundles == (
        Arranged((10, 11), 7),
        Arranged((13,)),
        Arranged((14,), None, nobody=True),
        Arranged((15,)),
    )
    assert draft.order == (10, 11, 12, 13, 14, 15)
