"""A paper's pictures as values ready to be drawn: the part of each page that holds an answer, evidence, words.

All lengths are pixels of the page's picture, rounded to a tenth. A page that has no picture is not drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from app.db import JsonList
from app.document import Box, Page, Word
from app.papers.models import PageState, PaperPage
from app.papers.places import goes_on, overlaps, places, region, to_document

PDF = "pdf"  # intake.page.By.PDF
# A PDF's page has no picture, and so no known size, before somebody looks at it: until then it is A4 at 120 dpi.
NOMINAL = (992, 1403)
VERSION = 12  # hex digits
BASELINE = 0.8  # of a word's height, from its top: where its letters stand

# What is drawn is named by a class of page.css.
EVIDENCE, ANSWER, LOOSE, STRUCK = "evidence", "answer-area", "loose", "struck"
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle on a picture, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def view(self) -> str:
        """As the viewBox of an SVG."""
        return f"{self.x:g} {self.y:g} {self.width:g} {self.height:g}"


@dataclass(frozen=True, slots=True)
class Shape:
    """A drawn rectangle. `kind` is EVIDENCE, ANSWER, LOOSE or STRUCK; `number` of a criterion, 0 for none; `label` what
    stands at its corner, "" for nothing; `title` is read out and shown on hovering; `decided` evidence is red."""

    kind: str
    area: Area
    number: int = 0
    label: str = ""
    title: str = ""
    decided: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of one line of writing that are selected together: `text` is laid over `width` pixels from `x`."""

    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the text layer; `y` is its baseline, `size` its letters' height."""

    y: float
    size: float
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A part of a page's picture (or all of it) with what is drawn on it, behind `/pages/{page_id}/image?v={version}`.

    `box` is the part in 0 to 1 of the page, as a form sends it; `size` of labels in pixels.
    """

    page_id: int
    number: int
    version: str
    width: int
    height: int
    nominal: bool
    part: Area
    box: Box
    size: float
    shapes: tuple[Shape, ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Quote:
    """Evidence: a criterion's number and where its words stand in the answer."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Located:
    """An answer on a whole page: the question's label, its spans in the document, evidence, whether it is decided."""

    label: str
    spans: Sequence[Sequence[int]]
    quotes: Sequence[Quote] = ()
    decided: bool = False


class Pictures:
    """The pages of one paper with everything that is drawn on them."""

    def __init__(self, rows: Sequence[PaperPage], unmatched: JsonList) -> None:
        self._rows = rows
        self._pages = [
            Page(number, row.text, tuple(Word.from_json(each) for each in row.words))
            for number, row in enumerate(rows, 1)
        ]
        self._loose: dict[int, list[Box]] = {}
        for start, end in unmatched:
            for place in places(self._pages, start, end):
                self._loose.setdefault(place.page, []).extend(place.boxes)

    @property
    def any(self) -> bool:
        """Whether any page can be drawn."""
        return any(has_picture(row) for row in self._rows)

    def of_answer(self, spans: Iterable[Sequence[int]], quotes: Sequence[Quote]) -> tuple[Sheet, ...]:
        """The parts of the pages where an answer stands, in order; none where its place is not known."""
        spans = list(spans)
        return tuple(
            self._sheet(page, region(found), self._evidence(page, spans, quotes))
            for page, found in sorted(self._boxes(spans).items())
            if has_picture(self._rows[page])
        )

    def of_page(self, page: int, answers: Sequence[Located]) -> Sheet | None:
        """A whole page by its index, the answers outlined with their evidence; None without a picture."""
        row = self._rows[page]
        if not has_picture(row):
            return None
        width, height = size_of(row)
        outlines, evidence = [], []
        for answer in answers:
            found = self._boxes(answer.spans).get(page)
            if not found:
                continue
            around = _area(_loosely(Box.around(found)), width, height)
            outlines.append(Shape(ANSWER, around, label=answer.label))
            drawn = self._evidence(page, answer.spans, answer.quotes)
            evidence += [replace(shape, decided=answer.decided) for shape in drawn]
        sheet = self._sheet(page, Box(0, 0, 1, 1), evidence)
        return replace(sheet, shapes=(*outlines, *sheet.shapes))

    def _evidence(self, page: int, spans: Sequence[Sequence[int]], quotes: Sequence[Quote]) -> list[Shape]:
        """The lines of the quoted words on a page, each quote with its number at its end."""
        width, height = size_of(self._rows[page])
        shapes = []
        for quote in quotes:
            found = self._boxes(to_document(spans, quote.start, quote.end)).get(page, [])
            for box in found:
                label = str(quote.number) if box is found[-1] else ""
                shapes.append(Shape(EVIDENCE, _area(box, width, height), quote.number, label))
        return shapes

    def _boxes(self, spans: Iterable[Sequence[int]]) -> dict[int, list[Box]]:
        """The boxes of spans of the document, by page."""
        found: dict[int, list[Box]] = {}
        for start, end in spans:
            for place in places(self._pages, start, end):
                if place.boxes:
                    found.setdefault(place.page, []).extend(place.boxes)
        return found

    def _sheet(self, page: int, box: Box, evidence: Sequence[Shape]) -> Sheet:
        row = self._rows[page]
        width, height = size_of(row)
        shapes = [
            Shape(LOOSE, _area(each, width, height))
            for each in self._loose.get(page, ())
            if overlaps(each, box)
        ]
        for text, *corners in row.struck:
            if overlaps(each := Box(*corners), box):
                shapes.append(Shape(STRUCK, _area(each, width, height), title=str(text)))
        return Sheet(
            page_id=row.id,
            number=page + 1,
            version=version_of(row),
            width=width,
            height=height,
            nominal=not row.width,
            part=_area(box, width, height),
            box=box,
            size=round(width * 0.02, 1),
            shapes=(*shapes, *evidence),
            lines=tuple(text_layer(self._pages[page], box, width, height)),
        )


