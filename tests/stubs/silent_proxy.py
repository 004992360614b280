"""A TCP proxy that can go silent: connections stay open and nothing passes any more, as when a cable is pulled.

What the kernel would acknowledge it still acknowledges, which makes it the hardest kind of silence: keepalive finds
nothing, only limits do.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit


class SilentProxy:
    """Listens on a port of this machine and passes everything on to a unix socket, or to another port.

    Use it as `async with`.
    """

    def __init__(self, target: Path | int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._refusing = False
        self.accepted = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        self._passing.set()
        self._server = await asyncio.start_server(self._start, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def go_silent(self) -> None:
        """From now on nothing passes, neither on the open connections nor on new ones."""
        self._passing = asyncio.Event()

    def cut(self) -> None:
        """From now on every connection breaks: those that are open at once, new ones when they are made."""
        self.go_silent()
        self._refusing = True
        for link in self._links:
            link.cancel()

    def heal(self) -> None:
        """New connections pass; those that were open when it went silent never will."""
        self._refusing = False
        self._passing.set()
        self._passing = asyncio.Event()
        self._passing.set()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        passing = self._passing
        if self._refusing:
            writer.close()
            return
        if not passing.is_set():  # accepted by the kernel of a host behind which nobody answers
            await asyncio.Event().wait()
        if isinstance(self._target, int):
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        else:
            there, back = await asyncio.open_unix_connection(str(self._target))
        try:
            await asyncio.gather(
                self._pump(reader, back, passing),
                self._pump(there, writer, passing),
            )
        finally:
            back.close()
            writer.close()

    def _start(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A plain function, so that asyncio does not complain of links that are cancelled at the end.
        task = asyncio.ensure_future(self._link(reader, writer))
        self._links.add(task)

    async def _pump(
        self, source: asyncio.StreamReader, drain: asyncio.StreamWriter, passing: asyncio.Event
    ) -> None:
        while data := await source.read(65536):
            if self._passing is not passing:
                await asyncio.Event().wait()  # swallowed, for good
            drain.write(data)
            await drain.drain()
        drain.close()


def socket_of_postgres(url: str) -> Path:
    """The unix socket of a PostgreSQL URL with `?host=/folder&port=`."""
    query = parse_qs(urlsplit(url).query)
    return Path(query["host"][0]) / f".s.PGSQL.{query.get('port', ['5432'])[0]}"


def postgres_through(url: str, port: int) -> str:
    """The same database behind a proxy's port."""
    parts = urlsplit(url)
    return f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"


def socket_of_redis(url: str) -> Path:
    """The unix socket of a Redis URL `unix:///path`."""
    return Path(urlsplit(url).path)
