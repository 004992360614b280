"""One spelling for what hands, keyboards and OCR write in many: width, case, punctuation, spaces.

Answers are compared in this spelling, and quoted in their own: every normalised character remembers which
characters of the original it came from.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))

# Characters whose NFKC form loses meaning (m² would become m2), or that NFKC leaves apart though they
# are used for each other.
_SAME = {
    **dict.fromkeys("−–‐‑‒—―－﹣", "-"),
    **dict.fromkeys("“”„‟«»「」『』＂〝〞", '"'),
    **dict.fromkeys("‘’‚‛`´′＇", "'"),
    **dict.fromkeys("•⋅・∙‧", "·"),
    **dict.fromkeys("✕✖╳", "×"),
    **dict.fromkeys("【〔﹝", "["),
    **dict.fromkeys("】〕﹞", "]"),
    "。": ".",
    "｡": ".",
    "、": ",",
    "､": ",",
    "≦": "≤",
    "⩽": "≤",
    "≧": "≥",
    "⩾": "≥",
    "⁄": "/",
    "∕": "/",
    "∶": ":",
    "〜": "~",
    "∼": "~",
    "㎡": "m^2",
    "㎥": "m^3",
    "㎠": "cm^2",
    "㎤": "cm^3",
    "㎢": "km^2",
    "㎟": "mm^2",
    "㎣": "mm^3",
}


@dataclass(frozen=True, slots=True)
class Mapped:
    """A normalised text; character i came from the original's `starts[i]` to `ends[i]` (end exclusive)."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original (start, end) of normalised characters start..end; (0, 0) for an empty range."""
        if start >= end or not self.text:
            return (0, 0)
        return (self.starts[start], self.ends[min(end, len(self.ends)) - 1])

    def whole(self) -> tuple[int, int]:
        """The original span of everything that was not blank."""
        return self.span(0, len(self.text))


def _cluster_end(text: str, start: int) -> int:
    """The end of the character at `start` together with the combining marks that follow it."""
    end = start + 1
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return end


@lru_cache(maxsize=8192)
def _fold(cluster: str, fold_case: bool) -> str:
    """A character (with its combining marks) in the common spelling; "" for invisible ones."""
    if cluster in _SAME:
        return _SAME[cluster]
    if len(cluster) == 1 and unicodedata.category(cluster) == "Cf":
        return ""
    if "①" <= cluster <= "⑳":
        return f"({unicodedata.digit(cluster) if cluster <= '⑨' else unicodedata.numeric(cluster):.0f})"
    folded = "".join(_SAME.get(char, char) for char in unicodedata.normalize("NFKC", cluster))
    return folded.casefold() if fold_case else folded


def normalise(text: str, *, fold_case: bool = True) -> Mapped:
    """The text in one spelling, with the way back.

    Width and compatibility forms follow NFKC (Unicode Standard Annex 15), except that superscripts become ^n,
    circled numbers (n), and ½ after a digit keeps its distance ("3½" is "3 1/2"). Chinese punctuation
    becomes its ASCII counterpart (、 a comma), runs of spaces one space, runs with a line break one line
    break; the ends are trimmed. `fold_case` lowers case as well. Never fails.
    """
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    raised = False  # inside a run of superscripts: only its first character writes the ^
    while position < len(text):
        end = _cluster_end(text, position)
        cluster = text[position:end]
        if cluster in _SUPERSCRIPTS:
            folded = _SUPERSCRIPTS[cluster] if raised else "^" + _SUPERSCRIPTS[cluster]
            raised = True
        else:
            raised = False
            folded = _spaced(_fold(cluster, fold_case), out)
        for char in folded:
            if char.isspace():
                # A line break outlives the spaces around it; a second space adds nothing.
                if not out:
                    continue
                if out[-1] in " \n":
                    if char in "\n\r\v\f\x85\u2028\u2029":
                        out[-1] = "\n"
                    continue
                char = "\n" if char in "\n\r\v\f\x85\u2028\u2029" else " "
            out.append(char)
            starts.append(position)
            ends.append(end)
        position = end
    while out and out[-1] in " \n":
        out.pop()
    size = len(out)
    return Mapped("".join(out), tuple(starts[:size]), tuple(ends[:size]))


def _spaced(folded: str, out: list[str]) -> str:
    """A vulgar fraction right after a digit with a space before it, everything else unchanged."""
    if len(folded) >= 3 and "/" in folded and folded[0].isdigit() and out and out[-1].isdigit():
        return " " + folded
    return folded


_EDGE = " \n\t.,;:?_\"'"
_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">", "《": "》", "〈": "〉"}
_LOOSE_SPACE = re.compile(r"(?<![0-9a-zÀ-ɏ])\s+|\s+(?![0-9a-zÀ-ɏ])")


def trim(text: str, start: int = 0, end: int | None = None) -> tuple[int, int]:
    """The (start, end) of a piece of normalised text without edge punctuation and brackets around the whole.

    A dot before a digit, a minus and an exclamation mark after a digit (a factorial) belong to the answer.
    """
    end = len(text) if end is None else end
    while start < end:
        first, last = text[start], text[end - 1]
        if last in _EDGE or (last == "!" and not text[max(start, end - 2)].isdigit()):
            end -= 1
        elif first in _EDGE and not (first == "." and text[start + 1 : start + 2].isdigit()):
            start += 1
        elif end - start > 1 and _PAIRS.get(first) == last and _wraps(text[start:end]):
            start, end = start + 1, end - 1
        else:
            break
    return start, end


def _wraps(text: str) -> bool:
    """Whether the bracket that opens the text is closed only by its last character."""
    depth = 0
    for index, char in enumerate(text):
        depth += (char == text[0]) - (char == text[-1])
        if depth == 0:
            return index == len(text) - 1
    return False


def comparable(text: str) -> str:
    """A phrase for comparing: normalised, trimmed, spaces kept only between Latin words or numbers."""
    folded = normalise(text).text
    start, end = trim(folded)
    return _LOOSE_SPACE.sub("", folded[start:end])


def is_cjk(char: str) -> bool:
    """Whether a character is a Chinese one (CJK unified ideographs and extension A)."""
    return "\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf"
