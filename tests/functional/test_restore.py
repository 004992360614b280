"""Restoring is refused where it would destroy, changes nothing where it fails, and what was under way goes on."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiohttp.test_utils import TestServer
from pydantic import SecretStr
from sqlalchemy import select

from app import migrate
from app.accounts.models import User
from app.classes.models import Class
from app.db import Database
from app.i18n import ProblemError
from app.keys import DATABASE
from app.papers.models import Paper
from app.settings import Settings
from app.upkeep.backups import archive, filling, forgetting, restoring, sealing
from app.upkeep.backups.archive import DamagedError, NewerError, NotAnArchiveError
from app.upkeep.backups.restoring import RestoreError
from app.upkeep.backups.sealing import Keys
from tests import factories
from tests.conftest import World
from tests.functional.backup_help import (
    back_up,
    bring_back,
    check,
    drop_database,
    elsewhere,
    other_database,
    rows_of,
    sha256,
    stored_files,
    superuser,
    with_files,
)

CONTENTS = (b"one", b"two" * 100_000)


@pytest.fixture
async def backup(settings: Settings, world: World) -> Path:
    """An archive of the world with two files."""
    await with_files(settings, world.klass, CONTENTS)
    return (await back_up(settings)).path


async def lived_in(target: Settings) -> dict[str, list[str]]:
    """Somebody works in the target; its rows."""
    await asyncio.to_thread(migrate.upgrade, target)
    database = Database(target.sqlalchemy_url, pool_size=1)
    async with database.begin() as db:
        user = await factories.user(db, "dora")
        await factories.klass(db, user, name="7B")
    await database.close()
    return rows_of(target)


# --- Refused ----------------------------------------------------------------------------------------------------------


async def test_a_database_with_data_is_refused_unless_told(target: Settings, backup: Path) -> None:
    rows = await lived_in(target)
    with pytest.raises(RestoreError, match="has data in it"):
        await bring_back(target, backup)
    assert rows_of(target) == rows and stored_files(target) == {}
    assert restoring.in_the_way(target.postgres_url).rows == 2
    await bring_back(target, backup, into_live=True)
    assert rows_of(target) != rows and len(rows_of(target)["users"]) == 3


async def test_a_fresh_migrated_database_is_no_obstacle(
    target: Settings, backup: Path, settings: Settings
) -> None:
    await asyncio.to_thread(migrate.upgrade, target)
    assert not restoring.in_the_way(target.postgres_url)
    await bring_back(target, backup)
    assert rows_of(target) == rows_of(settings)


async def test_a_database_in_use_is_refused_unless_told(target: Settings, backup: Path) -> None:
    with psycopg.connect(target.postgres_url, application_name="app", autocommit=True) as server:
        with pytest.raises(RestoreError, match="in use"):
            await bring_back(target, backup)
        await bring_back(target, backup, into_live=True)
        with pytest.raises(psycopg.OperationalError):
            server.execute("select 1")  # it was ended


async def test_a_newer_schema_is_refused(target: Settings, backup: Path, tmp_path: Path) -> None:
    newer = rewritten(
        backup, tmp_path / "newer.tar", lambda head: {**head, "schema": {"revision": "9999"}, "zhupi": "9.1"}
    )
    with pytest.raises(NewerError, match=r"9\.1"):
        await bring_back(target, newer)
    with psycopg.connect(target.postgres_url) as connection:
        assert connection.execute(
            "select count(*) from pg_tables where schemaname = 'public'"
        ).fetchone() == (0,)


async def test_no_backup_at_all(target: Settings, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(NotAnArchiveError):
        await check(path, tmp_path)
    with pytest.raises(RestoreError, match="cannot be read"):
        await check(tmp_path / "none", tmp_path)
    with pytest.raises(RestoreError, match="no file"):
        await check(tmp_path, tmp_path)


@pytest.mark.parametrize("part", ["database", "file", "manifest", "end"])
async def test_a_changed_archive_changes_nothing(target: Settings, backup: Path, part: str) -> None:
    rows = await lived_in(target)
    data = bytearray(backup.read_bytes())
    mark = {"database": b"PGDMP", "file": b"twotwo", "manifest": b'"counts"', "end": b""}[part]
    place = data.rindex(mark) + 20 if mark else len(data) - 1
    data[place] ^= 1
    backup.write_bytes(data)
    with pytest.raises((DamagedError, ProblemError)) as raised:
        await bring_back(target, backup, into_live=True)
    assert "damaged" in str(raised.value) or "pg_restore cannot read" in str(raised.value)
    assert rows_of(target) == rows and stored_files(target) == {}


async def test_a_cut_archive_changes_nothing(target: Settings, backup: Path) -> None:
    rows = await lived_in(target)
    data = backup.read_bytes()
    for length in (0, 10, 600, len(data) // 2, len(data) - 1):
        backup.write_bytes(data[:length])
        with pytest.raises((DamagedError, NotAnArchiveError)):
            await bring_back(target, backup, into_live=True)
    assert rows_of(target) == rows and stored_files(target) == {}


async def test_no_room_for_the_files(target: Settings, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = restoring.shutil.disk_usage(target.var_dir.parent)
    monkeypatch.setattr(restoring.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(RestoreError, match="room for 0 MB"):
        await bring_back(target, backup)
    assert stored_files(target) == {}


# --- Failed half-way --------------------------------------------------------------------------------------------------


def rewritten(
    path: Path, to: Path, change_head: Any = dict, change_manifest: Any = dict, part: Any = bytes
) -> Path:
    """An archive like another, whole in itself, with another head, manifest or database."""
    with path.open("rb") as source, to.open("wb") as out:
        reader = archive.Reader(source)
        writer: archive.Writer | None = None
        for name, _ in reader.members():
            data = b"".join(reader.chunks())
            if name == archive.HEAD:
                writer = archive.Writer(out, change_head(json.loads(data)), to.parent, 0)
            elif name == archive.MANIFEST:
                assert writer is not None
                writer.finish(change_manifest(json.loads(data)))
            elif name not in (archive.FILES, archive.CHECKSUM):
                assert writer is not None
                data = part(data) if name.startswith(archive.DATABASE) else data
                writer.add(name, len(data), (data,))
    return to


def one_more(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest that counted a paper more."""
    manifest["database"]["counts"]["papers"] += 1
    return manifest


