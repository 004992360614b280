"""What the tests of pages share: Ann's graded paper as two scanned pages, with where each word stands."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from PIL import Image
from sqlalchemy import select

from app.db import Database
from app.document import Box, Word
from app.papers import answers, pages
from app.papers.models import PageState, Paper, PaperPage
from app.storage import Storage
from app.web.page_text import locator
from tests.conftest import World
from tests.functional.review_help import ANSWER, Graded, make_graded

FIRST, SECOND = f"Ann Lee\n1. {ANSWER}", "2. B\nan aside"
SIZE = (400, 566)


@dataclass
class Scanned(Graded):
    """Ann's paper on two pages with pictures; question 1 on the first, question 2 on the second."""

    pages: list[PaperPage]


def webp(shade: int = 255, size: tuple[int, int] = SIZE) -> bytes:
    """A picture of one shade."""
    Image.new("L", size, shade).save(made := io.BytesIO(), "WEBP")
    return made.getvalue()


def words_of(text: str) -> list[list[float]]:
    """Every word of a text as `Word` JSON: lines 0.06 apart, a character 0.02 wide."""
    found, start = [], 0
    for number, line in enumerate(text.split("\n")):
        at = 0
        for piece in line.split(" "):
            y = 0.1 + 0.06 * number
            box = Box(0.1 + at * 0.02, y, 0.1 + (at + len(piece)) * 0.02, y + 0.03)
            if piece:
                found.append(Word(start + at, start + at + len(piece), box, 0.9).to_json())
            at += len(piece) + 1
        start += len(line) + 1
    return found


async def add_page(
    database: Database, storage: Storage, paper: Paper, position: int, text: str, **values: Any
) -> PaperPage:
    """One more read page of a paper; its picture is stored."""
    picture, small = await storage.put(webp(250 - position)), await storage.put(webp(99, (40, 57)))
    given: dict[str, Any] = {
        "state": PageState.READ, "by": "ocr", "text": text, "words": words_of(text), "confidence": 0.9, "quality": 0.8,
        "image_key": picture.key, "thumb_key": small.key, "width": SIZE[0], "height": SIZE[1],
        "source_key": picture.key, "source_name": f"photo {position}.webp", **values,
    }  # fmt: skip
    async with database.begin() as db:
        made = PaperPage(paper_id=paper.id, position=position, **given)
        db.add(made)
        await db.flush()
    return made


async def make_scanned(database: Database, storage: Storage, world: World) -> Scanned:
    """Make it; the answers stand where grading finds them."""
    graded = await make_graded(database, world)
    made = [
        await add_page(database, storage, graded.paper, 10, FIRST),
        await add_page(database, storage, graded.paper, 20, SECOND),
    ]
    async with database.begin() as db:
        paper = await db.get(Paper, graded.paper.id)
        assert paper is not None
        found = await locator(graded.assignment)(await pages.refresh_text(db, paper))
        await answers.keep(db, paper.id, found.answers, found.unmatched)
    return Scanned(**vars(graded), pages=made)


async def page_now(database: Database, page: PaperPage) -> PaperPage:
    """A page as it is stored now."""
    async with database.begin() as db:
        found = await db.scalar(select(PaperPage).where(PaperPage.id == page.id))
    assert found is not None
    return found


async def paper_now(database: Database, paper: Paper) -> Paper:
    """A paper as it is stored now."""
    async with database.begin() as db:
        found = await db.get(Paper, paper.id)
    assert found is not None
    return found
