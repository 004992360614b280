"""Limits for what cannot be broken off: a disk that hangs, a name server that is silent."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

SECONDS = 5.0
LOOKUP_SECONDS = 3.0


async def in_thread(work: Callable[[], T], seconds: float | None = None) -> T:
    """Run something that may hang on a dead disk, for `seconds` at most (None: SECONDS). Raises TimeoutError.

    The command can end without it: unlike the loop's own threads, this one is not waited for.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # None where T is

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = work()
        except Exception as raised:
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, daemon=True).start()
    async with asyncio.timeout(SECONDS if seconds is None else seconds):
        return await done


async def resolve(url: str) -> None:
    """Look an address's host up before anything connects to it. Raises socket.gaierror.

    Docker's name server passes on the name of a container that does not run, to a network that a closed container
    cannot reach: that takes half a minute, and whoever connects cannot break it off.
    """
    host = urlsplit(url).hostname
    if not host:
        return  # a socket in the file system
    try:
        await in_thread(lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM), LOOKUP_SECONDS)
    except TimeoutError:
        raise socket.gaierror(socket.EAI_AGAIN, "the name server did not answer") from None
