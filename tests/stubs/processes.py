"""Stub servers as processes of their own, started and stopped by tests."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

MODEL_SERVER = Path(__file__).parent / "model_server.py"
PROMPT_ANSWER_SECONDS = 10.0
# An answer given so short before a process was killed, or while it was dying, may have died with it unread.
IN_FLIGHT_SECONDS = 0.5


class ModelServer:
    """The stub model server as a context manager: `with ModelServer() as server: ... server.url`.

    `mode` and `latency` (seconds) are those it starts with. The methods block for a millisecond or two: they
    are for tests, also from inside an event loop.
    """

    def __init__(self, mode: str = "ok", latency: float = 0.0, port: int = 0) -> None:
        self._arguments = ["--mode", mode, "--latency", str(latency), "--port", str(port)]
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> ModelServer:
        """Start the process and wait until it listens; RuntimeError when it does not come up."""
        command = [sys.executable, str(MODEL_SERVER), *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("listening on "):
            self.stop()
            raise RuntimeError(f"the stub model server did not start: {line!r}")
        self.url = line.removeprefix("listening on ").strip()
        return self

    def stop(self) -> None:
        """End the process; nothing happens when it is not running."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(PROMPT_ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def control(self, **wanted: Any) -> dict[str, Any]:
        """Change mode, once, latency, retry_after, slow_seconds, or reset=True; the counters after it."""
        return self._ask(json.dumps(wanted).encode())

    def counters(self) -> dict[str, Any]:
        """calls, answered, by_key, by_status, in_flight, in_flight_max, bodies and headers (the last 500)."""
        return self._ask(None)

    def paid_again(self, kills: Sequence[float] = (), at_once: int = 1) -> list[str]:
        """The digests of calls that were answered more than once without need.

        Each of `kills` (seconds since 1970, when a process that asks was killed) excuses at most `at_once` calls,
        whose first answer came less than IN_FLIGHT_SECONDS from it: nobody can keep what it had no time to read.
        """
        counters = self.counters()
        again = [key for key, count in counters["by_key"].items() if count > 1]
        for kill in kills:
            answered = counters["first_answered"]
            unread = [
                key
                for key in again
                if abs(answered[key] - kill) < IN_FLIGHT_SECONDS and counters["by_key"][key] == 2
            ]
            again = [key for key in again if key not in unread[:at_once]]
        return again

    def _ask(self, data: bytes | None) -> dict[str, Any]:
        address = self.url.removesuffix("/v1") + "/control"
        request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
        # No proxy from the environment: the server is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PROMPT_ANSWER_SECONDS) as response:
            answer: dict[str, Any] = json.load(response)
        return answer

    def __enter__(self) -> ModelServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
