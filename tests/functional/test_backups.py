"""Backups of a real system: what comes back is what was there, and a moment of it, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pyrage
import pytest
import redis.asyncio as redis
from aiohttp.test_utils import TestClient, TestServer
from openpyxl import load_workbook
from psycopg.errors import LockNotAvailable
from sqlalchemy import select

from app.accounts.models import User
from app.audit.models import Action, AuditEntry
from app.db import Database
from app.i18n import ProblemError
from app.keys import DATABASE
from app.main import create_app
from app.papers import files
from app.papers.models import DroppedFile, Paper
from app.settings import Settings
from app.storage import Storage
from app.upkeep.backups import making, rotation, sealing
from app.upkeep.backups.sealing import Keys
from app.upkeep.backups.snapshot import BackupError
from app.web import dropped_files
from tests import factories
from tests.conftest import Client, World
from tests.functional.backup_help import (
    back_up,
    bring_back,
    check,
    elsewhere,
    keys_in,
    rows_of,
    sha256,
    stored_files,
    superuser,
    with_files,
)
from tests.functional.pages_help import page_with_files
from tests.functional.papers_help import SCHEME, htmx_form, make_work
from tests.functional.review_help import make_graded

SignIn = Callable[[User | None], Awaitable[Client]]
CONTENTS = (b"one", b"two" * 200_000, b"", "三 个".encode())


async def exports(server: TestServer, user: User, assignment: int) -> tuple[bytes, list[Any]]:
    """The results as CSV bytes, and the cells of the XLSX."""
    async with TestClient(server) as client:
        form = {"username": user.username, "password": factories.PASSWORD}
        assert (await client.post("/sign-in", data=form, allow_redirects=False)).status == 303
        csv = await (await client.get(f"/assignments/{assignment}/results.csv")).read()
        xlsx = await (await client.get(f"/assignments/{assignment}/results.xlsx")).read()
    book = load_workbook(io.BytesIO(xlsx))
    return csv, [[cell.value for cell in row] for sheet in book for row in sheet.iter_rows()]


async def test_what_comes_back_is_what_was_there(
    server: TestServer, database: Database, settings: Settings, world: World, target: Settings
) -> None:
    """Another, empty system: rows, files, and the exports to the byte."""
    graded = await make_graded(database, world)
    await with_files(settings, world.klass, CONTENTS)
    before, rows = await exports(server, world.alice, graded.assignment.id), rows_of(settings)

    made = await back_up(settings)
    assert made.lost == 2 and made.manifest["uploads"]["count"] == len(
        CONTENTS
    )  # the factory's papers have no files
    restored = await bring_back(target, made.path)

    assert (restored.written, restored.present, restored.damaged) == (len(CONTENTS), 0, 0)
    assert rows_of(target) == rows
    assert stored_files(target) == stored_files(settings)
    other = TestServer(create_app(target, grading=False))
    async with other:
        after = await exports(other, world.alice, graded.assignment.id)
        assert after == before
        # What is made from now on gets numbers of its own.
        async with other.app[DATABASE].begin() as db:
            made_there = await factories.klass(db, await db.merge(world.alice), name="9A")
            assert made_there.id > world.klass.id


async def test_files_of_pages_and_of_what_left_come_back(
    settings: Settings, db: Database, world: World, target: Settings
) -> None:
    storage = Storage(settings.uploads, settings.var_dir / "spool")
    async with db.begin() as session:
        assignment = await factories.assignment(session, await session.merge(world.klass), SCHEME)
        _, keys = await page_with_files(session, storage, await factories.paper(session, assignment))
    made = await back_up(settings)
    assert made.manifest["uploads"]["count"] == len(keys) == 4
    await bring_back(target, made.path)
    assert stored_files(target).keys() == set(keys)
    assert stored_files(target) == stored_files(settings)


async def test_a_database_from_before_pages_is_backed_up(settings: Settings, world: World) -> None:
    """The backup before an update is made by the new version from the old one's tables."""
    await with_files(settings, world.klass, (b"one",))
    with psycopg.connect(settings.postgres_url) as held:
        held.execute("alter table sent_images rename to sent_images_later")
        held.execute("alter table paper_pages rename column thumb_key to thumb_key_later")
        held.commit()
        try:
            made = await back_up(settings)
        finally:
            held.execute("alter table sent_images_later rename to sent_images")
            held.execute("alter table paper_pages rename column thumb_key_later to thumb_key")
            held.commit()
    assert made.manifest["uploads"]["count"] == 1


