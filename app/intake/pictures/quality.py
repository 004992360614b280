"""How well a page can be read, as a figure, and as sentences that tell the teacher what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from app.i18n import Text
from app.intake.pictures.blank import is_blank
from app.intake.pictures.pixels import Gray, Pixels, background_of, gray_of, reduced

LOOKED_AT = 1754  # px: A4 at 150 dpi, the size at which pages are read
SMALL = 500  # px of the copy on which light is judged

# All four as (nothing is lost, nothing can be read), between which the score falls from 1 to 0.
# Steepness is the share of the contrast that an edge gains within a px at LOOKED_AT: 0.4 / s at a blur of s
# px. Where it is low, noise makes up for it: what is blurred by 6 px still has 0.115.
STEEPNESS = (0.165, 0.085)
CONTRAST = (0.3, 0.06)  # of the paper's brightness by which strokes are darker
LONGEST = (1000, 350)  # px: A4 at 85 dpi, at 30 dpi
BRIGHTNESS = (70.0, 10.0)  # of 255, of the paper
BLURRED, FAINT, COARSE, DARK = 0.52, 0.35, 0.75, 0.6  # the parts of the score below which it is said

EDGE = 0.18  # of the paper's brightness that an edge rises to be judged
GRID, CELLS = 8, 14  # the page in GRID x GRID cells, of which so many are looked at
MOST_ENLARGED = 1.75
EDGES = 200  # px of edges below which nothing is said about blur
CLIPPED = 252  # of 255: overexposed
GLARE = 0.025  # of the page, clipped, while the rest of the paper is not
NOT_WHITE = 235  # the paper of a photo is darker than this; that of a scan may be white all over
SHEET = 0.25  # of the picture that has to be bright
PAPER = 0.5  # of what is bright that has to be like paper: without texture, of little colour
COLOUR = 120  # of 255, HSV saturation
FEW_WORDS = 8  # with more of them it is a page, whatever it looks like

_BLURRED = Text("This page is blurred: photograph it again if its words are wrong.")
_DARK = Text("This page is too dark: photograph it again in better light if its words are wrong.")
_FAINT = Text(
    "The writing on this page is very faint: photograph it again, with less light on it, if words are missing."
)
_COARSE = Text("This picture has too few pixels for small writing: photograph the page again from nearer.")
_GLARE = Text("A bright reflection lies on this page: photograph it again if words are missing.")


@dataclass(frozen=True, slots=True)
class Assessment:
    """`score` 0 to 1 (1: nothing in the way of reading), `blank`, and sentences for the teacher, the worst first."""

    score: float
    blank: bool
    warnings: tuple[Text, ...]


def assess(
    image: Pixels, words: int | None = None, sharpest: float | None = None, before: Pixels | None = None
) -> Assessment:
    """How well a repaired page can be read.

    `words` were found on it, if that is known: a page with many is never called blank, or no page at all. `sharpest` is
    `steepness` of the picture before repair (a turn softens edges a little); the larger one counts. `before` is the
    picture as it was taken: light is judged by it, because repair evens it.
    """
    taken = image if before is None else before
    many = words is not None and words >= FEW_WORDS
    if not many and not _like_paper(reduced(image, SMALL)):
        text = Text("This does not look like a page of paper: photograph the page again, from above.")
        return Assessment(0.1, False, (text,))
    if not words and is_blank(image):
        return Assessment(1.0, True, (Text("This page is blank."),))
    gray = reduced(gray_of(image), LOOKED_AT)
    found = _edges(gray)
    steep = None if found is None else max(found.steepness, sharpest or 0.0)
    parts = [
        (1.0 if steep is None else _part(steep, STEEPNESS), BLURRED, _BLURRED),
        (_part(_brightness(taken), BRIGHTNESS), DARK, _DARK),
        (1.0 if found is None else _part(found.contrast, CONTRAST), FAINT, _FAINT),
        (_part(max(taken.shape[:2]), LONGEST), COARSE, _COARSE),
    ]
    said = [(part, text) for part, limit, text in parts if part < limit]
    if _glare(taken):
        said.append((0.6, _GLARE))
    score = float(np.prod([part for part, _, _ in parts])) * (0.7 if _glare(taken) else 1.0)
    warnings = tuple(text for _, text in sorted(said, key=lambda each: each[0]))
    return Assessment(round(score, 3), False, warnings)


def steepness(image: Pixels) -> float | None:
    """How steep the edges of strokes are: the share of the contrast that they gain within one px at LOOKED_AT.

    0.5 is as sharp as it gets, 0.4 / s belongs to a blur of s px (the slope of a blurred step is 1 / (s sqrt(2 pi))).
    None where there are too few edges to tell.
    """
    found = _edges(reduced(gray_of(image), LOOKED_AT))
    return None if found is None else found.steepness


@dataclass(frozen=True, slots=True)
class _Edges:
    steepness: float
    contrast: float


def _edges(gray: Gray) -> _Edges | None:
    # A smaller picture is judged as if it were enlarged; how much smaller it is has a figure of its own.
    scale = min(MOST_ENLARGED, LOOKED_AT / max(gray.shape))
    paper = float(np.percentile(gray[::4, ::4], 80))
    smooth = np.asarray(cv2.GaussianBlur(_inkiest(gray), (0, 0), 0.7), dtype=np.uint8)
    around = cv2.getStructuringElement(cv2.MORPH_RECT, (11, 11))
    high, low = cv2.dilate(smooth, around), cv2.erode(smooth, around)
    span = np.asarray(cv2.subtract(high, low), dtype=np.uint8)
    strong = _strong(span, paper)
    if strong is None:
        return None
    across = np.asarray(cv2.Sobel(smooth, cv2.CV_16S, 1, 0))[strong].astype(np.float32) / 8
    down = np.asarray(cv2.Sobel(smooth, cv2.CV_16S, 0, 1))[strong].astype(np.float32) / 8
    slopes = np.hypot(across, down) / span[strong]
    darker = span[strong].astype(np.float32) / np.maximum(np.asarray(high)[strong], 1)
    return _Edges(float(np.percentile(slopes, 92)) / scale, float(np.percentile(darker, 75)))


def _inkiest(gray: Gray) -> Gray:
    """The cells of a grid over the page that vary the most, one below the other: where the writing is."""
    rows, columns = gray.shape[0] // GRID, gray.shape[1] // GRID
    if min(rows, columns) < 32:
        return gray
    cells = [
        gray[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]
        for row in range(GRID)
        for column in range(GRID)
    ]
    spread = [float(cell[::3, ::3].std()) for cell in cells]
    best = sorted(np.argsort(spread)[::-1][:CELLS])
    return np.vstack([cells[int(each)] for each in best])


def _strong(span: Gray, paper: float) -> npt.NDArray[np.bool_] | None:
    """Where the contrast is high enough to be judged: as high as ink's, or, on a faint page, its highest."""
    for least in (EDGE, EDGE / 3):
        strong = np.asarray(span > max(6.0, least * paper))
        if int(strong.sum()) >= EDGES * 11:
            return strong
    return None


