"""Where the words of a PDF's text layer stand: pdfium's characters, aligned to the text that pypdf gives.

pypdf's text is the page's text because it keeps lines and gaps as they are meant; pdfium alone knows places. They
agree on nearly all characters, so mostly the two are walked side by side; else an edit alignment joins them.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from typing import Any

from app.document import Box, Word

# A Chinese, Japanese or full-width character by itself, or what stands between blanks.
WORD = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]|[^\s\u2e80-\u9fff"
                  r"\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]+")  # fmt: skip
GENERATED = frozenset(
    (0, 0x02, 0xAD, 0xFFFE, 0xFFFF)
)  # pdfium's marks for hyphens at line ends and for nothing
ALIGNED = (
    20_000  # characters of a page up to which an alignment is worth its memory (their product / 4 bytes)
)
UNITS = 1 << 20  # the size in which pdfium is asked where corners lie: fine enough for 0 to 1

Places = list["tuple[float, float, float, float] | None"]


def words_of(page: Any, text: str) -> tuple[Word, ...]:
    """The words of `text` with their boxes on the rendered page; `page` is a pypdfium2.PdfPage.

    Words that have no place on the page are left out. Raises pypdfium2.PdfiumError for a page that it cannot read.
    """
    textpage = page.get_textpage()
    try:
        characters, indices = _characters(textpage)
        where = _aligned(text, characters)
        return tuple(_words(text, where, indices, _Boxes(page, textpage)))
    finally:
        textpage.close()


def _characters(textpage: Any) -> tuple[str, list[int]]:
    """The visible characters of a page, and pdfium's index of each."""
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
        if 0xDC00 <= code < 0xE000:
            code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00) if high else 0
        high = 0
        if code <= 0x20 or code in GENERATED or code > 0x10FFFF or (character := chr(code)).isspace():
            continue
        characters.append(character)
        indices.append(index)
    return "".join(characters), indices


def _aligned(text: str, characters: str) -> list[int]:
    """For each character of `text`, its position in `characters`, or -1."""
    offsets = [offset for offset, character in enumerate(text) if not character.isspace()]
    solid = "".join(text[offset] for offset in offsets)
    where = [-1] * len(text)
    if solid == characters:
        for position, offset in enumerate(offsets):
            where[offset] = position
        return where
    if max(len(solid), len(characters)) > ALIGNED:
        return where
    from rapidfuzz.distance import Levenshtein

    for step in Levenshtein.opcodes(solid, characters):
        # Replaced one by one: the same glyph under another code (a ligature's letter, a radical for its character).
        if step.tag == "equal" or (
            step.tag == "replace" and step.src_end - step.src_start == step.dest_end - step.dest_start
        ):
            for place in range(step.src_end - step.src_start):
                where[offsets[step.src_start + place]] = step.dest_start + place
    _place_moved(text, characters, where)
    return where


def _place_moved(text: str, characters: str, where: list[int]) -> None:
    """Find lines that stand in another order than pdfium's: as a whole, where no other line has been placed."""
    taken = {position for position in where if position >= 0}
    start = 0
    for line in text.split("\n"):
        offsets = [start + place for place, character in enumerate(line) if not character.isspace()]
        start += len(line) + 1
        if not offsets or sum(where[offset] >= 0 for offset in offsets) * 2 > len(offsets):
            continue
        solid = "".join(text[offset] for offset in offsets)
        at = characters.find(solid)
        while at >= 0 and any(at + place in taken for place in range(len(solid))):
            at = characters.find(solid, at + 1)
        if at >= 0:
            for place, offset in enumerate(offsets):
                where[offset] = at + place
                taken.add(at + place)


def _words(text: str, where: list[int], indices: list[int], boxes: _Boxes) -> Iterator[Word]:
    for match in WORD.finditer(text):
        start, end = match.span()
        if end - start == 1:  # most words of a Chinese page
            found = [indices[where[start]]] if where[start] >= 0 else []
        else:
            found = [indices[where[offset]] for offset in range(start, end) if where[offset] >= 0]
        if found and (box := boxes.around(found)) is not None:
            yield Word(start, end, box)


class _Boxes:
    """Boxes of characters in 0 to 1 of the page as it is rendered: cropped, turned, from its top left corner."""

    def __init__(self, page: Any, textpage: Any) -> None:
        from pypdfium2 import raw

        self._loose, self._strict, self._handle = (
            raw.FPDFText_GetLooseCharBox,
            raw.FPDFText_GetCharBox,
            textpage.raw,
        )
        self._rect = raw.FS_RECTF()
        self._tight = tuple(ctypes.c_double() for _ in range(4))
        origin, right, up = (_on_device(page, x, y) for x, y in ((0, 0), (1000, 0), (0, 1000)))
        self._x = ((right[0] - origin[0]) / 1000, (up[0] - origin[0]) / 1000, origin[0])
        self._y = ((right[1] - origin[1]) / 1000, (up[1] - origin[1]) / 1000, origin[1])

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
