"""Answers of choice and yes-or-no questions: "b, d" is BD; √, T and 对 mean the same."""

from __future__ import annotations

import re

from app.scheme.clean import half_width

_LETTERS = re.compile(r"[(（\[【]?[A-Z](?:[\s,，、.;；&+和与]{0,3}[A-Z]){0,9}[)）\]】]?[.。]?", re.IGNORECASE)
_EITHER = re.compile(r"\s*(?:\bor\b|或者?|/|\|)\s*", re.IGNORECASE)
_TRUE = ("对", "正确", "√", "T", "True")
_FALSE = ("错", "错误", "×", "F", "False")
_TRUTH = {
    **dict.fromkeys(("对", "正确", "√", "✓", "✔", "t", "true", "right", "是"), _TRUE),
    **dict.fromkeys(("错", "错误", "×", "✗", "✘", "x", "f", "false", "wrong", "否"), _FALSE),
}


def choice_letters(text: str) -> str | None:
    """The option letters of an answer, upper case, sorted, each once: "d, b" gives "BD"; None when it is none."""
    plain = half_width(text[:60]).strip()
    if len(text) > 60 or not _LETTERS.fullmatch(plain):
        return None
    return "".join(sorted({character for character in plain.upper() if "A" <= character <= "Z"}))


def choice_answers(text: str) -> list[str] | None:
    """The acceptable answers of a choice question: "A or C" gives ["A", "C"]; None when one is no option letter."""
    found = [choice_letters(part) for part in _EITHER.split(text[:120].strip())]
    return [letters for letters in found if letters] if found and all(found) else None


def truth_answers(text: str) -> str | None:
    """The ways to write a true-or-false answer, as a gap's alternatives; None when the text is no such answer.

    The signs and the words of both languages count as the same: "√" gives "√ | 对 | 正确 | T | True".
    """
    written = text.strip().rstrip("。.")
    ways = _TRUTH.get(written.lower())
    if ways is None:
        return None
    return " | ".join(dict.fromkeys((written, *ways)))
