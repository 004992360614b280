"""PostgreSQL and Valkey from wheels, when no DATABASE_URL or REDIS_URL is given.

`start` gives running services, `attached` those of a running server or its own for a while. The data survives
restarts and lies under VAR_DIR (see `place`); the programs are kept by a guard process (see `guard`), so that they
end with their server even when it is killed.

One server owns a VAR_DIR at a time: it holds a lock on VAR_DIR/server.lock, which the kernel drops when the process
ends. A second one is told so.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from app.i18n import ProblemError, Text
from app.settings import Settings

LOCK = "server.lock"
HOLDER = "server.pid"  # not in LOCK itself: closing that file after a look would drop our own POSIX lock
SERVER, COMMAND = "server", "command"  # who holds the lock
WAIT_SECONDS = 60.0  # for a short command's turn, or for a server that is just starting
STOP_SECONDS = 90.0  # longer than the guard gives its programs

_started: weakref.WeakSet[Services] = weakref.WeakSet()


class BusyError(ProblemError):
    """Another Zhupi owns this VAR_DIR. `pid` is its process, 0 when unknown."""

    def __init__(self, text: Text, pid: int) -> None:
        self.pid = pid
        super().__init__(text)


class Services:
    """Services that run, or are about to: `wait` returns when they answer. Addresses are valid after it."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.database_url, self.redis_url = database_url, redis_url
        self._lock: IO[str] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def wait(self) -> Services:
        """Return this when all services answer. Raises ProblemError when one cannot be started."""
        if self._guard is None:
            return self
        assert self._guard.stdout is not None
        line = self._guard.stdout.readline()
        message = json.loads(line) if line else {}
        if "problem" in message or not message:
            self.stop()
            text = (
                Text.from_json(message["problem"])
                if message
                else Text("The embedded services ended at once.")
            )
            raise ProblemError(text)
        self.database_url = message.get("database_url", self.database_url)
        self.redis_url = message.get("redis_url", self.redis_url)
        return self

    @property
    def alive(self) -> bool:
        """Whether the guard is there. Its services may be restarting; it ends only when it gave up."""
        if self._guard is None or self._guard.stdout is None:
            return True
        # The closed pipe tells, whoever has collected the exit status (gunicorn collects every child's).
        return not select.select([self._guard.stdout], [], [], 0)[0]

    def stop(self) -> None:
        """Stop what was started, cleanly, and wait for it. Twice is once."""
        guard, self._guard = self._guard, None
        if guard is not None:
            assert guard.stdin is not None and guard.stdout is not None
            with contextlib.suppress(OSError):
                guard.stdin.write(b"stop\n")
                guard.stdin.close()
            try:
                guard.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                guard.kill()  # its programs are signalled by the kernel
                guard.wait()
            guard.stdout.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Services:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, var: Path, needed: list[str], *, temporary: bool) -> None:
        asked = json.dumps({"var": str(var.absolute()), "needed": needed, "temporary": temporary})
        # -P: a folder named app where the server was started must not be taken for ours.
        command = [sys.executable, "-P", "-m", "app.embedded.guard", asked]
        self._guard = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            start_new_session=True,  # Ctrl-C is for the server; the services go last
        )
        _started.add(self)

    def _forget(self) -> None:
        """In a forked child: close the line, so that its end means the death of the server itself."""
        if self._guard is not None and self._guard.stdin is not None:
            with contextlib.suppress(OSError):
                os.close(self._guard.stdin.fileno())
            self._guard = None


def _forget_all() -> None:
    for services in list(_started):
        services._forget()


os.register_at_fork(after_in_child=_forget_all)


def launch(settings: Settings, purpose: str = SERVER) -> Services:
    """Begin to start what the settings do not name, and return at once; `wait` for it before use.

    Raises BusyError when another process owns VAR_DIR, ProblemError when VAR_DIR cannot be used.
    """
    services = Services(settings.postgres_url, settings.redis_url.get_secret_value())
    needed = [
        name
        for name, url in (("database_url", services.database_url), ("redis_url", services.redis_url))
        if not url
    ]
    if needed:
        services._lock = _take(settings.var_dir, purpose)
        services._launch(settings.var_dir, needed, temporary=False)
    return services


def start(settings: Settings, purpose: str = SERVER) -> Services:
    """Start what the settings do not name and wait until it answers. Raises as `launch` and `wait`."""
    return launch(settings, purpose).wait()


def temporary(folder: Path) -> Services:
    """Both services with empty data under `folder` for tests: fast, not safe against power cuts, removed by stop.

    Raises ProblemError.
    """
    services = Services("", "")
    services._launch(folder, ["database_url", "redis_url"], temporary=True)
    return services.wait()


@contextlib.contextmanager
def attached(settings: Settings) -> Iterator[Settings]:
    """The settings with both addresses filled: a running server's services, or own ones until the end.

    For commands. Waits up to WAIT_SECONDS for another command's turn. Raises BusyError, ProblemError.
    """
    limit = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            with start(settings, COMMAND) as services:
                yield settings.with_services(services.database_url, services.redis_url)
            return
        except BusyError as busy:
            urls = _addresses(settings) if _holder(settings.var_dir)[0] == SERVER else None
            if urls is None and time.monotonic() > limit:
                raise busy from None
        if urls is not None:
            yield settings.with_services(*urls)
            return
        time.sleep(0.1)


def _addresses(settings: Settings) -> tuple[str, str] | None:
    """The addresses that a running server's guard has written down; None while it is starting."""
    try:
        urls = json.loads((settings.var_dir / "services" / "services.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    given = settings.postgres_url, settings.redis_url.get_secret_value()
    return urls.get("database_url", given[0]), urls.get("redis_url", given[1])


def _take(var: Path, purpose: str) -> IO[str]:
    """The lock on VAR_DIR; who holds it is written beside it."""
    try:
        var.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = (var / LOCK).resolve()
        if any(one._lock is not None and one._lock.name == str(path) for one in _started):
            raise _busy(var)  # the kernel would let one process lock twice
        lock = path.open("a+", encoding="utf-8")
        path.chmod(0o600)
        # A POSIX lock: unlike flock's it does not pass to forked workers, so it ends with this very process.
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        if isinstance(error, PermissionError) and error.filename:
            raise _unusable(var, error) from None
        lock.close()
        raise _busy(var) from None
    except OSError as error:
        raise _unusable(var, error) from None
    (var / HOLDER).write_text(f"{purpose} {os.getpid()}\n", encoding="utf-8")
    return lock


def _holder(var: Path) -> tuple[str, int]:
    """Who took the lock last: its purpose and process id."""
    try:
        purpose, pid = (var / HOLDER).read_text(encoding="utf-8").split()
        return purpose, int(pid)
    except (OSError, ValueError):
        return "", 0


def _busy(var: Path) -> BusyError:
    pid = _holder(var)[1]
    message = "Zhupi already runs on {path} (process {pid}). Stop it first, or set another VAR_DIR and PORT."
    return BusyError(Text(message, {"path": str(var.absolute()), "pid": pid}), pid)


def _unusable(var: Path, error: OSError) -> ProblemError:
    why = error.strerror or str(error)
    return ProblemError("VAR_DIR={path} cannot be used: {why}", path=str(var), why=why)