def has_picture(row: PaperPage) -> bool:
    """Whether a page can be drawn: its picture is stored, or it is a PDF's and is made when it is asked for."""
    return bool(row.image_key) or (row.by == PDF and row.state == PageState.READ)


def version_of(row: PaperPage) -> str:
    """The beginning of the hash of a page's picture, for its address; "" before it is made."""
    return (row.image_key or "").rpartition("/")[2][:VERSION]


def size_of(row: PaperPage) -> tuple[int, int]:
    """Width and height of a page's picture in pixels; NOMINAL while it is not known."""
    return (row.width, row.height) if row.width and row.height else NOMINAL


def text_layer(page: Page, box: Box, width: int, height: int) -> list[Line]:
    """The words within a box, line by line, as they are laid over the picture to be selected and copied.

    Characters of scripts without spaces are laid as one piece; the space between two words belongs to the first.
    """
    found: list[Line] = []
    for group in _by_line([word for word in page.words if overlaps(word.box, box)], page.text):
        around = Box.around(word.box for word in group)
        high = (around.y1 - around.y0) * height
        pieces = tuple(
            Piece(round(x0 * width, 1), round(max(x1 - x0, 0.0005) * width, 1), text)
            for x0, x1, text in _pieces(group, page.text)
        )
        if pieces:
            found.append(
                Line(round(around.y0 * height + high * BASELINE, 1), round(high * BASELINE, 1), pieces)
            )
    return found


def _by_line(words: Sequence[Word], text: str) -> list[list[Word]]:
    """The words in runs, each of which is one box to `places.lines`."""
    runs: list[list[Word]] = []
    for word in words:
        if runs and goes_on(runs[-1][-1], word, text):
            runs[-1].append(word)
        else:
            runs.append([word])
    return runs


def _pieces(words: Sequence[Word], text: str) -> list[tuple[float, float, str]]:
    """(left, right, text) of a line's pieces in 0 to 1 of the width; a piece reaches to the next word's beginning."""
    found: list[tuple[float, float, str]] = []
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else None
        end = word.box.x1 if following is None else max(word.box.x1, following.box.x0)
        between = text[word.end : following.start] if following is not None else ""
        said = text[word.start : word.end] + _BLANKS.sub(" ", between)
        if index and words[index - 1].end == word.start and found:
            x0, _, before = found[-1]
            found[-1] = (x0, max(end, x0), before + said)
        else:
            found.append((word.box.x0, end, said))
    return [piece for piece in found if piece[2].strip()]


def _loosely(box: Box) -> Box:
    """A little larger, so that an outline does not cross the writing."""
    return Box(
        max(0.0, box.x0 - 0.008), max(0.0, box.y0 - 0.005), min(1.0, box.x1 + 0.008), min(1.0, box.y1 + 0.005)
    )


def _area(box: Box, width: int, height: int) -> Area:
    return Area(
        round(box.x0 * width, 1),
        round(box.y0 * height, 1),
        round(max(box.x1 - box.x0, 0) * width, 1),
        round(max(box.y1 - box.y0, 0) * height, 1),
    )
