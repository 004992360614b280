"""Answers of choice and yes-or-no questions: "b, d" is BD; √, T and 对 say true."""

from __future__ import annotations

import re

from app.scheme.clean import half_width

# At most eight options, as the choice grader. Small letters stand apart or in order ("b, d", "bd"): "bad" is a word.
_LETTERS = re.compile(
    r"[(\[【]?(?:[A-H](?:[\s,、.;&+和与]{0,3}[A-H]){0,7}|[a-h](?:[\s,、.;&+和与]{1,3}[a-h]){0,7}|(?P<glued>[a-f]{2,5}))"
    r"[)\]】]?[.。]?"
)
_EITHER = re.compile(r"\s*(?:\bor\b|或者?|/|\|)\s*", re.IGNORECASE)
# As the choice grader reads them; the first set is sure enough to tell the kind of a question by.
_SURE_TRUTH = frozenset(("对", "正确", "√", "✓", "✔", "t", "true", "错", "错误", "×", "✗", "✘", "f", "false"))
_TRUTH = _SURE_TRUTH | frozenset(
    ("是", "否", "不对", "不正确", "真", "假", "x", "yes", "no", "right", "wrong", "correct", "incorrect")
)


def choice_letters(text: str) -> str | None:
    """The option letters of an answer, upper case, sorted, each once: "d, b" gives "BD"; None when it is none."""
    plain = half_width(text[:60]).strip()
    found = _LETTERS.fullmatch(plain) if len(text) <= 60 else None
    letters = [character for character in plain.upper() if "A" <= character <= "H"]
    if not found or len(set(letters)) < len(letters) or (found["glued"] and letters != sorted(letters)):
        return None
    return "".join(sorted(letters))


def choice_answers(text: str) -> list[str] | None:
    """The acceptable answers of a choice question: "A or C" gives ["A", "C"]; None when one is no option letter."""
    found = [choice_letters(part) for part in _EITHER.split(text[:120].strip())]
    return [letters for letters in found if letters] if found and all(found) else None


def is_truth(text: str, *, sure: bool = False) -> bool:
    """Whether an answer says true or false: √, 对, T, True, no. `sure` leaves out words that say other things too."""
    return text.strip().rstrip("。.").lower() in (_SURE_TRUTH if sure else _TRUTH)
