"""What of a page's picture must not leave: where names and numbers of the class stand on it.

Too much rather than too little: what is painted over keeps the words of text recognition. Painted are

- the fields for name and number, and names near the top (`app.intake.name_region`);
- every name and number that the caller found in the text (`spans`: `app.grading.masking` knows how to);
- whatever is one misread character away from a name of three characters or more, or from a number of six or more:
  the pages that are shown to a model are those on which recognition reads badly;
- where no field was found, nor a name near the top, the page's header: a name there may not have been read at all.

What this cannot know: a name that was not read, elsewhere than in a field or the header; and handwriting itself.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from rapidfuzz.distance import Levenshtein

from app.document import Box, Page
from app.intake.fields import NAME, NUMBER, fields
from app.intake.name_region import name_boxes
from app.intake.page import Struck

SHORTEST_NEAR_NAME = 3  # characters; of two, one misread leaves one, which is everywhere
SHORTEST_NEAR_PART = 4  # letters of a name in Latin script
SHORTEST_NEAR_NUMBER = 6
HEADER = 0.08  # of the page's height: the margin in which running heads stand
ASIDE, ABOVE = (
    0.5,
    0.2,
)  # of a line's height, painted beside and above what was read: letters reach over their boxes
# Digits as recognition mixes them up with letters.
DIGITS = str.maketrans("oqdilzsbg", "000112589")

Span = tuple[int, int]


class Pupil(Protocol):
    """A student as the roster has them."""

    @property
    def name(self) -> str: ...
    @property
    def number(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Compact:
    """Letters and digits of a text, folded, in small letters; `places` lead back to the text."""

    text: str
    places: list[int]

    def span(self, start: int, end: int) -> Span:
        return self.places[start], self.places[end - 1] + 1


def mask_boxes(
    page: Page,
    roster: Sequence[Pupil],
    spans: Sequence[Span] = (),
    struck: Sequence[Struck] = (),
    aspect: float = 0.707,
) -> tuple[Box, ...]:
    """The places to paint over, from top to bottom. `spans` are offsets of names in the page's text.

    `struck` is what is crossed out on the page: a name may be. `aspect` is the picture's width by its height, for
    margins that are as wide as they are high.
    """
    painted = [_clipped(box) for box in name_boxes(page, roster)]
    found = [*spans, *near_spans(page.text, roster)]
    touched = [
        _with_margin(word.box, aspect)
        for word in page.words
        if any(start < word.end and word.start < end for start, end in found)
    ]
    crossed = [_with_margin(each.box, aspect) for each in struck if names_somebody(each.text, roster)]
    labelled = any(field.kind in (NAME, NUMBER) for field in fields(page.text))
    header = [] if labelled or any(box.y0 < 2 * HEADER for box in painted) else [_header(page)]
    return tuple(sorted(_joined([*painted, *touched, *crossed, *header]), key=lambda box: (box.y0, box.x0)))


def near_spans(text: str, roster: Sequence[Pupil]) -> list[Span]:
    """Where a text holds a name or number of the roster, or what is one misread character away from it."""
    found: list[Span] = []
    start = 0
    for line in text.split("\n"):
        # Line by line: the end of one and the beginning of the next are no name.
        compact = _compacted(line)
        spans = (*_near_names(compact, roster), *_near_parts(line, roster), *_near_numbers(compact, roster))
        found += [(start + begin, start + end) for begin, end in spans]
        start += len(line) + 1
    return found


def names_somebody(text: str, roster: Sequence[Pupil]) -> bool:
    """Whether a text holds somebody's name or number anywhere, however short, or nearly."""
    compact = _compacted(text).text
    exact = (_compacted(said).text for pupil in roster for said in (pupil.name, pupil.number))
    return bool(near_spans(text, roster)) or any(len(each) > 1 and each in compact for each in exact)


def _compacted(text: str) -> _Compact:
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for letter in unicodedata.normalize("NFKC", character).casefold():
            if letter.isalnum():
                letters.append(letter)
                places.append(place)
    return _Compact("".join(letters), places)


def _cased(text: str) -> bool:
    return any(letter.lower() != letter.upper() for letter in text)


def _near_names(compact: _Compact, roster: Sequence[Pupil]) -> Iterator[Span]:
    """Names of scripts without capitals, with at most one character read as another."""
    wanted: set[tuple[int, str]] = set()
    lengths: set[int] = set()
    for pupil in roster:
        name = _compacted(pupil.name).text
        if len(name) >= SHORTEST_NEAR_NAME and not _cased(name):
            lengths.add(len(name))
            wanted.update((place, name[:place] + name[place + 1 :]) for place in range(len(name)))
    for length in lengths:
        for start in range(len(compact.text) - length + 1):
            window = compact.text[start : start + length]
            if any((place, window[:place] + window[place + 1 :]) in wanted for place in range(length)):
                yield compact.span(start, start + length)


