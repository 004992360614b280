"""How values are written in pages."""

from __future__ import annotations

import pytest

from app.web import formats


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (412, "412 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (30_400, "30 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (2_500_000, "2.5 MB"),
    ],
)
def test_sizes(value: int, shown: str) -> None:
    assert formats.size(value) == shown
