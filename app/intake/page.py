"""What reading one page gives: its text, where the words stand, its picture, and how good all that is."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.document import Box, Word
from app.i18n import Text


class By(StrEnum):
    """What read a page."""

    TEXT = "text"  # a text file or a DOCX: no picture
    PDF = "pdf"  # a PDF's text layer
    OCR = "ocr"  # text recognition
    MODEL = "model"  # a vision model
    TEACHER = "teacher"  # corrected by hand


@dataclass(frozen=True, slots=True)
class Struck:
    """Crossed-out text: not part of the page's text, but kept and shown."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class Repair:
    """What was done to a picture. `rotation` in degrees clockwise (0, 90, 180, 270), `skew` in degrees, `part` 0 for a
    whole picture, 1 and 2 for the left (upper) and right (lower) page of two in one photo."""

    rotation: int = 0
    skew: float = 0.0
    perspective: bool = False
    shadow: bool = False
    part: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """A page's picture as it is shown, after repair: WebP or JPEG bytes, its size in pixels, and a small one."""

    data: bytes
    width: int
    height: int
    thumb: bytes = b""


@dataclass(frozen=True, slots=True)
class PageReading:
    """One page as read.

    `words` are in the order of `text`, boxes on the repaired picture. `quality` 0 to 1 says how well the picture can
    be read (1 without a picture), `warnings` are sentences for the teacher ("This page is blurred."). `codes` are the
    texts of QR codes on it. `picture` is None where none was made (text files; PDF text layers until looked at).
    `confidence` is the mean of the words', weighted by length; 1 for text layers.
    """

    text: str
    by: By
    words: tuple[Word, ...] = ()
    confidence: float = 1.0
    quality: float = 1.0
    blank: bool = False
    warnings: tuple[Text, ...] = ()
    struck: tuple[Struck, ...] = ()
    codes: tuple[str, ...] = ()
    repair: Repair = field(default_factory=Repair)
    picture: Picture | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; pictures in base64."""
        return {
            "text": self.text,
            "by": self.by.value,
            "words": [word.to_json() for word in self.words],
            "confidence": self.confidence,
            "quality": self.quality,
            "blank": self.blank,
            "warnings": [text.to_json() for text in self.warnings],
            "struck": [[each.text, *each.box.to_json()] for each in self.struck],
            "codes": list(self.codes),
            "repair": {
                "rotation": self.repair.rotation,
                "skew": self.repair.skew,
                "perspective": self.repair.perspective,
                "shadow": self.repair.shadow,
                "part": self.repair.part,
            },
            "picture": None if self.picture is None else picture_to_json(self.picture),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> PageReading:
        """The inverse of `to_json`; raises KeyError, TypeError or ValueError for anything else."""
        picture = data["picture"]
        return cls(
            text=str(data["text"]),
            by=By(data["by"]),
            words=tuple(Word.from_json(each) for each in data["words"]),
            confidence=float(data["confidence"]),
            quality=float(data["quality"]),
            blank=bool(data["blank"]),
            warnings=tuple(Text.from_json(each) for each in data["warnings"]),
            struck=tuple(Struck(str(text), Box(*box)) for text, *box in data["struck"]),
            codes=tuple(map(str, data["codes"])),
            repair=Repair(**data["repair"]),
            picture=None if picture is None else picture_from_json(picture),
        )


def picture_to_json(picture: Picture) -> dict[str, Any]:
    """A picture as a JSON object, its bytes in base64."""
    return {
        "data": base64.b64encode(picture.data).decode(),
        "width": picture.width,
        "height": picture.height,
        "thumb": base64.b64encode(picture.thumb).decode(),
    }


def picture_from_json(data: dict[str, Any]) -> Picture:
    """The inverse of `picture_to_json`."""
    return Picture(
        base64.b64decode(data["data"], validate=True),
        int(data["width"]),
        int(data["height"]),
        base64.b64decode(data["thumb"], validate=True),
    )
