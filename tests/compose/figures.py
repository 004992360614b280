"""What the drills measured: a table at the end of the run, JSON in tests/compose/out/ for programs."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.report import Figure

OUT = Path(__file__).parent / "out"


class Figures:
    """The figures of one run of the drills, in the order of their measuring."""

    def __init__(self) -> None:
        self.kept: list[Figure] = []

    def note(
        self, name: str, value: float, unit: str, limit: float | None = None, at_least: bool = False
    ) -> None:
        """Keep a value; AssertionError, after keeping it, when it misses its limit."""
        figure = Figure(name, round(float(value), 3), unit, limit=limit, at_least=at_least)
        self.kept.append(figure)
        print(line(figure))
        assert figure.ok, line(figure)

    def write(self) -> None:
        """Write the JSON; figures of drills that were not part of this run stay as they were."""
        OUT.mkdir(exist_ok=True)
        path = OUT / "figures.json"
        rows = {row["name"]: row for row in json.loads(path.read_text())} if path.exists() else {}
        rows.update({figure.name: figure.row() for figure in self.kept})
        path.write_text(json.dumps(list(rows.values()), indent=1, ensure_ascii=False) + "\n")


def line(figure: Figure) -> str:
    """A figure as one line of the table."""
    sign = "" if figure.limit is None else f"{'>=' if figure.at_least else '<='} {figure.limit:g}"
    verdict = "" if figure.limit is None else ("ok" if figure.ok else "MISSED")
    return f"{figure.name:64} {figure.value:10.4g} {figure.unit:10} {sign:10} {verdict}".rstrip()
