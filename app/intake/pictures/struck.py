"""Crossed-out words: one long stroke through the middle of writing, or a scribble over it.

Conservative: text that was crossed out and is read nevertheless is seen by the teacher; text that is lost is not. So a
stroke counts only if it crosses letters (a fraction's bar and a dash touch none), in the middle of their height
(underlines do not), and ends where the writing does (ruled lines and borders go on).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from app.document import Box
from app.intake.page import Struck
from app.intake.pictures.crops import cut, size
from app.intake.pictures.ocr import Line
from app.intake.pictures.pixels import Pixels, gray_of
from app.intake.pictures.recogniser import HEIGHT
from app.intake.pictures.words import Placed

# All in units of the writing's height, if not said otherwise.
SHORTEST = 2.3  # a stroke; the bars of two letters or characters that run into each other are shorter
THICKEST = 0.22
SLANT = 5  # pixels of HEIGHT that a stroke may wander within its shortest length
ZONE = (0.22, 0.78)  # from the writing's top: where a stroke crosses it out
BOTH_SIDES = 0.45  # of the stroke's columns have writing above, and as many below
CROSSINGS = 1.0  # letters' strokes that go through it, for each height of its length
MOST_BEYOND = 1.0  # it goes on outside the writing
UNBROKEN = 0.97  # of the stroke's columns have ink
THIN = 1.6  # times as thick as the stroke between letters: more is a letter's own ink
ASIDE = 1.0  # pixels of HEIGHT that the stroke's middle strays from its line
FOLLOWS = 0.6  # of an end's columns follow the line; other ends are bars of letters
PAPER, DARKEST = 80, 3  # percent of a line's pixels that are darker than its paper, and that are its darkest
DEEP = 0.62  # of the way from the paper's brightness to the darkest ink's
TURN = 0.05  # what a step up or down costs beside a column without ink, which costs 1
STRAIGHT = 1.2  # pixels of HEIGHT that a stroke strays from its curve on average
COVERED = 0.7  # of a word's width under a stroke: it is crossed out
SCRIBBLED = 0.62  # of a word's rectangle is ink
SCRIBBLE_READ = 0.6  # and the recogniser makes this little of it

Ink = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Stroke:
    """A stroke through a line's crop: its columns (from, behind) and its height there, in pixels of the crop.

    `reach` are the columns with what it runs into at its ends.
    """

    start: int
    end: int
    rows: NDArray[np.float64]
    thickness: float
    reach: tuple[int, int]


def part(line: Line, words: Sequence[Placed], image: Pixels) -> tuple[list[Placed], list[Struck]]:
    """A line's words without those that are crossed out, and these; `image` is the picture that the line is of."""
    if line.upright or not words:
        return list(words), []
    width = image.shape[1]
    found = [stroke for stroke in strokes(line.crop) if _ends(line, stroke, image)]
    # Nothing of the line beside a stroke can have made it seem longer than it is: then all is crossed out.
    for whole in ([_on_picture(line, stroke.reach, width)] for stroke in found):
        if all(_is_under(word.box, whole) for word in words):
            return [], _joined(words, [True] * len(words))
    spans = [_on_picture(line, (stroke.start, stroke.end), width) for stroke in found]
    gone = [_is_under(word.box, spans) or _is_scribbled(word, image) for word in words]
    kept = [word for word, out in zip(words, gone, strict=True) if not out]
    return _closed(kept, words), _joined(words, gone)


def strokes(crop: Pixels) -> list[Stroke]:
    """The strokes through the middle of a line's writing; the crop is RGB of (HEIGHT, width, 3)."""
    ink = _dark(crop)
    top, bottom = _writing(_ink(crop))
    high = bottom - top
    if high < HEIGHT / 4:
        return []
    length = round(SHORTEST * high)
    # A slanted stroke is a level one of a thicker pen; gaps between letters stay gaps.
    thick = cv2.dilate(ink.astype(np.uint8), np.ones((SLANT, 1), np.uint8))
    long = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(long, connectivity=8)
    found = []
    for label in range(1, count):
        start, wide = int(stats[label, cv2.CC_STAT_LEFT]), int(stats[label, cv2.CC_STAT_WIDTH])
        stroke = _path(ink, labels[:, start : start + wide] == label, start)
        if stroke is not None and stroke.end - stroke.start >= length and _crosses(ink, stroke, top, bottom):
            found.append(stroke)
    return found


