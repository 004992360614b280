"""The steps from a checkout to a healthy system: prepare, build, certificate, start, report. `bring` orders them."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from deploy import engine, secret_files
from deploy.words import Problem, say

WRONG_SETTINGS = 2  # the exit code of `zhupi settings --check`, and of nginx/scripts/check
WAIT_SECONDS = 180  # for everything to be healthy; 15 s are usual
SHARED = (
    "nginx",
    "deploy/db",
    "deploy/redis",
)  # mounted into containers whose root may not read what is closed
# Not among them, though they are below: what must stay closed.
CLOSED = ("nginx/certs",)


def prepare() -> None:
    """Docker is there, .env is there, what is mounted can be read. Raises Problem."""
    engine.require()
    settings = engine.ROOT / ".env"
    if not settings.exists():
        shutil.copyfile(engine.ROOT / ".env.example", settings)
        settings.chmod(0o600)
        say("made .env from .env.example; its comments say what can be set")
    for name in SHARED:
        _open_up(engine.ROOT / name)


def secrets_there() -> None:
    """The secrets exist; those that a newer version asks for are made. Raises Problem."""
    secret_files.ensure()


def build() -> None:
    """Build the image of this checkout. Raises Problem."""
    commit = _git("describe", "--always", "--dirty") or "unknown"
    version = _version()
    os.environ.update(
        BUILD_VERSION=version,
        BUILD_REVISION=commit,
        BUILD_CREATED=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),  # noqa: UP017 - Python 3.9
    )
    say("building the image, version {version} ({commit})", version=version, commit=commit)
    if engine.compose("build", "app", capture=False, check=False).returncode:
        raise Problem("The image could not be built; the lines above say why.")


def certificate() -> None:
    """A self-signed certificate where there is none. Raises Problem."""
    done = engine.run(["sh", "nginx/certificate"], check=False)
    if done.returncode:
        raise Problem("No certificate could be made: {why}", why=engine.complaint(done.stderr))


def check_settings() -> None:
    """The application and nginx take their settings. Raises Problem with every sentence about a bad one.

    Before anything is stopped: `compose up` puts all replicas at once into a changed .env, and a slip of the pen in it
    would otherwise be known when none of the old ones is there any more.
    """
    said = [line for line in _complaints("app", "settings", "--check") if not _of_compose(line)]
    known = "\n".join(said)
    for line in _complaints("nginx", "/zhupi/scripts/check"):
        about = re.match(r"([A-Z][A-Z_]*)[=: ]", line)
        if about and about[1] not in known:  # some are settings of both
            said.append(line)
    if said:
        raise Problem(
            "Settings of .env cannot be used; nothing was changed: {why}",
            why="".join(f"\n    {line}" for line in said),
        )


def _complaints(service: str, *command: str) -> list[str]:
    """The lines of a look at a service's settings; none where it found them good.

    Nor where it could not look (no network, no such volume): `compose up` meets the same, and says it better.
    """
    done = engine.compose("run", "--rm", "--no-deps", "--no-TTY", service, *command, check=False)
    return done.stderr.splitlines() if done.returncode == WRONG_SETTINGS else []


def _of_compose(line: str) -> bool:
    """Whether a line is compose's own progress ("Network zhupi_back  Created"), not the application's."""
    return line.strip().partition(" ")[0] in ("Network", "Volume", "Container", "")


def start(config: Mapping[str, Any], *services: str) -> None:
    """Bring services (all without names) to the state of the compose files, and wait. Raises Problem."""
    command = ["up", "--detach", "--no-build", "--wait", "--wait-timeout", str(WAIT_SECONDS)]
    done = engine.compose(*command, *services, check=False)
    if done.returncode:
        raise _failure(config, done.stderr)


def address(config: Mapping[str, Any]) -> str:
    """Where a browser finds the system: the first name of ALLOWED_HOSTS that is one, and nginx's published port."""
    hosts = str(config["services"]["app"]["environment"].get("ALLOWED_HOSTS") or "localhost").split(",")
    host = next((name.strip() for name in hosts if name.strip() and "*" not in name), "localhost")
    port = published(config, "https")
    return f"https://{host}{'' if port == 443 else f':{port}'}/"


