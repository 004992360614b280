"""The process that keeps the embedded services: their parent, started by the server, ended with it.

A process of its own, because it must outlive its server by a moment. The server holds the writing end of the
guard's standard input; when the server dies, however it dies, the guard reads the end of file and stops the
services cleanly. Should the guard itself be killed, Linux signals the services (prctl(2), PR_SET_PDEATHSIG, which
tells of the death of the parent *thread*: one more reason for a process with one thread). Should even that fail,
the next guard finds the former programs by their pid files and ends them before it starts its own.

One line of JSON on standard output says how the start went: {"database_url", "redis_url"} or {"problem": text}.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from app.embedded.place import Place, settle
from app.embedded.programs import STOP_SECONDS, Postgres, Program, Valkey
from app.i18n import ProblemError, Text

STATE = "services.json"  # in the services folder: the addresses, for commands beside a running server
LOCK = "services.lock"
READY_SECONDS = 300.0  # recovery after a power cut may take minutes
LOCK_SECONDS = 60.0  # a former guard that still stops its services
GRACE_SECONDS = 1.5  # a dead server's workers notice within a second: let them end first
MOST_DEATHS, DEATHS_WITHIN = 10, 60.0  # so many restarts in so many seconds, then give up
LARGEST_LOG = 10 * 1024 * 1024  # bytes; a larger log is put aside at the start, one generation is kept
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass
class Running:
    """A program, its process, and when it died lately (seconds of the monotonic clock)."""

    program: Program
    process: subprocess.Popen[bytes]
    deaths: list[float] = field(default_factory=list)


class Guard:
    """Starts programs, restarts one that dies, stops all."""

    def __init__(self, place: Place, programs: Sequence[Program]) -> None:
        self.place, self.programs = place, programs
        self.running: list[Running] = []

    def start(self) -> None:
        """Start all at once and wait until every one answers. Raises ProblemError, OSError."""
        for program in self.programs:
            program.end_former()
            program.prepare()
            self.running.append(Running(program, self._spawn(program)))
        limit = time.monotonic() + READY_SECONDS
        for one in self.running:
            while not one.program.ready(one.process.pid):
                if one.process.poll() is not None:
                    self._revive(one)
                if time.monotonic() > limit:
                    raise self._failure(one.program)
                time.sleep(0.01)

    def revive(self) -> None:
        """Start again what has died. Raises ProblemError when it dies again and again."""
        for one in self.running:
            if one.process.poll() is not None:
                self._revive(one)

    def stop(self) -> None:
        """End all programs, cleanly if they can."""
        for one in self.running:
            if one.process.poll() is None:
                one.process.send_signal(one.program.end_signal)
        for one in self.running:
            for number in (one.program.abort_signal, signal.SIGKILL):
                try:
                    one.process.wait(STOP_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    one.process.send_signal(number)

    def _revive(self, one: Running) -> None:
        now = time.monotonic()
        one.deaths = [death for death in one.deaths if now - death < DEATHS_WITHIN] + [now]
        if len(one.deaths) > MOST_DEATHS:
            raise self._failure(one.program)
        # Children of a killed postmaster hold its shared memory for a moment, and it will not start meanwhile.
        time.sleep(0.1 * len(one.deaths))
        one.program.end_former()
        one.process = self._spawn(one.program)

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        path = self._log(program)
        if path.exists() and path.stat().st_size > LARGEST_LOG:
            path.replace(path.with_suffix(".log.1"))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return subprocess.Popen(  # noqa: S603
                program.command(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                preexec_fn=_end_with_parent(
                    program.end_signal
                ),  # runs after the change of user, which clears it
                **self.place.popen(),
            )
        finally:
            os.close(descriptor)

    def _log(self, program: Program) -> Path:
        return self.place.log / f"{program.executable}.log"

    def _failure(self, program: Program) -> ProblemError:
        try:
            lines = self._log(program).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        return ProblemError(
            "{name} did not start. The end of {log}: {lines}",
            name=program.name,
            log=str(self._log(program)),
            lines=" | ".join(lines[-3:]),
        )


def _end_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before its program, so that it is signalled when we die. Linux only."""
    if sys.platform != "linux":
        return None
    # Looked up here: after the fork only plain calls are safe.
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # we died before the request
            os._exit(1)

    return ask


def main() -> None:
    """Run as `python -m app.embedded.guard JSON`: {"var": path, "needed": settings to fill, "temporary": bool}."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    os.umask(0o077)
    wake = _wake_on_signals()
    try:
        place = settle(Path(asked["var"]), temporary=asked["temporary"])
    except (ProblemError, OSError) as error:
        _tell({"problem": _sentence(error).to_json()})
        return
    errors = os.open(place.log / "guard.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(errors, 2)  # from here on we may outlive the terminal
    try:
        _keep(place, asked, wake)
    finally:
        if place.run.parent != place.root:
            shutil.rmtree(place.run, ignore_errors=True)
        if asked["temporary"]:
            shutil.rmtree(place.root, ignore_errors=True)


def _keep(place: Place, asked: dict[str, Any], wake: int) -> None:
    """Start, report, and stay until the server ends or says stop."""
    with (place.root / LOCK).open("a+") as lock:
        if not _locked(lock):
            problem = Text("{path} is in use by another Zhupi.", {"path": str(place.root)})
            _tell({"problem": problem.to_json()})
            return
        durable = not asked["temporary"]
        kinds: tuple[type[Program], ...] = (Postgres, Valkey)
        guard = Guard(
            place, [kind(place, durable=durable) for kind in kinds if kind.setting in asked["needed"]]
        )
        state = place.root / STATE
        try:
            guard.start()
            urls = {one.setting: one.url for one in guard.programs}
            draft = state.with_suffix(".new")
            draft.write_text(json.dumps(urls), encoding="utf-8")
            draft.replace(state)
            _tell(urls)
            _watch(guard, wake)
        except (ProblemError, OSError) as error:
            _tell({"problem": _sentence(error).to_json()})
        finally:
            state.unlink(missing_ok=True)
            guard.stop()


def _watch(guard: Guard, wake: int) -> None:
    """Until the end of standard input, a line on it, or a signal; restart programs that die."""
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if 0 in ready:
            if not os.read(0, 64):
                time.sleep(GRACE_SECONDS)
            return
        if any(number != signal.SIGCHLD for number in os.read(wake, 64)):
            return
        guard.revive()


def _wake_on_signals() -> int:
    """A descriptor that becomes readable when a child dies or we are asked to end; its bytes are the signals."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return reading


def _locked(lock: IO[str]) -> bool:
    """Take the lock on the services folder; wait for a former guard that is still stopping its programs."""
    limit = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES) or time.monotonic() > limit:
                return False
        time.sleep(0.05)


def _sentence(error: ProblemError | OSError) -> Text:
    if isinstance(error, ProblemError):
        return error.text
    return Text("{path}: {why}", {"path": str(error.filename or ""), "why": error.strerror or str(error)})


def _tell(message: dict[str, Any]) -> None:
    """One line to the server; it may be gone, which changes nothing here."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