async def test_rows_that_do_not_come_back_undo_all(target: Settings, backup: Path, tmp_path: Path) -> None:
    rows = await lived_in(target)
    bad = rewritten(backup, tmp_path / "bad.tar", change_manifest=one_more)
    with pytest.raises(filling.FillingError, match=r"papers: 3 rows were saved"):
        await bring_back(target, bad, into_live=True)
    assert rows_of(target) == rows


@pytest.mark.parametrize("missing", [30_000, 3_000, 300, 20])
async def test_a_dump_that_ends_early_undoes_all(
    target: Settings, backup: Path, tmp_path: Path, missing: int
) -> None:
    """Whole as an archive, but pg_dump had been cut: no COMMIT is sent."""
    rows = await lived_in(target)
    bad = rewritten(backup, tmp_path / "bad.tar", part=lambda data: data[:-missing])
    with pytest.raises(ProblemError, match=r"as it was|pg_restore cannot read"):
        await bring_back(target, bad, into_live=True)
    assert rows_of(target) == rows


async def test_a_database_that_dies_meanwhile_keeps_its_old_data(
    target: Settings, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = await lived_in(target)
    counted = filling._counted

    def cut(table: str, count: int) -> str:
        if table == "users":
            with superuser(target) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                    " where datname = 'zhupi_target' and application_name = %s"
                    " and query not like '%%pg_advisory_lock%%'",
                    (filling.APPLICATION,),
                )
        return counted(table, count)

    monkeypatch.setattr(filling, "_counted", cut)
    with pytest.raises(ProblemError):
        await bring_back(target, backup, into_live=True)
    monkeypatch.undo()
    assert rows_of(target) == rows
    await bring_back(target, backup, into_live=True)


