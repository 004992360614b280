"""Draw the demo classes' handwritten papers from the texts in `demo/handwritten/`: a scan, and photos of a phone.

Only whoever changes a text needs this: what it draws is kept in `CLASS/photographed/`. It needs the `dev` extra,
Chinese fonts, and those that `make handwriting` brings. The same texts and fonts give the same pictures.

A source is the name and number as they are written into the form's fields (a line that is not there is left empty),
then paragraphs. The sources of `zh-physics` are scanned one after the other into one PDF; each of `en-science` is a
photo.

Run: python -m demo.photograph
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.paperwork import classes, fonts, layouts, wear
from benchmarks.paperwork.layouts import Style
from benchmarks.paperwork.sheet import BLUE, HEIGHT, MARGIN, WIDTH, Sheet, wrapped
from benchmarks.paperwork.texts import Pupil
from benchmarks.paperwork.wear import Worn

DEMO = Path(__file__).resolve().parent
SOURCES = DEMO / "handwritten"
FOLDER = "photographed"
SCAN = "扫描 2024-06-12.pdf"
PHOTO = (1350, 1800)  # pixels
FIELD = re.compile(r"(姓名：|学号：|Name: |No\.: )(.+)")


def written(text: str, style: Style) -> Iterator[Sheet]:
    """A paper's pages: the form's header on each, the answers below, on as many pages as they need."""
    lines = text.splitlines()
    values = {found[1]: found[2] for line in lines if (found := FIELD.fullmatch(line))}
    name = values.get("姓名：") or values.get("Name: ") or ""
    pupil = Pupil(1, values.get("学号：") or values.get("No.: ") or "", name)
    sheet, y = _begun(style, pupil)
    for paragraph in lines:
        if not paragraph.strip() or FIELD.fullmatch(paragraph):
            continue
        for line in wrapped(paragraph, style.font, WIDTH - 2 * MARGIN):
            if y + style.step > HEIGHT - MARGIN:
                yield sheet
                sheet, y = _begun(style, pupil)
            sheet.write((MARGIN, y), line, style.font, style.ink)
            y += style.step
        y += style.step * 0.25
    yield sheet


def _begun(style: Style, pupil: Pupil) -> tuple[Sheet, float]:
    sheet = Sheet()
    return sheet, layouts.header(sheet, style, pupil, MARGIN)


def scanned(sheet: Sheet, rng: np.random.Generator) -> Image.Image:
    """What the feeder of a copier makes of a page."""
    worn = wear.skewed(wear.fresh(sheet.image), float(rng.uniform(-1, 1)))
    return wear.noisy(worn, 1.5, rng).image.convert("L")


def photo(sheet: Sheet, rng: np.random.Generator) -> Image.Image:
    """What a phone makes of it on a table, in the light of a lamp."""
    (worn,) = wear.photographed([sheet.image], PHOTO, rng)
    lit = wear.shadowed(wear.unevenly_lit(worn, 0.75, rng), rng, 0.25)
    return wear.noisy(Worn(wear.blurred(lit, 0.4).image, lit.matrix), 1.5, rng).image


def main() -> int:
    """Draw everything; the exit code is 1 where the fonts are missing."""
    try:
        faces = (fonts.printed("zh"), fonts.handwriting("zh"), fonts.handwriting("en"))
    except fonts.NoFontError as error:
        print(error, file=sys.stderr)
        return 1
    if not all(faces):
        print("There are no fonts like handwriting here: make handwriting", file=sys.stderr)
        return 1
    rng = np.random.default_rng(12)
    place = DEMO / "zh-physics" / FOLDER
    place.mkdir(exist_ok=True)
    pages = [
        scanned(sheet, rng)
        for number, source in enumerate(sorted((SOURCES / "zh-physics").glob("*.txt")))
        for sheet in written(
            source.read_text("utf-8"), Style("zh", faces[1][number % 2], (46, 52)[number % 2], 1.5, 0, BLUE)
        )
    ]
    classes.save_pdf(place / SCAN, iter(pages), quality=45)
    place = DEMO / "en-science" / FOLDER
    place.mkdir(exist_ok=True)
    for source in sorted((SOURCES / "en-science").glob("*.txt")):
        (sheet,) = written(source.read_text("utf-8"), Style("en", faces[2][0], 46, 1.35, 0, BLUE))
        photo(sheet, rng).save(place / f"{source.stem}.jpg", quality=68)
    return 0


if __name__ == "__main__":
    sys.exit(main())
