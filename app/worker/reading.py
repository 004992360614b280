"""Reading one paper: from its stored file to its text, and whose it is."""

from __future__ import annotations

import structlog

from app import metrics
from app.db import Database
from app.document import Document
from app.events.bus import Bus
from app.events.schema import PaperChanged
from app.i18n import N_, ProblemError, Text
from app.intake.errors import UnreadableError
from app.intake.matching import match_paper
from app.intake.process import read_document
from app.jobs import Again, Taken
from app.papers import service
from app.papers.models import Paper, PaperState
from app.storage import Storage
from app.worker.patience import is_away

log = structlog.get_logger(__name__)

MOST_TRIES = 4
GONE = N_("The file of “{name}” is not in the storage any more. Upload it again.")
FAILED = N_("Reading “{name}” failed ({error}). Upload it again, or as another kind of file.")


class Reader:
    """Reads papers once: after their upload, or when they are graded before that."""

    def __init__(self, database: Database, bus: Bus, storage: Storage) -> None:
        self._database, self._bus, self._storage = database, bus, storage

    async def job(self, taken: Taken) -> None:
        """The "read" job of a paper. A paper that is gone, or read already, needs nothing."""
        paper_id = int(taken.payload["paper_id"])
        with structlog.contextvars.bound_contextvars(paper=paper_id):
            await self._job(paper_id, taken)

    async def _job(self, paper_id: int, taken: Taken) -> None:
        paper = await self._waiting(paper_id)
        if paper is None:
            return
        try:
            await self.read(paper)
        except ProblemError:
            return
        except Exception as error:
            if is_away(error) or taken.attempts < MOST_TRIES:
                log.warning("reading put back", error=type(error).__name__)
                raise Again(min(60.0, 2.0**taken.attempts)) from error
            log.exception("reading failed")
            metrics.unreadable("fault")
            await self._unreadable(
                paper, Text(FAILED, {"name": paper.file_name, "error": type(error).__name__})
            )

    async def read(self, paper: Paper) -> Document:
        """A paper's text, stored with whose it is. Raises ProblemError, stored as well, when it cannot be read."""
        try:
            async with self._storage.local(paper.storage_key) as path:
                document = await read_document(path, paper.file_name)
        except FileNotFoundError:
            metrics.unreadable("gone")
            text = Text(GONE, {"name": paper.file_name})
            await self._unreadable(paper, text)
            raise ProblemError(text) from None
        except UnreadableError as error:
            metrics.unreadable(error.kind)
            await self._unreadable(paper, error.text)
            raise
        async with self._database.begin() as db:
            await service.record_reading(db, paper, document, match_paper)
        await self._bus.publish(PaperChanged(paper.assignment_id, paper.id))
        return document

    async def _waiting(self, paper_id: int) -> Paper | None:
        async with self._database.begin() as db:
            paper = await db.get(Paper, paper_id)
        return paper if paper is not None and paper.state == PaperState.RECEIVED else None

    async def _unreadable(self, paper: Paper, text: Text) -> None:
        async with self._database.begin() as db:
            await service.record_unreadable(db, paper, text)
        await self._bus.publish(PaperChanged(paper.assignment_id, paper.id))
