"""Where the words of a corrected text stand: unchanged words keep their places, others take those around them.

Words are compared as a sequence (Levenshtein distance, rapidfuzz), not letter by letter: a new word whose letters
happen to stand in an old one elsewhere has nothing to do with its place.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rapidfuzz.distance import Levenshtein

from app.document import Box, Word

# A Chinese, Japanese or Korean character is a word, and so is every run of other visible characters.
_CJK = "\u2e80-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
_ATOM = re.compile(f"[{_CJK}]|[^\\s{_CJK}]+")
# A word put in where there is no room gets so much of the line's height a character.
CHARACTER_WIDTH = 0.5
SAME_LINE = 0.4  # as papers.places: the shared part of the lower height


@dataclass(frozen=True, slots=True)
class _Atom:
    """A piece of a text that is compared as one; `word` is the index of the old word it belongs to."""

    start: int
    end: int
    text: str
    word: int = -1
    box: Box | None = None


def realign(old_text: str, words: Sequence[Word], new_text: str) -> tuple[Word, ...]:
    """The words of `new_text` with their places, from those of `old_text`; none where there were none.

    Unchanged words keep box and confidence. Words in place of others share their boxes line by line, by length; words
    put in between stand in the gap. What a person wrote has confidence 1.
    """
    if not words:
        return ()
    first, last = _changed(old_text, words, new_text)
    # What stands before the first word and behind the last belongs to the changed part.
    begin = words[first].start if first else 0
    behind = len(old_text) - words[last - 1].end if last < len(words) else 0
    moved = len(new_text) - len(old_text)
    middle = [_shifted(word, -begin) for word in words[first:last]]
    found = _aligned(
        old_text[begin : len(old_text) - behind], middle, new_text[begin : len(new_text) - behind]
    )
    return (
        *words[:first],
        *(_shifted(word, begin) for word in found),
        *(_shifted(word, moved) for word in words[last:]),
    )


def _changed(old_text: str, words: Sequence[Word], new_text: str) -> tuple[int, int]:
    """The words (from, behind) that may have changed, with an unchanged one on either side where there is one.

    Most corrections are a few letters: only what lies around them has to be compared.
    """
    shorter = min(len(old_text), len(new_text))
    same = next((at for at in range(shorter) if old_text[at] != new_text[at]), shorter)
    rest = shorter - same
    back = next((at for at in range(rest) if old_text[-1 - at] != new_text[-1 - at]), rest)
    # A word is the same only with the character behind it (before it): more letters might have joined it.
    first = bisect_left(words, same, key=lambda word: word.end)
    last = bisect_right(words, len(old_text) - back, key=lambda word: word.start)
    return max(0, first - 1), min(len(words), last + 1)


def _shifted(word: Word, by: int) -> Word:
    return replace(word, start=word.start + by, end=word.end + by)


def _aligned(old_text: str, words: Sequence[Word], new_text: str) -> tuple[Word, ...]:
    """`realign` without looking for what is the same at both ends."""
    old = list(_atoms_of_words(old_text, words))
    if not old:
        return ()
    new = [_Atom(found.start(), found.end(), found[0]) for found in _ATOM.finditer(new_text)]
    placed: list[_Atom] = []
    for same, (old_from, old_to), (new_from, new_to) in _blocks(old, new):
        group = new[new_from:new_to]
        if same:
            placed += [
                _Atom(atom.start, atom.end, atom.text, before.word, before.box)
                for atom, before in zip(group, old[old_from:old_to], strict=True)
            ]
        elif group:
            room = _lines([atom.box for atom in old[old_from:old_to] if atom.box is not None])
            placed += _shared(group, room or [_gap(old, old_from, group)])
    return tuple(_joined(placed, words))


def _atoms_of_words(text: str, words: Sequence[Word]) -> Iterator[_Atom]:
    """Every word in its atoms, its box cut by their length."""
    for index, word in enumerate(words):
        length, width = word.end - word.start, word.box.x1 - word.box.x0
        for found in _ATOM.finditer(text[word.start : word.end]):
            left, right = found.start() / length, found.end() / length
            box = Box(word.box.x0 + width * left, word.box.y0, word.box.x0 + width * right, word.box.y1)
            yield _Atom(word.start + found.start(), word.start + found.end(), found[0], index, box)


def _blocks(
    old: Sequence[_Atom], new: Sequence[_Atom]
) -> Iterator[tuple[bool, tuple[int, int], tuple[int, int]]]:
    """(equal or not, old from and to, new from and to), where no two blocks that differ follow each other."""
    open_: list[int] | None = None
    for code in Levenshtein.opcodes([atom.text for atom in old], [atom.text for atom in new]):
        if code.tag == "equal":
            if open_:
                yield False, (open_[0], open_[1]), (open_[2], open_[3])
                open_ = None
            yield True, (code.src_start, code.src_end), (code.dest_start, code.dest_end)
        elif open_:
            open_[1], open_[3] = code.src_end, code.dest_end
        else:
            open_ = [code.src_start, code.src_end, code.dest_start, code.dest_end]
    if open_:
        yield False, (open_[0], open_[1]), (open_[2], open_[3])


def _lines(boxes: Sequence[Box]) -> list[Box]:
    """Boxes in the order of the text, joined where they stand in one line."""
    found: list[Box] = []
    for box in boxes:
        if found and _same_line(found[-1], box) and box.x1 >= found[-1].x1:
            found[-1] = Box.around((found[-1], box))
        else:
            found.append(box)
    return found


def _same_line(one: Box, two: Box) -> bool:
    shared = min(one.y1, two.y1) - max(one.y0, two.y0)
    return shared >= SAME_LINE * min(one.y1 - one.y0, two.y1 - two.y0)


def _shared(group: Sequence[_Atom], room: Sequence[Box]) -> list[_Atom]:
    """The atoms spread over the lines in order, each as long as its part of all characters."""
    width = sum(box.x1 - box.x0 for box in room)
    # One more for the space behind an atom.
    weights = [len(atom.text) + (atom is not group[-1]) for atom in group]
    whole, at = sum(weights), 0.0
    placed = []
    for atom, weight in zip(group, weights, strict=True):
        share = width * weight / whole
        letters = share * len(atom.text) / weight
        placed.append(_Atom(atom.start, atom.end, atom.text, -1, _along(room, at, at + letters)))
        at += share
    return placed


def _along(room: Sequence[Box], start: float, end: float) -> Box:
    """The part start..end of lines laid end to end, cut to the line in which its middle lies."""
    middle, begin = (start + end) / 2, 0.0
    for number, box in enumerate(room):
        length = box.x1 - box.x0
        if middle <= begin + length or number == len(room) - 1:
            low, high = max(start - begin, 0.0), min(end - begin, length)
            return Box(box.x0 + min(low, length), box.y0, box.x0 + max(high, low), box.y1)
        begin += length
    raise ValueError("no line")


def _gap(old: Sequence[_Atom], at: int, group: Sequence[_Atom]) -> Box:
    """Where something stands that was put in before the old atom `at`."""
    before = old[at - 1].box if at > 0 else None
    after = old[at].box if at < len(old) else None
    wanted = CHARACTER_WIDTH * sum(len(atom.text) for atom in group)
    if before is not None and after is not None and _same_line(before, after) and after.x0 > before.x1:
        return Box(before.x1, min(before.y0, after.y0), after.x0, max(before.y1, after.y1))
    if before is not None:
        return Box(before.x1, before.y0, min(1.0, before.x1 + wanted * (before.y1 - before.y0)), before.y1)
    assert after is not None  # there is at least one old atom
    return Box(max(0.0, after.x0 - wanted * (after.y1 - after.y0)), after.y0, after.x0, after.y1)


def _joined(placed: Sequence[_Atom], words: Sequence[Word]) -> Iterator[Word]:
    """Atoms as words again: those of one old word that still stand together are that word."""
    index = 0
    while index < len(placed):
        first = placed[index]
        last = index
        while (
            first.word >= 0
            and last + 1 < len(placed)
            and placed[last + 1].word == first.word
            and placed[last + 1].start == placed[last].end
        ):
            last += 1
        group = placed[index : last + 1]
        boxes = [atom.box for atom in group if atom.box is not None]
        whole = (
            first.word >= 0 and words[first.word].end - words[first.word].start == group[-1].end - first.start
        )
        box = words[first.word].box if whole else Box.around(boxes)
        confidence = words[first.word].confidence if first.word >= 0 else 1.0
        yield Word(first.start, group[-1].end, box, confidence)
        index = last + 1
