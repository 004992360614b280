"""Uploads in S3: read from there while it is saved, and written there when it is restored."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from app.i18n import ProblemError
from app.settings import Settings
from app.upkeep.backups.stored import AHEAD
from tests.conftest import World
from tests.functional.backup_help import (
    back_up,
    bring_back,
    rows_of,
    stored_files,
    with_files,
)
from tests.stubs.s3_server import S3Server

CONTENTS = (b"one", b"two" * 300_000, b"")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with S3Server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


async def test_from_s3_to_a_folder_and_back(
    s3: S3Server, settings: Settings, world: World, target: Settings
) -> None:
    cloud = settings.model_copy(update={"upload_dir": "s3://marks/school"})
    keys = await with_files(cloud, world.klass, CONTENTS)
    assert set(s3.objects) == {f"marks/school/{key}" for key in keys}
    made = await back_up(cloud)
    assert made.lost == 0 and made.manifest["uploads"]["count"] == len(CONTENTS)
    await bring_back(target, made.path)
    assert stored_files(target) == dict(zip(keys, CONTENTS, strict=True))
    assert rows_of(target) == rows_of(cloud)

    s3.objects.clear()
    s3.objects[f"marks/school/{keys[0]}"] = CONTENTS[0]
    again = await bring_back(
        target.model_copy(update={"upload_dir": "s3://marks/school"}), made.path, into_live=True
    )
    assert (again.written, again.present) == (2, 1)
    assert s3.objects == {f"marks/school/{key}": one for key, one in zip(keys, CONTENTS, strict=True)}


async def test_the_next_files_are_asked_for_meanwhile(
    s3: S3Server, settings: Settings, world: World, target: Settings
) -> None:
    """An S3 takes its time before the first byte; its files are still saved in order, each with its own bytes."""
    cloud = settings.model_copy(update={"upload_dir": "s3://marks"})
    contents = [bytes([number]) * (number * 1000) for number in range(40)]
    keys = await with_files(cloud, world.klass, contents)
    del s3.objects[f"marks/{keys[7]}"]
    s3.latency = 0.05
    made = await back_up(cloud)
    s3.latency = 0.0
    assert 1 < s3.most_at_once <= AHEAD
    assert made.manifest["uploads"]["missing"] == {"count": 1, "keys": [keys[7]]}
    await bring_back(target, made.path)
    assert stored_files(target) == {
        key: one for key, one in zip(keys, contents, strict=True) if key != keys[7]
    }


async def test_a_missing_object_is_named(s3: S3Server, settings: Settings, world: World) -> None:
    cloud = settings.model_copy(update={"upload_dir": "s3://marks"})
    one, *_ = await with_files(cloud, world.klass, CONTENTS)
    del s3.objects[f"marks/{one}"]
    made = await back_up(cloud)
    assert made.manifest["uploads"]["missing"] == {"count": 1, "keys": [one]}


async def test_an_s3_that_refuses_is_no_missing_file(
    s3: S3Server, settings: Settings, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A backup without any file, because the key to the storage was wrong, would be no backup."""
    cloud = settings.model_copy(update={"upload_dir": "s3://marks"})
    await with_files(cloud, world.klass, CONTENTS)
    s3.down = True
    with (
        caplog.at_level("WARNING"),
        pytest.raises(ProblemError, match="storage of the uploads does not answer"),
    ):
        await back_up(cloud)
    assert list(cloud.backups.iterdir()) == []
    gc.collect()
    assert "never retrieved" not in caplog.text
