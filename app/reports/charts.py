"""Bars as SVG attributes, ready to be written: pages have no inline styles, and templates do not compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BAR = 36.0  # width of a bar with its gap, in the chart's own units
GAP = 6.0
HEIGHT = 120.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: where it stands, how high, what is written under and above it."""

    x: str
    y: str
    width: str
    height: str
    middle: str
    over: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars beside each other in a box of `width` x `height`; `ground` is the line they stand on."""

    bars: tuple[Bar, ...]
    width: str
    height: str
    ground: str


def bars(counts: Sequence[int], labels: Sequence[str]) -> Chart:
    """A bar for each count, the highest as high as the chart."""
    most = max(counts, default=0) or 1
    made = []
    for place, (count, label) in enumerate(zip(counts, labels, strict=True)):
        height = HEIGHT * count / most
        top = 16 + HEIGHT - height
        made.append(
            Bar(
                x=_units(place * BAR + GAP / 2),
                y=_units(top),
                width=_units(BAR - GAP),
                height=_units(height),
                middle=_units(place * BAR + BAR / 2),
                over=_units(top - 4),
                label=label,
                count=count,
            )
        )
    return Chart(tuple(made), _units(BAR * len(counts)), _units(HEIGHT + 36), _units(HEIGHT + 16))


def _units(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
