"""What a file says: pages of text, and where each word stands. The shape that intake makes and grading reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

PAGE_BREAK = "\n\n"
PLACES = 4  # decimals of a coordinate: a tenth of a millimetre on A4 is 0.0003


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page's image, from its top left corner; all four in 0 to 1 of the image's width and height."""

    x0: float
    y0: float
    x1: float
    y1: float

    def to_json(self) -> list[float]:
        """[x0, y0, x1, y1]."""
        return [round(each, PLACES) for each in (self.x0, self.y0, self.x1, self.y1)]

    @classmethod
    def around(cls, boxes: Iterable[Box]) -> Box:
        """The smallest box around these; raises ValueError for none."""
        found = list(boxes)
        return cls(
            min(box.x0 for box in found),
            min(box.y0 for box in found),
            max(box.x1 for box in found),
            max(box.y1 for box in found),
        )


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a page: `start` and `end` are character offsets in its text; `confidence` 0 to 1 (1: a text layer).

    Chinese has no blanks between words; there every character is a word.
    """

    start: int
    end: int
    box: Box
    confidence: float = 1.0

    def to_json(self) -> list[float]:
        """[start, end, x0, y0, x1, y1, confidence]."""
        return [self.start, self.end, *self.box.to_json(), round(self.confidence, 3)]

    @classmethod
    def from_json(cls, data: Sequence[float]) -> Word:
        """The inverse of `to_json`."""
        start, end, x0, y0, x1, y1, confidence = data
        return cls(int(start), int(end), Box(x0, y0, x1, y1), float(confidence))


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its number, counted from 1, and its text with line breaks. `words` are in the order of the text."""

    number: int
    text: str
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """The pages of one file, in order. Offsets into a document are character offsets into `text`."""

    pages: tuple[Page, ...]

    @property
    def text(self) -> str:
        """All pages joined by PAGE_BREAK."""
        return PAGE_BREAK.join(page.text for page in self.pages)

    def to_json(self) -> list[dict[str, Any]]:
        """The pages as a JSON list of {"number", "text"}; where words stand is kept page by page elsewhere."""
        return [{"number": page.number, "text": page.text} for page in self.pages]

    @classmethod
    def from_json(cls, data: list[dict[str, Any]]) -> Document:
        """The inverse of `to_json`."""
        return cls(tuple(Page(int(page["number"]), str(page["text"])) for page in data))
