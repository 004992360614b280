"""A picture to pages: repaired, judged, its codes and words read, crossed-out text set apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from app.document import Box, Word
from app.i18n import Text
from app.intake.limits import Limits
from app.intake.page import By, PageReading, Repair, Struck
from app.intake.pictures import quality, repair, struck
from app.intake.pictures.codes import Code, find_codes, is_cover
from app.intake.pictures.encode import picture_of
from app.intake.pictures.lines import join, segment_of, slope_of
from app.intake.pictures.ocr import Engine, Line, engine, texts_of
from app.intake.pictures.pixels import Pixels, quarter_turned
from app.intake.pictures.words import Placed, place

UNCERTAIN = 0.8  # confidence below which a line is counted as not read for certain
# A page that reads worse than TURNED is tried in other directions; another one must read this much better.
TURNED, BETTER = 0.75, 0.15
LARGER = 2  # how much a region is enlarged: letters that were too small become large enough
LARGEST = 2400  # pixels of an enlarged region's longer side
REGION_SIDE = 1280  # pixels of the picture in which a region's lines are looked for
LEAST_REGION = 4  # pixels; less holds nothing


@dataclass(frozen=True, slots=True)
class _Content:
    """What stands on a page."""

    text: str = ""
    words: tuple[Word, ...] = ()
    struck: tuple[Struck, ...] = ()
    uncertain: int = 0

    @property
    def confidence(self) -> float:
        """The mean of the words', by their length; 0 for none."""
        length = sum(word.end - word.start for word in self.words)
        if not length:
            return 0.0
        return sum((word.end - word.start) * word.confidence for word in self.words) / length


def read_picture(image: Pixels, name: str, limits: Limits, careful: bool = False) -> list[PageReading]:
    """The page in an RGB picture, or the two pages of a photo of two, in reading order, with their pictures.

    `careful` takes about four times as long: the better model reads every line and nothing is taken for a stain. `name`
    is what the uploader called it, for sentences. Raises UnreadableError "needs_ocr" where the models are not
    installed, "too_long" for more characters than `limits` allow, and MemoryError.
    """
    found = engine()
    pages = repair.pages_of(image, last_word=found.readability)
    sharpest = quality.steepness(image)
    before = image if len(pages) == 1 else None  # the light of each half is its own
    return [_read(found, page, done, careful, sharpest, before) for page, done in pages]


def read_region(image: Pixels, box: Box, limits: Limits) -> PageReading:
    """A part of a page's picture, enlarged and read by the better model; boxes are on the whole picture.

    Nothing is repaired and no picture is made. A box outside the picture or without area gives an empty reading.
    """
    height, width = image.shape[:2]
    left, top = max(0, int(box.x0 * width)), max(0, int(box.y0 * height))
    right, bottom = min(width, round(box.x1 * width)), min(height, round(box.y1 * height))
    if min(right - left, bottom - top) < LEAST_REGION:
        return PageReading("", By.OCR, confidence=0.0)
    piece = image[top:bottom, left:right]
    scale = min(LARGER, max(1.0, LARGEST / max(piece.shape[:2])))
    size = (round(piece.shape[1] * scale), round(piece.shape[0] * scale))
    piece = np.asarray(cv2.resize(piece, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    lines = texts_of(engine().read(piece, careful=True, side=REGION_SIDE), piece.shape[0], careful=True)
    content = _content(lines, piece)
    whole = Box(left / width, top / height, right / width, bottom / height)
    return PageReading(
        content.text,
        By.OCR,
        tuple(replace(word, box=_within(word.box, whole)) for word in content.words),
        confidence=content.confidence,
        warnings=_warnings(content),
        struck=tuple(replace(each, box=_within(each.box, whole)) for each in content.struck),
    )


def _read(
    found: Engine, page: Pixels, done: Repair, careful: bool, sharpest: float | None, before: Pixels | None
) -> PageReading:
    if quality.is_blank(page):
        return _blank(page, done)
    codes = find_codes(page)
    careful = careful and not is_cover(codes)
    page, lines, degrees = _right_way_up(found, page, found.read(page, careful), careful)
    if degrees:
        done = replace(done, rotation=(done.rotation + degrees) % 360)
        codes = find_codes(page)
    lines = texts_of(_without_codes(lines, codes, page), page.shape[0], careful)
    content = _content(lines, page)
    judged = quality.assess(page, len(content.words), sharpest, before)
    return PageReading(
        content.text,
        By.OCR,
        content.words,
        confidence=content.confidence,
        quality=judged.score,
        warnings=(*judged.warnings, *_warnings(content)),
        struck=content.struck,
        codes=tuple(code.text for code in codes),
        repair=done,
        picture=picture_of(page),
    )


def _blank(page: Pixels, done: Repair) -> PageReading:
    judged = quality.assess(page)
    return PageReading(
        "",
        By.OCR,
        quality=judged.score,
        blank=True,
        warnings=judged.warnings,
        repair=done,
        picture=picture_of(page),
    )


def _content(lines: Sequence[Line], page: Pixels) -> _Content:
    height, width = page.shape[:2]
    slope = slope_of(lines)
    segments, gone = [], []
    for line in lines:
        words, crossed = struck.part(line, place(line, width, height), page)
        gone += crossed
        if words:
            segments.append(segment_of(line, words, slope))
    text, words_of_page = join(segments)
    uncertain = sum(_mean(segment.words) < UNCERTAIN for segment in segments)
    gone.sort(key=lambda each: (each.box.y0, each.box.x0))
    return _Content(text, words_of_page, tuple(gone), uncertain)


def _mean(words: Sequence[Placed]) -> float:
    length = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / max(1, length)


def _right_way_up(
    found: Engine, page: Pixels, lines: list[Line], careful: bool
) -> tuple[Pixels, list[Line], int]:
    """The page, its lines, and by how much it had to be turned clockwise: tried only where next to nothing reads."""
    reads = found.readability(page, lines)
    if not lines or reads >= TURNED:
        return page, lines, 0
    tried = {degrees: found.readability(quarter_turned(page, degrees)) for degrees in (180, 90, 270)}
    best = max(tried, key=lambda degrees: tried[degrees])
    if tried[best] < reads + BETTER:
        return page, lines, 0
    turned = quarter_turned(page, best)
    return turned, found.read(turned, careful), best


def _without_codes(lines: Sequence[Line], codes: Sequence[Code], page: Pixels) -> list[Line]:
    """The lines but those that the pattern of a code was taken for."""
    height, width = page.shape[:2]
    kept = []
    for line in lines:
        x, y = line.quad.mean(axis=0) / (width, height)
        if not any(code.box.x0 <= x <= code.box.x1 and code.box.y0 <= y <= code.box.y1 for code in codes):
            kept.append(line)
    return kept


def _within(box: Box, whole: Box) -> Box:
    """A box on a part of a picture as one on the whole."""
    width, height = whole.x1 - whole.x0, whole.y1 - whole.y0
    return Box(
        whole.x0 + box.x0 * width,
        whole.y0 + box.y0 * height,
        whole.x0 + box.x1 * width,
        whole.y0 + box.y1 * height,
    )


def _warnings(content: _Content) -> tuple[Text, ...]:
    if not content.uncertain:
        return ()
    if content.uncertain == 1:
        return (Text("One line could not be read for certain."),)
    return (Text("{count} lines could not be read for certain.", {"count": content.uncertain}),)
