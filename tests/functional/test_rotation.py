"""`zhupi rotate-secret` against a PostgreSQL that checks passwords and a Valkey user that has one."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis.asyncio as redis
from sqlalchemy import select, text

from app import network
from app.audit.models import AuditEntry
from app.db import Database
from app.settings import Settings
from app.settings_urls import replaced_password
from app.upkeep import rotation
from app.worker.checkpoints import open_pool

ROOT = Path(__file__).parents[2]
ROLE, OLD = "rotating", "the-old-password"


async def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "app.cli", "rotate-secret", *arguments],
        cwd=ROOT,
        env={**kept, "LANGUAGE": "en", **environment},
        input="",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
async def database_url(settings: Settings, db: Database) -> AsyncIterator[str]:
    """The test's database for a role whose password is checked; without the password."""
    parts = urlsplit(settings.postgres_url)
    rest = f"@{parts.netloc.rpartition('@')[2]}{parts.path}?{parts.query}"
    server = await asyncpg.connect(f"postgresql://postgres{rest}")
    hba = Path(await server.fetchval("show hba_file"))
    before = hba.read_text()
    hba.write_text(f"local all {ROLE} scram-sha-256\n{before}")
    await server.execute("select pg_reload_conf()")
    await server.execute(f"create role {ROLE} login superuser password '{rotation.scram(OLD)}'")
    yield f"postgresql://{ROLE}{rest}"
    hba.write_text(before)
    await server.execute("select pg_reload_conf()")
    await server.execute(f"drop owned by {ROLE}; drop role {ROLE}")
    await server.close()


@pytest.fixture
async def redis_url(settings: Settings) -> AsyncIterator[str]:
    """The test's Redis for a user with a password; without it."""
    url = settings.redis_url.get_secret_value()
    client = redis.Redis.from_url(url)
    await client.execute_command("ACL", "SETUSER", ROLE, "on", f">{OLD}", "~*", "&*", "+@all")
    yield f"unix://{ROLE}@{urlsplit(url).path}"
    await client.execute_command("ACL", "DELUSER", ROLE)
    await client.aclose()


async def opens(url: str, password: str) -> bool:
    try:
        connection = await asyncpg.connect(replaced_password(url, password), timeout=5)
    except asyncpg.InvalidPasswordError:
        return False
    await connection.close()
    return True


async def audited(db: Database) -> list[str]:
    async with db.begin() as session:
        return [row.action for row in await session.scalars(select(AuditEntry))]


async def test_the_database(database_url: str, redis_url: str, db: Database, tmp_path: Path) -> None:
    assert await opens(database_url, OLD) and not await opens(database_url, "other")
    secret = tmp_path / "db_password"
    secret.write_text(OLD)
    given = {"DATABASE_URL": database_url, "DATABASE_PASSWORD_FILE": str(secret), "VAR_DIR": str(tmp_path)}
    asked = await run("db_password", **given)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert await opens(database_url, OLD)
    done = await run("db_password", "--yes", **given)
    assert done.returncode == 0, done.stderr
    new = done.stdout.strip()
    assert done.stdout == new + "\n" and len(new) >= 40
    assert str(secret) in done.stderr and new not in done.stderr
    assert await opens(database_url, new) and not await opens(database_url, OLD)
    assert await audited(db) == ["secret-rotated"]


async def test_redis_takes_both(redis_url: str, settings: Settings, tmp_path: Path) -> None:
    url = replaced_password(redis_url, OLD)
    given = {"DATABASE_URL": settings.postgres_url, "REDIS_URL": url, "VAR_DIR": str(tmp_path)}
    done = await run("redis_password", "--yes", "--json", **given)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["name"], said["place"]) == ("redis_password", "REDIS_URL")
    for password in (OLD, said["value"]):
        client = redis.Redis.from_url(replaced_password(redis_url, password))
        assert await client.ping()
        await client.aclose()


async def test_the_key_is_only_made(settings: Settings, tmp_path: Path) -> None:
    first = await run("secret_key", "--yes", VAR_DIR=str(tmp_path))
    second = await run("secret_key", "--yes", "--json", VAR_DIR=str(tmp_path), SECRET_KEY="k" * 40)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert len(first.stdout.strip()) == 64
    assert str(tmp_path / "secret_key") in first.stderr
    assert json.loads(second.stdout)["place"] == "SECRET_KEY"
    assert not (tmp_path / "services").exists()  # our own database was not waked for it


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "db_password",
            "DATABASE_URL has no password, and none is given beside it: there is nothing to rotate.\n",
        ),
        (
            "redis_password",
            "REDIS_URL has no password, and none is given beside it: there is nothing to rotate.\n",
        ),
        (
            "llm_api_key",
            "llm_api_key is not a secret that can be rotated; say one of secret_key, db_password, redis_password.\n",
        ),
    ],
)
async def test_what_cannot_be_rotated(tmp_path: Path, name: str, said: str) -> None:
    done = await run(name, "--yes", VAR_DIR=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("db_password", {"DATABASE_URL": "postgresql://u:hidden@127.0.0.1:1/d"}),
        ("redis_password", {"REDIS_URL": "redis://:hidden@127.0.0.1:1"}),
    ],
)
async def test_a_service_that_is_away(tmp_path: Path, name: str, given: dict[str, str]) -> None:
    done = await run(name, "--yes", VAR_DIR=str(tmp_path), **given)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr and "hidden" not in done.stderr


async def test_what_does_not_work_is_taken_back(
    database_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new password is refused for some reason: the old one must be valid again."""
    given = settings.with_services(replaced_password(database_url, OLD), "")

    async def refused(_: str) -> None:
        raise asyncpg.InvalidPasswordError("no")

    monkeypatch.setattr(rotation, "_sign_in", refused)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await rotation.rotate(given, "db_password")
    assert await opens(database_url, OLD)


async def test_a_running_process_follows_its_file(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rotated under a server: new connections wait for the file and take the new password from it."""
    secret = tmp_path / "db_password"
    secret.write_text(OLD)
    monkeypatch.setenv(network.PASSWORD_FILE, str(secret))
    url = replaced_password(database_url, OLD)
    database = Database(url, pool_size=1)
    pool = open_pool(url)
    try:
        async with database.begin() as session:
            assert await session.scalar(text("select 1")) == 1
        await rotation._alter(url, "the-new-password")
        await database.engine.dispose()

        async def ask() -> int:
            async with database.begin() as session:
                return int(await session.scalar(text("select 2")) or 0)

        asking = asyncio.create_task(ask())
        await asyncio.sleep(0.5)
        assert not asking.done()
        secret.write_text("the-new-password\n")
        assert await asking == 2
        await pool.open(wait=True, timeout=10)
        async with pool.connection() as connection:
            assert await (await connection.execute("select 3 as x")).fetchone() == {"x": 3}
    finally:
        await pool.close()
        await database.close()


async def test_a_wrong_password_is_still_wrong(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(network, "ROTATION_SECONDS", 0.3)
    url = replaced_password(database_url, "wrong")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await network.postgres(url, 5)
    (tmp_path / "file").write_text("wrong")
    monkeypatch.setenv(network.PASSWORD_FILE, str(tmp_path / "file"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await network.postgres(url, 5)


def test_the_verifier_is_postgresqls_own() -> None:
    """RFC 7677's password and salt; the keys as its exchange implies them."""
    import base64

    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    made = rotation.scram("pencil", salt)
    assert made == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
