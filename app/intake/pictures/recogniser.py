"""What stands in the lines of a picture, and where along the line each character stands (CTC models of PP-OCRv6)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.intake.pictures.models import open_session, run
from app.intake.pictures.pixels import Pixels

HEIGHT = 48  # pixels of a line as the models want it
LEAST_WIDTH = 48
BATCH = 6  # lines read at once; more is no faster on one thread
MOST_COLUMNS = (
    3000  # pixels of lines read at once: the better model tells 18,710 characters apart for every 8 of them
)


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character of a line; `at` is where its middle stands, 0 to 1 of the line's length."""

    text: str
    at: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A line as one model reads it, blanks included."""

    glyphs: tuple[Glyph, ...] = ()

    @property
    def text(self) -> str:
        """The characters in a row."""
        return "".join(glyph.text for glyph in self.glyphs)

    @property
    def confidence(self) -> float:
        """The mean of its visible characters', 0 for none."""
        visible = [glyph.confidence for glyph in self.glyphs if not glyph.text.isspace()]
        return sum(visible) / len(visible) if visible else 0.0

    @property
    def weakest(self) -> float:
        """The least confidence of a visible character, 0 for none."""
        return min((each.confidence for each in self.glyphs if not each.text.isspace()), default=0.0)


def is_wide(character: str) -> bool:
    """Whether a character is one of those written without blanks: Chinese, Japanese, and their punctuation."""
    return unicodedata.east_asian_width(character[:1] or " ") in "WF"


class Recogniser:
    """Reads lines that are HEIGHT pixels high; make one a process and model."""

    def __init__(self, path: Path, characters: Path | None = None) -> None:
        """`characters` is a file of one character a line, for a model that does not carry its own."""
        self._session = open_session(path)
        listed = (
            characters.read_text(encoding="utf-8")
            if characters is not None
            else self._session.get_modelmeta().custom_metadata_map["character"]
        )
        # Only line feeds part the characters: some of them are themselves line separators to Python.
        known = [each.rstrip("\r") for each in listed.removesuffix("\n").split("\n")]
        self._characters = ["", *known, " "]  # CTC's "nothing" first, the blank last

    def read(self, lines: Sequence[Pixels]) -> list[Reading]:
        """One reading a line, in the lines' order; each is RGB of (HEIGHT, any width, 3)."""
        readings = [Reading()] * len(lines)
        order = sorted(range(len(lines)), key=lambda index: lines[index].shape[1])
        for chosen in _batches(order, [line.shape[1] for line in lines]):
            for index, reading in zip(chosen, self._read([lines[each] for each in chosen]), strict=True):
                readings[index] = reading
        return readings

    def _read(self, lines: Sequence[Pixels]) -> Iterator[Reading]:
        width = max(LEAST_WIDTH, *(line.shape[1] for line in lines))
        batch = np.zeros((len(lines), 3, HEIGHT, width), np.float32)
        for target, line in zip(batch, lines, strict=True):
            # The models were trained on BGR, values -1 to 1, zeros behind the line's end.
            target[:, :, : line.shape[1]] = line[:, :, ::-1].transpose(2, 0, 1) / np.float32(
                127.5
            ) - np.float32(1)
        likely = np.asarray(run(self._session, batch))
        best, chance = likely.argmax(axis=2), likely.max(axis=2)
        for line, ids, chances in zip(lines, best, chance, strict=True):
            yield self._decode(ids, chances, line.shape[1] / width)

    def _decode(self, ids: NDArray[np.intp], chances: NDArray[np.float32], used: float) -> Reading:
        """CTC's greedy reading: repeated characters count once, at the middle of their run."""
        edges = np.flatnonzero(np.diff(ids)) + 1
        glyphs = []
        for start, end in zip((0, *edges), (*edges, len(ids)), strict=True):
            if ids[start]:
                at = (start + end) / 2 / len(ids) / used
                text = self._characters[ids[start]]
                glyphs.append(Glyph(text, min(1.0, float(at)), float(chances[start:end].max())))
        return Reading(tuple(glyphs))


def _batches(order: Sequence[int], widths: Sequence[int]) -> Iterator[list[int]]:
    """Lines of like width together; all are padded to the widest, the last one."""
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) == BATCH or (len(batch) + 1) * widths[index] > MOST_COLUMNS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