def _near_parts(text: str, roster: Sequence[Pupil]) -> Iterator[Span]:
    """Words one letter away from a part of a Latin name and written with a capital; names run together."""
    parts: set[str] = set()
    wholes: set[str] = set()
    for pupil in roster:
        if not _cased(pupil.name):
            continue
        own = [_compacted(part).text for part in pupil.name.split()]
        parts.update(part for part in own if len(part) >= SHORTEST_NEAR_PART)
        wholes.update(
            whole for whole in ("".join(own), "".join(reversed(own))) if len(whole) > SHORTEST_NEAR_PART
        )
    for start, end in _blank_parted(text):
        word = _compacted(text[start:end]).text
        capital = text[start:end].lstrip("\"'“‘(（[").lstrip()[:1].isupper()
        if (capital and any(Levenshtein.distance(word, part, score_cutoff=1) <= 1 for part in parts)) or any(
            whole in word for whole in wholes
        ):
            yield start, end


def _blank_parted(text: str) -> Iterator[Span]:
    start = None
    for place, character in enumerate(f"{text} "):
        if character.isspace() or character in ",;:，；：、":
            if start is not None:
                yield start, place
            start = None
        elif start is None:
            start = place


def _near_numbers(compact: _Compact, roster: Sequence[Pupil]) -> Iterator[Span]:
    """Numbers with at most one character wrong, missing or too many."""
    plain = compact.text.translate(DIGITS)
    for number in {_compacted(pupil.number).text.translate(DIGITS) for pupil in roster}:
        half = len(number) // 2
        for size in (
            (len(number) - 1, len(number), len(number) + 1) if len(number) >= SHORTEST_NEAR_NUMBER else ()
        ):
            for start in range(len(plain) - size + 1):
                window = plain[start : start + size]
                # A quick look first: one slip leaves one half of the number as it is.
                if not (window.startswith(number[:half]) or window.endswith(number[half + 1 :])):
                    continue
                # One character too many stands inside; outside it is another word's.
                if size > len(number) and (window[0], window[-1]) != (number[0], number[-1]):
                    continue
                if Levenshtein.distance(window, number, score_cutoff=1) <= 1:
                    yield compact.span(start, start + size)


def _header(page: Page) -> Box:
    """The page's top, down to the lower edge of the line that it would cut through."""
    lines = _lines(page)
    crossing = [line.y1 for line in lines if line.y0 < HEADER and (line.y0 + line.y1) / 2 < HEADER]
    return Box(0.0, 0.0, 1.0, min(1.0, max([HEADER, *crossing])))


def _lines(page: Page) -> list[Box]:
    """The boxes of the text's lines that have words."""
    starts = [0, *(place + 1 for place, mark in enumerate(page.text) if mark == "\n")]
    by_line: dict[int, list[Box]] = {}
    for word in page.words:
        by_line.setdefault(bisect_right(starts, word.start), []).append(word.box)
    return [Box.around(boxes) for boxes in by_line.values()]


def _with_margin(box: Box, aspect: float) -> Box:
    height = box.y1 - box.y0
    aside, above = ASIDE * height / max(aspect, 0.1), ABOVE * height
    return _clipped(Box(box.x0 - aside, box.y0 - above, box.x1 + aside, box.y1 + above))


def _clipped(box: Box) -> Box:
    left, right = sorted((box.x0, box.x1))
    upper, lower = sorted((box.y0, box.y1))
    return Box(max(0.0, left), max(0.0, upper), min(1.0, right), min(1.0, lower))


def _joined(boxes: Sequence[Box]) -> list[Box]:
    """Boxes that stand mostly in one another, or touch within one line, made into one: a name is one place."""
    joined: list[Box] = []
    for box in boxes:
        grown = box
        # What is joined may reach another one.
        while touching := [other for other in joined if _one_place(grown, other)]:
            joined = [other for other in joined if other not in touching]
            grown = Box.around([grown, *touching])
        joined.append(grown)
    return joined


def _one_place(one: Box, other: Box) -> bool:
    common_x = min(one.x1, other.x1) - max(one.x0, other.x0)
    common_y = min(one.y1, other.y1) - max(one.y0, other.y0)
    if common_x < 0 or common_y <= 0:
        return False
    low, high = sorted((one.y1 - one.y0, other.y1 - other.y0))
    inside = common_x * common_y >= 0.6 * min(_area(one), _area(other))
    return inside or (common_y >= 0.7 * high and low > 0)


def _area(box: Box) -> float:
    return (box.x1 - box.x0) * (box.y1 - box.y0)
