"""How every benchmark reports: a table for people, `benchmarks/out/NAME.json` for programs, limits that are said."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

OUT = Path(__file__).parent / "out"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `ratio` is value / baseline; `ok` compares what is `limited` with `limit`."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    limit: float | None = None
    limited: Literal["value", "ratio"] = "value"
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        """Value over baseline; None without one."""
        return self.value / self.baseline if self.baseline else None

    @property
    def ok(self) -> bool:
        """Whether the limit is kept; True without one."""
        measured = self.value if self.limited == "value" else self.ratio
        if self.limit is None or measured is None:
            return True
        return measured >= self.limit if self.at_least else measured <= self.limit

    def row(self) -> dict[str, object]:
        """As the JSON holds it."""
        kept = {key: value for key, value in asdict(self).items() if key not in ("limited", "at_least")}
        return {**kept, "ratio": self.ratio, "ok": self.ok}


def write(name: str, figures: list[Figure]) -> None:
    """Print the table and write the JSON list."""
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps([figure.row() for figure in figures], indent=1) + "\n")
    print(f"\n{name}")
    for figure in figures:
        base = "" if figure.baseline is None else f"baseline {figure.baseline:.4g}, ratio {figure.ratio:.3f}"
        sign = "" if figure.limit is None else f"{'>=' if figure.at_least else '<='} {figure.limit:g}"
        verdict = "" if figure.limit is None else ("ok" if figure.ok else "MISSED")
        print(f"  {figure.name:52} {figure.value:10.4g} {figure.unit:14} {base:32} {sign:10} {verdict}")


class LoopWatch:
    """Notes the longest time the event loop did not come round, in milliseconds."""

    TICK = 0.005

    def __init__(self) -> None:
        self.worst_ms = 0.0
        self._task: asyncio.Task[None] | None = None

    async def _watch(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(self.TICK)
            late = time.perf_counter() - before - self.TICK
            self.worst_ms = max(self.worst_ms, late * 1000)

    @contextmanager
    def watching(self) -> Iterator[LoopWatch]:
        """Watch for the time of the block."""
        self._task = asyncio.create_task(self._watch())
        try:
            yield self
        finally:
            self._task.cancel()