async def test_twice_is_once(settings: Settings, world: World, target: Settings) -> None:
    await with_files(settings, world.klass, CONTENTS)
    made = await back_up(settings)
    await bring_back(target, made.path)
    Path(target.uploads, *(sha256(b"one")[:2], sha256(b"one"))).write_bytes(b"eno")  # damaged since
    again = await bring_back(target, made.path, into_live=True)
    assert (again.written, again.present) == (1, len(CONTENTS) - 1)
    assert rows_of(target) == rows_of(settings) and stored_files(target) == stored_files(settings)


@pytest.mark.parametrize("how", ["key", "passphrase"])
async def test_encrypted(settings: Settings, world: World, target: Settings, how: str) -> None:
    [key] = await with_files(settings, world.klass, [b"the red ink of the teacher"])
    identity = pyrage.x25519.Identity.generate()
    if how == "key":
        seal, keys = sealing.for_recipients([str(identity.to_public())]), Keys((identity,))
    else:
        seal, keys = (
            sealing.for_passphrase("correct horse battery"),
            Keys((), lambda: "correct horse battery"),
        )
    made = await back_up(settings, seal)
    assert made.path.name.endswith(".tar.age") and b"red ink" not in made.path.read_bytes()
    await bring_back(target, made.path, keys)
    assert stored_files(target) == {key: b"the red ink of the teacher"}
    with pytest.raises(ProblemError, match="encrypted"):
        await bring_back(target, made.path, into_live=True)


async def test_both_are_in_the_audit(settings: Settings, world: World, target: Settings) -> None:
    made = await back_up(settings)
    await bring_back(target, made.path)
    for system, action in ((settings, Action.BACKUP_MADE), (target, Action.BACKUP_RESTORED)):
        database = Database(system.sqlalchemy_url, pool_size=1)
        async with database.begin() as db:
            entry = await db.scalar(select(AuditEntry).where(AuditEntry.action == action))
        await database.close()
        assert entry is not None and entry.details["file"] == made.path.name


async def test_sign_ins_end_and_the_cache_stays(settings: Settings, world: World, target: Settings) -> None:
    store = redis.Redis.from_url(target.redis_url.get_secret_value())
    await store.mset(
        {
            "zhupi_session": "x",
            "events:3": "x",
            "roster:1:2:t": "x",
            "answer:abc": "x",
            "signin:account:a": "1",
        }
    )
    try:
        await bring_back(target, (await back_up(settings)).path)
        assert sorted(await store.keys()) == [b"answer:abc", b"signin:account:a"]
    finally:
        await store.flushdb()
        await store.aclose()


# --- A moment, while work goes on -------------------------------------------------------------------------------------


