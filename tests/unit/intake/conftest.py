"""What tests of readers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.intake.inspection import recognises
from app.intake.opened import forget


@pytest.fixture(autouse=True, scope="session")
def _nothing_left_open() -> Iterator[None]:
    """pdfium complains about a file that is open when the process ends."""
    yield
    forget()


@pytest.fixture
def without_recognition(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where the extra `ocr` is not installed."""
    monkeypatch.setattr("app.intake.inspection.find_spec", lambda name: None)
    recognises.cache_clear()
    forget()
    yield
    recognises.cache_clear()
    forget()
