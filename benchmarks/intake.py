"""`make bench-intake`: how fast papers are read, what a reader holds, and whether the loop is held meanwhile.

Pages go through the server's own child processes, one of each sort, so that processor time is that of one core; the
yardsticks are the text detector alone on the same pictures and pdfium's get_text alone, each in a process of its own,
in the same run. `--small` is a rehearsal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from app.intake import process
from app.intake.evaluation.usage import Usage
from app.looplag import LoopLag
from benchmarks.paperwork import texts, write_set
from benchmarks.paperwork.fonts import NoFontError
from benchmarks.report import Figure, write

OCR_PAGES, LAYER_PAGES, LAG, MEMORY = 0.8, 40.0, 100.0, 1024.0  # what is asked for
BARE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Size:
    """Pages of each sort."""

    pictures: int = 24
    layer: int = 300


SMALL = Size(5, 60)


@dataclass(frozen=True, slots=True)
class Spent:
    """What reading some pages cost: pages, processor seconds of the readers, seconds on the clock."""

    pages: int
    processor: float
    clock: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 1 when a limit is missed, 2 when nothing can be drawn here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    size = SMALL if parser.parse_args(arguments).small else Size()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            pictures = draw(folder, size)
        except NoFontError as error:
            print(error, file=sys.stderr)
            return 2
        layer = text_layer(folder / "text.pdf", size.layer)
        bare_detector = bare("detector", *pictures)
        bare_text = bare("text", layer)
        figures = asyncio.run(measure(pictures, layer, size, bare_detector, bare_text))
    write("intake", figures)
    return 0 if all(figure.ok for figure in figures) else 1


def draw(folder: Path, size: Size) -> list[Path]:
    """A4 pages at 150 dpi, half of them clean, half worn; Chinese and English by turns."""
    for which in ("printed-clean", "printed-degraded"):
        write_set(folder, which, size.pictures // 2 + 1, seed=3)
    return sorted(folder.glob("*/*.jpg"))


def text_layer(path: Path, pages: int) -> Path:
    """A PDF of full pages of text, three quarters Chinese, as a word processor exports it."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas = Canvas(str(path), pagesize=A4, invariant=1)
    chinese, english = "".join(texts.answers("zh")), " ".join(texts.answers("en"))
    for page in range(pages):
        language = "en" if page % 4 == 3 else "zh"
        source, width = (english, 84) if language == "en" else (chinese, 38)
        for line in range(34):
            start = (page * 977 + line * width) % (len(source) - width)
            canvas.setFont("Helvetica" if language == "en" else "STSong-Light", 12)
            canvas.drawString(64, 780 - 21 * line, _writable(source[start : start + width], language))
        canvas.showPage()
    canvas.save()
    return path


def _writable(text: str, language: str) -> str:
    encoding = "cp1252" if language == "en" else "gbk"
    return text.encode(encoding, "ignore").decode(encoding)


def bare(what: str, *files: Path) -> dict[str, float]:
    """What `benchmarks.bare_intake` says."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bare_intake", what, *map(str, files)],
        env={**os.environ, **BARE},
        capture_output=True,
        text=True,
        check=True,
    )
    said: dict[str, float] = json.loads(done.stdout)
    return said


async def measure(
    pictures: Sequence[Path], layer: Path, size: Size, detector: dict[str, float], text: dict[str, float]
) -> list[Figure]:
    """Read the pictures and the text layer, the loop watched; the figures."""
    process.configure(ocr_processes=1)
    usage, lag = Usage(), LoopLag()
    try:
        await _read([(pictures[0], 1)], usage)  # a reader starts, its models are loaded
        lag.start()
        ocr = await _read([(path, 1) for path in pictures[1:]], usage)
        peak = usage.peak_megabytes
        await _read([(layer, 1)], usage)
        pages = [(layer, number) for number in range(2, size.layer + 1)]
        quick = await _read(pages, usage)
        await lag.stop()
    finally:
        await process.close_readers()
    return [
        _speed("recognised A4 pages at 150 dpi", ocr, detector, OCR_PAGES),
        Figure("the same by the clock, this machine as busy as it is", ocr.pages / ocr.clock, "pages/s"),
        _speed("pages with a text layer, places included", quick, text, LAYER_PAGES),
        Figure(
            "memory of the reader that recognises, at most", peak, "MB", detector["peak_megabytes"], MEMORY
        ),
        Figure("event loop held, at most", 1000 * lag.worst, "ms", None, LAG),
    ]


def _speed(name: str, spent: Spent, yardstick: dict[str, float], limit: float) -> Figure:
    """Pages a second of a core, against what the yardstick does in one."""
    base = yardstick["pages"] / yardstick["seconds"]
    return Figure(name, spent.pages / spent.processor, "pages/s a core", base, limit, at_least=True)


async def _read(pages: Sequence[tuple[Path, int]], usage: Usage) -> Spent:
    """Read pages, two asked for at a time so that no reader waits for its next job."""
    usage.look()
    before, began = usage.seconds, time.perf_counter()
    waiting = iter(pages)

    async def one_after_another() -> None:
        for path, number in waiting:
            await process.read_page(path, path.name, number)
            # A look costs 5 ms of reading /proc, which is no work of a reader: not after every quick page.
            if number % 20 == 1:
                await asyncio.to_thread(usage.look)

    await asyncio.gather(*(one_after_another() for _ in range(2)))
    usage.look()
    return Spent(len(pages), usage.seconds - before, time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
