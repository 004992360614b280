"""The secrets: files of mode 0600 in secrets/ that belong to the image's user (10001), as compose mounts them.

Made once and never made anew: a secret that exists is left alone. Root hands a file over itself; an ordinary user has
it done by a container that may do nothing but chown. A value is changed in place, by a container that runs as the
owner: the file stays the one that running containers have mounted.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from deploy import engine
from deploy.words import Problem, say

OWNER = 10001  # the image's user, see the Dockerfile
FOLDER = engine.ROOT / os.environ.get("SECRETS_DIR", "secrets")
SHORTEST_KEY = 32  # characters, as app.settings demands of SECRET_KEY
HELPERS = ("zhupi:local", "redis:8", "python:3.13-slim")  # any that is there will do

# 48 bytes are 384 bits; passwords have 256. Letters, digits, - and _ alone: they need no quoting anywhere.
NEW: dict[str, Callable[[], str]] = {
    "secret_key": lambda: secrets.token_urlsafe(48),
    "db_password": lambda: secrets.token_urlsafe(32),
    "redis_password": lambda: secrets.token_urlsafe(32),
    # Empty: no model is asked. The admin's own value comes by `make secret NAME=llm_api_key`.
    "llm_api_key": lambda: "",
}


def ensure() -> list[str]:
    """Make what is missing, mend owner and mode. Returns the names that were made. Raises Problem."""
    try:
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        made = [name for name, new in NEW.items() if _make(FOLDER / name, new)]
    except OSError as error:
        raise Problem("{path} cannot be written: {why}", path=FOLDER, why=error.strerror) from None
    _hand_over([FOLDER / name for name in NEW])
    empty = [name for name in NEW if name != "llm_api_key" and not (FOLDER / name).stat().st_size]
    if empty:
        raise Problem(
            "{names} is empty in {folder}. Delete the file, then run make secrets.",
            names=", ".join(empty),
            folder=FOLDER,
        )
    for name in made:
        say("made secrets/{name}", name=name)
    return made


def change(name: str, value: str) -> None:
    """Put a new value into a secret's file, in place. Raises Problem for an unknown name or a bad value."""
    if name not in NEW:
        raise Problem("{name} is no secret; there are {names}.", name=name, names=", ".join(NEW))
    if any(character.isspace() or not character.isprintable() for character in value):
        raise Problem("A secret is one word: no spaces, no line ends.")
    if name == "secret_key" and len(value) < SHORTEST_KEY:
        raise Problem("secret_key needs {count} characters or more.", count=SHORTEST_KEY)
    if not value and name != "llm_api_key":
        raise Problem("{name} must not be empty.", name=name)
    path = FOLDER / name
    if os.geteuid() == 0 and not _remapped():
        # Never cut short before it is written: the longer of two values is cut off after the shorter one.
        with path.open("r+", encoding="utf-8") as file:
            file.write(value)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
    else:
        _contained(path, f"{OWNER}", (), ["sh", "-c", "cat >/secret"], stdin=value)


def _make(path: Path, new: Callable[[], str]) -> bool:
    """Make one file, whole or not at all. Returns whether it was missing."""
    if path.exists():
        return False
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(new())
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link fails where another one was quicker; its value then stands.
            os.link(draft, path)
        except FileExistsError:
            return False
    finally:
        draft.unlink()
    return True


def _hand_over(paths: list[Path]) -> None:
    """Owner 10001 and mode 0600 for each file; nothing is run where that is so already."""
    inside = _remapped()
    for path in paths:
        state = path.stat()
        if state.st_mode & 0o777 != 0o600:
            if state.st_uid == os.geteuid() or os.geteuid() == 0:
                path.chmod(0o600)
            else:
                _contained(path, str(OWNER), (), ["chmod", "600", "/secret"])
        if inside:
            # What 10001 is on this machine only the engine knows; it finds the file right or makes it so.
            if not _mine_inside(path):
                _contained(path, "0", ("CHOWN",), ["chown", f"{OWNER}:{OWNER}", "/secret"])
        elif state.st_uid != OWNER:
            if os.geteuid() == 0:
                os.chown(path, OWNER, OWNER)
            else:
                _contained(path, "0", ("CHOWN",), ["chown", f"{OWNER}:{OWNER}", "/secret"])


def _mine_inside(path: Path) -> bool:
    """Whether the image's user can read a file in a container."""
    return not _contained(path, str(OWNER), (), ["test", "-r", "/secret"], check=False)


def _remapped() -> bool:
    """Whether the engine gives containers other user ids than the machine's (rootless, userns-remap)."""
    options = engine.docker("info", "--format", "{{json .SecurityOptions}}", check=False).stdout
    return "name=userns" in options or "name=rootless" in options


def _contained(
    path: Path,
    user: str,
    capabilities: tuple[str, ...],
    command: list[str],
    *,
    stdin: str | None = None,
    check: bool = True,
) -> int:
    """Run a command in a container that sees nothing but the one file, as /secret. Returns its exit code."""
    image = next((name for name in HELPERS if engine.image_id(name)), "redis:8")
    rights = [f"--cap-add={name}" for name in capabilities]
    locked = ["--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
    mount = f"--mount=type=bind,source={path},target=/secret"
    options = ["run", "--rm", *(["--interactive"] if stdin is not None else []), *locked, *rights, mount]
    return engine.docker(
        *options,
        f"--user={user}",
        f"--entrypoint={command[0]}",
        image,
        *command[1:],
        stdin=stdin,
        check=check,
    ).returncode
