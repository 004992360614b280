"""Likeness of texts: the counting, in three languages, and the clauses and points that rest on it."""

import numpy as np
import pytest

from app.grading.likeness import (
    FEATURES,
    LONGEST,
    Index,
    Ruler,
    grams,
    in_order,
    negations,
    normalise,
    phrases,
    words,
)
from app.grading.passages import LONGEST_QUOTE, MOST_CLAUSES, Passage, Scent, apportion, clauses
from app.scheme.types import Criterion, Kind, Question


def question(*criteria: Criterion, references: tuple[str, ...] = (), prompt: str = "") -> Question:
    total = sum(criterion.points for criterion in criteria)
    return Question("1", Kind.TEXT, prompt, total, references, criteria)


def feature(name: str, ruler: Ruler, answer: str) -> float:
    return float(ruler.measure(answer)[FEATURES.index(name)])


def test_normalise_folds_width_case_and_space() -> None:
    assert normalise("  Ｈ２Ｏ\n\tIST   Groß ") == "h2o ist gross"


def test_normalise_bounds_length() -> None:
    assert len(normalise("x" * (10 * LONGEST))) == LONGEST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the plants need lights", ["plant", "need", "light"]),
        ("die pflanze braucht licht", ["pflanz", "braucht", "licht"]),
        ("植物需要光", ["植物", "物需", "需要", "要光"]),
        ("光", ["光"]),
        ("5x^2 + 3.5", ["5", "x", "^", "2", "+", "3.5"]),
        ("…!? 。", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_grams_pad_the_ends() -> None:
    assert grams("ab", (2,)) == {" a": 1, "ab": 1, "b ": 1}


def test_phrases_hold_words_and_pairs() -> None:
    assert phrases(["a", "b", "a"]) == {"a": 2, "b": 1, "a b": 1, "b a": 1}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("it is not a metal", 1),
        ("it doesn't", 1),
        ("das ist kein metall und nie", 2),
        ("不是金属", 1),
        ("a metal", 0),
    ],
)
def test_negations(text: str, count: int) -> None:
    assert negations(text) == count


def _table(first: str, second: str) -> int:
    row = [0] * (len(second) + 1)
    for a in first:
        previous = 0
        for j, b in enumerate(second, start=1):
            previous, row[j] = row[j], previous + 1 if a == b else max(row[j], row[j - 1])
    return row[-1]


def test_in_order_agrees_with_the_plain_table() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        first, second = ("".join(rng.choice(list("abcd"), size=int(rng.integers(0, 90)))) for _ in range(2))
        assert in_order(list(first), list(second)) == _table(first, second)


def test_index_agrees_with_dense_cosine() -> None:
    bags = [grams(text) for text in ("light and water", "water and salt", "nothing of it")]
    vocabulary = sorted({term for bag in bags for term in bag} | {"zz"})
    frequency = np.array([sum(term in bag for bag in bags) for term in vocabulary])
    idf = np.log((1 + len(bags)) / (1 + frequency)) + 1

    def dense(bag: dict[str, int]) -> np.ndarray:
        row = np.log1p([bag.get(term, 0) for term in vocabulary]) * idf
        return np.asarray(row / np.linalg.norm(row))

    new = {**bags[0], "zz": 3}
    expected = [dense(dict(bag)) @ dense(new) for bag in bags]
    assert Index(bags).compare(new) == pytest.approx(expected)


def test_index_of_nothing_and_of_strangers() -> None:
    assert Index([]).compare({"a": 1}).shape == (0,)
    assert Index([{}, {"a": 1}]).compare({"b": 1}).tolist() == [0.0, 0.0]
    assert Index([{"a": 1}]).compare({}).tolist() == [0.0]


@pytest.mark.parametrize(
    ("reference", "near", "far"),
    [
        ("Plants turn light into sugar.", "the plant turns light to sugar", "animals eat bread at night"),
        (
            "Pflanzen wandeln Licht in Zucker um.",
            "Pflanze wandelt Licht in Zucker",
            "Tiere fressen nachts Brot",
        ),
        ("植物把光能转化为化学能。", "植物将光能转化成化学能", "动物晚上吃面包"),
    ],
)
def test_ruler_tells_near_from_far(reference: str, near: str, far: str) -> None:
    ruler = Ruler("", [reference], "")
    for name in ("recall", "root of cosine", "order", "root of gram recall", "known share"):
        assert feature(name, ruler, near) > feature(name, ruler, far) + 0.2, name


