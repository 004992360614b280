"""The options of a choice question, as phones offer them and the board counts them. Nothing here decides about a mark.

A round copies its question's prompt whole, options included, for that is what the graders read; what is shown is taken
from it here. Where a prompt lists none ("see the sheet"), the letters alone are offered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.i18n import N_, Text
from app.scheme.choices import choice_letters, is_truth

LETTERS = "ABCDEFGH"  # as many as the graders read
FEWEST_LETTERS = 4  # offered where the prompt lists no options
# "A. iron", "(B) wood", "C、铜": letters count in their order from A only, as in the grader.
_OPTION = re.compile(r"(?:^|(?<=\s))[(（]?([A-H])\s?(?:[)）][.、]?|[.．、,:：])\s*(?=\S)")
_TRUE = frozenset(("对", "正确", "是", "√", "✓", "✔", "t", "true", "yes", "right", "correct", "真"))


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `key` is what a phone sends and the grader reads; `text` is the teacher's own words, "" for none;
    `name` is said instead of them for true and false."""

    key: str
    text: str = ""
    name: Text | None = None
    right: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """What a choice question asks (`stem`, its prompt without the options) and offers. `several`: more than one is
    to be chosen."""

    stem: str
    options: tuple[Option, ...]
    several: bool = False

    @property
    def letters(self) -> frozenset[str]:
        """The keys that may be sent."""
        return frozenset(option.key for option in self.options)


def read(prompt: str, references: Sequence[str]) -> Choices:
    """The options of a prompt, those that the references name marked right; none is where they name no letter."""
    truths = [_truth(reference) for reference in references]
    if truths and all(truth is not None for truth in truths):
        return Choices(
            prompt.strip(),
            (
                Option("T", name=Text(N_("True")), right=True in truths),
                Option("F", name=Text(N_("False")), right=False in truths),
            ),
        )
    stem, texts = _split(prompt)
    right = [_letters(reference) for reference in references]
    named = "".join(right)
    if not texts:
        count = max(FEWEST_LETTERS, *(LETTERS.index(letter) + 1 for letter in named), 0)
        texts = dict.fromkeys(LETTERS[:count], "")
    options = tuple(Option(letter, text, right=letter in named) for letter, text in texts.items())
    return Choices(stem, options, several=any(len(letters) > 1 for letters in right))


def composed(stem: str, texts: Sequence[str]) -> str:
    """A prompt with its options, in the form that `read` and the graders understand: a letter and an option a line."""
    lines = (f"{letter}. {' '.join(text.split())}" for letter, text in zip(LETTERS, texts, strict=False))
    return "\n".join((stem.strip(), *lines))


def chosen(sent: Sequence[str], choices: Choices) -> str:
    """What a phone chose, as one answer: "B", or "AC" where several may be; "" when that is none of the options."""
    keys = sorted({part.strip().upper() for part in sent} & choices.letters)
    if not keys or (len(keys) > 1 and not choices.several):
        return ""
    return "".join(keys)


def _split(prompt: str) -> tuple[str, dict[str, str]]:
    """The stem and the options by letter; no options where fewer than two stand in their order."""
    found: list[re.Match[str]] = []
    for match in _OPTION.finditer(prompt):
        if len(found) < len(LETTERS) and match[1] == LETTERS[len(found)]:
            found.append(match)
    if len(found) < 2:
        return prompt.strip(), {}
    ends = [match.start() for match in found[1:]] + [len(prompt)]
    texts = {
        match[1]: " ".join(prompt[match.end() : end].split()) for match, end in zip(found, ends, strict=True)
    }
    return prompt[: found[0].start()].strip(), texts


def _letters(reference: str) -> str:
    """The option letters of a reference such as "B", "A、C" or "B. wood"; "" for one that says something else."""
    letters = choice_letters(reference)
    if letters is None:
        lead = _OPTION.match(reference.strip())
        return lead[1] if lead else ""
    return letters


def _truth(reference: str) -> bool | None:
    if not is_truth(reference):
        return None
    return reference.strip().rstrip("。.").lower() in _TRUE
