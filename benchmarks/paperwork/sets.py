"""The sets: which pages each holds, what they went through, and how they are written to a folder."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from benchmarks.paperwork import classes, fonts, layouts, texts, truth, wear
from benchmarks.paperwork.layouts import Style
from benchmarks.paperwork.sheet import Sheet
from benchmarks.paperwork.truth import PageTruth
from benchmarks.paperwork.wear import Worn

FULL = {
    "printed-clean": 40,
    "printed-degraded": 40,
    "handwriting": 24,
    "turned": 60,
    "photos": 24,
    "layouts": 16,
    "class": 200,
}
SMALL = {
    "printed-clean": 6,
    "printed-degraded": 6,
    "handwriting": 4,
    "turned": 6,
    "photos": 4,
    "layouts": 6,
    "class": 20,
}
PHOTO, DOUBLE = (1512, 2016), (2560, 1920)  # pixels; phones make more, which readers bring down to about this
CLASS = texts.roster(24, np.random.default_rng(20240901))

# A drawn page: its sheet, what became of it, by how many degrees it was turned.
Drawn = tuple[Sheet, Worn, int]


class UnknownSetError(Exception):
    """There is no such set; the message names those that there are."""


def write_set(folder: Path, which: str, pages: int, seed: int = 1) -> int:
    """Write one set of about `pages` pages into FOLDER/which, and its truth into FOLDER/truth.json.

    Returns how many pages were written: 0 for handwriting without its fonts. Raises
    UnknownSetError, NoFontError and OSError.
    """
    if which not in FULL:
        raise UnknownSetError(f"There is no set {which}; there are {', '.join(FULL)}.")
    place = folder / which
    place.mkdir(parents=True, exist_ok=True)
    if which == "class":
        content = classes.write(place, pages, _generator(seed, which, 0))
        truth.add(folder, seed, which, content)
        return len(content["pages"])
    written: list[dict[str, Any]] = []
    number = 0
    while len(written) < pages:
        rng = _generator(seed, which, number)
        found = _photo(number, rng) if which == "photos" else [_MAKERS[which](number, rng)]
        if found[0] is None:
            break
        name = f"{which}/{number + 1:03}.jpg"
        written += _saved(folder, name, [drawn for drawn in found if drawn], rng)
        number += 1
    truth.add(folder, seed, which, {"kind": "pages", "pages": written})
    return len(written)


def _generator(seed: int, which: str, number: int) -> Generator:
    """One for each page, so that a page does not change when a set gets another length."""
    return np.random.default_rng([seed, zlib.crc32(which.encode()), number])


def _saved(folder: Path, name: str, drawn: list[Drawn], rng: Generator) -> list[dict[str, Any]]:
    image = drawn[0][1].image
    image.save(folder / name, quality=int(rng.integers(72, 92)), dpi=(150, 150))
    pages = []
    for part, (sheet, worn, degrees) in enumerate(drawn, start=1):
        found = PageTruth(
            name,
            sheet,
            worn.matrix,
            image.size,
            part=part if len(drawn) > 1 else 0,
            turned=degrees,
            quotes=layouts.quotes(sheet, rng) if sheet.words else (),
            blank=not sheet.words,
        )
        pages.append(found.to_json())
    return pages


def _language(number: int) -> str:
    return "zh" if number % 2 == 0 else "en"


def _pupil(language: str, rng: Generator) -> texts.Pupil:
    fitting = [pupil for pupil in CLASS if (ord(pupil.name[0]) >= 0x2E80) == (language == "zh")]
    return fitting[int(rng.integers(len(fitting)))]


def _printed(number: int, rng: Generator) -> tuple[Style, Sheet]:
    style = layouts.printed(_language(number), rng)
    return style, layouts.page(style, _pupil(style.language, rng), rng)


def _clean(number: int, rng: Generator) -> Drawn:
    _, sheet = _printed(number, rng)
    return sheet, wear.fresh(sheet.image), 0


def _degraded(number: int, rng: Generator) -> Drawn:
    """Skew to 7 degrees, blur, uneven light, noise on every page; on every fourth the back shines through."""
    _, sheet = _printed(number, rng)
    worn = wear.fresh(sheet.image)
    if number % 4 == 3:
        worn = wear.show_through(worn, _printed(number, rng)[1].image)
    worn = wear.skewed(worn, float(rng.uniform(-7, 7)), (246, 246, 246))
    worn = wear.blurred(worn, float(rng.uniform(0.5, 1.3)))
    worn = wear.unevenly_lit(worn, float(rng.uniform(0.5, 0.8)), rng)
    return sheet, wear.noisy(worn, float(rng.uniform(4, 12)), rng), 0


def _handwriting(number: int, rng: Generator) -> Drawn | None:
    language = _language(number)
    if not fonts.handwriting(language):
        return None
    style = layouts.handwritten(language, rng)
    sheet = layouts.page(style, _pupil(language, rng), rng, crossed=number % 4 == 2)
    worn = wear.skewed(wear.fresh(sheet.image), float(rng.uniform(-1.5, 1.5)))
    worn = wear.unevenly_lit(wear.blurred(worn, 0.6), 0.85, rng)
    return sheet, wear.noisy(worn, 4.0, rng), 0


def _turned(number: int, rng: Generator) -> Drawn:
    """Turned by each quarter, upright ones among them; every third page has only a few lines."""
    style = layouts.printed(_language(number // 4), rng)
    pupil = _pupil(style.language, rng)
    sheet = layouts.sparse(style, pupil, rng) if number % 3 == 2 else layouts.page(style, pupil, rng)
    degrees = (90, 180, 270, 0)[number % 4]
    worn = wear.skewed(wear.fresh(sheet.image), float(rng.uniform(-2, 2)))
    worn = wear.noisy(wear.blurred(worn, float(rng.uniform(0, 0.8))), 4.0, rng)
    return sheet, wear.turned(worn, degrees), degrees


def _photo(number: int, rng: Generator) -> list[Drawn | None]:
    """A phone photo of one page; every fourth of two pages."""
    count = 2 if number % 4 == 3 else 1
    sheets = [_printed(number, rng)[1] for _ in range(count)]
    worn = wear.photographed([sheet.image for sheet in sheets], DOUBLE if count == 2 else PHOTO, rng)
    image = wear.unevenly_lit(worn[0], float(rng.uniform(0.65, 0.9)), rng)
    if number % 3 == 1:
        image = wear.shadowed(image, rng)
    picture = wear.noisy(
        wear.blurred(image, float(rng.uniform(0.3, 0.8))), float(rng.uniform(2, 6)), rng
    ).image
    return [(sheet, Worn(picture, each.matrix), 0) for sheet, each in zip(sheets, worn, strict=True)]


def _layout(number: int, rng: Generator) -> Drawn:
    """Two columns, crossed-out lines, an answer that goes on elsewhere, a blank back with what shines through."""
    style = layouts.printed(_language(number // 4), rng)
    pupil = _pupil(style.language, rng)
    kind = number % 4
    if kind == 0:
        sheet = layouts.two_columns(style, pupil, rng)
    elif kind == 1:
        sheet = layouts.page(style, pupil, rng, crossed=True)
    elif kind == 2:
        sheet = layouts.continued(style, pupil, rng)
    else:
        front, sheet = layouts.page(style, pupil, rng), Sheet()
        worn = wear.show_through(wear.fresh(sheet.image), front.image, 0.1)
        return sheet, wear.noisy(worn, 4.0, rng), 0
    return sheet, wear.noisy(wear.fresh(sheet.image), 3.0, rng), 0


_MAKERS: dict[str, Callable[[int, Generator], Drawn | None]] = {
    "printed-clean": _clean,
    "printed-degraded": _degraded,
    "handwriting": _handwriting,
    "turned": _turned,
    "layouts": _layout,
}
