"""What a file is and how many pages it has, and whether pictures can be read here at all."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, Literal, cast, get_args

from app.i18n import Text
from app.intake.errors import UnreadableError
from app.intake.limits import Limits
from app.intake.pictures.models import installed

PageKind = Literal["text", "pdf", "picture", "docx"]


@dataclass(frozen=True, slots=True)
class Inspection:
    """A file that can be opened: its media type by content, its number of pages, and the sort of reader for them.

    A text file has one page, a picture one (that of a photo of two pages is read as two; a TIFF has as many as it
    says), a DOCX one and another for each picture in it that is large enough to hold writing.
    """

    media_type: str
    pages: int
    kind: PageKind

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Inspection:
        """The inverse of `to_json`; raises KeyError or ValueError for anything else."""
        if data["kind"] not in get_args(PageKind):
            raise ValueError(data["kind"])
        return cls(str(data["media_type"]), int(data["pages"]), cast(PageKind, data["kind"]))


@cache
def recognises() -> bool:
    """Whether text recognition is installed (the extra `ocr`). Nothing is imported to find out."""
    return find_spec("cv2") is not None and installed()


def no_recognition(name: str, pages: tuple[int, ...] = (), count: int = 0) -> UnreadableError:
    """The error of pictures where text recognition is not installed. `pages` of `count`: those that are pictures."""
    if len(pages) == count:
        text = Text(
            "“{name}” holds pictures without text, and text recognition is not installed on this server. "
            "Whoever runs it can install Zhupi with the extra “ocr”.",
            {"name": name},
        )
    else:
        shown = ", ".join(map(str, pages[:20])) + ("…" if len(pages) > 20 else "")
        text = Text(
            "“{name}” holds pictures without text on pages {pages}, and text recognition is not installed on this "
            "server. Whoever runs it can install Zhupi with the extra “ocr”.",
            {"name": name, "pages": shown},
        )
    return UnreadableError("needs_ocr", text, pages)


def no_such_page(name: str, number: int) -> UnreadableError:
    """The error of a page that the file does not have, or no longer: it was another one when it was inspected."""
    return UnreadableError(
        "broken",
        Text("“{name}” has no page {page}. Upload the file again.", {"name": name, "page": number}),
    )


def too_many_pages(name: str, count: int, limits: Limits) -> UnreadableError:
    """The error of a file of more pages than are read."""
    return UnreadableError(
        "too_many_pages",
        Text(
            "“{name}” has {count} pages; at most {limit} are read. Split it into one file a student.",
            {"name": name, "count": count, "limit": limits.pages},
        ),
    )
