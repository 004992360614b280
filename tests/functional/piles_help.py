"""A pile whose split was proposed: what the tests of its page begin with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.db import Database
from app.i18n import Text
from app.papers import piles
from app.papers.models import PageState, PaperPage, Pile
from app.papers.piles import Proposed
from app.papers.service import File
from tests.functional.papers_help import Work

NAMES = ("ann 1.jpg", "ann 2.jpg", "whose 1.jpg", "whose 2.jpg", "blank.jpg", "ben.jpg")
DOUBT = "The number reads 8C00?, which two students may have."


def stored(name: str) -> File:
    """A file that is not in storage."""
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return File(f"{sha256[:2]}/{sha256}", sha256, len(name))


@dataclass
class Piled:
    """A pile of six pages, and their ids in order."""

    database: Database
    work: Work
    id: int
    pages: list[int]

    async def now(self) -> Pile:
        """The pile as it is."""
        async with self.database.begin() as db:
            found = await piles.locked(db, self.id)
        assert found is not None
        return found

    async def split(self) -> list[list[int]]:
        """The pages of each paper to be, by their places in `pages`; the last list is what is left out."""
        async with self.database.begin() as db:
            rows = await piles.pages(db, self.id)
        bundles: list[list[int]] = [[] for _ in (await self.now()).bundles]
        out: list[int] = []
        for row in rows:
            (out if row.bundle is None else bundles[row.bundle]).append(self.pages.index(row.id))
        return [*bundles, out]


def _row(pile_id: int, place: int, name: str) -> PaperPage:
    """A page that was read; its text is its file's name."""
    key = stored(name).key
    warnings = [Text("This page is blurred.").to_json()] if name == "ann 2.jpg" else []
    return PaperPage(
        pile_id=pile_id, position=place * 10, source_key=key, source_name=name, image_key=key, state=PageState.READ,
        by="ocr", text=name, confidence=0.9, warnings=warnings, blank=name == "blank.jpg",
    )  # fmt: skip


async def make_pile(
    database: Database,
    work: Work,
    *,
    doubtful: bool = True,
    proposed: bool = True,
    names: Sequence[str] = NAMES,
) -> Piled:
    """Ann's two pages, two pages that may be Ben's or Wei's (unless not `doubtful`: Wei's), a blank one, one of Ben's.

    With a further page's warning, and one that failed when not `proposed`: then the pile is still being read.
    """
    async with database.begin() as db:
        pile = await piles.join(db, work.assignment.id, None, "0" * 32, names[0])
        rows = [_row(pile.id, place, name) for place, name in enumerate(names, 1)]
        if not proposed:
            for row in rows[4:]:
                row.state = PageState.WAITING
            rows[3].state = PageState.FAILED
            rows[3].problem = Text("This page could not be read.").to_json()
        db.add_all(rows)
        await db.flush()
        ids = [row.id for row in rows]
        pile.closed = proposed
    made = Piled(database, work, pile.id, ids)
    if proposed:
        await propose(made, doubtful)
    return made


async def propose(piled: Piled, doubtful: bool) -> None:
    """Split it as the worker would; without a doubt its papers are made."""
    work, ids = piled.work, piled.pages
    whose = Proposed(
        (ids[2], ids[3]),
        None if doubtful else work.wei.id,
        "doubtful" if doubtful else "matched",
        None,
        (work.ben.id, work.wei.id) if doubtful else (),
        Text(DOUBT) if doubtful else None,
    )
    found = [
        Proposed((ids[0], ids[1]), work.ann.id, "matched", None, (), None),
        whose,
        Proposed((ids[5],), work.ben.id, "matched", None, (), None),
    ]

    async def split_by(rows: Sequence[PaperPage], roster: object, assignment_id: int) -> Sequence[Proposed]:
        return found

    async with piled.database.begin() as db:
        assert await piles.propose(db, piled.id, split_by) is not None
