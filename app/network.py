"""How connections to PostgreSQL and Redis are made: with limits on everything that waits for the other side.

A host that is switched off or cut off says nothing: without limits whoever waits for it waits for ever, and what waits
in a pool is found dead only when it is used. Three nets, from the fastest to the surest:

- every call has a limit of its own, here or where it is made;
- a connection that has rested is tried before it is used (db.py; redis-py's health check);
- the kernel asks the other side of a resting connection, and gives up what it cannot send: TCP keepalive and
  TCP_USER_TIMEOUT, on our side, and on PostgreSQL's, so that it frees the locks of a client that is gone. Where a
  machine between the two still acknowledges, only PostgreSQL's limit of an idle transaction frees them.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from app.settings_urls import password_of, replaced_password

if TYPE_CHECKING:
    import redis.asyncio as redis

APPLICATION = "zhupi"  # as pg_stat_activity and CLIENT LIST name us
CONNECT_SECONDS = 5.0

# A peer that is gone is known after IDLE + INTERVAL * COUNT = 25 seconds, without any traffic of ours.
IDLE_SECONDS, INTERVAL_SECONDS, COUNT = 10, 5, 3
UNSENT_SECONDS = 20  # what was sent and not acknowledged for so long ends the connection
# A transaction that nobody goes on with ends after so long. Ours pause for milliseconds; one whose client was cut off
# without a word would keep the row of its run locked, and everybody else would wait for it.
ABANDONED_SECONDS = 20

# PostgreSQL does the same towards us. Over a unix socket it ignores those of TCP.
SERVER_SETTINGS = {
    "application_name": APPLICATION,
    "idle_in_transaction_session_timeout": f"{ABANDONED_SECONDS}s",
    "tcp_keepalives_idle": str(IDLE_SECONDS),
    "tcp_keepalives_interval": str(INTERVAL_SECONDS),
    "tcp_keepalives_count": str(COUNT),
    "tcp_user_timeout": str(UNSENT_SECONDS * 1000),
}
# For psycopg, by libpq's names: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
LIBPQ: dict[str, Any] = {
    "connect_timeout": int(CONNECT_SECONDS),
    "application_name": APPLICATION,
    "keepalives_idle": IDLE_SECONDS,
    "keepalives_interval": INTERVAL_SECONDS,
    "keepalives_count": COUNT,
    "tcp_user_timeout": UNSENT_SECONDS * 1000,
}

# Redis answers in less than a millisecond. A page makes two or three calls: together they must stay below what a
# person, and nginx, waits for.
REDIS_SECONDS, REDIS_CONNECT_SECONDS = 3.0, 2.0
REDIS_CONNECTIONS = 50  # of one client; who finds all of them taken waits for one
REDIS_REST_SECONDS = 20  # a connection that rested so long is tried before it is used


# A password that is refused may just have been rotated: the database has the new one, and its file gets it now.
ROTATION_SECONDS, LOOK_SECONDS = 3.0, 0.1
PASSWORD_FILE = "DATABASE_PASSWORD_FILE"  # noqa: S105 - the variable's name
_rotated: dict[str, str] = {}  # addresses by those that were given, where the password is another one by now


async def postgres(url: str, command_seconds: float) -> asyncpg.Connection:
    """A connection whose statements take at most `command_seconds` each. Raises what asyncpg raises, OSError.

    Where the password comes from a file, a changed file is read: a rotation needs no restart to be survived.
    """
    limits: dict[str, Any] = {
        "timeout": CONNECT_SECONDS,
        "command_timeout": command_seconds,
        "server_settings": SERVER_SETTINGS,
    }
    known = _rotated.get(url, url)
    try:
        connection = await asyncpg.connect(known, **limits)
    except asyncpg.InvalidPasswordError:
        fresh = await _changed(known)
        if fresh is None:
            raise
        connection = await asyncpg.connect(fresh, **limits)
        _rotated[url] = fresh
    watch(connection._transport.get_extra_info("socket"))
    return connection


async def _changed(url: str) -> str | None:
    """The address with the password that its file holds, as soon as that is another one; None after a while."""
    limit = asyncio.get_running_loop().time() + ROTATION_SECONDS
    while (password := _password_in_file()) is not None:
        if password and password != password_of(url):
            return replaced_password(url, password)
        if asyncio.get_running_loop().time() > limit:
            return None
        await asyncio.sleep(LOOK_SECONDS)
    return None


def following(url: str) -> Callable[[], str]:
    """An address for pools that ask for it anew: with the password of its file, if it had that one to begin with."""
    if _password_in_file() != password_of(url):
        return lambda: url
    return lambda: replaced_password(url, _password_in_file() or password_of(url))


def _password_in_file() -> str | None:
    """What DATABASE_PASSWORD_FILE holds now; None without one."""
    name = os.environ.get(PASSWORD_FILE)
    if not name:
        return None
    try:
        return Path(name).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None


def watch(connected: socket.socket | None) -> None:
    """Have the kernel notice when a TCP connection's other side is gone. Other kinds of sockets are left alone."""
    if connected is None or connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", IDLE_SECONDS),
        ("TCP_KEEPINTVL", INTERVAL_SECONDS),
        ("TCP_KEEPCNT", COUNT),
        ("TCP_USER_TIMEOUT", UNSENT_SECONDS * 1000),
    ):
        if hasattr(socket, name):  # not every system has them all
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def redis_client(url: str, *, blocking_seconds: float = 0.0, tries: int = 2) -> redis.Redis:
    """A client of Redis with a pool of its own; nothing is connected yet.

    `blocking_seconds` is the longest time that its commands let the server wait (XREAD's BLOCK). A command on a
    connection that turns out to be dead is tried again on a new one: of `tries` tries each takes REDIS_SECONDS at most.
    """
    import redis.asyncio as redis
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialWithJitterBackoff

    return redis.Redis.from_pool(
        redis.BlockingConnectionPool.from_url(
            url,
            max_connections=REDIS_CONNECTIONS,
            timeout=REDIS_SECONDS,
            socket_timeout=blocking_seconds + REDIS_SECONDS,
            socket_connect_timeout=REDIS_CONNECT_SECONDS,
            health_check_interval=REDIS_REST_SECONDS,
            retry=Retry(ExponentialWithJitterBackoff(cap=0.2, base=0.02), tries - 1),
            client_name=APPLICATION,
        )
    )
