"""How well papers are read, against the truth of drawn ones: `zhupi read --evaluate FOLDER`.

Pages go through the same child processes as in the server (`app.intake.process`). For the command line and tests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from app.document import Page
from app.i18n import Text
from app.intake import process
from app.intake.errors import UnreadableError
from app.intake.evaluation.pages import PageFigures, measured, missed
from app.intake.evaluation.piles import PileFigures, split_figures
from app.intake.evaluation.placing import placing
from app.intake.evaluation.truth import PageTruth, SetTruth, read_truth
from app.intake.evaluation.usage import Usage
from app.intake.page import PageReading

Progress = Callable[[int, int], None]
WORST = 5  # pages that are named as the worst of a set


@dataclass(slots=True)
class Measured:
    """A set's figures: of its pages, or of its pile with covers and without them.

    `seconds` on the clock and `processor_seconds` of the readers over `files` pages that were read; `problems`: what
    could not be read, as sentences; `worst`: (file, accuracy) of the pages with the lowest accuracy.
    """

    name: str
    figures: PageFigures = field(default_factory=PageFigures)
    covers: PileFigures | None = None
    fields: PileFigures | None = None
    files: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    problems: list[Text] = field(default_factory=list)
    worst: list[tuple[str, float]] = field(default_factory=list)

    @property
    def pages_a_second(self) -> float | None:
        """Pages a second a core, by the readers' processor time; None where it is not told."""
        return self.files / self.processor_seconds if self.processor_seconds else None

    def to_json(self) -> dict[str, Any]:
        """For scripts: shares 0 to 1, null where nothing of the sort is in the set."""
        counts = self.figures
        return {
            "set": self.name,
            "accuracy": _rounded(counts.accuracy),
            "upright": share(counts.upright, counts.turns),
            "quotes_drawn": share(counts.drawn, counts.quotes),
            "quotes_found": share(counts.found, counts.quotes),
            "blank_right": share(counts.blanks_right, counts.blanks),
            "struck_right": share(counts.struck_right, counts.struck),
            "counts": asdict(counts),
            "split_with_covers": None if self.covers is None else asdict(self.covers),
            "split_by_fields": None if self.fields is None else asdict(self.fields),
            "pages_a_second_a_core": _rounded(self.pages_a_second),
            "seconds": round(self.seconds, 2),
            "processor_seconds": round(self.processor_seconds, 2),
            "problems": [text.render("en") for text in self.problems],
            "worst": [[file, _rounded(accuracy)] for file, accuracy in self.worst],
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All sets, and the most resident memory that one reader had, in megabytes (0 where it is not told)."""

    sets: tuple[Measured, ...]
    peak_megabytes: int

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {"sets": [each.to_json() for each in self.sets], "peak_megabytes": self.peak_megabytes}


def share(part: int, whole: int) -> float | None:
    """A part of a whole, 0 to 1; None of nothing."""
    return round(part / whole, 4) if whole else None


async def evaluate(
    folder: Path,
    which: str | None = None,
    *,
    careful: bool = False,
    progress: Progress = lambda done, total: None,
) -> Evaluation:
    """Read the papers of a folder of `benchmarks.paperwork` (or one set of it) and compare them with the truth.

    `progress` is told the pages that are done, and all. Raises EvaluationError; a page that cannot be read is counted.
    """
    sets = await asyncio.to_thread(read_truth, folder, which)
    total, done, usage = sum(len(each.pages) or len(each.pile) for each in sets), 0, Usage()
    found = []
    for each in sets:
        reader = _Reader(folder, careful, usage)

        def went(pages: int, before: int = done) -> None:
            progress(before + pages, total)

        found.append(await (_pages(reader, each, went) if each.pages else _pile(reader, each, went)))
        done += len(each.pages) or len(each.pile)
    return Evaluation(tuple(found), usage.peak_megabytes)


class _Reader:
    """Reads pages one after another and keeps the time."""

    def __init__(self, folder: Path, careful: bool, usage: Usage) -> None:
        self.folder, self.careful, self.usage = folder, careful, usage
        self.pages, self.seconds = 0, 0.0
        usage.look()
        self._before = usage.seconds

    async def read(self, file: str, number: int) -> list[PageReading]:
        """The readings of one page. Raises UnreadableError."""
        began = time.perf_counter()
        try:
            return await process.read_page(self.folder / file, Path(file).name, number, careful=self.careful)
        finally:
            self.pages += 1
            self.seconds += time.perf_counter() - began
            self.usage.look()

    def tell(self, result: Measured) -> None:
        """Put the time into a set's figures."""
        result.files, result.seconds = self.pages, self.seconds
        result.processor_seconds = self.usage.seconds - self._before


async def _pages(reader: _Reader, truth: SetTruth, went: Callable[[int], None]) -> Measured:
    result, done = Measured(truth.name), 0
    places = dict.fromkeys((page.file, page.page) for page in truth.pages)
    for file, number in places:
        pages = [page for page in truth.pages if (page.file, page.page) == (file, number)]
        try:
            readings = await reader.read(file, number)
        except UnreadableError as error:
            result.problems.append(error.text)
            readings = []
        # Finding where the words should be takes longer than a breath: the loop that waits for readers goes on.
        figures = await asyncio.to_thread(_compared, reader.folder / file, pages, readings)
        for each in figures:
            result.figures.add(each)
            if each.accuracy is not None:
                result.worst.append((file, each.accuracy))
        done += len(pages)
        went(done)
    result.worst = sorted(result.worst, key=lambda pair: pair[1])[:WORST]
    reader.tell(result)
    return result


def _compared(path: Path, pages: Sequence[PageTruth], readings: Sequence[PageReading]) -> list[PageFigures]:
    """The figures of a file's page, or of the two pages in one photo; parts that were not found are missed."""
    parts = sorted(readings, key=lambda reading: reading.repair.part)
    figures = []
    for place, truth in enumerate(pages):
        if place >= len(parts):
            figures.append(missed(truth))
            continue
        matrix = placing(path, parts[place].picture, parts[place].repair) if truth.words else None
        figures.append(measured(truth, parts[place], matrix))
    return figures


async def _pile(reader: _Reader, truth: SetTruth, went: Callable[[int], None]) -> Measured:
    from app.intake.splitting import split

    result, views = Measured(truth.name), []
    for done, page in enumerate(truth.pile, start=1):
        try:
            reading = (await reader.read(truth.file, page.page))[0]
        except UnreadableError as error:
            result.problems.append(error.text)
            reading = None
        views.append(_view(page.page, truth.file, reading))
        went(done)
    result.figures.pages = len(views)
    result.figures.failed = len(result.problems)
    reader.tell(result)
    result.covers = split_figures(
        truth.pile, truth.roster, split(views, truth.roster, truth.assignment).bundles
    )
    covers = {page.page for page in truth.pile if page.cover}
    inside = [view for view in views if view.id not in covers]
    pages = [page for page in truth.pile if not page.cover]
    result.fields = split_figures(pages, truth.roster, split(inside, truth.roster, truth.assignment).bundles)
    return result


def _view(number: int, file: str, reading: PageReading | None) -> Any:
    from app.intake.splitting import PileView

    picture = reading.picture if reading else None
    return PileView(
        id=number,
        page=Page(number, reading.text if reading else "", reading.words if reading else ()),
        codes=reading.codes if reading else (),
        blank=reading.blank if reading else False,
        failed=reading is None,
        source=Path(file).name,
        source_page=number,
        quality=reading.quality if reading else 0.0,
        width=picture.width if picture else 0,
        height=picture.height if picture else 0,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
