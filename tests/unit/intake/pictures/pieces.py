"""Pieces of text as recognition finds them, laid out by hand: for the tests of reading order."""

from __future__ import annotations

import re

from app.document import Box
from app.intake.pictures.recogniser import is_wide
from app.intake.pictures.rows import Segment
from app.intake.pictures.words import Placed

LINE = 30.0  # pixels: a line's height; a Chinese character is as wide, a Latin one half of it
PAGE = 2000.0  # pixels: the side of the page


def piece(x: float, y: float, text: str, height: float = LINE) -> Segment:
    """A piece of text with its top left corner at x, y (pixels)."""
    placed: list[Placed] = []
    right = x
    for match in re.finditer(r"[一-鿿　-〿＀-￯]|[^\s一-鿿　-〿＀-￯]+|\s", text):
        width = sum(height if is_wide(each) else height / 2 for each in match[0])
        if not match[0].isspace():
            box = Box(right / PAGE, y / PAGE, (right + width) / PAGE, (y + height) / PAGE)
            spaced = match.start() > 0 and text[match.start() - 1] == " "
            placed.append(Placed(match[0], box, 0.9, spaced))
        right += width
    return Segment(tuple(placed), x, y, right, y + height)
