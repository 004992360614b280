"""Quotes are found whatever a model did to their width, case and spaces, and only where they are."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.grading.evidence import cuts_word, find_quote, fold, is_copied
from app.scheme.types import Criterion, Kind, Question

# Letters of several scripts, widths and cases, with what folds to more, to less and to something else.
ALPHABET = "aäßIıİÉe\u0301ﬁǅΣς光が각ﾊﾞ１2½…。，“」—－ \u3000\t\n\u200b\u00adéœ́ठิقــ😀👍🏽Ω㎡"
texts = st.text(st.sampled_from(ALPHABET), max_size=40) | st.text(max_size=40)


def widened(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


CHANGES = {
    "same": lambda text: text,
    "upper": str.upper,
    "lower": str.lower,
    "wide": widened,
    "spread": lambda text: " ".join(text),
    "squeezed": lambda text: "".join(text.split()),
    "composed": lambda text: "".join(unicodedata.normalize("NFC", c) for c in text),
    "decomposed": lambda text: "".join(unicodedata.normalize("NFD", c) for c in text),
    "straight": lambda text: text.replace("“", '"').replace("—", "-").replace("。", ".").replace("，", ","),
}


@given(texts, texts)
def test_what_is_found_is_the_quote(quote: str, text: str) -> None:
    found = find_quote(quote, text)
    if found is None:
        assert not fold(quote) or quote not in text
    else:
        start, end = found
        assert 0 <= start < end <= len(text)
        assert fold(text[start:end]) == fold(quote) != ""


@given(texts, st.data(), st.sampled_from(sorted(CHANGES)))
def test_every_part_of_a_text_is_found(text: str, data: st.DataObject, change: str) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    part = text[start:end]
    found = find_quote(CHANGES[change](part), text)
    if not fold(part):
        assert found is None
    else:
        assert found is not None
        assert fold(text[found[0] : found[1]]) == fold(part)


@given(texts)
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("quote", "text", "part"),
    [
        ("force equals mass", "So Force  equals\nMass times", "Force  equals\nMass"),
        ("F=ma", "答：Ｆ ＝ ｍａ。", "Ｆ ＝ ｍａ"),
        ('he said "no"', "he said “no”.", "he said “no”"),
        ("光合作用,产生氧气.", "光合作用，产生氧气。", "光合作用，产生氧气。"),
        ("Strasse", "die Straße", "Straße"),
        ("fine", "a ﬁne day", "ﬁne"),
        ("art", "the heart of art", "art"),
        ("12", "in 1212 or 12", "12"),
        ("well-known", "a well–known man", "well–known"),
    ],
)
def test_places(quote: str, text: str, part: str) -> None:
    found = find_quote(quote, text)
    assert found is not None
    assert text[found[0] : found[1]] == part
    assert not cuts_word(text, found)


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("", "anything"),
        (" \u200b\n", "any thing"),
        ("mass", ""),
        ("mass times weight", "mass times speed"),
        ("가", "각"),  # the same first letters, another syllable
        ("f", "ﬁ"),  # half a ligature is nothing that can be shown
        ("5", "½"),
        ("光合", "光,合"),
    ],
)
def test_not_there(quote: str, text: str) -> None:
    assert find_quote(quote, text) is None


@pytest.mark.parametrize(
    ("text", "span", "cut"),
    [
        ("the heart", (5, 8), True),
        ("the heart", (4, 9), False),
        ("1234", (0, 2), True),
        ("5cm", (0, 1), False),
        ("光合作用", (1, 3), False),
        ("x", (0, 1), False),
    ],
)
def test_words_cut_in_two(text: str, span: tuple[int, int], cut: bool) -> None:
    assert cuts_word(text, span) is cut


def question(prompt: str, *references: str) -> Question:
    return Question("1", Kind.TEXT, prompt, 2, references, (Criterion("the scheme's words", 2),))


@pytest.mark.parametrize(
    ("quote", "asked"),
    [
        ("why the sky is blue", question("Explain why the sky is blue.")),
        ("WHY THE SKY IS  BLUE!", question("Explain why the sky is blue.", "Rayleigh scattering")),
        ("Explain why the sky is blue.", question("Explain why the sky is blue. Use one example.")),
        ("Explain why the sky is blue. Use one", question("Explain why the sky is blue. Use one example.")),
        ("请说明植物为什么需要阳光", question("请说明植物为什么需要阳光。", "进行光合作用")),
        (
            "What did she fear?",
            question("He ran. She hid. It rained. They met. It grew late. What did she fear?"),
        ),
    ],
)
def test_copied(quote: str, asked: Question) -> None:
    assert is_copied(quote, asked)


@pytest.mark.parametrize(
    ("quote", "asked"),
    [
        ("the Sun", question("Which is larger, the Sun or the Moon?", "the Sun")),
        ("the Sun", question("Which is larger, the Sun or the Moon?")),
        (
            "nuclear fusion",
            question("Choose: nuclear fission, nuclear fusion or neither, and say why", "fusion"),
        ),
        ("Rayleigh scattering", question("Explain why the sky is blue.", "Rayleigh scattering")),
        ("because short waves scatter", question("Explain why the sky is blue.")),
        ("", question("Explain why the sky is blue.")),
        ("anything at all", question("")),
        ("the scheme's words", question("Explain why the sky is blue.")),
        (
            "She hid in the barn",
            question("He ran. She hid in the barn. It rained. They met. It grew late. Where?"),
        ),
        ("太阳", question("太阳和月亮哪个大？", "太阳")),
    ],
)
def test_not_copied(quote: str, asked: Question) -> None:
    assert not is_copied(quote, asked)
