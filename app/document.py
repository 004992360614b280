"""What a file says: pages of text. The shape that intake makes and grading reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PAGE_BREAK = "\n\n"


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its number, counted from 1, and its text with line breaks."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """The pages of one file, in order. Offsets into a document are character offsets into `text`."""

    pages: tuple[Page, ...]

    @property
    def text(self) -> str:
        """All pages joined by PAGE_BREAK."""
        return PAGE_BREAK.join(page.text for page in self.pages)

    def to_json(self) -> list[dict[str, Any]]:
        """The pages as a JSON list of {"number", "text"}."""
        return [{"number": page.number, "text": page.text} for page in self.pages]

    @classmethod
    def from_json(cls, data: list[dict[str, Any]]) -> Document:
        """The inverse of `to_json`."""
        return cls(tuple(Page(int(page["number"]), str(page["text"])) for page in data))
