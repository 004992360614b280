"""Which words carry a criterion: clauses over the breaks of a page, small words, answers to other questions."""

from __future__ import annotations

import pytest

from app.grading.passages import Scent, apportion, clauses
from app.scheme.types import Criterion, Kind, Question

BIRDS = Question(
    "1",
    Kind.TEXT,
    "Why do many birds fly south in autumn?",
    4.0,
    (
        "In winter there are hardly any insects in the north, so the birds would starve. In the south they find food.",
    ),
    (Criterion("says that food (insects) is missing in winter", 2.0), Criterion("is well written", 2.0)),
)
DEW = Question(
    "2",
    Kind.TEXT,
    "解释早晨草叶上露珠的形成。",
    4.0,
    ("夜间气温下降，空气中的水蒸气遇冷液化成小水珠，附着在草叶上。",),
    (Criterion("水蒸气遇冷液化", 2.0), Criterion("气温下降", 2.0)),
)


def test_a_line_that_was_too_long_for_the_page_ends_no_clause() -> None:
    english = "The birds that eat insects cannot find anything to eat when\nit is cold, so they leave."
    assert [english[s:e] for s, e in clauses(english)] == [
        "The birds that eat insects cannot find anything to eat when\nit is cold,",
        "so they leave.",
    ]
    chinese = "从冰箱里取出的饮料瓶温度低于周围空气的温度所以空气中的水蒸\n气液化了。水珠"
    assert [chinese[s:e] for s, e in clauses(chinese)] == [chinese[: chinese.index("。") + 1], "水珠"]


@pytest.mark.parametrize(
    "text",
    [
        "cold\nfood",
        "It is cold.\nfood",
        "one long line that ends here but the next begins a list\nNo food",
        "冷\n热",
    ],
)
def test_other_line_breaks_end_one(text: str) -> None:
    assert len(clauses(text)) == 2


@pytest.mark.parametrize(
    "text",
    [
        "They had to go where they could, because there was nothing else for them.",
        "William used castles to control England; later he built them of stone and gave land to his barons.",
        "",
        "?!",
    ],
)
def test_small_words_and_other_subjects_carry_nothing(text: str) -> None:
    found = Scent(BIRDS).find(text)
    assert found == [None, None]
    assert [mark.points for mark in apportion(BIRDS, text, 4.0, found)] == [0.0, 0.0]


def test_an_answer_to_another_question_of_the_subject_carries_nothing() -> None:
    optics = (
        "因为光从水里斜射到空气中会发生折射，折射光线偏离法线，人眼逆着折射光线看去，觉得筷子向上弯折了。"
    )
    assert Scent(DEW).find(optics) == [None, None]


def test_short_answers_are_never_off_topic() -> None:
    assert any(Scent(BIRDS).find("no insects"))
    assert any(Scent(DEW).find("液化"))


def test_a_criterion_without_words_of_its_own_is_carried_by_what_carries_the_references() -> None:
    answer = "There are no insects in the north in winter."
    found = Scent(BIRDS).find(answer)
    assert all(passage and answer[passage.start : passage.end] == answer for passage in found)
