"""Where uploaded files lie: a local folder or S3, through one API (obstore). Files are named by content hash."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

from app import settings_sources
from app.i18n import N_, ProblemError

# Nothing is spooled for so long: what is older was left by a process that was killed.
SPOOL_SECONDS = 24 * 3600
# obstore's own (twelve parts of 5 MB at once, pieces of 10 MB) hold 200 MB of a 200 MB file in memory; these 20.
PARTS_AT_ONCE = 1
CHUNK = 256 * 1024
LISTED = 1000  # entries of the storage's list at once, as many as S3 gives


class FolderError(ProblemError):
    """The folder for uploads or the one for half-uploaded files cannot be used."""


class TooLargeError(ProblemError):
    """An upload passed the size limit while it streamed in."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in storage: its key, its SHA-256 in hex, its size in bytes."""

    key: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What the storage's own list says of a file: its key, size in bytes, when it was written last."""

    key: str
    size: int
    modified: datetime


def key_of(sha256: str) -> str:
    """The key under which content lies, by its SHA-256 in hex."""
    return f"{sha256[:2]}/{sha256}"


class Storage:
    """Keeps files by content: storing the same bytes twice keeps one object.

    `location` is a folder or an s3:// URL. An upload is first spooled to `spool`, a private local folder, so that a
    broken upload leaves nothing in storage. What a killed process left there is removed after a day. Raises
    FolderError for a folder that cannot be used.
    """

    def __init__(self, location: str, spool: Path) -> None:
        self._store: ObjectStore
        if "://" in location:
            # The rest of what it needs (region, endpoint) it finds in the environment under AWS's own names.
            given = settings_sources.given(("aws_access_key_id", "aws_secret_access_key"), os.environ)
            keys: Any = given.values
            self._store = from_url(location, **keys)
        else:
            _make("UPLOAD_DIR", Path(location))
            self._store = LocalStore(prefix=location)
        _make("VAR_DIR", spool)
        self.spool = spool
        _drop_old(spool)

    async def receive(self, chunks: AsyncIterator[bytes], limit: int) -> tuple[Path, str, int]:
        """Spool a stream of bytes; returns (path, sha256, size). Raises TooLargeError past `limit` bytes.

        The caller owns the file: `keep` moves it into storage, `drop` removes it.
        """
        handle, name = tempfile.mkstemp(dir=self.spool)
        path, digest, size = Path(name), hashlib.sha256(), 0
        try:
            with os.fdopen(handle, "wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > limit:
                        raise TooLargeError(
                            N_(
                                "The file is larger than {limit} MB. Make it smaller or split it, then try again."
                            ),
                            limit=round(limit / 2**20, 1),
                        )
                    digest.update(chunk)
                    # Disk writes can stall for long on a full or slow disk; the loop must not.
                    await asyncio.to_thread(file.write, chunk)
        except BaseException:
            self.drop(path)
            raise
        return path, digest.hexdigest(), size

    async def keep(self, path: Path, sha256: str) -> Stored:
        """Store a spooled file under its content hash and remove it from the spool."""
        key = key_of(sha256)
        size = await asyncio.to_thread(lambda: path.stat().st_size)
        await obstore.put_async(self._store, key, path, max_concurrency=PARTS_AT_ONCE)
        self.drop(path)
        return Stored(key, sha256, size)

    async def put(self, data: bytes) -> Stored:
        """Store bytes that are in memory already (a page's picture)."""
        sha256 = hashlib.sha256(data).hexdigest()
        await obstore.put_async(self._store, key_of(sha256), data, max_concurrency=PARTS_AT_ONCE)
        return Stored(key_of(sha256), sha256, len(data))

    @asynccontextmanager
    async def local(self, key: str) -> AsyncIterator[Path]:
        """A stored file as a local path for the time of the block; raises FileNotFoundError when it is gone."""
        handle, name = tempfile.mkstemp(dir=self.spool)
        path = Path(name)
        try:
            result = await obstore.get_async(self._store, key)
            with os.fdopen(handle, "wb") as file:
                async for chunk in result.stream(min_chunk_size=CHUNK):
                    await asyncio.to_thread(file.write, bytes(chunk))
            yield path
        finally:
            self.drop(path)

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The bytes of a stored file, in pieces."""
        _, chunks = await self.opened(key)
        async for chunk in chunks:
            yield chunk

    async def opened(self, key: str) -> tuple[int, AsyncIterator[bytes]]:
        """A stored file's size in bytes and its bytes in pieces; raises FileNotFoundError when it is gone."""
        result = await obstore.get_async(self._store, key)

        async def chunks() -> AsyncIterator[bytes]:
            async for chunk in result.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

        return int(result.meta["size"]), chunks()

    async def entries(self) -> AsyncIterator[Entry]:
        """Every stored file, in no order; one that comes or goes meanwhile may be missing or in it."""
        async for batch in obstore.list(self._store, chunk_size=LISTED):
            for found in batch:
                yield Entry(str(found["path"]), int(found["size"]), found["last_modified"])

    async def delete(self, key: str) -> None:
        """Remove a stored file; a missing one is fine. Whether anybody still needs it is the caller's to know."""
        with suppress(FileNotFoundError):
            await obstore.delete_async(self._store, key)

    async def probe(self) -> None:
        """Write a few bytes under a name of their own, read them back, remove them.

        Raises OSError, or obstore's BaseError, when the storage does not do so.
        """
        key, content = f"probe-{secrets.token_hex(8)}", secrets.token_bytes(16)
        try:
            await obstore.put_async(self._store, key, content)
            result = await obstore.get_async(self._store, key)
            if bytes(await result.bytes_async()) != content:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        finally:
            await self.delete(key)

    @staticmethod
    def drop(path: Path) -> None:
        """Remove a spooled file; a missing one is fine."""
        with suppress(FileNotFoundError):
            path.unlink()


def _make(setting: str, folder: Path) -> None:
    """Make a folder where there is none, and see that files may be made in it.

    Nothing is written: with a full disk the server still serves what is there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise FolderError(
            "The folder {path} ({setting}) cannot be used: {why}. Look at its owner, its rights and its disk.",
            path=str(folder),
            setting=setting,
            why=error.strerror or str(error),
        ) from None


def _drop_old(spool: Path) -> None:
    """Remove what has lain in the spool for longer than SPOOL_SECONDS; several processes may do so at once."""
    limit = time.time() - SPOOL_SECONDS
    for path in spool.iterdir():
        with suppress(OSError):
            if path.lstat().st_mtime > limit:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
