"""Figures about a class's marks. Plain Python on plain values: a class is small, and a page must be quick."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BINS = 10  # of the distribution, each a tenth of the maximum
# The upper and lower group that discrimination compares: T. L. Kelley, "The selection of upper and lower groups for
# the validation of test items", Journal of Educational Psychology 30 (1939).
GROUP_SHARE = 0.27
FEWEST_FOR_DISCRIMINATION = 10


@dataclass(frozen=True, slots=True)
class Spread:
    """Totals at a glance: how many, mean, median, standard deviation (of these papers), lowest, highest."""

    count: int
    mean: float
    median: float
    deviation: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Item:
    """One question over the class.

    `count` answers have points; `mean` of them in points; `facility` is mean / maximum (the coefficient that Chinese
    schools call 难度: the higher, the easier); `full` and `zero` count answers with all and no points;
    `discrimination` is how much better the upper group did than the lower, as a share of the maximum.
    """

    count: int
    mean: float | None
    facility: float | None
    full: int
    zero: int
    discrimination: float | None


def spread(values: Sequence[float]) -> Spread | None:
    """The spread of some totals; None for none."""
    if not values:
        return None
    ordered = sorted(values)
    count = len(ordered)
    mean = math.fsum(ordered) / count
    middle = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in ordered) / count)
    return Spread(count, mean, middle, deviation, ordered[0], ordered[-1])


def distribution(shares: Iterable[float]) -> list[int]:
    """How many shares (0..1) fall into each of BINS equal bins; a bin has its lower edge, the last has both."""
    counts = [0] * BINS
    for share in shares:
        counts[max(0, min(BINS - 1, math.floor(round(share * BINS, 9))))] += 1
    return counts


def item(points: Sequence[float | None], maximum: float, totals: Sequence[float | None]) -> Item:
    """One question: each paper's points for it beside the paper's total; None where there is none yet."""
    given = [value for value in points if value is not None]
    mean = math.fsum(given) / len(given) if given else None
    return Item(
        count=len(given),
        mean=mean,
        facility=mean / maximum if mean is not None and maximum > 0 else None,
        full=sum(value >= maximum - 1e-9 for value in given),
        zero=sum(value <= 1e-9 for value in given),
        discrimination=discrimination(points, maximum, totals),
    )


def discrimination(
    points: Sequence[float | None], maximum: float, totals: Sequence[float | None]
) -> float | None:
    """(mean of the upper group - mean of the lower) / maximum, the groups by total; None for too few papers."""
    pairs = sorted(
        (total, value)
        for value, total in zip(points, totals, strict=True)
        if total is not None and value is not None
    )
    if len(pairs) < FEWEST_FOR_DISCRIMINATION or maximum <= 0:
        return None
    size = max(1, round(len(pairs) * GROUP_SHARE))
    lower = math.fsum(value for _, value in pairs[:size])
    upper = math.fsum(value for _, value in pairs[-size:])
    return (upper - lower) / size / maximum
