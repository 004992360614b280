"""Like wrong answers: what comes together, what they are said to share, and what never shows."""

from __future__ import annotations

import random

import numpy as np
import pytest

from app.classroom.groups import MOST_TEXTS, SMALLEST, Group, clusters, find, group
from app.scheme.types import Kind

COLD = [
    "因为铁的温度比木头低",
    "铁的温度比木头的低，所以冷",
    "冬天铁的温度比木头低很多",
    "铁栏杆的温度比木头低",
]
SUCK = ["铁会产生冷气", "因为铁栏杆会产生冷气", "铁自己产生冷气，木头不产生冷气"]
PROMPT = "冬天，铁栏杆摸起来比木头栏杆更冷，为什么？"
ENGLISH = [
    "Gravity stops when the parachute opens",
    "gravity stops once she is fast enough",
    "Because gravity stops after some time.",
    "the air gets thicker further down",
    "The air is thicker near the ground",
    "because air gets thicker and thicker",
    "she is tired",
]


def members(texts: list[str], kind: str = Kind.TEXT, prompt: str = "") -> list[list[str]]:
    """The texts of each group, sorted."""
    return [sorted(texts[at] for at in each.members) for each in group(texts, kind, prompt).groups]


def test_like_answers_come_together_in_chinese() -> None:
    texts = [*COLD, *SUCK, "不知道", "它是红的"]
    found = group(texts, Kind.TEXT, PROMPT)
    assert members(texts, prompt=PROMPT) == [sorted(COLD), sorted(SUCK)]
    assert "温度" in found.groups[0].words[0]
    assert "产生冷气" in found.groups[1].words[0]
    assert found.others == (7, 8)


def test_like_answers_come_together_in_english() -> None:
    found = group(ENGLISH, Kind.TEXT, "Why does her speed stay the same?")
    assert {word for each in found.groups for word in each.words} >= {"gravity stops", "thicker"}
    assert {each.members for each in found.groups} == {(0, 1, 2), (3, 4, 5)}
    assert found.others == (6,)


def test_german_answers_come_together() -> None:
    texts = [
        "Die Luftreibung hält den Ball auf",
        "weil die Luftreibung ihn aufhält",
        "luftreibung hielt ihn auf",
        "Er ist zu schwer.",
    ]
    assert group(texts, Kind.TEXT, "Warum wird er langsamer?").others == (3,)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_answers_does_not_matter(seed: int) -> None:
    texts = [*COLD, *SUCK, *ENGLISH]
    mixed = list(texts)
    random.Random(seed).shuffle(mixed)
    assert members(mixed, prompt=PROMPT) == members(texts, prompt=PROMPT)
    assert [each.key for each in group(mixed, Kind.TEXT, PROMPT).groups] == [
        each.key for each in group(texts, Kind.TEXT, PROMPT).groups
    ]


def test_what_the_question_says_makes_nothing_alike() -> None:
    prompt = "Explain why the terminal is connected to the battery"
    texts = [
        "the terminal is connected to the battery: magnets",
        "terminal is connected to the battery, sunshine",
        "the terminal is connected to battery by grandmother",
    ]
    assert group(texts, Kind.TEXT, prompt).groups == ()


def test_denying_is_not_the_same_as_saying() -> None:
    texts = [*["it is connected to the gap"] * 3, *["it is not connected to the gap"] * 3]
    assert [len(each.members) for each in group(texts).groups] == [3, 3]


@pytest.mark.parametrize(
    ("kind", "texts", "shown"),
    [
        (Kind.NUMBER, ["5.88×10⁵J", "Q=4.2×10³×2×70=5.88×10^5 J", "588000焦", "９"], "588000"),
        (Kind.NUMBER, ["2.4 kPa", "p = 600/250 = 2.4 kPa", "2.40 kPa", "11"], "2.4 kPa"),
        (Kind.NUMBER, ["1,5 m", "1.5 m", "3/2 m"], "1.5 m"),
        (Kind.NUMBER, ["-3", "−3", "x = -3.0"], "-3"),
        (Kind.CHOICE, ["BD", "b、d", "D, B", "B"], "BD"),
        (Kind.CHOICE, ["A. joule", "A", "（A）"], "A"),
        (Kind.BLANK, ["升华；凝固", "升华、凝固", "①升华 ②凝固", "无"], None),
        (Kind.MATHS, ["t = v-u/a", "t=v - u/a", "so we get t = v − u / a", "t=a"], "t=v-u/a"),
        (Kind.TEXT, ["5", "5.0", " 5 "], "5"),
    ],
)
def test_the_same_value_is_one_answer(kind: Kind, texts: list[str], shown: str | None) -> None:
    found = group(texts, kind)
    assert [each.members for each in found.groups] == [(0, 1, 2)]
    if shown is not None:
        assert found.groups[0].words == (shown,)


def test_the_wrong_gaps_of_a_blank_are_grouped_gap_by_gap() -> None:
    right = ["升华", "凝华", "放出 | 放热"]
    texts = [
        "升华；凝固；放热",
        "①升华 ②凝固 ③放出",
        "蒸发、凝固、放",
        "蒸发 凝华 放出",
        "1. 蒸发 2. 凝华 3. 放出",
        "不会",
    ]
    found = group(texts, Kind.BLANK, "", right)
    assert [(each.words, each.members) for each in found.groups] == [
        (("① 蒸发",), (2, 3, 4)),
        (("② 凝固",), (0, 1, 2)),
    ]
    assert found.others == (5,)


