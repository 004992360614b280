"""The words of a question around its gaps, which students write along: "100℃" where the question has "____℃"."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from app.grading.normalise import is_cjk, normalise

_GAP = re.compile(r"_{2,}|\(\s{2,}\)|\[\s{2,}\]|…{2,}|\.{4,}")
_HINT = re.compile(r"\([^()]{0,80}\)|\[[^\[\]]{0,80}\]")
_SENTENCE = re.compile(r"[.?!;]\s|[?!;\n]|\.$")
_NEGATION = re.compile(r"不|没|无|非|未|否|\b(?:not|no|never|none|without)\b|n't")
_JOINT = re.compile(r"[\s,/]*(?:和|与|及|以及|或|或者|and|or|&|und|oder)?[\s,/]*", re.IGNORECASE)
_WORD = re.compile(r"[a-zà-ɏ]+|\d+(?:\.\d+)?|\S", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sides:
    """What stands before and after a gap, in its sentence and up to the next gap, normalised and in lower case."""

    before: str
    after: str


NO_SIDES = Sides("", "")


def _gaps(prompt: str, count: int) -> tuple[str, list[re.Match[str]]]:
    """The prompt without hints in brackets, and its gaps; none when their number is another."""
    text = normalise(prompt).text
    found = list(_GAP.finditer(text))
    bare = _HINT.sub(lambda match: match[0] if _GAP.fullmatch(match[0]) else " " * len(match[0]), text)
    return bare, found if len(found) == count else []


def surroundings(prompt: str, count: int) -> list[Sides]:
    """The sides of each of `count` gaps; NO_SIDES for all where the prompt does not show that many."""
    text, gaps = _gaps(prompt, count)
    if not gaps:
        return [NO_SIDES] * count
    starts = [0, *(gap.end() for gap in gaps)]
    ends = [*(gap.start() for gap in gaps[1:]), len(text)]
    return [
        Sides(_SENTENCE.split(text[start : gap.start()])[-1], _SENTENCE.split(text[gap.end() : end])[0])
        for start, gap, end in zip(starts, gaps, ends, strict=False)
    ]


def interchangeable(prompt: str, count: int) -> bool:
    """Whether some gaps may be filled in any order: "____ and ____", or a prompt that does not show its gaps."""
    text, gaps = _gaps(prompt, count)
    if not gaps:
        return True
    return any(_JOINT.fullmatch(text[a.end() : b.start()]) for a, b in itertools.pairwise(gaps))


def stripped(said: str, wanted: str, sides: Sides) -> bool:
    """Whether `said` is `wanted` with nothing but words around the gap before and after it, in their order.

    Left-out words are allowed, added ones and negations are not. Both texts are normalised and in lower case.
    """
    if not wanted:
        return False
    places = (at for at in range(len(said)) if said.startswith(wanted, at))
    return any(_only_sides(said, at, at + len(wanted), sides) for at in places)


def _only_sides(said: str, start: int, end: int, sides: Sides) -> bool:
    if not (_border(said, start) and _border(said, end)) or _NEGATION.search(f"{said[:start]} {said[end:]}"):
        return False
    return _within(said[:start], sides.before) and _within(said[end:], sides.after)


def _border(text: str, at: int) -> bool:
    """Whether a word or number may end at an offset: not inside a run of digits or of letters."""
    if not 0 < at < len(text):
        return True
    left, right = text[at - 1], text[at]
    if is_cjk(left) or is_cjk(right):
        return True
    digits = left.isdigit(), right.isdigit()
    if (
        all(digits)
        or (left in ".," and digits[1])
        or (right in ".," and digits[0] and text[at + 1 : at + 2].isdigit())
    ):
        return False
    return not (left.isalpha() and right.isalpha())


def _within(part: str, side: str) -> bool:
    """Whether the words of a part (the characters, in Chinese) stand in the side in the same order."""
    words = iter(_WORD.findall(side))
    return all(word in ",.;:" or word in words for word in _WORD.findall(part))
