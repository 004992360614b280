"""A line's characters to words, each with its own rectangle on the picture.

The recogniser tells where the middle of a character is to within a few pixels of 48; the ink tells where it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from app.document import Box
from app.intake.pictures.ocr import Line
from app.intake.pictures.pixels import Pixels, gray_of
from app.intake.pictures.recogniser import HEIGHT, Glyph, is_wide

RULE = 0.8  # of a line's length: a row of ink this long is a ruled line or an underline, no letter
TRIM = 0.01  # of a line's ink above and below what counts as its height: specks, neighbours' tails


@dataclass(frozen=True, slots=True)
class Placed:
    """A word (for Chinese, a character) of a line: its text, its box on the picture, its mean confidence."""

    text: str
    box: Box
    confidence: float
    spaced: bool  # a blank stands before it


def place(line: Line, width: int, height: int) -> list[Placed]:
    """The words of a line, left to right; `width` and `height` are the picture's, in pixels."""
    glyphs = line.reading.glyphs
    ink = ink_of_line(line.crop)
    edges = _edges(glyphs, ink)
    top, bottom = _heights(ink)
    placed: list[Placed] = []
    for group in _groups(glyphs):
        left, right = _tightened(ink, edges[group[0]], edges[group[-1] + 1])
        text = "".join(glyphs[index].text for index in group)
        sure = sum(glyphs[index].confidence for index in group) / len(group)
        box = _on_picture(line, (left, top, right, bottom), width, height)
        placed.append(Placed(text, box, sure, group[0] > 0 and glyphs[group[0] - 1].text.isspace()))
    return placed


def ink_of_line(crop: Pixels) -> NDArray[np.bool_]:
    """Where a line's crop has ink, rules and underlines left out; (HEIGHT, width)."""
    gray = gray_of(crop)
    _, ink = cv2.threshold(gray, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    found = ink.astype(bool)
    if found.mean() > 0.5:  # white on black
        found = ~found
    found[found.mean(axis=1) > RULE] = False
    return np.asarray(found)


def _groups(glyphs: Sequence[Glyph]) -> list[list[int]]:
    """The indices of each word's glyphs: runs without blanks; every wide character by itself."""
    groups: list[list[int]] = []
    for blank, indices in groupby(range(len(glyphs)), lambda index: glyphs[index].text.isspace()):
        run: list[int] = []
        for index in () if blank else indices:
            if is_wide(glyphs[index].text):
                groups += [run] if run else []
                groups.append([index])
                run = []
            else:
                run.append(index)
        groups += [run] if run else []
    return groups


def _edges(glyphs: Sequence[Glyph], ink: NDArray[np.bool_]) -> list[int]:
    """Columns between which each glyph stands; one more than there are glyphs.

    Between two middles the edge is where there is least ink, and of such places the one nearest to halfway.
    """
    width = ink.shape[1]
    columns = ink.sum(axis=0)
    edges = [0]
    for before, after in pairwise(glyphs):
        start, end = before.at * width, after.at * width
        low = int(start + (end - start) * 0.2)
        high = max(low + 1, int(end - (end - start) * 0.2) + 1)
        piece = columns[low:high]
        if not len(piece):
            edges.append(max(edges[-1], min(width, low)))
            continue
        least = np.flatnonzero(piece == piece.min())
        nearest = least[np.abs(least - (len(piece) - 1) / 2).argmin()]
        edges.append(max(edges[-1], low + int(nearest)))
    return [*edges, width]


def _tightened(ink: NDArray[np.bool_], left: int, right: int) -> tuple[int, int]:
    """The columns of the ink between two columns; the two themselves where there is none."""
    columns = np.flatnonzero(ink[:, left:right].any(axis=0))
    if not len(columns):
        return left, max(left + 1, right)
    return left + int(columns[0]), left + int(columns[-1]) + 1


def _heights(ink: NDArray[np.bool_]) -> tuple[int, int]:
    """The rows of a line's ink, all but the last specks above and below."""
    rows = ink.sum(axis=1)
    total = int(rows.sum())
    if not total:
        return 0, HEIGHT
    share = np.cumsum(rows) / total
    top = int(np.searchsorted(share, TRIM))
    return top, min(HEIGHT, int(np.searchsorted(share, 1 - TRIM)) + 1)


def _on_picture(line: Line, piece: tuple[float, float, float, float], width: int, height: int) -> Box:
    """A rectangle of a line's crop as a box on the picture (upright around a line that is slanted)."""
    quad = np.roll(line.quad, -1, axis=0) if line.upright else line.quad
    left, top, right, bottom = piece
    length = line.crop.shape[1]
    across, down = (quad[1] - quad[0]) / length, (quad[3] - quad[0]) / HEIGHT
    corners = np.array([quad[0] + across * x + down * y for x in (left, right) for y in (top, bottom)])
    low = np.clip(corners.min(axis=0) / (width, height), 0, 1)
    high = np.clip(corners.max(axis=0) / (width, height), 0, 1)
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