async def test_uploads_and_deletions_while_it_is_made(
    server: TestServer,
    database: Database,
    settings: Settings,
    world: World,
    target: Settings,
    sign_in: SignIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Papers come and go all the time, their files are removed at once: every file of the moment is in the backup."""
    monkeypatch.setattr(dropped_files, "PERIOD_SECONDS", 0.01)
    work = await make_work(database, world)
    alice = await sign_in(world.alice)
    begun, done = asyncio.Event(), asyncio.Event()
    sent = 0

    async def upload() -> None:
        nonlocal sent
        while not done.is_set():
            contents = [(f"{sent + each}.txt", os.urandom(20_000).hex().encode()) for each in range(3)]
            response = await alice.post(f"/assignments/{work.assignment.id}/papers", **htmx_form(contents))
            assert response.status == 200, await response.text()
            sent += 3
            if sent >= 12:
                begun.set()

    async def delete() -> None:
        while not done.is_set():
            async with database.begin() as db:
                oldest = (await db.scalars(select(Paper).order_by(Paper.id.desc()).offset(9))).all()
                for paper in oldest:
                    await db.delete(paper)
            await dropped_files.remove(server.app)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(upload()), asyncio.create_task(delete())]
    await asyncio.wait_for(begun.wait(), 30)
    archives = []
    try:
        for _ in range(4):
            made = await back_up(settings)
            archives.append(made)
            assert made.lost == 0
    finally:
        done.set()
        await asyncio.gather(*tasks)
    assert sent > 12
    for number, made in enumerate(archives):
        await bring_back(target, made.path, into_live=number > 0)
        other = Database(target.sqlalchemy_url, pool_size=1)
        keys = await keys_in(other)
        await other.close()
        assert keys and keys <= set(stored_files(target))


async def test_no_file_is_removed_meanwhile(
    server: TestServer, database: Database, settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A paper is deleted when its file is still to be copied: the removal waits, and comes after."""
    monkeypatch.setattr(dropped_files, "PERIOD_SECONDS", 3600.0)
    keys = await with_files(settings, world.klass, CONTENTS)
    copying, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    original = making._Copy._files

    def slowly(copy: Any, writer: Any) -> tuple[int, int]:
        loop.call_soon_threadsafe(copying.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(30)
        return original(copy, writer)

    monkeypatch.setattr(making._Copy, "_files", slowly)
    backup = asyncio.create_task(back_up(settings))
    await asyncio.wait_for(copying.wait(), 30)
    async with database.begin() as db:
        for paper in (await db.scalars(select(Paper))).all():
            await db.delete(paper)
    assert await dropped_files.remove(server.app) == 0
    assert set(stored_files(settings)) == set(keys)
    go_on.set()
    made = await backup
    assert made.lost == 0 and made.manifest["uploads"]["count"] == len(keys)
    assert await dropped_files.remove(server.app) == len(keys)
    assert stored_files(settings) == {}
    async with database.begin() as db:
        assert (await db.scalars(select(DroppedFile))).all() == []


async def test_one_at_a_time(settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second backup, or a restore, says that there is one; the lock goes with its process."""
    monkeypatch.setattr("app.upkeep.backups.snapshot.LOCK_WAIT", "100ms")
    with psycopg.connect(settings.postgres_url, autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(%s)", (files.BACKUP_LOCK,))
        with pytest.raises(BackupError, match="Another backup"):
            await back_up(settings)
    made = await back_up(settings)
    with psycopg.connect(settings.postgres_url, autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(%s)", (files.BACKUP_LOCK,))
        with pytest.raises(ProblemError, match="Another backup"):
            await bring_back(settings, made.path, into_live=True)
    assert issubclass(LockNotAvailable, psycopg.OperationalError)  # why the order of handlers matters


async def test_a_database_that_goes_away_leaves_no_archive(
    settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is gone with the connection, so files may be missing: what was copied is not kept."""
    await with_files(settings, world.klass, CONTENTS)
    original = making._Copy._files

    def cut(copy: Any, writer: Any) -> tuple[int, int]:
        found = original(copy, writer)
        pid = copy.moments.main.connection.info.backend_pid
        with superuser(settings) as connection:
            connection.execute("select pg_terminate_backend(%s, 5000)", (pid,))
        return found

    monkeypatch.setattr(making._Copy, "_files", cut)
    with pytest.raises(BackupError, match="went away"):
        await back_up(settings)
    assert list(settings.backups.iterdir()) == []


# --- What is not as it should be --------------------------------------------------------------------------------------


async def test_a_missing_and_a_damaged_file_are_named(
    settings: Settings, world: World, target: Settings
) -> None:
    one, two, three = await with_files(settings, world.klass, (b"one", b"two", b"three"))
    Path(settings.uploads, one).unlink()
    Path(settings.uploads, two).write_bytes(b"2")
    made = await back_up(settings)
    uploads = made.manifest["uploads"]
    assert uploads["missing"] == {"count": 1, "keys": [one]}
    assert uploads["damaged"] == {"count": 1, "keys": [two]} and made.lost == 2
    restored = await bring_back(target, made.path)
    assert restored.damaged == 1 and stored_files(target) == {two: b"2", three: b"three"}


class FullDisk:
    """A file that takes some bytes and no more."""

    def __init__(self, file: Any, room: int) -> None:
        self._file, self._room = file, room

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> FullDisk:
        self._file.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__(*error)

    def write(self, data: bytes) -> int:
        self._room -= len(data)
        if self._room < 0:
            raise OSError(28, "No space left on device")
        return int(self._file.write(data))


@pytest.mark.parametrize("room", [0, 60_000, 300_000])
@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_full_disk_leaves_nothing(
    settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch, room: int, encrypted: bool
) -> None:
    await with_files(settings, world.klass, [os.urandom(400_000)])
    earlier = await back_up(settings)
    opened = os.fdopen

    def full(descriptor: int, *arguments: Any, **named: Any) -> Any:
        file = opened(descriptor, *arguments, **named)
        # Only the archive itself: it has a name that ends so.
        name = Path(f"/proc/self/fd/{file.fileno()}").readlink().name
        return FullDisk(file, room) if name.endswith(rotation.PARTIAL) else file

    monkeypatch.setattr(os, "fdopen", full)
    seal = sealing.for_recipients([str(pyrage.x25519.Identity.generate().to_public())]) if encrypted else None
    with pytest.raises(BackupError, match="full"):
        await back_up(settings, seal)
    assert list(settings.backups.iterdir()) == [earlier.path]


async def test_a_folder_without_room_for_the_uploads_is_said_at_once(
    settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_files(settings, world.klass, CONTENTS)
    usage = shutil.disk_usage(settings.var_dir)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(BackupError, match="room for 0 MB"):
        await back_up(settings)
    assert list(settings.backups.iterdir()) == []


async def test_pg_dump_that_fails_leaves_nothing(
    settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its exit code counts, though what it wrote looks fine."""
    real = making.programs.for_dump(18)
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "pg_dump").write_text(
        f'#!/bin/sh\n{real.path("pg_dump")} "$@"\necho "pg_dump: error: out of paper" >&2\nexit 1\n'
    )
    (folder / "pg_dump").chmod(0o755)
    monkeypatch.setattr(making.programs, "for_dump", lambda server: replace(real, folder=folder))
    with pytest.raises(ProblemError, match="out of paper"):
        await back_up(settings)
    assert list(settings.backups.iterdir()) == []


async def test_a_dead_backups_rest_is_removed_and_told(settings: Settings, world: World) -> None:
    settings.backups.mkdir(parents=True)
    rest = settings.backups / "zhupi-20260131T020000Z.tar.partial"
    rest.write_bytes(b"half")
    made = await back_up(settings)
    assert made.cleared == (rest,) and list(settings.backups.iterdir()) == [made.path]


async def test_where_it_goes(settings: Settings, world: World, tmp_path: Path) -> None:
    file = tmp_path / "mine.tar"
    assert (await back_up(settings, out=file)).path == file
    with pytest.raises(BackupError, match="already"):
        await back_up(settings, out=file)
    with pytest.raises(BackupError, match="no folder"):
        await back_up(settings, out=tmp_path / "none" / "mine.tar")
    made = await back_up(settings, out=tmp_path)
    assert made.path.parent == tmp_path and rotation.NAME.fullmatch(made.path.name)
    await check(made.path, tmp_path / "spool")
    with pytest.raises(BackupError, match="cannot be written"):
        await back_up(settings, out=Path("/proc/nowhere/"))


async def test_a_database_without_tables_is_not_backed_up(target: Settings) -> None:
    with pytest.raises(BackupError, match="empty"):
        await back_up(target)


async def test_a_database_that_does_not_answer(settings: Settings) -> None:
    gone = elsewhere(settings, settings.postgres_url.replace("/zhupi?", "/nobody?"), settings.var_dir)
    with pytest.raises(BackupError, match="does not answer"):
        await back_up(gone)
