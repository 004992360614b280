"""Text recognition of a picture: lines found by one model, read by a quick one, in doubt by a better one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from app.intake.pictures.again import affordable, doubtful, spliced
from app.intake.pictures.crops import cut, is_upright, size
from app.intake.pictures.detector import SIDE, Detector, Quad
from app.intake.pictures.models import find_files
from app.intake.pictures.pixels import Pixels
from app.intake.pictures.recogniser import Reading, Recogniser

# Below these the tiny model is not believed; measured on drawn pages (benchmarks/paperwork).
SURE = 0.97  # mean of a line
SURE_OF_EACH = (
    0.6  # every character of it: one that the tiny model does not know lowers the mean of a long line little
)
MOST_AGAIN = 150_000  # pixels of lines' lengths that are read again for one page: 15 to 20 s
# How many lines tell how well a page reads, and the longer side, in pixels, of the picture they are found in.
SAMPLE, SAMPLE_SIDE = 8, 736
NOISE = 0.5  # lines read with less are marks, stains and drawings
TALLEST, FEW = 0.15, 2  # of the picture's height, characters: a circle of this size is no letter o


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a picture: where (pixels), what, and its pixels of (48, width, 3) as they were read.

    `upright` lines run from top to bottom; `crop` has them lying, their top on the left.
    """

    quad: Quad
    reading: Reading
    crop: Pixels
    upright: bool = False


class Engine:
    """The models of one process. `tiny` is missing where its wheel is: then the small model reads everything."""

    def __init__(self) -> None:
        files = find_files()
        self._detector = Detector(files.detector)
        self._small = Recogniser(files.small)
        self._tiny = None if files.tiny is None else Recogniser(files.tiny, files.tiny_characters)

    def read(self, image: Pixels, careful: bool = False, side: int = SIDE) -> list[Line]:
        """What may be lines of text on an RGB picture, in no order; `texts_of` leaves out what is none.

        `careful`: the better model reads all. `side`: the longer side, in pixels, of the picture in which lines are
        looked for. Raises MemoryError.
        """
        quads = self._detector.find(image, side)
        upright = [is_upright(quad) for quad in quads]
        crops = [
            cut(image, _lying(quad) if stands else quad) for quad, stands in zip(quads, upright, strict=True)
        ]
        readings = self._read(crops, careful)
        return [Line(*each) for each in zip(quads, readings, crops, upright, strict=True)]

    def readability(self, image: Pixels, lines: Sequence[Line] | None = None) -> float:
        """How well a picture reads the way it lies, 0 to 1: the confidence of its longest lines, by their length.

        Lines that run from top to bottom count as not read. `lines`: what is read of it already, if anything.
        """
        if lines is None:
            quads = sorted(self._detector.find(image, SAMPLE_SIDE), key=lambda quad: -max(size(quad)))[
                :SAMPLE
            ]
            level = [quad for quad in quads if not is_upright(quad)]
            read = (self._tiny or self._small).read([cut(image, quad) for quad in level])
            sure = [reading.confidence for reading in read]
        else:
            quads = [line.quad for line in lines]
            level = [line.quad for line in lines if not line.upright]
            sure = [line.reading.confidence for line in lines if not line.upright]
        whole = sum(max(size(quad)) for quad in quads)
        return (
            sum(size(quad)[0] * each for quad, each in zip(level, sure, strict=True)) / whole
            if whole
            else 0.0
        )

    def _read(self, crops: Sequence[Pixels], careful: bool) -> list[Reading]:
        if careful or self._tiny is None:
            return self._small.read(crops)
        readings = self._tiny.read(crops)
        doubts = affordable(
            [
                (index, span)
                for index, reading in enumerate(readings)
                for span in doubtful(reading, crops[index].shape[1])
            ]
        )
        pieces = [crops[index][:, span.left : span.right] for index, span in doubts]
        again = self._small.read(pieces)
        # From the right, so that the places of the glyphs before a piece stay.
        for (index, span), reading in sorted(
            zip(doubts, again, strict=True), key=lambda each: -each[0][1].left
        ):
            readings[index] = spliced(readings[index], span, reading, crops[index].shape[1])
        return readings


@cache
def engine() -> Engine:
    """This process's engine, made when first asked for (0.3 s). Raises UnreadableError where it is not installed."""
    return Engine()


def texts_of(lines: Sequence[Line], height: int, careful: bool = False) -> list[Line]:
    """The lines without marks, stains and drawings, on a picture of `height` pixels; `careful`: all with any text."""
    return [line for line in lines if line.reading.text.strip() and (careful or _is_text(line, height))]


def _is_text(line: Line, height: int) -> bool:
    drawn = size(line.quad)[1] > TALLEST * height and len(line.reading.text.strip()) <= FEW
    return line.reading.confidence >= NOISE and not drawn


def _lying(quad: Quad) -> Quad:
    """An upright quad's corners so that its top becomes the left end of a line."""
    return np.roll(quad, -1, axis=0)
