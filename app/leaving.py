"""How a process stops serving without dropping a request that somebody has sent.

Four gaps are closed that aiohttp's own runner (3.14) leaves:

- a connection that the kernel has accepted and we have not would be reset with the listening socket: they are taken
  first, and with nothing between the last one and the closing;
- a connection whose request is on its way would be closed as idle: those get LINGER_SECONDS to send it;
- a request whose body is still coming in would not be read on (`RequestHandler.data_received` drops what comes after
  `close`) and be cut off at the end: connections are closed only when their request is answered;
- streams would go on until all that is over: they end at once, so that their clients connect elsewhere.

A proxy that finds the socket closed has sent nothing yet and asks the next replica, even with a POST.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from aiohttp import web

# From a connection to its request: a proxy sends both at once, a browser within a round trip.
LINGER_SECONDS = 0.4
LOOK_SECONDS = 0.05
# For requests that run (an upload over a slow line); what is cut off then was not stored, and its client is told.
REQUEST_SECONDS = 20.0
CUT_SECONDS = 3.0  # and then so long to end by itself when it is cancelled


class Runner(web.AppRunner):
    """An AppRunner that leaves in the order of this module's text."""

    _told = False

    async def cleanup(self) -> None:
        """Stop serving; returns when the application has ended."""
        if self.server is not None:
            for site in list(self.sites):
                await self._close(site)
            # Now that nobody can come back to this process: streams end, and grading begins to.
            await self.shutdown()
            await asyncio.sleep(LINGER_SECONDS)
            await self._answer_the_rest()
        await super().cleanup()

    async def shutdown(self) -> None:
        """Tell the application once that it ends."""
        if not self._told:
            self._told = True
            await super().shutdown()

    async def _answer_the_rest(self) -> None:
        """Close each connection when its request is answered; those that take too long are left to aiohttp."""
        server: Any = self.server
        limit = asyncio.get_running_loop().time() + REQUEST_SECONDS
        while asyncio.get_running_loop().time() < limit:
            busy = False
            for connection in server.connections:
                if connection._request_in_progress:
                    busy = True
                else:
                    connection.close()
            if not busy:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _close(self, site: web.BaseSite) -> None:
        waiting = _take_waiting(getattr(site, "_sock", None))
        await site.stop()  # closes the socket before it first waits
        loop = asyncio.get_running_loop()
        server: Any = self.server
        for connection in waiting:
            try:
                await loop.connect_accepted_socket(server, connection)
            except OSError:  # gone meanwhile
                connection.close()


def _take_waiting(listening: socket.socket | None) -> list[socket.socket]:
    """The connections that wait in a listening socket's queue."""
    found: list[socket.socket] = []
    if listening is None or listening.fileno() < 0:
        return found
    listening.setblocking(False)
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:  # none is left, or the socket is no more
            return found
        connection.setblocking(False)
        found.append(connection)
