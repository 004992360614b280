"""The two programs that are run: how each is prepared, started, asked whether it is ready, and ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from app.embedded.place import Place
from app.i18n import ProblemError

DATABASE = "zhupi"  # the database, and the role that owns it: not a superuser
POSTGRES_VERSION = "18"
STOP_SECONDS = 30.0  # for a clean end; after it the program is made to end


class Program(ABC):
    """A service program in its place. `durable` False trades safety against power cuts for speed (tests)."""

    name: ClassVar[str]
    setting: ClassVar[str]  # the field of Settings that its address fills
    executable: ClassVar[str]
    end_signal: ClassVar[signal.Signals]
    abort_signal: ClassVar[signal.Signals]

    def __init__(self, place: Place, *, durable: bool) -> None:
        self.place, self.durable = place, durable

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where its data is; the running program's working folder."""

    @property
    @abstractmethod
    def pid_file(self) -> Path:
        """The file whose first line is the process id."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for clients."""

    @abstractmethod
    def prepare(self) -> None:
        """Make what must be there before the start. Raises ProblemError, OSError."""

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    def ready(self, pid: int) -> bool:
        """Whether the process `pid` answers clients."""

    def end_former(self) -> None:
        """End a copy that an earlier start left running on this data, and clear a pid file that says nothing."""
        pid = self._former()
        if pid is not None:
            _signal(pid, self.end_signal)
            if not self._gone(pid):
                _signal(pid, self.abort_signal)
                self._gone(pid)
        # A pid that now belongs to another process would keep PostgreSQL from starting.
        self.pid_file.unlink(missing_ok=True)

    def _former(self) -> int | None:
        """The process id in the pid file, if that process is this program on this data."""
        try:
            pid = int(self.pid_file.read_text(encoding="utf-8").split()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if pid > 1 and self._is_ours(pid) else None

    def _gone(self, pid: int) -> bool:
        """Wait STOP_SECONDS for a process that is not our child to end (a zombie has: it has no program)."""
        limit = time.monotonic() + STOP_SECONDS
        while self._is_ours(pid):
            if time.monotonic() > limit:
                return False
            time.sleep(0.02)
        return True

    def _is_ours(self, pid: int) -> bool:
        """Whether a process is this program on this data. Its name alone could be anyone's."""
        if sys.platform == "linux":
            try:
                program = Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
                folder = Path(f"/proc/{pid}/cwd").readlink()
            except OSError:
                return False
            return program == self.executable and folder == Path(os.path.realpath(self.folder))
        listed = subprocess.run(  # noqa: S603
            ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
        return self.executable in listed and (str(self.folder) in listed or str(self.place.run) in listed)


class Postgres(Program):
    """PostgreSQL: UTF-8, the builtin C.UTF-8 collation (the same on every machine), data checksums.

    Whoever reaches the socket is let in (`trust`): its folder is closed to all but the service's own user, which
    is what a password in a file beside it would amount to. There is no TCP port.
    """

    name = "PostgreSQL"
    setting = "database_url"
    executable = "postgres"
    end_signal = signal.SIGINT  # "fast": open transactions are rolled back, then a checkpoint
    abort_signal = signal.SIGQUIT

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.place.postgres

    @property
    def pid_file(self) -> Path:
        """PostgreSQL's own."""
        return self.folder / "postmaster.pid"

    @property
    def url(self) -> str:
        """A URL that libpq, psycopg, asyncpg and SQLAlchemy read alike."""
        # The port names the socket; said here, because PGPORT would steer clients elsewhere.
        return f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(self.place.run))}&port=5432"

    def prepare(self) -> None:
        """Make the cluster, the role and the database, all or nothing."""
        version = self.folder / "PG_VERSION"
        if version.is_file():
            found = version.read_text(encoding="utf-8").strip()
            if found != POSTGRES_VERSION:
                raise ProblemError(
                    "The data in {path} was made by PostgreSQL {found}; this is PostgreSQL {version}.",
                    path=str(self.folder),
                    found=found,
                    version=POSTGRES_VERSION,
                )
            return
        draft = self.folder.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        self.place.folder(draft)
        self._run(
            [
                "initdb",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--data-checksums",
                "--auth=trust",
                "--no-instructions",
                "--set=timezone=UTC",
                "--set=log_timezone=UTC",
                *self._syncing(),
                f"--pgdata={draft}",
            ]
        )
        sql = f"CREATE ROLE {DATABASE} LOGIN;\nCREATE DATABASE {DATABASE} OWNER {DATABASE};\n"
        self._run(["postgres", "--single", "-D", str(draft), "postgres"], sql)
        # Only the socket: rules for TCP would wait for someone to open a port.
        (draft / "pg_hba.conf").write_text("local all all trust\n", encoding="utf-8")
        draft.rename(self.folder)

    def command(self) -> list[str]:
        """What is not said here is PostgreSQL's default."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.place.run),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "max_wal_size": "256MB",
            # A statement or an error's detail may hold a student's words: the log gets neither.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
            "log_checkpoints": "off",
        }
        if not self.durable:
            # Not safe against a power cut, but against a killed server: what was committed is with the kernel.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.place.postgres_bin / "postgres"), "-D", str(self.folder), *options]

    def ready(self, pid: int) -> bool:
        """By the state that PostgreSQL writes into its pid file (line 8, miscadmin.h: LOCK_FILE_LINE_PM_STATUS)."""
        try:
            lines = self.pid_file.read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def _syncing(self) -> list[str]:
        """One call for the whole file system where there is one: a thousand small files take seconds."""
        if not self.durable:
            return ["--no-sync"]
        return ["--sync-method=syncfs"] if sys.platform == "linux" else []

    def _run(self, command: list[str], text: str = "") -> None:
        program, *arguments = command
        done = subprocess.run(  # noqa: S603
            [str(self.place.postgres_bin / program), *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **self.place.popen(),
        )
        # A single-user postgres exits with 0 whatever a statement did; only its words tell.
        if done.returncode or "ERROR:" in done.stderr:
            raise ProblemError(
                "{name} could not be set up: {why}", name=self.name, why=done.stderr.strip()[-500:]
            )


class Valkey(Program):
    """Valkey: every write goes to an append-only file that is flushed to disk each second."""

    name = "Valkey"
    setting = "redis_url"
    executable = "valkey-server"
    end_signal = signal.SIGTERM
    abort_signal = signal.SIGKILL

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.place.valkey

    @property
    def pid_file(self) -> Path:
        """Written by Valkey, as the configuration asks."""
        return self.folder / "valkey.pid"

    @property
    def socket(self) -> Path:
        """The unix socket."""
        return self.place.run / "valkey.sock"

    @property
    def url(self) -> str:
        """A URL as redis-py reads it."""
        return f"unix://{quote(str(self.socket))}?db=0"

    def prepare(self) -> None:
        """Make the folder and write the configuration: it follows this version, not the data."""
        self.place.folder(self.folder)
        lines = {
            "port": "0",
            "unixsocket": _quoted(self.socket),
            "unixsocketperm": "700",
            "dir": _quoted(self.folder),
            "pidfile": _quoted(self.pid_file),
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": "3600 1" if self.durable else '""',
            "shutdown-on-sigterm": "save" if self.durable else "nosave",
            "daemonize": "no",
            "always-show-logo": "no",
            "maxmemory-policy": "noeviction",  # sessions and streams are not a cache
        }
        path = self.folder / "valkey.conf"
        path.write_text("".join(f"{name} {value}\n" for name, value in lines.items()), encoding="utf-8")
        self.place.give(path)

    def command(self) -> list[str]:
        """Everything else is in the configuration file."""
        return [str(self.place.valkey_server), str(self.folder / "valkey.conf")]

    def ready(self, pid: int) -> bool:
        """By asking: a server that still reads its file answers LOADING."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1.0)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _quoted(path: Path) -> str:
    """A path as Valkey's configuration reads it, spaces and all."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