def published(config: Mapping[str, Any], scheme: str) -> int:
    """The port of this machine for http or https, as the compose files publish it. Raises Problem without one."""
    targets = {"http": (80, 8080), "https": (443, 8443)}[scheme]
    for port in config["services"]["nginx"].get("ports", ()):
        if int(port["target"]) in targets and port.get("published"):
            return int(port["published"])
    raise Problem("nginx publishes no port for {scheme} in the compose files.", scheme=scheme)


def report(config: Mapping[str, Any]) -> None:
    """Print the address, and while nobody has an account the link that makes the first one."""
    where = address(config)
    say("Zhupi serves {address}", address=where)
    command = ["exec", "-T", "app", "zhupi", "set-up-link", "--address", where]
    link = engine.compose(*command, check=False).stdout.strip()
    if link:
        say("Nobody has an account yet. This link makes the first administrator, once, within 24 hours:")
        print(link, flush=True)
        say("Or here: docker compose exec app zhupi create-user NAME --role admin")


def tell_age(image: str) -> None:
    """Say so when an image is not of this checkout."""
    built, here = (
        engine.label(image, "org.opencontainers.image.revision"),
        _git("describe", "--always", "--dirty"),
    )
    if built and here and built != here:
        say(
            "The image is of {built}, this checkout is {here}: make upgrade brings it.",
            built=built,
            here=here,
        )


def _version() -> str:
    for line in (engine.ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "version":
            return value.strip().strip('"')
    return "0.0.0"


def _git(*arguments: str) -> str:
    """What git says, "" without git or outside a checkout (an unpacked release)."""
    try:
        return engine.run(["git", *arguments], check=False).stdout.strip()
    except Problem:
        return ""


def _open_up(folder: Path) -> None:
    """Let everybody read a folder of ours: a checkout made under umask 077 is closed to the containers' users."""
    for path in [folder, *folder.rglob("*")]:
        if any(path.is_relative_to(engine.ROOT / name) for name in CLOSED) or path.is_symlink():
            continue
        mode = path.stat().st_mode & 0o777
        wanted = mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444)
        if mode != wanted:
            try:
                path.chmod(wanted)
            except PermissionError:
                raise Problem(
                    "{path} cannot be read by everybody; as its owner: chmod a+rX {path}", path=path
                ) from None


def volume(config: Mapping[str, Any], name: str) -> bool:
    """Whether one of our volumes exists already."""
    full = config["volumes"][name].get("name", name)
    return not engine.docker("volume", "inspect", full, check=False).returncode


def same_password() -> None:
    """A database that was made with other secrets gets the new password of its role."""
    say("secrets/db_password is new, the database is not: its role gets the new password")
    engine.compose("up", "--detach", "--no-deps", "--force-recreate", "db")
    limit = time.monotonic() + WAIT_SECONDS
    while engine.compose("exec", "-T", "db", "sh", "/zhupi/set-password.sh", check=False).returncode:
        if time.monotonic() > limit:
            raise Problem("The database does not start: docker compose logs db says why.")
        time.sleep(1)


def _failure(config: Mapping[str, Any], said: str) -> Problem:
    """Why `compose up` failed: a port that is taken, or the last words of what is not healthy."""
    lowered = said.lower()
    if "address already in use" in lowered or "port is already allocated" in lowered:
        ports = {scheme: published(config, scheme) for scheme in ("http", "https")}
        return Problem(
            "A port is taken by another program ({http} or {https}): set HTTP_PORT and HTTPS_PORT in .env.",
            **ports,
        )
    if "range of cpus" in lowered:
        return Problem(
            "A limit asks for more CPUs than this machine has: lower *_CPUS in .env. {why}",
            why=engine.complaint(said),
        )
    if "error response from daemon" in lowered:
        return Problem("Docker refuses: {why}", why=engine.complaint(said))
    sick = [
        (service, one)
        for service in config["services"]
        for one in engine.containers(service)
        if one.health == "unhealthy" or (not one.running and one.exit_code) or one.restarts
    ]
    for service, one in sick:
        say("{service}: {words}", service=service, words=last_words(one))
    if not sick:
        return Problem("docker compose up failed: {why}", why=engine.complaint(said))
    names = " ".join(sorted({service for service, _ in sick}))
    return Problem("Not healthy: {names}. More: docker compose logs {names}", names=names)


def last_words(one: engine.Container) -> str:
    """The last lines of a container's log and of its health check."""
    done = engine.docker("logs", "--tail", "15", one.id, check=False)
    return "\n" + "\n".join(f"    {line}" for line in (done.stdout + done.stderr).splitlines()[-15:])
