"""Every rule of a scheme, kept and broken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.scheme.check import MAX_CRITERIA, MAX_QUESTIONS, gaps, problems
from app.scheme.types import Criterion, Kind, Question, Scheme

GOOD = Question("1", Kind.TEXT, "Why?", 4.0, ("Because.",), (Criterion("a", 3.0), Criterion("b", 1.0)))


def said(*questions: Question) -> list[tuple[int, str, str]]:
    """The problems of a scheme of these questions."""
    return [(n.line, n.severity, n.text.render("en")) for n in problems(Scheme("", questions))]


def test_a_good_scheme_has_no_problems() -> None:
    thirds = (Criterion("a", 1.1), Criterion("b", 2.2), Criterion("c", 0.7))
    assert said(GOOD, replace(GOOD, label="2", criteria=thirds)) == []


ONE = (Criterion("right", 4.0),)
NAN = float("nan")


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({"label": " "}, "error", "no label"),
        ({"label": "x" * 41}, "error", "too long"),
        ({"points": 0.0, "criteria": (Criterion("a", 0.0),)}, "error", "no points"),
        ({"points": NAN}, "error", "not a possible number"),
        ({"points": float("inf")}, "error", "not a possible number"),
        ({"points": 1e6}, "error", "not a possible number"),
        ({"points": 1e-9}, "error", "not a possible number"),
        ({"points": 5.0}, "error", "add up to 4 points, but it gives 5"),
        ({"criteria": ()}, "error", "no criterion"),
        ({"criteria": (Criterion(" ", 4.0),)}, "error", "criterion 1 has no text"),
        ({"criteria": (Criterion("a", 4.0), Criterion("b", 0.0))}, "error", "criterion 2 has no points"),
        ({"criteria": (Criterion("a", NAN),)}, "error", "criterion 1 has no points"),
        ({"criteria": tuple(Criterion("a", 1.0) for _ in range(MAX_CRITERIA + 1))}, "error", "at most 100 criteria"),
        ({"kind": Kind.CHOICE, "references": ()}, "error", "no right option"),
        ({"kind": Kind.CHOICE, "references": ("copper",)}, "error", "no option letter"),
        ({"kind": Kind.BLANK, "references": ()}, "error", "has no answer"),
        ({"kind": Kind.BLANK, "references": (" | ",)}, "error", "has no answer"),
        ({"kind": Kind.BLANK, "prompt": "__ and __ and __"}, "warning", "shows 3 gaps and has 1 answers"),
        ({"kind": Kind.NUMBER, "references": ()}, "error", "no number"),
        ({"kind": Kind.NUMBER, "references": ("about 5",)}, "error", "cannot be read as a number"),
        ({"kind": Kind.NUMBER, "references": ("5",), "tolerance": -1.0}, "error", "tolerance"),
        ({"kind": Kind.NUMBER, "references": ("5",), "tolerance": NAN}, "error", "tolerance"),
        ({"kind": Kind.MATHS, "references": ()}, "error", "no expression"),
        ({"references": (), "criteria": ONE}, "warning", "neither a reference answer nor criteria"),
        ({"unit": "J"}, "warning", "only number questions"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_said_with_the_question(
    changes: dict[str, object], severity: str, words: str
) -> None:
    found = said(GOOD, replace(GOOD, **{"label": "2", **changes}))  # type: ignore[arg-type]  # a test's shorthand
    assert any(line == 2 and own == severity and words in text for line, own, text in found), found


def test_labels_are_compared_without_spaces_around() -> None:
    assert [line for line, _, _ in said(GOOD, replace(GOOD, label=" 1 "))] == [2]


def test_a_scheme_of_nothing_and_of_too_much() -> None:
    assert said() == [(0, "error", "No question was found: number them, for example “1. … (4)”.")]
    many = tuple(replace(GOOD, label=str(number)) for number in range(MAX_QUESTIONS + 1))
    assert said(*many)[0][:2] == (0, "error")


def test_gaps_are_counted() -> None:
    assert gaps("水在____℃沸腾，在＿＿℃结冰，（  ）。") == 3
    assert gaps("a_b and f(x)") == 0
