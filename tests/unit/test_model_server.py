"""The stub model server counts what was paid for, and which of it twice."""

from __future__ import annotations

import json
import time
import urllib.request

from tests.stubs.processes import IN_FLIGHT_SECONDS, ModelServer


def ask(server: ModelServer, words: str) -> None:
    """One call, whatever the answer."""
    body = {"model": "stub", "messages": [{"role": "user", "content": words}]}
    request = urllib.request.Request(
        f"{server.url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        response.read()


def test_what_a_kill_excuses() -> None:
    """One call that was answered as the asker died; not a second one, a third answer, or one long answered."""
    with ModelServer() as server:
        for words in ("a", "b", "c", "c", "d", "d", "d"):
            ask(server, words)
        now = time.time()
        again = server.paid_again()
        assert len(again) == 2
        assert len(server.paid_again([now])) == 1
        assert server.paid_again([now + 2 * IN_FLIGHT_SECONDS]) == again
        ask(server, "a")
        assert len(server.paid_again([now], at_once=1)) == 2
        assert len(server.paid_again([now], at_once=2)) == 1
        assert len(server.paid_again([now, now])) == 1
