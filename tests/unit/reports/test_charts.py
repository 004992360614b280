"""Bars: heights in proportion, within their box."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.reports import charts, table


@given(st.lists(st.integers(0, 500), min_size=1, max_size=12))
def test_bars(counts: list[int]) -> None:
    made = charts.bars(counts, [str(n) for n in range(len(counts))])
    heights = [float(bar.height) for bar in made.bars]
    assert max(heights) <= charts.HEIGHT
    for count, height, bar in zip(counts, heights, made.bars, strict=True):
        assert abs(height - charts.HEIGHT * count / (max(counts) or 1)) <= 0.051
        assert abs(float(bar.y) + height - float(made.ground)) <= 0.11
        assert float(bar.x) + float(bar.width) <= float(made.width)


def test_no_bars() -> None:
    assert charts.bars([], []).bars == ()


def test_labels_and_figures() -> None:
    labels = table.bin_labels()
    assert (labels[0], labels[-1], len(labels)) == ("0–9", "90–100", 10)
    assert [table.figure(value) for value in (None, 3.0, 2.5, 10.0, 0.0)] == ["–", "3", "2.5", "10", "0"]