def _ink(crop: Pixels) -> Ink:
    _, ink = cv2.threshold(gray_of(crop), 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    return np.asarray(ink, dtype=bool)


def _dark(crop: Pixels) -> Ink:
    """The ink that is nearly as dark as the line's darkest: between blurred letters that run together it is not."""
    gray = gray_of(crop).astype(np.float32)
    paper, darkest = np.percentile(gray, (PAPER, DARKEST))
    return np.asarray(paper - gray > DEEP * (paper - darkest))


def _writing(ink: Ink) -> tuple[int, int]:
    """The rows between which the writing stands."""
    share = np.cumsum(ink.sum(axis=1)) / max(1, int(ink.sum()))
    return int(np.searchsorted(share, 0.02)), int(np.searchsorted(share, 0.98)) + 1


def _path(ink: Ink, region: Ink, start: int) -> Stroke | None:
    """The course of a stroke through its region, smoothed; None where no single nearly straight stroke runs through it.

    The way from the left end to the right that leaves the ink least, one row up or down a column at most.
    """
    wide = region.shape[1]
    outside = np.where(ink[:, start : start + wide] & region, 0.0, 1.0)
    cost, came = outside[:, 0], np.zeros((wide, HEIGHT), np.int8)
    for column in range(1, wide):
        options = np.full((3, HEIGHT), np.inf)
        options[1] = cost
        options[0, 1:] = cost[:-1] + TURN
        options[2, :-1] = cost[1:] + TURN
        came[column] = options.argmin(axis=0)
        cost = options.min(axis=0) + outside[:, column]
    course = np.empty(wide)
    row = int(cost.argmin())
    for column in range(wide - 1, -1, -1):
        course[column] = row
        row += int(came[column, row]) - 1 if column else 0
    off = outside[course.astype(int), np.arange(wide)].mean()
    smooth = np.polynomial.Polynomial.fit(np.arange(wide), course, 3)(np.arange(wide))
    if off > 1 - UNBROKEN or np.abs(course - smooth).mean() > STRAIGHT:
        return None
    rows = np.convolve(np.pad(course, 4, mode="edge"), np.full(9, 1 / 9), "valid")
    return _without_bars(ink, start, rows)


def _without_bars(ink: Ink, start: int, rows: NDArray[np.float64]) -> Stroke:
    """A stroke without the bars of the letters beside it that it ran into: they lie higher or lower, or are no line.

    Its own line is fitted where it runs between letters, in the inner part; the ends are cut to where ink follows it.
    """
    middles, lengths = _runs(ink, start, rows)
    thickness = float(np.percentile(lengths, 10))
    wide = len(rows)
    columns = np.arange(wide)
    thin = lengths <= THIN * thickness + 1
    inner = thin & (columns >= wide * 0.2) & (columns < wide * 0.8)
    if inner.sum() < 4:
        inner = thin
    line = np.polynomial.Polynomial.fit(columns[inner], middles[inner], 1)(columns)
    follows = thin & (np.abs(middles - line) <= ASIDE)
    step = max(4, HEIGHT // 6)
    first, last = 0, wide
    while last - first > step and not _mostly(follows[first : first + step], thin[first : first + step]):
        first += step // 2
    while last - first > step and not _mostly(follows[last - step : last], thin[last - step : last]):
        last -= step // 2
    return Stroke(start + first, start + last, rows[first:last], thickness, (start, start + wide))


def _mostly(follows: Ink, thin: Ink) -> bool:
    """Whether what is thin in a piece follows the line; nothing thin is no sign of a stroke."""
    return bool(thin.any() and follows.sum() >= FOLLOWS * thin.sum())


def _runs(ink: Ink, start: int, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middle and the length of the vertical run of ink that a course passes in each column."""
    on = _at(ink, start, rows, 0)
    reach = []
    for side in (-1, 1):
        going, count = on, np.zeros(len(rows))
        for step in range(1, HEIGHT // 4):
            going = going & _at(ink, start, rows, side * step)
            count = count + going
        reach.append(count)
    return np.round(rows) + (reach[1] - reach[0]) / 2, reach[0] + reach[1] + on


def _at(ink: Ink, start: int, rows: NDArray[np.float64], offset: float) -> Ink:
    """The ink along a course, `offset` pixels below it."""
    lines = np.clip(np.round(rows + offset).astype(int), 0, HEIGHT - 1)
    return np.asarray(ink[lines, np.arange(start, start + len(rows))])


def _crosses(ink: Ink, stroke: Stroke, top: int, bottom: int) -> bool:
    """Whether a stroke goes through writing in the middle of its height."""
    high = bottom - top
    place = (float(np.median(stroke.rows)) - top) / high
    if not ZONE[0] <= place <= ZONE[1] or stroke.thickness > max(4.0, THICKEST * high):
        return False
    half = stroke.thickness / 2
    steps = np.arange(half + 2, high / 2 + 1)
    above = np.any([_at(ink, stroke.start, stroke.rows, -step) for step in steps], axis=0)
    below = np.any([_at(ink, stroke.start, stroke.rows, step) for step in steps], axis=0)
    if above.mean() < BOTH_SIDES or below.mean() < BOTH_SIDES:
        return False
    touching = [
        np.all([_at(ink, stroke.start, stroke.rows, side * (half + step)) for step in (1, 2, 3)], axis=0)
        for side in (-1, 1)
    ]
    wider = [np.convolve(each, np.ones(5), "same") > 0 for each in touching]
    both = wider[0] & wider[1]
    crossings = int(np.count_nonzero(np.diff(both.astype(int), prepend=0) == 1))
    return crossings >= max(2, CROSSINGS * (stroke.end - stroke.start) / high)


def _ends(line: Line, stroke: Stroke, image: Pixels) -> bool:
    """Whether a stroke ends where the line's writing ends, unlike the lines that the paper is ruled with."""
    width, height = size(line.quad)
    across = (line.quad[1] - line.quad[0]) / max(1.0, width)
    reach = (MOST_BEYOND + 1) * height
    longer = replace(line, quad=line.quad.copy())
    longer.quad[[0, 3]] -= across * reach
    longer.quad[[1, 2]] += across * reach
    ink = _ink(cut(image, np.clip(longer.quad, 0, (image.shape[1], image.shape[0])).astype(np.float32)))
    return not (
        _runs_out(ink[:, : 2 * HEIGHT], stroke.rows[0]) or _runs_out(ink[:, -2 * HEIGHT :], stroke.rows[-1])
    )


def _runs_out(ink: Ink, row: float) -> bool:
    """Whether a line goes on through the whole of a piece beside the writing, near this height."""
    low, high = max(0, int(row) - SLANT), min(HEIGHT, int(row) + SLANT + 1)
    return bool(ink[low:high, :HEIGHT].any(axis=0).mean() > UNBROKEN)


def _on_picture(line: Line, columns: tuple[int, int], width: int) -> tuple[float, float]:
    """From where to where columns of a line's crop are on the picture, 0 to 1 of its width."""
    left, right = float(line.quad[0][0]), float(line.quad[1][0])
    start, end = (left + (right - left) * column / line.crop.shape[1] for column in columns)
    return start / width, end / width


def _is_under(box: Box, spans: Sequence[tuple[float, float]]) -> bool:
    covered = sum(max(0.0, min(box.x1, end) - max(box.x0, start)) for start, end in spans)
    return covered >= COVERED * (box.x1 - box.x0)


def _is_scribbled(word: Placed, image: Pixels) -> bool:
    """Whether a word is a dense scribble: hardly any paper is left, and nothing that can be read."""
    if word.confidence >= SCRIBBLE_READ:
        return False
    height, width = image.shape[:2]
    rows = slice(int(word.box.y0 * height), int(word.box.y1 * height) + 1)
    columns = slice(int(word.box.x0 * width), int(word.box.x1 * width) + 1)
    piece = image[rows, columns]
    if piece.shape[1] < piece.shape[0] / 2:
        return False
    return bool(_ink(piece).mean() >= SCRIBBLED)


def _closed(kept: list[Placed], words: Sequence[Placed]) -> list[Placed]:
    """A blank stands between the words on both sides of what is left out."""
    places = {id(word): index for index, word in enumerate(words)}
    return [
        replace(word, spaced=True) if index and places[id(word)] - places[id(kept[index - 1])] > 1 else word
        for index, word in enumerate(kept)
    ]


def _joined(words: Sequence[Placed], gone: Sequence[bool]) -> list[Struck]:
    """Crossed-out words side by side as one."""
    found: list[Struck] = []
    run: list[Placed] = []
    for word, out in [*zip(words, gone, strict=True), (None, False)]:
        if out and word is not None:
            run.append(word)
        elif run:
            text = "".join(
                (" " if each.spaced and index else "") + each.text for index, each in enumerate(run)
            )
            found.append(Struck(text, Box.around(each.box for each in run)))
            run = []
    return found
