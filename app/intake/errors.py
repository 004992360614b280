"""The one error of reading: what was wrong with a file, as a kind for code and a sentence for people."""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

from app.i18n import ProblemError, Text

Kind = Literal["empty", "type", "encrypted", "broken", "needs_ocr", "too_many_pages", "too_long", "too_big"]


class UnreadableError(ProblemError):
    """A file cannot be read as text.

    `kind` is one of: "empty" (no bytes, or nothing but blanks), "type" (a format that is not read here),
    "encrypted", "broken" (damaged, or it crashed the reader), "needs_ocr" (pictures without a text layer),
    "too_many_pages", "too_long" (too many characters, or too much time), "too_big" (bytes on disk, inflated bytes,
    or memory). `pages` names the pages that hold only a picture (needs_ocr of a PDF), counted from 1.
    """

    def __init__(self, kind: Kind, text: Text, pages: tuple[int, ...] = ()) -> None:
        super().__init__(text)
        self.kind: Kind = kind
        self.pages = pages

    def __reduce__(self) -> tuple[type[UnreadableError], tuple[Kind, Text, tuple[int, ...]]]:
        # Exception's own way would call the class with the rendered sentence alone.
        return type(self), (self.kind, self.text, self.pages)

    def to_json(self) -> dict[str, Any]:
        """This error as a JSON object: {"kind", "text", "pages"}."""
        return {"kind": self.kind, "text": self.text.to_json(), "pages": list(self.pages)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> UnreadableError:
        """The inverse of `to_json`; raises ValueError for a kind that does not exist."""
        if data["kind"] not in get_args(Kind):
            raise ValueError(data["kind"])
        pages = tuple(int(page) for page in data.get("pages") or ())
        return cls(cast(Kind, data["kind"]), Text.from_json(data["text"]), pages)
