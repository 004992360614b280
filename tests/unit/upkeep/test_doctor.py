"""The doctor's judgements, each with what must not pass; and that a check that breaks is a finding, not the end."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr
from redis.exceptions import AuthenticationError, BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError

from app.cli import checks
from app.i18n import Text
from app.settings import Settings
from app.upkeep import figures
from app.upkeep.doctor import (
    clock,
    database,
    examine,
    findings,
    limits,
    machine,
    model,
    redis,
    storage,
    tls,
    work,
)
from app.upkeep.doctor.findings import Finding, Level
from app.upkeep.figures import Queue, Work

GOOD_KEY = "tJ7Qm0zXw4c1yVf9Lr2NnB8sKd5HgEuAioP3"
# Self-signed, with a notBefore as UTCTime and a notAfter as GeneralizedTime.
FAR = """
MIIBdDCCARmgAwIBAgIUP9rIkRolBj1Cq0yqJVgH+7f5+qowCgYIKoZIzj0EAwIwDjEMMAoGA1UEAwwDZmFyMCAXDTI2MTEyNDExMDIxMFoYDzIwODEw
ODI3MTEwMjEwWjAOMQwwCgYDVQQDDANmYXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASQS/Au1oJSVAAO3IVyre5V9jPE/6u43Nr2xhQdXKRpvjdR
YPpnHsJvyO/JamrjaFda1De8jzIWTBZ84qtxIKRoo1MwUTAdBgNVHQ4EFgQU9qyfYlfaychiPEto0+y06lLY6/owHwYDVR0jBBgwFoAU9qyfYlfaychi
PEto0+y06lLY6/owDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA4A6gyk/UHe6PgD2+9e4IyiDMK5DJ3u4ukYRFmF/l8qACIQCI/T4Y
ikNnCVH0whRpYinBHRNz9HL35jw/Kt56h2L2xQ==
"""
DER = base64.b64decode(FAR)
ENDS = datetime(2081, 8, 27, 11, 2, 10, tzinfo=UTC)


def production(**values: object) -> Settings:
    given = {"environment": "production", "secret_key": GOOD_KEY, **values}
    return Settings.model_validate(given)


def level_of(found: list[Finding], check: str) -> Level:
    return next(each.level for each in found if each.check == check)


# --- The whole --------------------------------------------------------------------------------------------------------


def test_the_worst_level_counts_and_what_was_not_looked_at_does_not() -> None:
    text = Text("x")
    good, none = findings.ok("a", text), findings.skipped("b", text)
    warn, bad = findings.warning("c", text, text), findings.problem("d", text, text)
    assert findings.worst([]) is findings.worst([none]) is findings.worst([good, none]) is Level.OK
    assert findings.worst([good, warn]) is Level.WARNING
    assert findings.worst([warn, bad, good]) is Level.PROBLEM


async def test_a_check_that_breaks_or_hangs_is_a_finding_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def breaks(settings: Settings) -> list[Finding]:
        raise KeyError("postgresql://user:hidden@host")

    async def hangs(settings: Settings) -> list[Finding]:
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(storage, "check", breaks)
    monkeypatch.setattr(machine, "check", hangs)
    monkeypatch.setattr(examine, "LIMIT_SECONDS", 0.3)
    began = time.monotonic()
    found = await examine.examine(Settings(var_dir=tmp_path))
    assert time.monotonic() - began < 5
    assert level_of(found, "storage") is level_of(found, "machine") is Level.PROBLEM
    said = " ".join(str(each.text) for each in found)
    assert "KeyError" in said and "hidden" not in said
    # Services without an address were not started: nothing is said about them here.
    assert not {"database", "redis", "queue"} & {each.check for each in found}


async def test_a_disk_that_hangs_does_not_keep_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.2)
    with pytest.raises(TimeoutError):
        await limits.in_thread(lambda: time.sleep(2))
    with pytest.raises(ZeroDivisionError):
        await limits.in_thread(lambda: 1 / 0)
    assert await limits.in_thread(lambda: 3) == 3


async def test_a_name_server_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object, **__: object) -> list[object]:
        time.sleep(3)
        return []

    monkeypatch.setattr(limits, "LOOKUP_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", silent)
    settings = production(
        database_url="postgresql://u:p@db/x",
        redis_url="redis://redis:6379",
        llm_provider="custom",
        llm_base_url="http://gpu/v1",
    )
    began = time.monotonic()
    for found in (await database.check(settings), await redis.check(settings), await model.check(settings)):
        assert "Nobody knows the host of" in str(found[0].text)
    assert (await work.check(settings, 10))[0].level is Level.SKIPPED
    assert time.monotonic() - began < 2.5


def test_the_command_and_the_figures_agree_when_a_run_stands_still() -> None:
    assert checks.STUCK_MINUTES == figures.STUCK_MINUTES


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (asyncpg.InvalidPasswordError("x"), "refuses user or password"),
        (asyncpg.InvalidCatalogNameError("x"), "no database of this name"),
        (asyncpg.CannotConnectNowError("x"), "starting, stopping or recovering"),
        (asyncpg.TooManyConnectionsError("x"), "no connection left"),
        (socket.gaierror(-2, "x"), "Nobody knows the host"),
        (TimeoutError(), "does not answer"),
        (ConnectionRefusedError(), "cannot be reached (ConnectionRefusedError)"),
    ],
)
def test_why_postgresql_cannot_be_reached(error: Exception, said: str) -> None:
    settings = Settings(database_url=SecretStr("postgresql://zhupi:hidden@db:5432/zhupi"))
    found = database.refused(settings, error)
    assert found.level is Level.PROBLEM and found.advice is not None
    assert said in str(found.text) and "db:5432" in str(found.text)
    assert "hidden" not in str(found.to_json())


def facts(**values: object) -> dict[str, object]:
    good = {"version": 170002, "version_text": "17.2", "size": 1, "standby": False}
    return {**good, "fsync": "on", "full_page_writes": "on", "checksums": "on", **values}


def test_what_postgresql_says_of_itself() -> None:
    settings = production(database_url="postgresql://u:p@db/x")
    assert database._reached(settings, facts()).level is Level.OK
    assert database._reached(settings, facts(version=140011)).level is Level.PROBLEM
    assert database._reached(settings, facts(standby=True)).level is Level.PROBLEM
    careful = database._careful
    assert level_of(careful(settings, facts()), "database.durability") is Level.OK
    assert level_of(careful(settings, facts(fsync="off")), "database.durability") is Level.PROBLEM
    assert level_of(careful(settings, facts(full_page_writes="off")), "database.durability") is Level.PROBLEM
    assert level_of(careful(settings, facts(checksums="off")), "database.durability") is Level.WARNING
    assert level_of(careful(Settings(), facts(checksums="off")), "database.durability") is Level.OK
    assert database._connections(100, 50).level is Level.OK
    assert database._connections(100, 95).level is Level.WARNING
    assert database._connections(97, 99).facts["free"] == 0


def test_tables_of_another_version() -> None:
    wanted = database.Marker.of_this_version()

    def judged(revision: str, fingerprint: str | None, oldest: str | None = "") -> Finding:
        return database._migrated(database.Migrated(revision, fingerprint, oldest))

    assert judged(wanted.revision, wanted.fingerprint).level is Level.OK
    behind = (database._migrated(None), judged(wanted.revision, "other"), judged("0001", None, None))
    assert all("not those of this version yet" in str(each.text) for each in behind)
    # A newer version says which older ones work on its tables; where it has said nothing, none does.
    assert judged("9999", "other").level is judged("9999", "other", wanted.revision).level is Level.OK
    for newer in (judged("9999", "other", "9998"), judged("9999", None, None)):
        assert newer.level is Level.PROBLEM and "newer version (9999)." in str(newer.text)


def test_clocks() -> None:
    assert clock.skew("c", 0.4, "x").level is Level.OK
    assert clock.skew("c", -7, "x").level is Level.WARNING
    assert clock.skew("c", 61, "x").level is Level.PROBLEM


def test_an_address_is_told_without_its_password() -> None:
    assert database.place_of("postgresql://u:hid%40den@db:5433/x") == "db:5433"
    assert database.place_of("postgresql:///x?host=/run/pg&user=u") == "/run/pg"
    assert database.place_of("unix:///run/valkey.sock") == "/run/valkey.sock"


# --- Redis ------------------------------------------------------------------------------------------------------------

INFO = {"redis_version": "8.0.0", "used_memory": 100, "aof_enabled": 1, "aof_last_write_status": "ok"}


@pytest.mark.parametrize(
    ("changes", "check", "level"),
    [
        ({}, "redis.memory", Level.OK),
        ({}, "redis.persistence", Level.OK),
        ({"maxmemory": 1000, "maxmemory_policy": "allkeys-lru"}, "redis.memory", Level.PROBLEM),
        ({"maxmemory": 1000, "maxmemory_policy": "volatile-ttl"}, "redis.memory", Level.PROBLEM),
        ({"maxmemory": 1000, "maxmemory_policy": "noeviction"}, "redis.memory", Level.OK),
        ({"maxmemory": 110, "maxmemory_policy": "noeviction"}, "redis.memory", Level.WARNING),
        ({"maxmemory": 0, "maxmemory_policy": "allkeys-lru"}, "redis.memory", Level.OK),
        ({"aof_enabled": 0}, "redis.persistence", Level.WARNING),
        ({"aof_last_write_status": "err"}, "redis.persistence", Level.PROBLEM),
        ({"rdb_last_bgsave_status": "err"}, "redis.persistence", Level.PROBLEM),
    ],
)
def test_what_redis_says_of_itself(changes: dict[str, object], check: str, level: Level) -> None:
    assert level_of(redis.judge({**INFO, **changes}, "redis:6379", True), check) is level


def test_a_redis_on_a_desk_need_not_keep_anything() -> None:
    assert level_of(redis.judge({**INFO, "aof_enabled": 0}, "x", False), "redis.persistence") is Level.OK
    assert level_of(redis.judge(None, "x", True), "redis.memory") is Level.SKIPPED


def test_why_redis_cannot_be_reached() -> None:
    unknown = RedisConnectionError("Error -2 connecting to x")
    unknown.__context__ = socket.gaierror(-2, "Name or service not known")
    assert "Nobody knows the host" in str(redis.refused("redis:6379", unknown).text)
    assert "refuses the password" in str(redis.refused("x", AuthenticationError("WRONGPASS")).text)
    assert "is reading its data" in str(redis.refused("x", BusyLoadingError("LOADING")).text)
    assert "cannot be reached (TimeoutError)" in str(redis.refused("x", TimeoutError()).text)


# --- Secrets, settings, disks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret", ["changeme" * 5, "aaaaaaaabbbbbbbb" * 3, "my-Password-" + GOOD_KEY, "12" * 20]
)
def test_secrets_that_people_make_up(secret: str) -> None:
    assert machine.weak(secret)
    found = machine._secret_key(production(secret_key=secret))
    assert found.level is Level.PROBLEM and secret not in str(found.to_json())


def test_a_random_secret_is_good() -> None:
    assert not machine.weak(GOOD_KEY)
    assert machine._secret_key(production()).level is Level.OK


@pytest.mark.parametrize(
    ("url", "level"),
    [
        (f"postgresql://zhupi:{GOOD_KEY}@db/zhupi", Level.OK),
        ("postgresql:///zhupi?host=/run", Level.OK),  # a socket
        ("postgresql://zhupi:zhupi@db/zhupi", Level.WARNING),
        ("postgresql://zhupi@db/zhupi", Level.WARNING),
        ("postgresql://zhupi:short1X@db/zhupi", Level.WARNING),
    ],
)
def test_passwords_of_services(url: str, level: Level) -> None:
    found = machine._service_passwords(production(database_url=url))
    assert found.level is level
    assert machine._service_passwords(Settings(database_url=SecretStr(url))).level is Level.OK


def test_what_production_forbids() -> None:
    def judged(**values: object) -> Level:
        return findings.worst(machine._production(production(allowed_hosts="marks.school.example", **values)))

    assert judged() is Level.OK
    assert judged(debug=True) is Level.PROBLEM
    assert findings.worst(machine._production(production(allowed_hosts="*"))) is Level.WARNING
    own = {"llm_provider": "custom", "llm_model": "m"}
    assert judged(llm_base_url="http://models.example.com/v1", **own) is Level.PROBLEM
    assert judged(llm_base_url="http://8.8.8.8/v1", **own) is Level.PROBLEM
    for near in (
        "http://ollama:11434/v1",
        "http://10.1.2.3/v1",
        "http://gpu.local/v1",
        "https://a.example/v1",
    ):
        assert judged(llm_base_url=near, **own) is Level.OK
    assert machine._production(Settings())[0].level is Level.SKIPPED


def test_files_of_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "key"
    key.write_text(GOOD_KEY)
    key.chmod(0o644)
    monkeypatch.setenv("SECRET_KEY_FILE", str(key))
    monkeypatch.setenv("SSL_CERT_FILE", "/")  # not a setting of ours
    found = machine._secret_files()
    assert (
        found.level is Level.WARNING and str(key) in str(found.text) and GOOD_KEY not in str(found.to_json())
    )
    key.chmod(0o640)
    assert machine._secret_files().level is Level.OK
    key.unlink()
    assert machine._secret_files().level is Level.OK


def test_the_folder_of_the_server(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    folder.mkdir(mode=0o700)
    # Only root's own command says nothing about rights.
    assert storage.rights(folder).level is (Level.SKIPPED if os.geteuid() == 0 else Level.OK)
    folder.chmod(0o751)
    assert storage.rights(folder).level is not Level.WARNING
    folder.chmod(0o755)
    assert storage.rights(folder).level is Level.WARNING
    folder.chmod(0o700)
    (folder / "secret_key").write_text("x")
    (folder / "secret_key").chmod(0o644)
    assert "secret_key" in str(storage.rights(folder).text)
    assert storage.rights(tmp_path / "none").level is Level.PROBLEM


def test_how_much_room_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = storage.shutil.disk_usage(tmp_path)
    for free, level in ((10 * 2**30, Level.OK), (2 * 2**30, Level.WARNING), (2**20, Level.PROBLEM)):
        changed = usage._replace(free=free)
        monkeypatch.setattr(storage.shutil, "disk_usage", lambda path, changed=changed: changed)
        assert storage.disk("disk", tmp_path).level is level
    assert storage.disk("disk", tmp_path / "none").level is Level.PROBLEM


async def test_a_storage_that_takes_nothing(tmp_path: Path) -> None:
    good = await storage.check(Settings(var_dir=tmp_path / "var"))
    assert level_of(good, "storage") is Level.OK
    assert not list((tmp_path / "var" / "uploads").iterdir())  # the probe leaves nothing
    (tmp_path / "file").write_text("x")
    bad = await storage.check(Settings(var_dir=tmp_path / "var", upload_dir=str(tmp_path / "file")))
    assert level_of(bad, "storage") is Level.PROBLEM
    said, advice = str(bad[0].text), str(bad[0].advice)
    assert str(tmp_path / "file") in said and "UPLOAD_DIR" in said and "owner of the folder" in advice


async def test_the_folder_for_half_uploaded_files_counts_with_a_bucket_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    found = await storage.check(Settings(var_dir=tmp_path / "file", upload_dir="s3://bucket"))
    assert level_of(found, "storage") is Level.PROBLEM
    assert "VAR_DIR" in str(found[0].text) and "bucket" not in str(found[0].advice)


# --- Certificates -----------------------------------------------------------------------------------------------------


def test_the_dates_of_a_certificate() -> None:
    assert tls.validity(DER) == (datetime(2026, 11, 24, 11, 2, 10, tzinfo=UTC), ENDS)


NO_CERTIFICATES = (b"", b"0", DER[:40], DER[:100], b"\x30\x82", b"\x04" + DER[1:], b"\x30\x03abc", b"x" * 999)


@pytest.mark.parametrize("broken", NO_CERTIFICATES)
def test_what_is_no_certificate(broken: bytes) -> None:
    with pytest.raises(tls.CertificateError):
        tls.validity(broken)


@pytest.mark.parametrize(
    ("before", "level"),
    [
        (timedelta(days=90), Level.OK),
        (timedelta(days=20), Level.WARNING),
        (timedelta(hours=1), Level.WARNING),
        (timedelta(seconds=-1), Level.PROBLEM),
        (timedelta(days=30_000), Level.PROBLEM),  # not valid yet
    ],
)
def test_how_long_a_certificate_is_good(before: timedelta, level: Level) -> None:
    assert tls.judge(DER, "x", ENDS - before).level is level


def test_a_certificate_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "c.pem"
    file.write_text(f"subject=far\n-----BEGIN CERTIFICATE-----{FAR}-----END CERTIFICATE-----\n")
    found = tls._from_file(file)
    assert found is not None and found.facts["not_after"] == ENDS.isoformat()
    file.write_text("nothing")
    assert tls._from_file(file) is None
    assert tls._from_file(tmp_path / "none") is None


@pytest.mark.parametrize(
    "address", ["http://x", "x", "https://", "https://x:99999", "https://[::", "ftp://x"]
)
async def test_an_address_that_is_none(address: str) -> None:
    found = await tls.check(Settings(), address)
    assert found[0].level is Level.PROBLEM and "begins with https://" in str(found[0].text)


async def test_no_proxy_at_the_address() -> None:
    found = await tls.check(Settings(), "https://127.0.0.1:1")
    assert [each.level for each in found] == [Level.PROBLEM]


# --- The model --------------------------------------------------------------------------------------------------------


async def test_without_a_model_nothing_is_asked() -> None:
    assert (await model.check(Settings()))[0].level is Level.SKIPPED


async def test_a_model_that_is_away() -> None:
    settings = Settings(llm_provider="custom", llm_base_url="http://127.0.0.1:1/v1", llm_model="m")
    found = await model.check(settings, ask=True)
    assert [each.level for each in found] == [Level.PROBLEM]  # not asked as well


@pytest.mark.parametrize(
    ("status", "models", "level"),
    [
        (200, {"m", "n"}, Level.OK),
        (200, set(), Level.OK),
        (404, set(), Level.OK),  # not every endpoint lists its models
        (200, {"n"}, Level.WARNING),
        (401, set(), Level.PROBLEM),
        (403, set(), Level.PROBLEM),
        (429, set(), Level.WARNING),
        (502, set(), Level.WARNING),
    ],
)
def test_what_an_endpoint_answers(status: int, models: set[str], level: Level) -> None:
    endpoint = model.Endpoint("custom", "http://x/v1", "m", "hidden")
    found = model._judged(status, models, endpoint)
    assert found.level is level and "hidden" not in str(found.to_json())


def test_a_vision_model_that_the_endpoint_has_or_not() -> None:
    endpoint = model.Endpoint("custom", "http://x/v1", "m", "hidden")
    assert model._eyes({"m", "sees"}, endpoint, "") == []
    assert model._eyes(set(), endpoint, "sees") == []  # not every endpoint lists its models
    assert [each.level for each in model._eyes({"m", "sees"}, endpoint, "sees")] == [Level.OK]
    assert [each.level for each in model._eyes({"m"}, endpoint, "sees")] == [Level.WARNING]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"data": 3}', b'{"data": [{}]}', b'{"data": [3]}', b"\xff"]
)
def test_a_list_of_models_that_is_none(body: bytes) -> None:
    assert model._models(body) == set()


def test_a_list_of_models() -> None:
    assert model._models(b'{"data": [{"id": "models/a"}, {"id": "b"}]}') == {"a", "b"}


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Nov 2026 11:00:00 GMT"])
def test_a_date_that_is_none(date: str) -> None:
    endpoint = model.Endpoint("custom", "http://x/v1", "m")
    assert model._clock({"Date": date}, 0, endpoint) == model._clock({}, 0, endpoint) == []


# --- The work ---------------------------------------------------------------------------------------------------------


def some_work(
    waiting: int = 0, working: int = 0, lost: int = 0, oldest: float = 0.0, failed: int = 0
) -> Work:
    queues = (
        [Queue("grade", waiting, working, lost, failed, oldest)]
        if waiting or working or lost or failed
        else []
    )
    return Work(queues, {}, [], 0)


@pytest.mark.parametrize(
    ("now", "level"),
    [
        (some_work(), Level.OK),
        (some_work(waiting=500, working=8, oldest=900), Level.OK),
        (some_work(waiting=500, working=8, oldest=4000), Level.WARNING),
        (some_work(waiting=3, oldest=30), Level.OK),
        (some_work(waiting=3, oldest=300), Level.PROBLEM),
        (some_work(waiting=3, working=1, lost=1, oldest=300), Level.PROBLEM),
        (some_work(waiting=3, working=2, lost=1, oldest=300), Level.OK),
    ],
)
def test_whether_jobs_are_taken(now: Work, level: Level) -> None:
    assert work.queue(now).level is level


def test_whether_jobs_are_lost_or_broken() -> None:
    assert work.jobs(some_work(), 0).level is Level.OK
    assert work.jobs(some_work(), 2).level is Level.WARNING
    assert work.jobs(some_work(failed=1), 0).level is Level.WARNING
    assert work.jobs(some_work(working=1, lost=1), 0).level is Level.PROBLEM


async def test_nothing_is_said_of_a_certificate_that_is_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tls, "BESIDE", ("127.0.0.1", 1))
    monkeypatch.setattr(tls, "PAUSE_SECONDS", 60.0)  # outside production nobody waits for a proxy
    assert [each.level for each in await tls.check(Settings())] == [Level.SKIPPED]


async def test_a_proxy_that_is_starting_again_is_looked_at_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tls, "PAUSE_SECONDS", 0.01)
    looks: list[Exception | bytes] = [ConnectionRefusedError(), DER]

    async def look(host: str, port: int, **_: object) -> bytes:
        answer = looks.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(tls, "_handshake", look)
    found = await tls.check(production())
    assert [each.level for each in found] == [Level.OK] and not looks
    for error, level in (
        (ConnectionRefusedError(), Level.PROBLEM),
        (TimeoutError(), Level.PROBLEM),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), Level.SKIPPED),
    ):
        looks[:] = [error, error]
        found = await tls.check(production())
        assert [each.level for each in found] == [level] and not looks
        assert "make up" in str(found[0].advice) and "--address" in str(found[0].advice)


async def test_a_silent_proxy_leaves_time_for_the_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 2 * tls.BESIDE_SECONDS + tls.PAUSE_SECONDS < examine.LIMIT_SECONDS

    async def silent(*_: object, **__: object) -> bytes:
        await asyncio.sleep(60)
        return b""

    monkeypatch.setattr(tls, "_handshake", silent)
    monkeypatch.setattr(tls, "BESIDE_SECONDS", 0.01)
    monkeypatch.setattr(tls, "PAUSE_SECONDS", 0.01)
    assert [each.level for each in await tls.check(production())] == [Level.PROBLEM]
