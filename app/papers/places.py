"""Where characters of a paper stand on its pages: from offsets in the text to boxes on the pictures. Pure.

Offsets into a document are those of `document.Document.text`: the pages' texts joined by PAGE_BREAK.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from app.document import PAGE_BREAK, Box, Page, Word

Span = tuple[int, int]

# Two words of a line share at least this part of the lower one's height; a step in the writing is less.
SAME_LINE = 0.4
# Further apart (of the page's width) they are two columns, or label and answer: two boxes say more than one.
WIDEST_GAP = 0.12
# A region is drawn with so much of the page around it, and never narrower or lower than this: a single letter
# filling the screen could not be read for what it is.
MARGIN_X, MARGIN_Y = 0.03, 0.012
LEAST_WIDTH, LEAST_HEIGHT = 0.6, 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """Characters `start` to `end` of a page's text, the page by its index from 0, and a box for each line of them."""

    page: int
    start: int
    end: int
    boxes: tuple[Box, ...]


def places(pages: Sequence[Page], start: int, end: int) -> list[Place]:
    """Where the characters start..end of a document stand, in order; a page without words has no boxes.

    A word that is only partly meant is cut by its number of characters. Offsets outside of the text are nowhere.
    """
    found, begin = [], 0
    for index, page in enumerate(pages):
        first, last = max(start - begin, 0), min(end - begin, len(page.text))
        if first < last:
            cut = [_cut(word, first, last) for word in _meant(page.words, first, last)]
            found.append(Place(index, first, last, tuple(lines(cut, page.text))))
        begin += len(page.text) + len(PAGE_BREAK)
    return found


def to_document(spans: Iterable[Sequence[int]], start: int, end: int) -> list[Span]:
    """Characters start..end of an answer as spans of the document.

    `spans` are the answer's own; its text is that of the spans, joined by a line break (`grading.state.Answer`).
    """
    found, begin = [], 0
    for first, last in spans:
        length = last - first
        low, high = max(start - begin, 0), min(end - begin, length)
        if low < high:
            found.append((first + low, first + high))
        begin += length + 1
    return found


def lines(words: Sequence[Word], text: str) -> list[Box]:
    """A box for every line of these words, which are in the order of the text."""
    boxes: list[list[Box]] = []
    before: Word | None = None
    for word in words:
        if before is not None and goes_on(before, word, text):
            boxes[-1].append(word.box)
        else:
            boxes.append([word.box])
        before = word
    return [Box.around(each) for each in boxes]


def goes_on(before: Word, word: Word, text: str) -> bool:
    """Whether a word stands behind another in the same line."""
    if "\n" in text[before.end : word.start]:
        return False
    one, two = before.box, word.box
    shared = min(one.y1, two.y1) - max(one.y0, two.y0)
    lower = min(one.y1 - one.y0, two.y1 - two.y0)
    return shared >= SAME_LINE * lower and -lower <= two.x0 - one.x1 <= WIDEST_GAP


def region(boxes: Iterable[Box]) -> Box:
    """The part of a page that shows these boxes with what is around them; raises ValueError for none."""
    around = Box.around(boxes)
    x0, x1 = _widened(around.x0, around.x1, MARGIN_X, LEAST_WIDTH)
    y0, y1 = _widened(around.y0, around.y1, MARGIN_Y, LEAST_HEIGHT)
    return Box(x0, y0, x1, y1)


def overlaps(one: Box, other: Box) -> bool:
    """Whether two boxes share more than an edge."""
    return one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1


def inside(words: Sequence[Word], box: Box) -> list[Word]:
    """The words whose middle lies in a box, in the order of the text."""
    return [word for word in words if _holds(box, word.box)]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A page's text with a region read anew: what the region said, and the whole text as it would be."""

    before: str
    whole: str


def replace_region(text: str, words: Sequence[Word], box: Box, new: str) -> Replaced:
    """The text of a page when a box of it says `new`.

    What the box holds may stand in several pieces of the text (two columns): the first is replaced, the others go.
    A box that holds no word puts the new text behind the last word above it.
    """
    runs = _runs(words, box)
    new = new.strip()
    if not runs:
        at = _after_above(words, box)
        before = "\n" if at and text[:at].strip() and not text[:at].endswith("\n") else ""
        after = "\n" if text[at:].strip() and not text[at:].startswith("\n") else ""
        return Replaced("", f"{text[:at]}{before}{new}{after}{text[at:]}")
    pieces, at = [], 0
    for number, (start, end) in enumerate(runs):
        pieces.append(text[at:start] + (new if number == 0 else ""))
        at = end
    said = "\n".join(text[start:end] for start, end in runs)
    return Replaced(said, "".join(pieces) + text[at:])


def _runs(words: Sequence[Word], box: Box) -> list[Span]:
    """The stretches of text whose words lie in a box."""
    runs: list[Span] = []
    last = -2
    for index, word in enumerate(words):
        if not _holds(box, word.box):
            continue
        if index == last + 1:
            runs[-1] = (runs[-1][0], word.end)
        else:
            runs.append((word.start, word.end))
        last = index
    return runs


def _after_above(words: Sequence[Word], box: Box) -> int:
    above = [word.end for word in words if (word.box.y0 + word.box.y1) / 2 < box.y0]
    return max(above, default=0)


def _holds(box: Box, other: Box) -> bool:
    x, y = (other.x0 + other.x1) / 2, (other.y0 + other.y1) / 2
    return box.x0 <= x <= box.x1 and box.y0 <= y <= box.y1


def _meant(words: Sequence[Word], start: int, end: int) -> Iterator[Word]:
    """The words that share characters with start..end; they are in the order of the text."""
    first = bisect_right(words, start, key=lambda word: word.end)
    return takewhile(lambda word: word.start < end, islice(words, first, None))


def _cut(word: Word, start: int, end: int) -> Word:
    """The part of a word within start..end, its box cut along the line of writing."""
    if start <= word.start and word.end <= end:
        return word
    length, width = word.end - word.start, word.box.x1 - word.box.x0
    low, high = max(start, word.start), min(end, word.end)
    box = Box(
        word.box.x0 + width * (low - word.start) / length,
        word.box.y0,
        word.box.x0 + width * (high - word.start) / length,
        word.box.y1,
    )
    return Word(low, high, box, word.confidence)


def _widened(low: float, high: float, margin: float, least: float) -> tuple[float, float]:
    """A stretch of 0 to 1 with a margin, at least so long, kept within."""
    low, high = low - margin, high + margin
    if high - low < least:
        # To the right: writing begins at the left, and so does what it belongs to.
        high = low + least
    if high > 1:
        low, high = max(0.0, low - (high - 1)), 1.0
    if low < 0:
        low, high = 0.0, min(1.0, high - low)
    return low, high
