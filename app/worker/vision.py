"""Pages that recognition is not sure of, shown to a vision model: names painted over, every picture in the ledger."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog
from obstore.exceptions import BaseError as StorageError
from sqlalchemy.exc import IntegrityError

from app.classes import store as classes
from app.db import Database
from app.document import Box, Page
from app.grading.chat import OpenAIChat, connect
from app.grading.endpoint import check_endpoint
from app.grading.masking import MASK, Names, Person
from app.grading.model import ModelError, SeeingModel, ShownPicture
from app.grading.prompts import TRANSCRIBING, fill
from app.grading.replies import BilledModelError
from app.i18n import ProblemError, Text
from app.intake import redaction
from app.intake.page import By, PageReading
from app.intake.process import mask_picture
from app.intake.sniff import sniff
from app.intake.transcribing import LONGEST_LINE, MOST_LINES, merge
from app.papers import files, ledger
from app.papers.ledger import Outcome, Place
from app.papers.models import PaperPage
from app.scheme.types import Kind, Question
from app.settings import Settings
from app.storage import Storage, key_of
from app.worker.metered import MeteredEyes
from app.worker.patience import is_away

log = structlog.get_logger(__name__)

RETRIES = 3
COVER = "ZHUPI/"  # how the codes of our own cover sheets begin, in any form
MOST_TOKENS = 8000  # of an answer: a full page of Chinese in JSON takes half of that
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "lines": {
            "type": "array",
            "items": {"type": "string", "maxLength": LONGEST_LINE},
            "maxItems": MOST_LINES,
        }
    },
    "required": ["lines"],
    "additionalProperties": False,
}
# Names are hidden in a page as in an answer to a question that says nothing itself.
_NO_QUESTION = Question("", Kind.TEXT, "", 0.0, (), ())
_FENCED = re.compile(r"^\s*```(?:json)?\s*(.*?)\s*```\s*$", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A masked picture in the ledger: the entry, the bytes, and the boxes that are grey in them."""

    entry_id: int
    picture: ShownPicture
    masked: tuple[Box, ...]


