"""Answers of choice and yes-or-no questions: "b, d" is BD; √, T and 对 mean the same."""

from __future__ import annotations

import re

from app.scheme.clean import half_width

# At most twelve options. Small letters stand apart or in order ("b, d", "bd"): "bad" is a word.
_LETTERS = re.compile(
    r"[(\[【]?(?:[A-L](?:[\s,、.;&+和与]{0,3}[A-L]){0,11}|[a-l](?:[\s,、.;&+和与]{1,3}[a-l]){0,11}|(?P<glued>[a-f]{2,5}))"
    r"[)\]】]?[.。]?"
)
_EITHER = re.compile(r"\s*(?:\bor\b|或者?|/|\|)\s*", re.IGNORECASE)
# The ways that pupils of a Chinese and of an English class write it.
_TRUE = (("True", "T", "√"), ("对", "正确", "√", "T"))
_FALSE = (("False", "F", "×"), ("错", "错误", "×", "F"))
_TRUTH = {
    **dict.fromkeys(("对", "正确", "√", "✓", "✔", "t", "true", "right", "是"), _TRUE),
    **dict.fromkeys(("错", "错误", "×", "✗", "✘", "x", "f", "false", "wrong", "否"), _FALSE),
}


def choice_letters(text: str) -> str | None:
    """The option letters of an answer, upper case, sorted, each once: "d, b" gives "BD"; None when it is none."""
    plain = half_width(text[:60]).strip()
    found = _LETTERS.fullmatch(plain) if len(text) <= 60 else None
    letters = [character for character in plain.upper() if "A" <= character <= "L"]
    if not found or len(set(letters)) < len(letters) or (found["glued"] and letters != sorted(letters)):
        return None
    return "".join(sorted(letters))


def choice_answers(text: str) -> list[str] | None:
    """The acceptable answers of a choice question: "A or C" gives ["A", "C"]; None when one is no option letter."""
    found = [choice_letters(part) for part in _EITHER.split(text[:120].strip())]
    return [letters for letters in found if letters] if found and all(found) else None


def truth_answers(text: str, chinese: bool) -> str | None:
    """The ways to write a true-or-false answer, as a gap's alternatives; None when the text is no such answer.

    The signs and the words of the scheme's language count as the same: in a Chinese one "√" gives "√ | 对 | 正确 | T".
    """
    written = text.strip().rstrip("。.")
    ways = _TRUTH.get(written.lower())
    if ways is None:
        return None
    return " | ".join(dict.fromkeys((written, *ways[chinese])))