def _part(value: float, span: tuple[float, float]) -> float:
    """1 from span[0] on, 0 from span[1] on, linear between."""
    return min(1.0, max(0.0, (value - span[1]) / (span[0] - span[1])))


def _brightness(taken: Pixels) -> float:
    return float(np.percentile(gray_of(reduced(taken, SMALL)), 85))


def _glare(taken: Pixels) -> bool:
    """Whether a patch is overexposed on paper that otherwise is not."""
    gray = gray_of(reduced(taken, SMALL))
    if float(np.median(gray)) >= NOT_WHITE:
        return False
    clipped = np.where(gray >= CLIPPED, np.uint8(255), np.uint8(0))
    patches = cv2.morphologyEx(clipped, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(patches)
    return count > 1 and float(stats[1:, cv2.CC_STAT_AREA].max()) >= GLARE * gray.size


def _like_paper(small: Pixels) -> bool:
    """Whether most of what is bright is plain and colourless, but for its ink; a dark table around it is no matter."""
    gray = gray_of(small)
    paper = background_of(gray, (max(gray.shape) // 40) | 1)
    bright = paper >= 0.5 * float(np.percentile(paper, 95))
    plain = np.abs(gray.astype(np.int16) - paper) <= 0.12 * paper
    colourless = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2HSV))[:, :, 1] <= COLOUR
    return float(bright.mean()) >= SHEET and float((plain & colourless)[bright].mean()) >= PAPER
