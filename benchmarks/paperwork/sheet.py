"""A sheet of A4 that is written on, and that remembers every word's place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from PIL import Image, ImageDraw
from PIL.ImageFont import FreeTypeFont

WIDTH, HEIGHT = 1240, 1754  # A4 at 150 dpi
MARGIN = 100
INK = (25, 25, 35)
BLUE = (30, 45, 120)
PENCIL = (105, 105, 110)
LIGHT = (195, 205, 215)  # ruled lines
NEVER_FIRST = "，。；：、！？）”》"  # Chinese typesetting: these do not begin a line

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A word as drawn: characters `start` to `end` of line number `line`, its box in pixels of the sheet."""

    line: int
    start: int
    end: int
    box: Rectangle


@dataclass
class Sheet:
    """`lines` are the page's text in reading order, `words` where each stands, `struck` what was crossed out."""

    width: int = WIDTH
    height: int = HEIGHT
    lines: list[str] = field(default_factory=list)
    words: list[Drawn] = field(default_factory=list)
    struck: list[tuple[str, Rectangle]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.image = Image.new("RGB", (self.width, self.height), "white")
        self.draw = ImageDraw.Draw(self.image)

    @property
    def text(self) -> str:
        """The lines, one below the other."""
        return "\n".join(self.lines)

    def write(
        self,
        place: tuple[float, float],
        text: str,
        font: FreeTypeFont,
        colour: tuple[int, int, int] = INK,
        *,
        goes_on: bool = False,
    ) -> float:
        """Write one line with its top left corner at `place` (pixels); where it ends on the right.

        `goes_on`: it belongs to the last line, parted by a blank.
        """
        x, y = place
        self.draw.text((x, y), text, font=font, fill=colour)
        if goes_on:
            offset = len(self.lines[-1]) + 1
            self.lines[-1] += " " + text
        else:
            offset = 0
            self.lines.append(text)
        _, top, _, bottom = font.getbbox(text)
        for start, end in word_spans(text):
            left, right = x + font.getlength(text[:start]), x + font.getlength(text[:end])
            box = (left, y + top, right, y + bottom)
            self.words.append(Drawn(len(self.lines) - 1, start + offset, end + offset, box))
        return x + font.getlength(text)

    def cross_out(
        self,
        place: tuple[float, float],
        text: str,
        font: FreeTypeFont,
        colour: tuple[int, int, int] = BLUE,
        strokes: int = 2,
    ) -> float:
        """Write a text and strike it through: it is no text of the page. Where it ends on the right."""
        x, y = place
        self.draw.text((x, y), text, font=font, fill=colour)
        left, top, right, bottom = font.getbbox(text)
        height = bottom - top
        for number in range(strokes):
            middle = y + top + height * (0.42 + 0.2 * number)
            self.draw.line(
                (x - 6, middle + 3, (x + right) / 2, middle - 2, x + right + 6, middle + 2), colour, 4
            )
        self.struck.append((text, (x + left, y + top, x + right, y + bottom)))
        return x + right


def word_spans(text: str) -> Iterator[tuple[int, int]]:
    """The words of a line: every Chinese character or full-width sign by itself, else what stands between blanks."""
    start: int | None = None
    for place, character in enumerate(text):
        alone = ord(character) >= 0x2E80 or character in "“”‘’"
        if start is not None and (alone or character.isspace()):
            yield start, place
            start = None
        if alone and not character.isspace():
            yield place, place + 1
        elif not alone and not character.isspace() and start is None:
            start = place
    if start is not None:
        yield start, len(text)


def wrapped(text: str, font: FreeTypeFont, width: float) -> list[str]:
    """The text as lines of at most `width` pixels: broken at blanks, in Chinese between any two characters."""
    pieces = _pieces(text)
    lines, line = [], ""
    for piece in pieces:
        if line and font.getlength((line + piece).rstrip()) > width and piece not in NEVER_FIRST:
            lines.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines


def _pieces(text: str) -> list[str]:
    pieces = []
    before = 0
    for start, end in word_spans(text):
        pieces.append(text[before:start] + text[start:end])
        before = end
    return pieces
