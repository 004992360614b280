"""What is measured on one page: characters, the turn, where quotes are drawn, blank backs, crossed-out text."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from app.document import Box, Word
from app.intake.evaluation.placing import Matrix, around, moved
from app.intake.evaluation.truth import PageTruth
from app.intake.page import PageReading

OVERLAP = 0.5  # intersection over union from which a quote counts as drawn on the right words
ALIKE = 75.0  # percent of a quote's characters that must have been read for it to be found at all
STRUCK_ALIKE = 70.0  # the same of crossed-out text


@dataclass(slots=True)
class PageFigures:
    """Counts of one page, or of several added up.

    `edits` of `characters` (Levenshtein, without blanks, full-width forms folded); pages `upright` of `turns`; quotes
    `drawn` right of `quotes`, `found` of them in the text at all; `blanks_right` of `blanks`, and pages with writing
    taken for blank; `struck_right` of `struck`, and `struck_wrong`: text that nobody crossed out; `failed` pages.
    """

    pages: int = 0
    characters: int = 0
    edits: int = 0
    turns: int = 0
    upright: int = 0
    quotes: int = 0
    found: int = 0
    drawn: int = 0
    blanks: int = 0
    blanks_right: int = 0
    lost: int = 0
    struck: int = 0
    struck_right: int = 0
    struck_wrong: int = 0
    failed: int = 0

    def add(self, other: PageFigures) -> None:
        """Add another's counts."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    @property
    def accuracy(self) -> float | None:
        """Characters that are right, 0 to 1; None where nothing was written."""
        return max(0.0, 1 - self.edits / self.characters) if self.characters else None


def squeezed(text: str) -> str:
    """A text without blanks, full-width and compatibility forms as plain ones (NFKC), as the engine compares."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def missed(truth: PageTruth) -> PageFigures:
    """The figures of a page that was not read at all."""
    size = len(squeezed(truth.text))
    return PageFigures(
        pages=1,
        characters=size,
        edits=size,
        turns=bool(truth.words),
        quotes=len(truth.quotes),
        blanks=truth.blank,
        struck=len(truth.struck),
        failed=1,
    )


def measured(truth: PageTruth, reading: PageReading, matrix: Matrix | None) -> PageFigures:
    """The figures of one page as read. `matrix` maps the file's picture to the shown one; None: it was not found,
    then quotes count as drawn wrong and the turn is believed."""
    right = squeezed(truth.text)
    found, drawn = _quotes(truth, reading, matrix)
    struck_right = sum(
        any(fuzz.ratio(squeezed(text), squeezed(each.text)) >= STRUCK_ALIKE for each in reading.struck)
        for text in truth.struck
    )
    return PageFigures(
        pages=1,
        characters=len(right),
        edits=Levenshtein.distance(right, squeezed(reading.text)),
        turns=bool(truth.words),
        upright=bool(truth.words) and _upright(truth, reading, matrix),
        quotes=len(truth.quotes),
        found=found,
        drawn=drawn,
        blanks=truth.blank,
        blanks_right=truth.blank and reading.blank,
        lost=bool(truth.words) and reading.blank,
        struck=len(truth.struck),
        struck_right=struck_right,
        struck_wrong=max(0, len(reading.struck) - struck_right),
    )


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    down = min(one.y1, other.y1) - max(one.y0, other.y0)
    if across <= 0 or down <= 0:
        return 0.0
    both = _area(one) + _area(other) - across * down
    return across * down / both


def _area(box: Box) -> float:
    return (box.x1 - box.x0) * (box.y1 - box.y0)


def _upright(truth: PageTruth, reading: PageReading, matrix: Matrix | None) -> bool:
    """Whether lines run from left to right on the shown picture."""
    if matrix is None:
        return reading.repair.rotation == (360 - truth.turned) % 360
    longest = max(truth.words, key=lambda word: word.end - word.start)
    shown = reading.picture
    shape = (shown.width, shown.height) if shown else (1, 1)
    (x0, y0), (x1, y1), *_ = moved(matrix, longest.corners)
    across, down = (x1 - x0) * shape[0], (y1 - y0) * shape[1]
    return across > abs(down)


def _quotes(truth: PageTruth, reading: PageReading, matrix: Matrix | None) -> tuple[int, int]:
    """How many quotes are in the text that was read, and how many of these are drawn where they stand."""
    found = drawn = 0
    for start, end in truth.quotes:
        places = spans_of(reading.text, truth.text[start:end])
        if not places:
            continue
        found += 1
        points = [
            point
            for word in truth.words
            if word.start < end and word.end > start and matrix is not None
            for point in moved(matrix, word.corners)
        ]
        if points:
            right = around(points)
            boxes = [box_of(reading.words, place) for place in places]
            # A quote that stands on the page twice may be drawn at the other place: that is no fault of its box.
            drawn += any(box is not None and overlap(box, right) >= OVERLAP for box in boxes)
    return found, drawn


def spans_of(text: str, quote: str) -> list[tuple[int, int]]:
    """Where a quote stands in a text, blanks aside: every exact place, or else the likest one; offsets in `text`."""
    kept = [place for place, character in enumerate(text) if not character.isspace()]
    plain, wanted = "".join(text[place] for place in kept), "".join(quote.split())
    if not plain or not wanted:
        return []
    starts = []
    place = plain.find(wanted)
    while place >= 0:
        starts.append((place, place + len(wanted)))
        place = plain.find(wanted, place + 1)
    if not starts:
        likest = fuzz.partial_ratio_alignment(wanted, plain, score_cutoff=ALIKE)
        if likest is None or likest.dest_end <= likest.dest_start:
            return []
        starts = [(likest.dest_start, likest.dest_end)]
    return [(kept[start], kept[end - 1] + 1) for start, end in starts]


def box_of(words: tuple[Word, ...], span: tuple[int, int]) -> Box | None:
    """The box around the words of a span; None when it has none."""
    start, end = span
    boxes = [word.box for word in words if word.start < end and word.end > start]
    return Box.around(boxes) if boxes else None