def test_other_numbers_and_letters_are_never_alike() -> None:
    assert group(["4200", "4201", "4202", "4203"], Kind.NUMBER).groups == ()
    assert group(["AB", "ABC", "ABD", "ABCD"], Kind.CHOICE).groups == ()
    assert group(["t=v-u", "t=v-a", "t=v+u", "t=v/u"], Kind.MATHS).groups == ()


def test_the_case_of_a_formulas_letters_counts() -> None:
    assert group(["t = v/A", "t = v/a", "T = v/a"], Kind.MATHS).groups == ()


def test_fewer_than_three_are_no_group_and_show_no_words() -> None:
    found = group(["铁的温度比木头低", "铁的温度比木头低", "它是红的"])
    assert found.groups == ()
    assert found.others == (0, 1, 2)


def test_shared_words_stand_in_three_answers_at_least() -> None:
    """Whatever is shown of a group can be read in SMALLEST of its answers: nobody's own words are shown."""
    texts = [
        *COLD,
        *SUCK,
        *ENGLISH,
        *(f"{text} 我叫张伟" if at == 0 else text for at, text in enumerate(COLD)),
    ]
    for each in group(texts, Kind.TEXT, PROMPT).groups:
        for word in each.words:
            holding = [at for at in each.members if word in texts[at].casefold().replace("，", "")]
            assert len(holding) >= SMALLEST, word


def test_small_words_alone_are_never_shown() -> None:
    texts = ["it is the what of and", "that is the what of and", "this is the what of and"]
    assert group(texts).groups == ()
    assert group(["的了是在", "的了是在和", "是的了是在"]).groups == ()


def test_one_more_answer_does_not_lose_the_groups() -> None:
    texts = [*COLD, *SUCK, *ENGLISH]
    before = group(texts, Kind.TEXT, PROMPT)
    keys = [each.key for each in before.groups]
    for more in ("铁的温度低", "gravity stops working", "随便", "冷气是铁产生的", "5"):
        after = group([*texts, more], Kind.TEXT, PROMPT)
        kept = find(keys, after.groups)
        assert sorted(kept) == sorted(keys), more
        for key, old in zip(keys, before.groups, strict=True):
            assert len(set(kept[key].members) & set(old.members)) >= len(old.members) - 1


def test_a_group_is_given_to_one_key_only_and_values_never_by_likeness() -> None:
    one = Group("gravity stops|parachute", ("gravity stops", "parachute"), (0, 1, 2))
    five = Group("=5", ("5",), (3, 4, 5))
    assert find(["gravity stops|parachute", "gravity stops", "=50", "=5", "gone"], [one, five]) == {
        "gravity stops|parachute": one,
        "=5": five,
    }
    assert find(["gravity stops"], [one]) == {"gravity stops": one}
    assert find(["gravity|x"], []) == {}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    "texts",
    [
        [],
        [""],
        ["", " ", "\n", "。。。", "???"],
        ["\u200b\u200b", "\ufeff", "a\u0301" * 50],
        ["1e999", "9" * 5000, "1/0", "1e-999", "10^999", "1*10^999"],
        ["𝟓", "½", "٣", "①②③", "²", "⁵"],
        ["(" * 3000, "=" * 3000, "a=" * 1500, "--" * 2000],
        ["\ud800", "|", "=", "|=|", "~abc"],
        ["x" * 100_000] * 3,
        ["我" * 20_000] * 4,
    ],
)
def test_strange_answers_are_answers(kind: Kind, texts: list[str]) -> None:
    assert group(texts, kind, "", ["", "1", "|"]).others is not None
    found = group(texts, kind, "?" * 100)
    places = [*found.others, *(at for each in found.groups for at in each.members)]
    assert len(places) == len(set(places)) <= len(texts)
    assert all(len(each.members) >= SMALLEST for each in found.groups)


def test_many_texts_are_bounded_and_the_rest_is_in_no_group() -> None:
    texts = [f"{number} apples fall {number * 7}" for number in range(MOST_TEXTS + 50)]
    found = group(texts)
    assert len(found.others) >= 50


def test_clusters_are_those_of_joining_the_closest_pair() -> None:
    """The chain of nearest neighbours against the plain algorithm."""
    chance = np.random.default_rng(5)
    for size in (1, 2, 3, 8, 25):
        points = chance.random((size, 6))
        alike = points @ points.T / (np.linalg.norm(points, axis=1)[:, None] * np.linalg.norm(points, axis=1))
        counts = chance.integers(1, 4, size).tolist()
        for least in (0.5, 0.8, 0.95):
            assert clusters(alike, counts, least) == plainly(alike, counts, least)


def plainly(alike: np.ndarray, counts: list[int], least: float) -> list[list[int]]:
    """Average linkage by joining the closest pair until none is close enough."""
    sets = [[point] for point in range(len(counts))]

    def average(one: list[int], other: list[int]) -> float:
        pairs = [(alike[a, b], counts[a] * counts[b]) for a in one for b in other]
        return sum(near * weight for near, weight in pairs) / sum(weight for _, weight in pairs)

    while len(sets) > 1:
        near, one, other = max(
            (average(sets[i], sets[j]), i, j) for i in range(len(sets)) for j in range(i + 1, len(sets))
        )
        if near < least:
            break
        sets[one] = sorted(sets[one] + sets[other])
        del sets[other]
    return sorted(sets)
