"""Reading: a paper's file or a pile's pictures, page by page; whose it is; and the split of piles.

A page is the unit: what was read of it is stored before the next one, so that a killed process loses one page's work,
and a page that cannot be read is one failed page with a sentence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic

import structlog

from app import metrics
from app.assignments.models import Assignment
from app.classes import store as classes
from app.db import Database
from app.document import Document
from app.events.bus import Bus
from app.events.schema import PaperChanged, PileChanged
from app.i18n import N_, ProblemError, Text
from app.intake import process
from app.intake.errors import UnreadableError
from app.intake.matching import match_paper
from app.intake.whose import match_scan
from app.jobs import Again, Taken
from app.papers import pages, piles, service
from app.papers.models import PageState, Paper, PaperPage, PaperState
from app.storage import Storage
from app.worker import renewing, splitting
from app.worker.keeping import PageKeeper
from app.worker.patience import is_away
from app.worker.vision import Vision

log = structlog.get_logger(__name__)

MOST_TRIES = 4
PAGES_AT_ONCE = 4  # of one file; the child processes take them in turn
TELL_SECONDS = 1.5  # open pages hear of a long file's progress so often
GONE = N_("The file of “{name}” is not in the storage any more. Upload it again.")
FAILED = N_("Reading “{name}” failed ({error}). Upload it again, or as another kind of file.")


class Reader:
    """Reads papers once: after their upload, or when they are graded before that; and the pages of piles."""

    def __init__(
        self, database: Database, bus: Bus, storage: Storage, keeper: PageKeeper, vision: Vision
    ) -> None:
        self._database, self._bus, self._storage = database, bus, storage
        self._keeper, self._vision = keeper, vision

    async def job(self, taken: Taken) -> None:
        """The jobs "read" (a paper) and "page" (a page, a pile). What is gone, or read already, needs nothing."""
        (name, number), *_ = taken.payload.items()
        work = {"paper_id": self._paper_job, "page_id": self._page_job, "pile_id": self._pile_job}[name]
        with structlog.contextvars.bound_contextvars(**{name.removesuffix("_id"): int(number)}):
            await work(int(number), taken)

    async def read(self, paper: Paper) -> Document:
        """A paper's text, stored with whose it is. Raises ProblemError, stored as well, when it cannot be read."""
        try:
            if paper.pile_id is None:
                await self._read_file(paper)
            else:
                await self._read_pictures(paper)
        except FileNotFoundError:
            metrics.unreadable("gone")
            text = Text(GONE, {"name": paper.file_name})
            await self._unreadable(paper, text)
            raise ProblemError(text) from None
        except UnreadableError as error:
            metrics.unreadable(error.kind)
            await self._unreadable(paper, error.text)
            raise
        return await self._conclude(paper)

    async def close_left(self) -> None:
        """Close piles whose upload ended without a word, and split those whose job was lost; now and then."""
        async with self._database.begin() as db:
            closed = await piles.close_left(db)
            await piles.resume_splits(db)
        await self._bus.publish(*(PileChanged(pile.assignment_id, pile.id) for pile in closed))

    async def _paper_job(self, paper_id: int, taken: Taken) -> None:
        paper = await self._waiting(paper_id)
        if paper is None:
            return
        try:
            await self.read(paper)
        except ProblemError:
            return
        except Exception as error:
            problem = _after(error, taken, paper.file_name)
            await self._unreadable(paper, problem)

    async def _page_job(self, page_id: int, taken: Taken) -> None:
        """One picture of a pile, or a page that a teacher had read once more."""
        async with self._database.begin() as db:
            row = await db.get(PaperPage, page_id)
        if row is None or row.state != PageState.WAITING:
            return
        try:
            async with self._storage.local(row.source_key) as path:
                await self._read_page(path, row)
        except FileNotFoundError:
            metrics.unreadable("gone")
            await self._failed(row, Text(GONE, {"name": row.source_name}))
        except Exception as error:
            await self._failed(row, _after(error, taken, row.source_name))
        if row.pile_id is not None:
            await self._pile_went_on(row.pile_id)
        if row.paper_id is not None:
            await self._renewed(row.paper_id)

    async def _renewed(self, paper_id: int) -> None:
        """A teacher had this page read once more."""
        async with self._database.begin() as db:
            paper = await renewing.renew(db, paper_id)
        if paper is not None:
            await self._bus.publish(PaperChanged(paper.assignment_id, paper.id))

    async def _pile_job(self, pile_id: int, taken: Taken) -> None:
        """The split of a pile whose pages are all read."""
        async with self._database.begin() as db:
            done = await piles.propose(db, pile_id, splitting.propose)
        if done is not None:
            pile, made = done
            await self._bus.publish(
                PileChanged(pile.assignment_id, pile.id),
                *(PaperChanged(pile.assignment_id, each.id) for each in made),
            )

    async def _pile_went_on(self, pile_id: int) -> None:
        async with self._database.begin() as db:
            pile = await piles.locked(db, pile_id)
            if pile is not None:
                await piles.split_if_read(db, pile)
        if pile is not None:
            await self._bus.publish(PileChanged(pile.assignment_id, pile.id))

    async def _read_file(self, paper: Paper) -> None:
        async with self._storage.local(paper.storage_key) as path:
            found = await process.inspect(path, paper.file_name)
            async with self._database.begin() as db:
                rows = await pages.plan(db, paper, found.pages)
            await self._read_pages(paper, path, rows)

    async def _read_pictures(self, paper: Paper) -> None:
        """The pages of a paper out of a pile may be those of several files."""
        async with self._database.begin() as db:
            rows = await pages.of_paper(db, paper.id)
        for key in dict.fromkeys(row.source_key for row in rows):
            async with self._storage.local(key) as path:
                await self._read_pages(paper, path, [row for row in rows if row.source_key == key])

    async def _read_pages(self, paper: Paper, path: Path, rows: Sequence[PaperPage]) -> None:
        """Read the waiting pages of a file, some at once."""
        told = monotonic()
        for some in _batches([row for row in rows if row.state == PageState.WAITING], PAGES_AT_ONCE):
            done = await asyncio.gather(*(self._read_page(path, row) for row in some), return_exceptions=True)
            for error in done:
                if isinstance(error, BaseException):
                    raise error
            if monotonic() - told > TELL_SECONDS:
                told = monotonic()
                await self._bus.publish(PaperChanged(paper.assignment_id, paper.id))

    async def _read_page(self, path: Path, row: PaperPage) -> None:
        """Read one page and keep it, or why it cannot be read."""
        try:
            found = await process.read_page(path, row.source_name, row.source_page)
        except UnreadableError as error:
            metrics.unreadable(error.kind)
            await self._failed(row, error.text)
        else:
            readings = [await self._vision.improve(row, reading) for reading in found]
            await self._keeper.keep(row, readings, instead_of=found)

    async def _failed(self, row: PaperPage, problem: Text) -> None:
        async with self._database.begin() as db:
            await pages.fail(db, row.id, problem)

    async def _conclude(self, paper: Paper) -> Document:
        """All pages were tried: the paper is read, unreadable, or a pile. Raises ProblemError for the last two."""
        async with self._database.begin() as db:
            rows = await pages.of_paper(db, paper.id)
            assignment = await db.get(Assignment, paper.assignment_id)
            roster = await classes.students(db, assignment.class_id) if assignment is not None else []
        if rows and all(row.state == PageState.FAILED for row in rows):
            assert rows[0].problem is not None
            problem = Text.from_json(rows[0].problem)
            await self._unreadable(paper, problem)
            raise ProblemError(problem)
        if len(rows) > 1 and paper.pile_id is None and paper.pages is None:
            found = await splitting.split_rows(rows, roster, paper.assignment_id)
            if splitting.several(found):
                await self._make_pile(paper)
        document = pages.document(rows)
        match = match_scan if any(row.by in pages.RECOGNISED for row in rows) else match_paper
        async with self._database.begin() as db:
            await service.record_reading(db, paper, document, match)
        await self._bus.publish(PaperChanged(paper.assignment_id, paper.id))
        return document

    async def _make_pile(self, paper: Paper) -> None:
        async with self._database.begin() as db:
            pile = await piles.of_file(db, paper)
            if pile is not None:
                await piles.split_if_read(db, pile)
        if pile is not None:
            await self._bus.publish(
                PaperChanged(paper.assignment_id, paper.id), PileChanged(pile.assignment_id, pile.id)
            )
        raise ProblemError(
            N_("“{name}” holds the pages of several students: they are split on the papers page."),
            name=paper.file_name,
        )

    async def _waiting(self, paper_id: int) -> Paper | None:
        async with self._database.begin() as db:
            paper = await db.get(Paper, paper_id)
        return paper if paper is not None and paper.state == PaperState.RECEIVED else None

    async def _unreadable(self, paper: Paper, text: Text) -> None:
        async with self._database.begin() as db:
            await service.record_unreadable(db, paper, text)
        await self._bus.publish(PaperChanged(paper.assignment_id, paper.id))


def _after(error: Exception, taken: Taken, name: str) -> Text:
    """What is to be told of a fault of our own. Raises Again while another try may help."""
    if is_away(error) or taken.attempts < MOST_TRIES:
        log.warning("reading put back", error=type(error).__name__)
        raise Again(min(60.0, 2.0**taken.attempts)) from error
    log.error("reading failed", exc_info=error)
    metrics.unreadable("fault")
    return Text(FAILED, {"name": name, "error": type(error).__name__})


def _batches(rows: Sequence[PaperPage], size: int) -> Iterator[Sequence[PaperPage]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
