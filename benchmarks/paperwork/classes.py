"""One PDF of a whole class, as a scanner with a feeder makes it: covers, papers of five pages, traps."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import gmtime
from typing import Any

import segno
from numpy.random import Generator
from PIL import Image

from app.intake import covers
from benchmarks.paperwork import fonts, layouts, texts, wear
from benchmarks.paperwork.layouts import Style
from benchmarks.paperwork.sheet import HEIGHT, MARGIN, WIDTH, Sheet, wrapped
from benchmarks.paperwork.texts import Pupil

ASSIGNMENT = 7
PAGES = 5  # of a paper
LINES = 14  # of a page: enough to be read, few enough to read two hundred
COVER_TEXT = "请把这一页放在该学生答卷的最上面，二维码朝上。然后把全班一起扫描，单面或双面均可。"
SCANNED = gmtime(1718150400)  # the file's date: the same bytes every time


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the pile, and the truth about it; `asked`: nobody could know whose it is from the page alone."""

    sheet: Sheet
    student: int | None
    cover: bool = False
    asked: bool = False


def write(folder: Path, pages: int, rng: Generator) -> dict[str, Any]:
    """Write FOLDER/scan.pdf of `pages` pages and a cover before each paper, and FOLDER/roster.csv; the set's truth."""
    pupils = texts.roster(max(2, pages // PAGES), rng)
    language = "zh"
    pile = [page for place, pupil in enumerate(pupils) for page in _paper(place, pupil, language, rng)]
    save_pdf(folder / "scan.pdf", (_scanned(page.sheet, rng) for page in pile))
    with (folder / "roster.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("number", "name"), *((each.number, each.name) for each in pupils)])
    return {
        "kind": "pile",
        "file": f"{folder.name}/scan.pdf",
        "assignment": ASSIGNMENT,
        "roster": [{"id": each.id, "number": each.number, "name": each.name} for each in pupils],
        "pages": [
            {
                "page": number,
                "student": page.student,
                "cover": page.cover,
                "blank": not page.sheet.words,
                "asked": page.asked,
                "text": page.sheet.text,
            }
            for number, page in enumerate(pile, start=1)
        ],
    }


def save_pdf(path: Path, images: Iterator[Image.Image], quality: int = 70) -> None:
    """Write pictures as the pages of one PDF, 150 dpi, JPEG inside."""
    first = next(images)
    first.save(
        path,
        "PDF",
        save_all=True,
        append_images=images,
        resolution=150,
        quality=quality,
        title="",
        creationDate=SCANNED,
        modDate=SCANNED,
    )


def cover(pupil: Pupil, assignment: int, title: str) -> Sheet:
    """A cover sheet as `app/templates/partials/cover_sheets.html` lays it out, with the QR code."""
    sheet = Sheet()
    face = fonts.printed("zh")[0]
    sheet.write((MARGIN, 160), f"八年级（2）班 · {title}", face.at(32))
    sheet.write((MARGIN, 260), pupil.name, face.at(72))
    sheet.write((MARGIN, 380), pupil.number, face.at(44))
    paste_code(sheet, covers.payload(assignment, pupil.id), (MARGIN, 520), 480)
    for place, line in enumerate(wrapped(COVER_TEXT, face.at(26), WIDTH - 2 * MARGIN)):
        sheet.write((MARGIN, 1080 + 44 * place), line, face.at(26))
    sheet.write((MARGIN, 1500), "朱批封面页", face.at(22))
    return sheet


def paste_code(sheet: Sheet, payload: str, place: tuple[int, int], side: int) -> None:
    """Draw a QR code of `side` pixels with its quiet zone."""
    buffer = io.BytesIO()
    segno.make(payload, error="m", micro=False).save(buffer, kind="png", scale=8, border=4)
    code = Image.open(buffer).convert("RGB").resize((side, side), Image.Resampling.NEAREST)
    sheet.image.paste(code, place)


def _paper(place: int, pupil: Pupil, language: str, rng: Generator) -> Iterator[Page]:
    """A cover and five pages; every fourth paper has the fields on each page, every eighth has blank backs.

    One pupil in twenty wrote neither name nor number, one in twenty the number alone, one the name alone.
    """
    yield Page(cover(pupil, ASSIGNMENT, layouts.TITLES[language]), pupil.id, cover=True)
    written = Pupil(pupil.id, "" if place % 20 == 7 else pupil.number, "" if place % 20 == 13 else pupil.name)
    nameless = place % 20 == 17
    if nameless:
        written = Pupil(pupil.id, "", "")
    # The name alone does not say which of two it is.
    asked = nameless or (
        not written.number and pupil.name in ("李静", "张雨欣", "张雨昕", "王皓然", "王浩然")
    )
    style = _style(language, rng)
    for number in range(1, PAGES + 1):
        sheet = Sheet()
        if place % 8 == 5 and number == PAGES:
            yield Page(sheet, pupil.id, asked=asked)
            continue
        y: float = MARGIN
        if number == 1 or place % 4 == 2:
            title = layouts.TITLES[language] if number == 1 else "答题纸"
            y = layouts.header(sheet, style, written, y, title)
        layouts.fill(sheet, style, rng, y, LINES)
        if place % 3 == 0:
            small = fonts.printed(language)[0].at(22)
            sheet.write((WIDTH / 2 - 40, HEIGHT - 70), f"第{number}页", small)
        yield Page(sheet, pupil.id, asked=asked)


def _style(language: str, rng: Generator) -> Style:
    """Pupils write by hand where there are fonts for it, else in print."""
    return (
        layouts.handwritten(language, rng) if fonts.handwriting(language) else layouts.printed(language, rng)
    )


def _scanned(sheet: Sheet, rng: Generator) -> Image.Image:
    """What a feeder scanner makes of a sheet: a little skew, a little noise, grey."""
    worn = wear.skewed(wear.fresh(sheet.image), float(rng.uniform(-1.2, 1.2)))
    return wear.noisy(worn, 3.0, rng).image.convert("L")
