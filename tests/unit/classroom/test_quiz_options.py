"""The options of a choice: as prompts write them, what is right, and what a phone may send."""

from __future__ import annotations

import pytest

from app.classroom import quiz_options
from app.classroom.quiz_options import chosen, composed, read


@pytest.mark.parametrize(
    ("prompt", "stem", "texts"),
    [
        ("Which?\nA. wood\nB. iron", "Which?", ["wood", "iron"]),
        ("哪个导热快？（ ）\nA．木头 B．铁 C．空气", "哪个导热快？（ ）", ["木头", "铁", "空气"]),
        ("哪个？\n（A）木头\n（B）铁", "哪个？", ["木头", "铁"]),
        ("哪个？ A、木 B、铁", "哪个？", ["木", "铁"]),
        ("Look at B. and say A. once", "Look at B. and say A. once", ["", "", "", ""]),
        ("Which?", "Which?", ["", "", "", ""]),
        ("", "", ["", "", "", ""]),
        ("A. wood\nB. two\nwords", "", ["wood", "two words"]),
    ],
)
def test_prompts(prompt: str, stem: str, texts: list[str]) -> None:
    choices = read(prompt, ["B"])
    assert (choices.stem, [option.text for option in choices.options]) == (stem, texts)
    assert [option.key for option in choices.options if option.right] == ["B"]


@pytest.mark.parametrize(
    ("references", "right", "several"),
    [
        (["B"], "B", False),
        (["b. iron"], "", False),
        (["B. iron"], "B", False),
        (["AC"], "AC", True),
        (["A、C"], "AC", True),
        (["A", "C"], "AC", False),
        (["iron"], "", False),
        ([], "", False),
        (["F"], "F", False),
    ],
)
def test_what_is_right(references: list[str], right: str, several: bool) -> None:
    prompt = "Which?" if references != ["F"] else "True?"
    choices = read(prompt, references)
    assert "".join(option.key for option in choices.options if option.right) == right
    assert choices.several is several


@pytest.mark.parametrize(
    ("reference", "right"), [("对", "T"), ("√", "T"), ("错", "F"), ("×", "F"), ("False", "F")]
)
def test_true_and_false(reference: str, right: str) -> None:
    choices = read("Ice floats.", [reference])
    assert [option.key for option in choices.options] == ["T", "F"]
    assert [option.key for option in choices.options if option.right] == [right]
    assert all(option.name is not None for option in choices.options)


def test_there_and_back() -> None:
    texts = ["one", "two  \n words", "C. three"]
    choices = read(composed(" Which? ", texts), ["C"])
    assert choices.stem == "Which?"
    assert [option.text for option in choices.options] == ["one", "two words", "C. three"]


@pytest.mark.parametrize(
    ("sent", "one", "several"),
    [
        (["B"], "B", "B"),
        ([" b "], "B", "B"),
        (["C", "A"], "", "AC"),
        (["A", "A"], "A", "A"),
        (["E"], "", ""),
        (["AC"], "", ""),
        ([], "", ""),
        ([""], "", ""),
    ],
)
def test_what_a_phone_sends(sent: list[str], one: str, several: str) -> None:
    assert chosen(sent, read("Which?", ["B"])) == one
    assert chosen(sent, read("Which?", ["AC"])) == several


def test_no_more_letters_than_the_graders_read() -> None:
    assert len(read(composed("Which?", [f"option {n}" for n in range(12)]), []).options) == len(
        quiz_options.LETTERS
    )
