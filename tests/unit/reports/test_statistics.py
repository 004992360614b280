"""Figures against Python's own statistics module and plain counting."""

from __future__ import annotations

import statistics as reference

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.reports import statistics

points = st.integers(0, 40).map(lambda n: n / 4)


@given(st.lists(points, min_size=1, max_size=60))
def test_spread(values: list[float]) -> None:
    found = statistics.spread(values)
    assert found is not None
    assert found.mean == pytest.approx(reference.fmean(values))
    assert found.median == pytest.approx(reference.median(values))
    assert found.deviation == pytest.approx(reference.pstdev(values))
    assert (found.lowest, found.highest, found.count) == (min(values), max(values), len(values))


def test_no_totals() -> None:
    assert statistics.spread([]) is None
    assert statistics.distribution([]) == [0] * 10


@given(st.lists(st.integers(0, 1000).map(lambda n: n / 1000), max_size=80))
def test_distribution(shares: list[float]) -> None:
    counts = statistics.distribution(shares)
    assert sum(counts) == len(shares)
    for place, count in enumerate(counts):
        low, high = place * 100, place * 100 + 100
        thousandths = [round(share * 1000) for share in shares]
        assert count == sum(low <= n < high or (place == 9 and n == 1000) for n in thousandths)


def test_edges_belong_to_the_upper_bin() -> None:
    assert statistics.distribution([0.3, 0.7, 3 * 0.1, 1.0, 1.0000001]) == [0, 0, 0, 2, 0, 0, 0, 1, 0, 2]


rows = st.lists(st.tuples(st.none() | points, st.none() | points), max_size=50)


@given(rows, st.integers(1, 40).map(lambda n: n / 4))
def test_items(pairs: list[tuple[float | None, float | None]], maximum: float) -> None:
    given_points = [None if p is None else min(p, maximum) for p, _ in pairs]
    totals = [t for _, t in pairs]
    found = statistics.item(given_points, maximum, totals)
    known = [p for p in given_points if p is not None]
    assert found.count == len(known)
    assert found.full == known.count(maximum)
    assert found.zero == known.count(0)
    assert (found.mean is None) == (not known)
    if known:
        assert found.mean == pytest.approx(reference.fmean(known))
        assert found.facility == pytest.approx(reference.fmean(known) / maximum)
    both = sorted(
        (t, p) for p, t in zip(given_points, totals, strict=True) if p is not None and t is not None
    )
    if len(both) < 10:
        assert found.discrimination is None
    else:
        size = round(len(both) * 0.27)
        upper = reference.fmean(p for _, p in both[-size:])
        lower = reference.fmean(p for _, p in both[:size])
        assert found.discrimination == pytest.approx((upper - lower) / maximum)
        assert -1 <= (found.discrimination or 0) <= 1


def test_a_question_without_points_divides_by_nothing() -> None:
    found = statistics.item([0.0] * 12, 0.0, [1.0] * 12)
    assert (found.facility, found.discrimination) == (None, None)
