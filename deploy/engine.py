"""Docker and compose by their command line: found, asked, and their complaints put into sentences."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.words import Problem

ROOT = Path(__file__).resolve().parents[1]
OLDEST_ENGINE = (20, 10)  # BuildKit's mounts in the Dockerfile
OLDEST_COMPOSE = (2, 24)  # env_file with `required: false`
Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Container:
    """A container as the engine sees it. `health` is "" where there is no check; `addresses` are by network."""

    id: str
    name: str
    running: bool
    health: str
    exit_code: int
    restarts: int
    config_hash: str
    image: str
    addresses: Mapping[str, str]


def run(
    command: Sequence[str], *, capture: bool = True, stdin: str | None = None, check: bool = True
) -> Done:
    """Run a command in the project's folder. With `capture` False its output is the terminal's.

    Raises Problem with the last lines of its complaint when it fails and `check` is True.
    """
    try:
        done = subprocess.run(  # noqa: S603 - commands made here, no shell
            command,
            cwd=ROOT,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=capture,
            text=True,
            check=False,
        )
    except (FileNotFoundError, PermissionError):
        raise Problem("{program} is not installed.", program=command[0]) from None
    if check and done.returncode:
        raise Problem(
            "{command} failed: {why}", command=" ".join(command[:4]), why=complaint(done.stderr or "")
        )
    return done


def complaint(output: str) -> str:
    """The last three lines of what a command said, on one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " | ".join(lines[-3:]) or "?"


def docker(*arguments: str, **options: Any) -> Done:
    """`docker ...`, see `run`."""
    return run(["docker", *arguments], **options)


def compose(*arguments: str, **options: Any) -> Done:
    """`docker compose ...`, see `run`. Project and files are found as compose finds them."""
    return run(["docker", "compose", *arguments], **options)


def require() -> None:
    """Docker answers, compose is there, both are new enough. Raises Problem saying what to install or to do."""
    try:
        asked = docker("version", "--format", "{{.Server.Version}}", check=False)
    except Problem:
        raise Problem(
            "Docker is not installed. Zhupi needs Docker Engine 20.10 or newer with its compose plugin."
        ) from None
    if asked.returncode:
        if "permission denied" in asked.stderr.lower():
            raise Problem(
                "You may not use Docker: join the group docker (sudo usermod -aG docker $USER, then sign in again), "
                "or run this as root."
            )
        raise Problem("Docker does not answer; is it running? {why}", why=complaint(asked.stderr))
    if version(asked.stdout) < OLDEST_ENGINE:
        raise Problem(
            "Docker Engine {found} is too old: 20.10 or newer is needed.", found=asked.stdout.strip()
        )
    plugin = compose("version", "--short", check=False)
    if plugin.returncode:
        raise Problem(
            "The compose plugin is missing (docker compose version): install docker-compose-plugin. The old "
            "docker-compose with a hyphen is not enough."
        )
    if version(plugin.stdout) < OLDEST_COMPOSE:
        raise Problem(
            "docker compose {found} is too old: 2.24 or newer is needed.", found=plugin.stdout.strip()
        )


def version(words: str) -> tuple[int, ...]:
    """The leading numbers of a version such as v2.26.1-4; () when there are none."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", words.strip())
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def configuration() -> dict[str, Any]:
    """The compose files with everything filled in, all profiles. Raises Problem for what compose refuses."""
    done = compose("--profile", "*", "config", "--format", "json")
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def containers(service: str) -> list[Container]:
    """A service's containers, stopped ones too, oldest first."""
    ids = compose(
        "--profile", "*", "ps", "--all", "--quiet", "--no-trunc", service, check=False
    ).stdout.split()
    return inspected(ids)


def inspected(ids: Sequence[str]) -> list[Container]:
    """What the engine knows of containers, oldest first; those that are gone meanwhile are left out."""
    if not ids:
        return []
    found = json.loads(docker("inspect", "--type", "container", *ids, check=False).stdout or "[]")
    return [_container(one) for one in sorted(found, key=lambda one: str(one["Created"]))]


def _container(one: Mapping[str, Any]) -> Container:
    state = one["State"]
    networks = one["NetworkSettings"]["Networks"] or {}
    return Container(
        id=one["Id"],
        name=one["Name"].lstrip("/"),
        running=bool(state["Running"]),
        health=(state.get("Health") or {}).get("Status", ""),
        exit_code=int(state["ExitCode"]),
        restarts=int(one["RestartCount"]),
        config_hash=one["Config"]["Labels"].get("com.docker.compose.config-hash", ""),
        image=one["Image"],
        addresses={name: network["IPAddress"] for name, network in networks.items()},
    )


def image_id(name: str) -> str:
    """An image's id, "" when it is not on this machine."""
    return docker("image", "inspect", "--format", "{{.Id}}", name, check=False).stdout.strip()


def label(image: str, name: str) -> str:
    """A label of an image; "" when there is none."""
    form = f'{{{{index .Config.Labels "{name}"}}}}'
    return docker("image", "inspect", "--format", form, image, check=False).stdout.strip()
