"""Migrating: models and migrations agree, a current database is left alone at once, any other is migrated."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import psycopg.conninfo
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from pydantic import SecretStr

from app import migrate
from app.cli import serving
from app.i18n import ProblemError
from app.settings import Settings
from app.tables import metadata

# Loaded by a migration, and not by finding that there is nothing to do.
HEAVY = ("alembic", "langgraph", "pgqueuer", "sqlalchemy", "asyncpg")
ONCE = """
import json, sys
from app.settings import Settings
from app import migrate
migrate.upgrade(Settings.model_validate(json.loads(sys.argv[1])))
print(sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture
def fresh(base_settings: Settings) -> Iterator[Settings]:
    """Settings for an empty database of its own. The server's role may make none; its superuser may."""
    mine = psycopg.conninfo.conninfo_to_dict(base_settings.postgres_url)
    superuser = psycopg.conninfo.make_conninfo(base_settings.postgres_url, user="postgres", dbname="postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(f"create database migrated owner {mine['user']}")
        address = urlsplit(base_settings.postgres_url)._replace(path="/migrated").geturl()
        yield base_settings.model_copy(update={"database_url": SecretStr(address)})
        connection.execute("drop database migrated with (force)")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts of a migration that ran."""
    ran: list[str] = []

    def record(name: str) -> Any:
        step = getattr(migrate, name)

        def run(settings: Settings) -> Any:
            ran.append(name)
            return step(settings)

        return run

    for name in ("_tables", "_checkpoints", "_queue"):
        monkeypatch.setattr(migrate, name, record(name))
    return ran


ALL = ["_tables", "_checkpoints", "_queue"]


def execute(settings: Settings, statement: str) -> list[Any]:
    with psycopg.connect(settings.postgres_url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_current_database_is_left_alone(fresh: Settings, steps: list[str]) -> None:
    migrate.upgrade(fresh)
    assert steps == ALL
    assert execute(fresh, "select count(*) from papers") == [(0,)]
    migrate.upgrade(fresh)
    assert steps == ALL


def test_finding_that_needs_none_of_what_migrating_needs(base_settings: Settings) -> None:
    values = {
        "database_url": base_settings.postgres_url,
        "redis_url": base_settings.redis_url.get_secret_value(),
        "var_dir": str(base_settings.var_dir),
        "secret_key": "test-secret-" * 4,
    }
    done = subprocess.run(
        [sys.executable, "-c", ONCE, json.dumps(values)], capture_output=True, text=True, check=True
    )
    assert "psycopg" in done.stdout
    assert not [name for name in HEAVY if f"'{name}'" in done.stdout]


@pytest.mark.parametrize(
    "change",
    [
        "update schema_marker set fingerprint = 'another version'",
        "update schema_marker set revision = '0000'",
        "delete from schema_marker",
        "drop table schema_marker",
    ],
)
def test_another_marker_is_migrated(fresh: Settings, steps: list[str], change: str) -> None:
    migrate.upgrade(fresh)
    steps.clear()
    execute(fresh, change)
    migrate.upgrade(fresh)
    assert steps == ALL
    migrate.upgrade(fresh)
    assert steps == ALL
    assert execute(fresh, "select count(*) from schema_marker") == [(1,)]


def test_another_version_of_a_library_is_migrated(
    fresh: Settings, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.upgrade(fresh)
    steps.clear()
    monkeypatch.setattr(migrate, "version", lambda library: "999.0")
    migrate.upgrade(fresh)
    assert steps == ALL


def test_a_migration_that_fails_leaves_no_marker(
    fresh: Settings, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(settings: Settings) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(migrate, "_checkpoints", fail)
        with pytest.raises(ConnectionError):
            migrate.upgrade(fresh)
    steps.clear()
    migrate.upgrade(fresh)
    assert steps == ALL


def test_two_at_once_migrate_once(fresh: Settings, steps: list[str]) -> None:
    """The second one's wait must not stand in the way of the first one's `create index concurrently`."""
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(migrate.upgrade, [fresh, fresh, fresh], timeout=60))
    assert steps == ALL


def test_the_newest_script_is_the_head() -> None:
    scripts = ScriptDirectory.from_config(migrate.config(""))
    assert scripts.get_current_head() == migrate.Marker.of_this_version().revision


def test_models_and_migrations_agree(fresh: Settings) -> None:
    migrate.upgrade(fresh)
    command.check(migrate.config(fresh.sqlalchemy_url.replace("+asyncpg", "+psycopg")))
    assert metadata.tables


def test_down_and_up_again(fresh: Settings) -> None:
    migrate.upgrade(fresh)
    command.downgrade(migrate.config(fresh.sqlalchemy_url.replace("+asyncpg", "+psycopg")), "base")
    assert execute(fresh, "select to_regclass('papers')") == [(None,)]
    migrate.upgrade(fresh)
    assert execute(fresh, "select count(*) from papers") == [(0,)]


def as_newer(settings: Settings, oldest: str) -> None:
    """As a newer version leaves a database that it has migrated."""
    execute(settings, "update alembic_version set version_num = '9999'")
    execute(settings, f"update schema_marker set revision = '9999', oldest = '{oldest}'")


@pytest.mark.parametrize("oldest", ["", "0001"])
def test_a_newer_database_that_this_version_works_on_is_left_alone(
    fresh: Settings, steps: list[str], oldest: str
) -> None:
    assert migrate.upgrade(fresh) is migrate.State.BEHIND
    as_newer(fresh, oldest)
    steps.clear()
    assert migrate.look(fresh) is migrate.upgrade(fresh) is migrate.State.NEWER
    assert migrate.sql(fresh) == ""
    assert steps == []
    assert execute(fresh, "select revision from schema_marker") == [("9999",)]


@pytest.mark.parametrize(
    "more",
    [
        "update schema_marker set oldest = '9998'",
        # The newer version broke off before its marker.
        "update schema_marker set revision = '0001'",
        "drop table schema_marker",
        # Made by a version that did not know the column.
        "alter table schema_marker drop column oldest",
    ],
)
def test_a_newer_database_that_it_does_not_work_on_is_refused(
    fresh: Settings, steps: list[str], more: str
) -> None:
    migrate.upgrade(fresh)
    as_newer(fresh, "")
    execute(fresh, more)
    steps.clear()
    for action in (migrate.upgrade, migrate.look, migrate.sql):
        with pytest.raises(ProblemError, match="9999"):
            action(fresh)
    assert steps == []


def test_a_script_that_takes_something_away_says_what_still_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "versions").mkdir()
    monkeypatch.setattr(migrate, "MIGRATIONS", tmp_path)
    for name, content in {
        "0001_a": "",
        "0002_b": 'works_from: str = "0001"\n',
        "0003_c": 'x = 1\nworks_from = "0002"\n',
        "0004_d": '# works_from = "0004"\n',
    }.items():
        (tmp_path / f"versions/{name}.py").write_text(content)
    marker = migrate.Marker.of_this_version()
    assert (marker.revision, marker.oldest) == ("0004", "0002")


def test_a_table_of_markers_from_before_gets_the_column(fresh: Settings, steps: list[str]) -> None:
    migrate.upgrade(fresh)
    execute(fresh, "alter table schema_marker drop column oldest")
    execute(fresh, "update schema_marker set fingerprint = 'before'")
    assert migrate.upgrade(fresh) is migrate.State.BEHIND
    assert execute(fresh, "select oldest from schema_marker") == [(migrate.Marker.of_this_version().oldest,)]
    assert migrate.upgrade(fresh) is migrate.State.CURRENT


def test_the_sql_that_would_run_can_be_read_and_does_the_same(fresh: Settings, steps: list[str]) -> None:
    assert migrate.look(fresh) is migrate.State.BEHIND
    script = migrate.sql(fresh)
    assert steps == [] and execute(fresh, "select to_regclass('papers')") == [(None,)]
    execute(fresh, script)
    assert migrate.sql(fresh) == ""
    migrate.upgrade(fresh)
    command.check(migrate.config(fresh.sqlalchemy_url.replace("+asyncpg", "+psycopg")))


def test_the_verb_only_looks_when_it_is_asked_to(
    fresh: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def given() -> Iterator[Settings]:
        yield fresh

    monkeypatch.setattr(serving, "services", given)
    with pytest.raises(ProblemError, match="zhupi migrate"):
        serving.migrate(check=True, sql=False)
    assert execute(fresh, "select to_regclass('papers')") == [(None,)]
    serving.migrate(check=False, sql=True)
    assert "CREATE TABLE papers" in capsys.readouterr().out
    serving.migrate(check=False, sql=False)
    serving.migrate(check=True, sql=False)
    assert "up to date" in capsys.readouterr().out
    as_newer(fresh, "")
    serving.migrate(check=True, sql=False)
    assert "newer version" in capsys.readouterr().out
