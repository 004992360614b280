"""The text layer of a PDF's page, and where its words stand, from pdfium's characters.

pdfium and not pypdf, which read this text before: both give the same words, but pdfium gives characters and not the
radicals (U+2F00) and ligatures that printing programs note, takes a tenth of the time for pages whose every glyph is
placed by itself, and knows the places.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from typing import Any

from app.document import Box, Word
from app.intake.formats.text import UNWANTED

# A Chinese, Japanese or full-width character by itself, or what stands between blanks.
WORD = re.compile(
    r"[\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]|[^\s\u2e80-\u9fff"
    r"\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]+"
)
# pdfium's marks for a hyphen at the end of a line, whose end it leaves out; a line stays a line here.
HYPHENS = frozenset((0x02, 0xFFFE))
UNITS = 1 << 20  # the size in which pdfium is asked where corners lie: fine enough for 0 to 1


def read_text(page: Any) -> tuple[str, tuple[Word, ...]]:
    """The text of a pypdfium2.PdfPage, lines parted by "\\n", and its words with their boxes on the rendered page.

    A word that lies outside of what is shown of the page has no box and is in the text only.
    Raises pypdfium2.PdfiumError for a page that pdfium cannot read.
    """
    boxes = _Boxes(page)
    turned = page.get_rotation()
    if turned:
        page.set_rotation(
            0
        )  # pdfium gives the lines of a page that is shown sideways from the last to the first
    try:
        textpage = page.get_textpage()
        try:
            text, indices = _characters(textpage)
            return text, tuple(_words(text, indices, boxes.of(textpage))) if text else ()
        finally:
            textpage.close()
    finally:
        if turned:
            page.set_rotation(turned)


def _characters(textpage: Any) -> tuple[str, list[int]]:
    """The text of a page, without blanks at the ends of it and of its lines, and pdfium's index of each character."""
    from pypdfium2 import raw

    handle, code_of = textpage.raw, raw.FPDFText_GetUnicode
    characters: list[str] = []
    indices: list[int] = []
    high = 0
    for index in range(textpage.count_chars()):
        code = code_of(handle, index)
        if 0xD800 <= code < 0xDC00:  # some fonts give UTF-16 halves, one after the other
            high = code
            continue
        if 0xDC00 <= code < 0xE000 and high:
            code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)
        high = 0
        if code in HYPHENS:
            characters += "-\n"
            indices += index, index
            continue
        character = chr(code) if code <= 0x10FFFF else ""
        if character == "\n":
            while characters and characters[-1] in " \t":
                characters.pop()
                indices.pop()
        if not character or character == "\r" or UNWANTED.match(character):
            continue
        if characters or not character.isspace():
            characters.append(character)
            indices.append(index)
    text = "".join(characters).rstrip()
    return text, indices[: len(text)]


def _words(text: str, indices: list[int], boxes: _Boxes) -> Iterator[Word]:
    for match in WORD.finditer(text):
        start, end = match.span()
        if (box := boxes.around(indices[start:end])) is not None:
            yield Word(start, end, box)


class _Boxes:
    """Boxes of characters in 0 to 1 of the page as it is rendered: cropped, turned, from its top left corner."""

    def __init__(self, page: Any) -> None:
        from pypdfium2 import raw

        self._loose, self._strict = raw.FPDFText_GetLooseCharBox, raw.FPDFText_GetCharBox
        self._handle: Any = None
        self._rect = raw.FS_RECTF()
        self._tight = tuple(ctypes.c_double() for _ in range(4))
        origin, right, up = (_on_device(page, x, y) for x, y in ((0, 0), (1000, 0), (0, 1000)))
        self._x = ((right[0] - origin[0]) / 1000, (up[0] - origin[0]) / 1000, origin[0])
        self._y = ((right[1] - origin[1]) / 1000, (up[1] - origin[1]) / 1000, origin[1])

    def of(self, textpage: Any) -> _Boxes:
        """These, of the characters of a text page."""
        self._handle = textpage.raw
        return self

    def around(self, indices: list[int]) -> Box | None:
        """The box around characters of one word; None when it lies outside the page or has no size."""
        x0, y0, x1, y1 = self._place(indices[0])
        if len(indices) > 1:
            # Characters between the first and the last of a word on one line lie between them.
            last = self._place(indices[-1])
            beside = y0 < (last[1] + last[3]) / 2 < y1
            for place in (last,) if beside else map(self._place, indices[1:]):
                x0, y0 = min(x0, place[0]), min(y0, place[1])
                x1, y1 = max(x1, place[2]), max(y1, place[3])
        if x0 < 0.0 or y0 < 0.0 or x1 > 1.0 or y1 > 1.0:
            x0, y0, x1, y1 = max(0.0, x0), max(0.0, y0), min(1.0, x1), min(1.0, y1)
        return Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    def _place(self, index: int) -> tuple[float, float, float, float]:
        """The corners of one character: as high as its font, so that a line's boxes have one height."""
        rect = self._rect
        if self._loose(self._handle, index, rect) and rect.right > rect.left:
            left, bottom, right, top = rect.left, rect.bottom, rect.right, rect.top
        else:
            one, two, three, four = self._tight
            self._strict(self._handle, index, one, two, three, four)
            left, right, bottom, top = one.value, two.value, three.value, four.value
        (a, c, e), (b, d, f) = self._x, self._y
        x0, x1 = a * left + c * bottom + e, a * right + c * top + e
        y0, y1 = b * left + d * bottom + f, b * right + d * top + f
        if x0 > x1:
            x0, x1 = x1, x0
        return (x0, y0, x1, y1) if y0 <= y1 else (x0, y1, x1, y0)


def _on_device(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a point of the page lies when it is rendered, in 0 to 1."""
    from pypdfium2 import raw

    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page.raw, 0, 0, UNITS, UNITS, 0, x, y, across, down)
    return across.value / UNITS, down.value / UNITS