def test_words_of_the_prompt_count_less() -> None:
    ruler = Ruler("Why does the bulb light?", ["The bulb lights because the path is closed."], "")
    assert feature("recall", ruler, "bulb light") < feature("recall", ruler, "path closed") / 2


def test_criteria_and_references_stand_in_for_each_other() -> None:
    only_criteria = Ruler("", [], "names the closed path")
    assert feature("recall", only_criteria, "a closed path") > 0.5
    only_references = Ruler("", ["names the closed path"], "")
    assert feature("criteria recall", only_references, "a closed path") > 0.5


@pytest.mark.parametrize("answer", ["", "???", "\ud800", "\x00", "a" * 50_000, "😀" * 100])
def test_ruler_measures_anything(answer: str) -> None:
    for ruler in (Ruler("", [], ""), Ruler("p", ["", "!!"], "?"), Ruler("光", ["光合作用"], "x")):
        values = ruler.measure(answer)
        assert values.shape == (len(FEATURES),)
        assert np.isfinite(values).all()


def test_ruler_is_blind_without_words() -> None:
    assert Ruler("a prompt", ["", "…"], " ").blind
    assert not Ruler("", ["42"], "").blind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("光合作用需要光，也需要水。 还有空气", ["光合作用需要光，", "也需要水。", "还有空气"]),
        ("It costs 3.50 euros, not more. Done!", ["It costs 3.50 euros,", "not more.", "Done!"]),
        ("  \n ", []),
    ],
)
def test_clauses_are_literal(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in clauses(text)] == expected


def test_clauses_are_bounded() -> None:
    assert len(clauses("a. " * 1000)) == MOST_CLAUSES
    [(start, end)] = clauses("word " * 200)
    assert end - start <= LONGEST_QUOTE
    assert ("word " * 200)[start:end].endswith("word")


def test_each_criterion_finds_its_own_clause() -> None:
    asked = question(Criterion("names chlorophyll", 1), Criterion("says that water is split", 1))
    answer = "The water gets split into parts. Chlorophyll catches the light."
    first, second = Scent(asked).find(answer)
    assert first and answer[first.start : first.end] == "Chlorophyll catches the light."
    assert second and answer[second.start : second.end] == "The water gets split into parts."


def test_nothing_alike_is_none() -> None:
    assert Scent(question(Criterion("叶绿素吸收光能", 2))).find("我不知道") == [None]


def test_highly_marked_answers_carry_a_criterion() -> None:
    asked = question(Criterion("", 1))
    assert Scent(asked).find("because of osmosis") == [None]
    assert Scent(asked, ["osmosis"]).find("because of osmosis")[0]


def test_apportion_fills_by_likeness() -> None:
    asked = question(Criterion("a", 2), Criterion("b", 2))
    found = [Passage(0, 2, 0.5), Passage(3, 5, 0.9)]
    marks = apportion(asked, "ab cd", 2.0, found)
    assert [mark.points for mark in marks] == [0.5, 1.5]
    assert marks[1].quote == "cd"
    full = apportion(asked, "ab cd", 4.0, found)
    assert [mark.points for mark in full] == [2, 2]


def test_apportion_gives_nothing_without_words() -> None:
    asked = question(Criterion("a", 2), Criterion("b", 2))
    marks = apportion(asked, "ab", 4.0, [None, Passage(0, 2, 0.5)])
    assert [(mark.points, mark.quote) for mark in marks] == [(0, ""), (2, "ab")]


def test_apportion_of_odd_points_adds_up() -> None:
    asked = question(Criterion("a", 0.75), Criterion("b", 1.25))
    marks = apportion(asked, "ab", 2.0, [Passage(0, 2, 0.5), Passage(0, 2, 0.4)])
    assert sum(mark.points for mark in marks) == pytest.approx(2.0)
    assert all(mark.points <= c.points for mark, c in zip(marks, asked.criteria, strict=True))
