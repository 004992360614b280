"""A second system beside the one of a test, to bring backups back into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from tests.functional.backup_help import drop_database, elsewhere, other_database, superuser


@pytest.fixture
def target(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Another system: an empty database and no files."""
    made = elsewhere(settings, other_database(settings, "zhupi_target"), tmp_path / "target")
    yield made
    with superuser(settings) as connection:
        drop_database(connection, "zhupi_target")
