"""A server that is told to stop answers everybody who reached it; others are refused before they could send."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ops.test_serve import Server, free_port

pytestmark = pytest.mark.ops

CLIENTS = 12
BODY = b"language=zh&next=%2Fsign-in"
POST = (
    b"POST /language HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(BODY)
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that is killed at the end, whatever happened."""
    made = Server(tmp_path / "var", free_port())
    # Somebody has to read what it logs: a full pipe would hold it.
    reading = threading.Thread(target=lambda: list(made.process.stderr or ()), daemon=True)
    reading.start()
    made.ready()
    yield made
    made.process.kill()
    made.process.wait()


async def post(port: int, pause: float = 0.0) -> str:
    """One form over a connection of its own: "refused", "303", or how it was lost."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return "refused"
    try:
        writer.write(POST + (BODY if not pause else BODY[:5]))
        if pause:
            await writer.drain()
            await asyncio.sleep(pause)
            writer.write(BODY[5:])
        answer = await reader.read()
    except OSError as error:
        return f"lost: {type(error).__name__}"
    finally:
        writer.close()
    return answer[9:12].decode() if answer.endswith(b"\r\n\r\n") or answer else "lost: empty"


async def test_nobody_who_got_through_is_dropped(server: Server) -> None:
    found: Counter[str] = Counter()

    async def client() -> None:
        while (said := await post(server.port)) != "refused":
            found[said] += 1

    clients = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    slow = [asyncio.create_task(post(server.port, pause=2.5)) for _ in range(3)]
    await asyncio.sleep(1)
    server.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*clients)
    assert set(found) == {"303"}, found
    assert found["303"] > 100
    # Forms that were on their way for long are waited for.
    assert await asyncio.gather(*slow) == ["303"] * 3
    assert await asyncio.to_thread(server.process.wait, 30) == 0


async def test_a_silent_connection_does_not_hold_the_stop(server: Server) -> None:
    """Neither one that never sends a request nor one that was kept for the next."""
    _, silent = await asyncio.open_connection("127.0.0.1", server.port)
    reader, kept = await asyncio.open_connection("127.0.0.1", server.port)
    kept.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"200" in await reader.readline()
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(server.process.wait, 30) == 0
    assert time.monotonic() - began < 8
    silent.close()
    kept.close()
