"""One batch of uploaded files: each is checked, stored and told of by itself, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import errno
import math
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog
from aiohttp import web
from obstore.exceptions import BaseError as StorageError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import metrics
from app.events.schema import PaperChanged, PileChanged
from app.i18n import N_, ProblemError, Text
from app.intake.archive import Extracted, extract
from app.intake.limits import MEGABYTE, Limits
from app.intake.sniff import ZIP, sniff_file
from app.keys import BUS, DATABASE, SETTINGS, STORAGE
from app.papers import files, piles, service
from app.storage import key_of
from app.web.batch_checks import (
    PICTURES,
    RefusedError,
    Verdict,
    check_content,
    check_ending,
    ending,
    examine,
    known,
)

log = structlog.get_logger(__name__)

TOO_MANY = N_("At most {limit} files are taken at once. Send this one with the next batch.")
FULL = N_(
    "The server's disk is full, so this file was not stored. Tell your administrator, then send it again."
)
NOT_KEPT = N_(
    "The server could not store this file. Send it again; if that fails too, tell your administrator."
)


class Batch:
    """The files of one request, for one assignment. `verdicts` has one entry a file, an archive's members included.

    Texts and documents are papers; pictures are pages, and join the pile that `token` names.
    """

    def __init__(self, app: web.Application, assignment_id: int, user_id: int, token: str) -> None:
        self._database, self._storage, self._bus = app[DATABASE], app[STORAGE], app[BUS]
        self._settings = app[SETTINGS]
        self._assignment_id, self._user_id, self._token = assignment_id, user_id, token
        self._files = 0
        self.verdicts: list[Verdict] = []

    async def take(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Take one uploaded file or archive from its stream of bytes. What the stream raises passes through."""
        try:
            self._check_name(name)
            path, sha256, size = await self._storage.receive(chunks, self._settings.max_file_size)
        except ProblemError as problem:
            self._refuse(name, problem.text)
            return
        except OSError as error:
            # A broken connection is an OSError as well, but not of the disk.
            if isinstance(error, ConnectionError):
                raise
            self._failed(name, error)
            return
        try:
            found = await asyncio.to_thread(sniff_file, path) if size else None
            if found == ZIP and ".zip" in self._settings.allowed_extensions and ending(name) == ".zip":
                await self._take_archive(name, path)
            else:
                await self._take_file(name, path, sha256, size, found)
        finally:
            self._storage.drop(path)

    async def _take_file(self, name: str, path: Path, sha256: str, size: int, found: str | None) -> None:
        """Store one spooled file; its row and its job come in one transaction of their own."""
        try:
            self._count()
            check_content(name, size, found, self._settings.allowed_extensions)
            if found in PICTURES:
                verdict = await self._take_picture(name, path, sha256, size)
            else:
                verdict = await self._take_paper(name, path, sha256, size)
        except RefusedError as refused:
            self._refuse(name, refused.text)
        except (OSError, StorageError) as error:
            if isinstance(error, ConnectionError):
                raise
            self._failed(name, error)
        except IntegrityError as error:
            # The assignment was deleted while the file came in.
            raise web.HTTPNotFound from error
        else:
            self.verdicts.append(verdict)
            metrics.upload(verdict.state, size if verdict.state == "stored" else 0)

    async def _take_paper(self, name: str, path: Path, sha256: str, size: int) -> Verdict:
        async with self._kept(path, sha256) as db:
            stored = service.File(key_of(sha256), sha256, size)
            received = await service.receive(db, self._assignment_id, self._user_id, name, stored)
        if not received.new:
            return Verdict(name, "known", known(name, received.paper.file_name))
        await self._bus.publish(PaperChanged(self._assignment_id, received.paper.id))
        return Verdict(name, "stored", Text(N_("Stored.")))

    async def _take_picture(self, name: str, path: Path, sha256: str, size: int) -> Verdict:
        async with self._kept(path, sha256) as db:
            pile = await piles.join(db, self._assignment_id, self._user_id, self._token, name)
            new = await piles.add_file(db, pile, name, service.File(key_of(sha256), sha256, size))
            pile_id, empty = pile.id, not new and not await piles.progress(db, [pile.id])
            if empty:  # made for this picture alone, which is in another one already
                await piles.remove(db, pile)
        if not new:
            return Verdict(name, "known", Text(N_("This picture was here already.")))
        await self._bus.publish(PileChanged(self._assignment_id, pile_id))
        return Verdict(name, "stored", Text(N_("Stored.")), picture=True)

    @asynccontextmanager
    async def _kept(self, path: Path, sha256: str) -> AsyncIterator[AsyncSession]:
        """A transaction with the file in storage: both or neither, and not while the same content is being removed."""
        try:
            async with self._database.begin() as db:
                await files.hold(db, sha256)
                await self._storage.keep(path, sha256)
                yield db
        except BaseException:
            # The file may be there already. If the database is away it stays: better one too many than too few.
            with suppress(Exception):
                async with self._database.begin() as db:
                    files.note(db, key_of(sha256))
            raise

    async def _take_archive(self, name: str, path: Path) -> None:
        """Take an archive's members like files of their own; the archive itself is not kept."""
        folder = Path(tempfile.mkdtemp(dir=self._storage.spool))
        try:
            for entry in await self._unpack(path, folder):
                if entry.path is None:
                    self._refuse(entry.name, entry.problem or Text(NOT_KEPT))
                else:
                    await self._take_member(entry.name, entry.path)
        except ProblemError as problem:
            self._refuse(name, problem.text)
        except OSError as error:
            self._failed(name, error)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _unpack(self, path: Path, folder: Path) -> list[Extracted]:
        most = math.ceil(self._settings.max_file_size / MEGABYTE)
        limits = Limits(files=self._settings.max_files, file_megabytes=most)
        work = asyncio.create_task(asyncio.to_thread(extract, path, folder, limits))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The thread cannot be stopped, and must not write into a folder that is being removed.
            with suppress(ProblemError, OSError):
                await work
            raise

    async def _take_member(self, name: str, path: Path) -> None:
        try:
            self._check_name(name)
            size, sha256, found = await asyncio.to_thread(examine, path)
            if size > self._settings.max_file_size:
                raise RefusedError(
                    N_("The file is larger than {limit} MB. Make it smaller or split it, then try again."),
                    limit=round(self._settings.max_file_size / MEGABYTE, 1),
                )
        except ProblemError as problem:
            self._refuse(name, problem.text)
            return
        await self._take_file(name, path, sha256, size, found)

    def _count(self) -> None:
        self._files += 1
        if self._files > self._settings.max_files:
            raise RefusedError(Text(TOO_MANY, {"limit": self._settings.max_files}))

    def _check_name(self, name: str) -> None:
        """Before a byte is kept: whether there is room for one more, and files with this ending are taken."""
        if self._files >= self._settings.max_files:
            raise RefusedError(Text(TOO_MANY, {"limit": self._settings.max_files}))
        check_ending(name, self._settings.allowed_extensions)

    def _refuse(self, name: str, text: Text) -> None:
        self.verdicts.append(Verdict(name, "refused", text))
        metrics.upload("refused")

    def _failed(self, name: str, error: Exception) -> None:
        """The server's fault, not the file's."""
        log.error("upload not stored", error=type(error).__name__, reason=str(error)[:200])
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
        self.verdicts.append(Verdict(name, "refused", Text(FULL if full else NOT_KEPT), again=True))
        metrics.upload("failed")
