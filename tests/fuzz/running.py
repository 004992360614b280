"""Runs damaged files through the readers in processes of their own, each under a timer."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
CASE_SECONDS = 20.0  # the readers' own limit (app.intake.limits.Limits.seconds)
START_SECONDS = 60.0


@dataclass
class Outcome:
    """What came of the cases of one reader: how often what, the failures by number, the slowest case in seconds."""

    reader: str
    seed: int
    cases: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    came: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)


def run(reader: str, seed: int, count: int, case_seconds: float = CASE_SECONDS) -> Outcome:
    """Try `count` cases of a reader. A process that dies or hangs is one failure; the next goes on behind it."""
    outcome = Outcome(reader, seed)
    began = time.monotonic()
    while outcome.cases < count:
        _process(outcome, count, case_seconds)
    outcome.seconds = time.monotonic() - began
    return outcome


def _process(outcome: Outcome, count: int, case_seconds: float) -> None:
    """One process, until it is done, dead or killed."""
    command = [sys.executable, "-m", "tests.fuzz.worker", outcome.reader, str(outcome.seed)]
    child = subprocess.Popen(
        [*command, str(outcome.cases), str(count - outcome.cases)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    lines = _Lines(child.stdout.fileno())
    open_case: int | None = None
    since = time.monotonic()
    try:
        while (line := lines.next(case_seconds if open_case is not None else START_SECONDS)) is not None:
            said = json.loads(line)
            if "case" in said:
                open_case, since = int(said["case"]), time.monotonic()
                continue
            assert open_case is not None
            outcome.slowest = max(outcome.slowest, time.monotonic() - since)
            if "failed" in said:
                outcome.failures[open_case] = said["failed"]
            else:
                outcome.came[said["came"]] += 1
            outcome.cases, open_case = open_case + 1, None
    except TimeoutError:
        child.kill()
        child.wait()
        outcome.failures[outcome.cases] = f"no answer within {case_seconds:g} seconds"
        outcome.cases += 1
        return
    finally:
        child.stdout.close()
    code = child.wait()
    if open_case is not None or code:
        died = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        outcome.failures[outcome.cases] = f"the process died: {died}"
        outcome.cases += 1


class _Lines:
    """The lines of a pipe, each waited for no longer than it may take."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._rest = descriptor, b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(descriptor, selectors.EVENT_READ)

    def next(self, seconds: float) -> str | None:
        """The next line; None at the end. Raises TimeoutError."""
        while b"\n" not in self._rest:
            if not self._selector.select(seconds):
                raise TimeoutError
            if not (piece := os.read(self._descriptor, 65536)):
                return None
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()