async def test_a_statement_of_a_live_server_is_waited_for_and_then_given_up(
    target: Settings, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that stays locked, by a session that is not ours to end: nothing is changed."""
    rows = await lived_in(target)
    monkeypatch.setattr(filling, "LOCK_MS", 300)
    with psycopg.connect(target.postgres_url, user="postgres") as other:
        other.execute("lock table papers in share mode")
        with pytest.raises(filling.FillingError, match="lock timeout"):
            await bring_back(target, backup, into_live=True)
    assert rows_of(target) == rows


async def test_redis_that_is_away_is_told_after_all_else_is_done(
    target: Settings, backup: Path, settings: Settings
) -> None:
    away = target.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    with pytest.raises(forgetting.ForgettingError, match="is restored"):
        await bring_back(away, backup)
    assert rows_of(target) == rows_of(settings)


# --- What it is restored into -----------------------------------------------------------------------------------------


async def test_into_a_server_that_works(server: TestServer, settings: Settings, world: World) -> None:
    """Pages are served again from the restored data, without a restart."""
    await with_files(settings, world.klass, CONTENTS)
    path = (await back_up(settings)).path
    rows = rows_of(settings)
    database = server.app[DATABASE]
    async with database.begin() as db:
        for paper in (await db.scalars(select(Paper))).all():
            await db.delete(paper)
    with pytest.raises(RestoreError, match="data in it"):
        await bring_back(settings, path)
    done = asyncio.Event()

    async def work() -> None:
        """Pages that are looked at, and people who write, all the time; what fails meanwhile fails."""
        while not done.is_set():
            with suppress(Exception):
                async with database.begin() as db:
                    await db.execute(select(Paper).limit(5))
                    (await db.scalars(select(User).order_by(User.id).with_for_update())).first()
                    await db.execute(select(Class))
            await asyncio.sleep(0.005)

    tasks = [asyncio.create_task(work()) for _ in range(6)]
    await asyncio.sleep(0.2)
    try:
        await bring_back(settings, path, into_live=True)
    finally:
        done.set()
        await asyncio.gather(*tasks)
    async with database.begin() as db:
        assert len((await db.scalars(select(Paper))).all()) == len(CONTENTS)
    assert rows_of(settings) == rows


async def test_an_older_shape_is_brought_up(settings: Settings, target: Settings, world: World) -> None:
    """A backup of the first release: the marker of its database is another, and migrating follows the restore."""
    other = elsewhere(settings, other_database(settings, "zhupi_old"), target.var_dir.with_name("old"))
    try:
        await asyncio.to_thread(migrated_to, other, "0001")
        with psycopg.connect(other.postgres_url, autocommit=True) as connection:
            connection.execute(
                "insert into users (username, name, password_hash, role, language) values"
                " ('eve', 'Eve', 'x', 'teacher', 'en')"
            )
        path = (await back_up(other)).path
        await bring_back(target, path)
    finally:
        with superuser(settings) as admin:
            drop_database(admin, "zhupi_old")
    with psycopg.connect(target.postgres_url) as connection:
        assert migrate.Marker.of_this_version().stands_in(connection)
        assert connection.execute("select username from users").fetchall() == [("eve",)]


def migrated_to(settings: Settings, revision: str) -> None:
    """Tables of an older release."""
    from alembic import command

    command.upgrade(migrate.config(settings.sqlalchemy_url.replace("+asyncpg", "+psycopg")), revision)


async def test_what_was_ours_goes_and_what_is_others_stays(
    settings: Settings, target: Settings, backup: Path
) -> None:
    """Tables, types, functions and views of an earlier or later version; not another role's, not another schema's."""
    with superuser(settings) as admin:
        admin.execute("drop role if exists monitor")
        admin.execute("create role monitor")
    with psycopg.connect(target.postgres_url, user="postgres", autocommit=True) as admin:
        admin.execute("create table public.theirs (a int)")
        admin.execute("create schema other")
        admin.execute("grant usage on schema public to monitor")
    with psycopg.connect(target.postgres_url, autocommit=True) as ours:
        for statement in (
            "create type mood as enum ('calm')",
            "create domain points as float",
            "create table later (id serial primary key, mood mood, p points)",
            "create table child (later int references later)",
            "create view seen as select * from later",
            "create materialized view kept as select * from seen",
            "create function twice(int) returns int language sql as 'select 2 * $1'",
            "create procedure nothing() language sql as ''",
            "create table parted (d date) partition by range (d)",
            "create table parted_2026 partition of parted for values from ('2026-01-01') to ('2027-01-01')",
        ):
            ours.execute(statement)
    await bring_back(target, backup)
    with psycopg.connect(target.postgres_url, user="postgres") as admin:
        names = {
            name
            for (name,) in admin.execute(
                "select relname from pg_class where relnamespace = 'public'::regnamespace"
            )
        }
        assert "theirs" in names
        assert set() == names & {"later", "child", "seen", "kept", "parted", "parted_2026"}
        assert admin.execute(
            "select count(*) from pg_proc where proname in ('twice', 'nothing')"
        ).fetchone() == (0,)
        assert admin.execute(
            "select count(*) from pg_type where typname in ('mood', 'points')"
        ).fetchone() == (0,)
        row = admin.execute("select has_schema_privilege('monitor', 'public', 'usage')").fetchone()
        assert row == (True,)
    with superuser(settings) as admin:
        drop_database(admin, "zhupi_target")
        admin.execute("drop role monitor")
        admin.execute("create database zhupi_target owner zhupi")


@pytest.mark.parametrize("apart", ["there", "here", "both"])
async def test_checkpoints_in_a_database_of_their_own(
    settings: Settings, target: Settings, world: World, tmp_path: Path, apart: str
) -> None:
    """Kept apart in the system that was saved, in the one that is restored, or in both."""
    source = settings
    names = []
    if apart in ("there", "both"):
        names.append("zhupi_checks_a")
        source = with_checkpoints(settings, names[-1])
        await asyncio.to_thread(migrate._checkpoints, source)
    if apart in ("here", "both"):
        names.append("zhupi_checks_b")
        target = with_checkpoints(target, names[-1])
        await asyncio.to_thread(migrate._checkpoints, target)
        put_checkpoint(target.checkpoint_url, "9:9")  # of another life
    try:
        put_checkpoint(source.checkpoint_url, "1:2")
        made = await back_up(source)
        assert (made.manifest["checkpoints"] is not None) == (apart != "here")
        await bring_back(target, made.path)
        assert threads(target.checkpoint_url) == ([] if apart == "here" else ["1:2"])
    finally:
        with superuser(settings) as admin:
            for name in names:
                drop_database(admin, name)


def with_checkpoints(settings: Settings, name: str) -> Settings:
    return settings.model_copy(update={"postgres_checkpoint_url": SecretStr(other_database(settings, name))})


def put_checkpoint(url: str, thread: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into checkpoints (thread_id, checkpoint_id, checkpoint) values (%s, '1', '{}')", (thread,)
        )


def threads(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return [str(row[0]) for row in connection.execute("select thread_id from checkpoints order by 1")]


async def test_one_database_by_two_addresses_is_saved_once(settings: Settings, world: World) -> None:
    twice = settings.model_copy(
        update={"postgres_checkpoint_url": SecretStr(settings.postgres_url + "&application_name=checkpoints")}
    )
    made = await back_up(twice)
    assert made.manifest["checkpoints"] is None


async def test_a_path_in_an_archive_leads_nowhere_else(
    target: Settings, backup: Path, tmp_path: Path
) -> None:
    """Made by hand, whole in itself: its names are not paths of this machine."""
    with backup.open("rb") as source, (tmp_path / "evil.tar").open("wb") as out:
        reader = archive.Reader(source)
        writer: archive.Writer | None = None
        for name, _ in reader.members():
            data = b"".join(reader.chunks())
            if name == archive.HEAD:
                writer = archive.Writer(out, json.loads(data), tmp_path, 0)
            elif name == archive.MANIFEST and writer is not None:
                writer.add(f"{archive.UPLOADS}../../outside", 4, (b"evil",))
                writer.finish(json.loads(data))
            elif name.startswith(archive.DATABASE) and writer is not None:
                writer.add(name, len(data), (data,))
    with pytest.raises(DamagedError, match="out of its place"):
        await bring_back(target, tmp_path / "evil.tar")
    assert not list(tmp_path.rglob("outside"))


async def test_verifying_needs_no_database(settings: Settings, backup: Path, tmp_path: Path) -> None:
    checked = await check(backup, tmp_path / "elsewhere")
    assert checked.uploads == 2 and checked.counts["papers"] == 2
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_keys_are_asked_for_once(settings: Settings, target: Settings, world: World) -> None:
    await with_files(settings, world.klass, CONTENTS)
    made = await back_up(settings, sealing.for_passphrase("correct horse battery"))
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        return "correct horse battery"

    await bring_back(target, made.path, Keys((), ask))
    assert asked == [1] and set(stored_files(target)) == {f"{sha256(c)[:2]}/{sha256(c)}" for c in CONTENTS}
