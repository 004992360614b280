"""The question copied or printed before its answer: where it ends, so that it is not graded as the answer."""

from __future__ import annotations

import re

from rapidfuzz import fuzz

# Shorter prompts ("Why?") may well be an answer's own first words.
SHORTEST = 4
# From this length on a prompt is recognised with reading errors, if it is this similar in percent.
FUZZY_LENGTH = 12
FUZZY_RATIO = 90.0
_AFTER = re.compile(
    r"[\s?!.:,;。？！：，；…_)\]]*(?:[(\[]\s*\d+(?:\.\d+)?\s*(?:分|points?|marks?|pts?)\s*[)\]])?[。.:]?",
    re.I,
)
_FIRST = re.compile(r"[^\W_]")
_BREAK = re.compile(r"[\n?？(（\[]")


def _letters(text: str, start: int, end: int) -> tuple[str, list[int]]:
    """Letters and digits of a stretch in lower case, and where each stands."""
    places = [i for i in range(start, end) if text[i].isalnum()]
    # One character a place: a few letters grow in lower case ("İ"), those keep their case.
    lowered = [text[i].lower() for i in places]
    return "".join(c if len(c) == 1 else text[i] for c, i in zip(lowered, places, strict=True)), places


def may_begin(text: str, start: int, prompt: str) -> bool:
    """Whether the first letter or digit after `start` (within a short way) is the prompt's: a cheap first look."""
    wanted = _FIRST.search(prompt)
    there = _FIRST.search(text, start, start + 40)
    return bool(wanted and there) and wanted[0].lower() == there[0].lower()  # type: ignore[index]


def prompt_end(text: str, start: int, end: int, prompt: str) -> int | None:
    """Where a prompt repeated at `start` ends (after its punctuation and points); None when it is not there.

    Both texts are compared by letters and digits only. A long prompt may differ a little (reading errors);
    it then must end with its line. Of a prompt with several lines (options), the first may stand alone.
    """
    whole = _end(text, start, end, prompt)
    first = prompt.strip().partition("\n")[0]
    if whole is None and len(first) >= FUZZY_LENGTH and first != prompt.strip():
        return _end(text, start, end, first)
    return whole


def _end(text: str, start: int, end: int, prompt: str) -> int | None:
    """The same for these words and no others."""
    wanted, _ = _letters(prompt, 0, len(prompt))
    if len(wanted) < SHORTEST:
        return None
    head, places = _letters(text, start, min(end, start + 2 * len(prompt) + 80))
    if head.startswith(wanted):
        return _after(text, places[len(wanted) - 1] + 1, end)
    if len(wanted) < FUZZY_LENGTH:
        return None
    return _fuzzy_end(text, start, end, wanted, head, places)


def _fuzzy_end(text: str, start: int, end: int, wanted: str, head: str, places: list[int]) -> int | None:
    best, best_end = FUZZY_RATIO, None
    for count in range(max(1, int(0.85 * len(wanted))), min(len(head), int(1.15 * len(wanted)) + 1) + 1):
        last = places[count - 1] + 1
        if count < len(places) and not _BREAK.search(text, last, places[count]):
            continue
        ratio = fuzz.ratio(wanted, head[:count])
        if ratio >= best:
            best, best_end = ratio, _after(text, last, end)
    return best_end


def _after(text: str, last: int, end: int) -> int:
    match = _AFTER.match(text, last, end)
    return match.end() if match else last
