"""The gate before each question: may this run go on, and is this paper still ours?"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from app.db import Database
from app.grading.model import Stopped
from app.marks import claims
from app.marks.claims import Standing
from app.worker.patience import patiently

# A run's standing is looked up at most this often: a pause takes effect that soon, whatever the number of questions.
FRESH_SECONDS = 0.3
RUNS_KEPT = 64


@dataclass
class _Seen:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    at: float = 0.0
    standing: Standing = field(default_factory=lambda: Standing(False, {}))


class Gates:
    """What this process knows of its runs; shared by all papers."""

    def __init__(self, database: Database, stopping: asyncio.Event) -> None:
        self._database, self.stopping = database, stopping
        self._seen: OrderedDict[int, _Seen] = OrderedDict()

    async def standing(self, run_id: int, since: float) -> Standing:
        """How a run stands; not older than FRESH_SECONDS, nor than `since` on the monotonic clock."""
        seen = self._seen.setdefault(run_id, _Seen())
        self._seen.move_to_end(run_id)
        while len(self._seen) > RUNS_KEPT:
            self._seen.popitem(last=False)
        async with seen.lock:
            asked = time.monotonic()
            if seen.at < since or asked - seen.at > FRESH_SECONDS:
                seen.standing = await patiently(lambda: self._ask(run_id), self.stopping)
                seen.at = asked
        return seen.standing

    async def _ask(self, run_id: int) -> Standing:
        async with self._database.begin() as db:
            return await claims.standing(db, run_id)


@dataclass
class PaperGate:
    """The engine's Gate for one claimed paper. `claimed` is when it was claimed, on the monotonic clock."""

    gates: Gates
    run_id: int
    paper_id: int
    claim: int
    claimed: float

    async def check(self) -> None:
        """Return when grading may go on; raise Stopped at a pause, a cancelled run, a stop, or a lost claim."""
        if self.gates.stopping.is_set():
            raise Stopped
        standing = await self.gates.standing(self.run_id, self.claimed)
        if not standing.running or standing.claims.get(self.paper_id) != self.claim:
            raise Stopped