class Vision:
    """Reads pages again with the settings' vision model. Belongs to one event loop.

    `limit` bounds the calls of models in this process; the grader's own can be handed in, so that both count together.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        storage: Storage,
        limit: asyncio.Semaphore | None = None,
    ) -> None:
        self._settings, self._database, self._storage = settings, database, storage
        self._limit = limit or asyncio.Semaphore(settings.max_parallel_workers)
        self._chat: OpenAIChat | None = None

    def wants(self, reading: PageReading) -> bool:
        """Whether this page is to be shown to a model: recognised with little confidence, and no cover sheet."""
        return (
            self._settings.shows_pages
            and reading.by is By.OCR
            and not reading.blank
            and reading.confidence < self._settings.vision_below
            and not any(code.startswith(COVER) for code in reading.codes)
        )

    async def improve(self, row: PaperPage, reading: PageReading, picture: Path | None = None) -> PageReading:
        """The reading with the model's where that is better, or as it is, with a warning that says why not.

        `picture` is the page's picture as a file; without one that of the reading is taken, and without either nothing
        is done. Never raises, whatever becomes of model, database or storage; a page whose entry cannot be written into
        the ledger does not leave.
        """
        if not self.wants(reading) or (picture is None and reading.picture is None):
            return reading
        try:
            return await self._improved(row, reading, picture)
        except BilledModelError:
            why = Text("The vision model's answer was of no use.")
        except ProblemError as problem:
            why = problem.text
        except Exception as error:
            known = is_away(error) or isinstance(error, OSError | StorageError)
            log.warning("vision model not asked", page=row.id, error=type(error).__name__, exc_info=not known)
            why = Text("The vision model was not asked ({error}).", {"error": type(error).__name__})
        kept = Text("The vision model has not read this page: these are text recognition's words alone.")
        return replace(reading, warnings=(*reading.warnings, kept, why))

    async def close(self) -> None:
        """Close the connections."""
        chat, self._chat = self._chat, None
        if chat is not None:
            await chat.aclose()

    async def _improved(self, row: PaperPage, reading: PageReading, picture: Path | None) -> PageReading:
        model, host = self._model()
        async with self._database.begin() as db:
            place = await ledger.place_of(db, row)
            roster = [] if place is None else await classes.students(db, place.class_id)
        if place is None:
            return reading
        people = [Person(each.name, each.number) for each in roster]
        # A code on a form may hold the pupil's number; where it stands is not known.
        if any(redaction.names_somebody(code, people) for code in reading.codes):
            raise ProblemError("A code on this page holds a student's name or number, so it was not shown.")
        boxes = await asyncio.to_thread(_boxes, reading, people)
        async with self._file(reading, picture) as path:
            masked = await mask_picture(path, row.source_name, boxes)
        async with self._limit:
            sent = await self._enter(row, place, masked, boxes, host)
            lines = await self._ask(model, sent)
        return await asyncio.to_thread(merge, reading, lines, sent.masked)

    @asynccontextmanager
    async def _file(self, reading: PageReading, picture: Path | None) -> AsyncIterator[Path]:
        """The page's picture as a file for the time of the block."""
        if picture is not None:
            yield picture
            return
        assert reading.picture is not None
        handle, name = tempfile.mkstemp(dir=self._storage.spool)
        try:
            with os.fdopen(handle, "wb") as file:
                await asyncio.to_thread(file.write, reading.picture.data)
            yield Path(name)
        finally:
            self._storage.drop(Path(name))

    async def _enter(
        self, row: PaperPage, place: Place, data: bytes, boxes: tuple[Box, ...], host: str
    ) -> _Sent:
        """Keep the very bytes that will leave and write them into the ledger, both or neither; then they may leave."""
        media_type = sniff(data)
        if media_type is None or not media_type.startswith("image/"):
            raise ValueError("no picture")
        key = key_of(hashlib.sha256(data).hexdigest())
        try:
            async with self._database.begin() as db:
                await files.hold(db, key.rpartition("/")[2])
                await self._storage.put(data)
                entry_id = await ledger.enter(
                    db,
                    row,
                    place,
                    image_key=key,
                    size=len(data),
                    endpoint=host,
                    model=self._settings.vision_model,
                    masked=boxes,
                )
        except BaseException as error:
            # The file may be there already, and nobody's.
            with suppress(Exception):
                async with self._database.begin() as db:
                    files.note(db, key)
            if isinstance(error, IntegrityError):
                raise ProblemError("This page was removed meanwhile.") from error
            raise
        return _Sent(entry_id, ShownPicture(data, media_type), boxes)

    async def _ask(self, model: SeeingModel, sent: _Sent) -> list[Any]:
        """The lines of the model's answer. Raises ModelError; the ledger says what came of it in any case."""
        outcome = Outcome.FAILED
        try:
            reply = await model.see(
                fill(TRANSCRIBING, "system"), fill(TRANSCRIBING, "user"), sent.picture, SCHEMA
            )
            lines = lines_of(reply.content)
            outcome = Outcome.ANSWERED
            return lines
        finally:
            # Also while this job is broken off: what has left has left.
            await asyncio.shield(self._conclude(sent.entry_id, outcome))

    async def _conclude(self, entry_id: int, outcome: Outcome) -> None:
        try:
            async with self._database.begin() as db:
                await ledger.conclude(db, entry_id, outcome)
        except Exception as error:
            log.warning("outcome not in the ledger", error=type(error).__name__)

    def _model(self) -> tuple[SeeingModel, str]:
        """The model, and the host that pictures go to. Raises ProblemError for settings that cannot work."""
        settings = self._settings
        wanted = (
            settings.llm_provider,
            settings.llm_base_url,
            settings.llm_api_key.get_secret_value(),
            settings.vision_model,
        )
        endpoint = check_endpoint(*wanted)
        if self._chat is None:
            self._chat = connect(
                *wanted,
                timeout_seconds=settings.llm_timeout,
                max_retries=RETRIES,
                max_parallel=settings.max_parallel_workers,
                max_output_tokens=MOST_TOKENS,
            )
        return MeteredEyes(self._chat), endpoint.host


def lines_of(content: str) -> list[Any]:
    """The lines in a reply, whatever they are: `transcribing.cleaned` judges them. Raises ModelError for none."""
    fenced = _FENCED.match(content)
    try:
        reply = json.loads(fenced[1] if fenced else content)
    except (ValueError, RecursionError):
        reply = None
    lines = reply.get("lines") if isinstance(reply, dict) else reply
    if not isinstance(lines, list):
        raise ModelError("The vision model's answer was of no use.")
    return lines


def _boxes(reading: PageReading, people: Sequence[Person]) -> tuple[Box, ...]:
    """What is to be painted over."""
    hidden = Names.of(people).mask(_NO_QUESTION).hide(reading.text)
    spans = [(found.start(), found.end()) for found in re.finditer(f"{MASK}+", hidden)]
    page = Page(1, reading.text, reading.words)
    shape = reading.picture
    aspect = shape.width / shape.height if shape is not None and shape.height else 0.707
    return redaction.mask_boxes(page, people, spans, reading.struck, aspect)
