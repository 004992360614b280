"""The beginning of what was read, as the list shows it."""

from __future__ import annotations

import pytest

from app.papers.listing import _excerpt


@pytest.mark.parametrize(
    ("text", "pages", "shown", "more"),
    [
        ("", 0, "", False),
        ("one\n\n  \ntwo  ", 1, "one\ntwo", False),
        ("one", 2, "one", True),
        ("\n".join("abcdefghijk"), 1, "\n".join("abcdefgh"), True),
        ("x" * 700, 1, "x" * 700, True),
    ],
)
def test_excerpt(text: str, pages: int, shown: str, more: bool) -> None:
    assert _excerpt(text, pages) == (shown, more)
