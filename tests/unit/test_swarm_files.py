"""The stack for Docker Swarm: as locked as compose, what it names exists, and a docker that is there takes it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # tests need no stubs

from app.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
STACK_FILE = ROOT / "deploy/swarm/stack.yml"
STACK: dict[str, Any] = yaml.safe_load(STACK_FILE.read_text(encoding="utf-8"))


def test_the_stack_has_the_parts_of_compose() -> None:
    assert set(STACK["services"]) == set(COMPOSE["services"])
    assert set(STACK["networks"]) == set(COMPOSE["networks"])
    for network in ("front", "back"):
        assert STACK["networks"][network]["internal"] is True
    for name, service in STACK["services"].items():
        assert set(service["networks"]) == set(COMPOSE["services"][name]["networks"]), name


@pytest.mark.parametrize("name", STACK["services"])
def test_a_service_of_the_stack_is_as_locked_as_in_compose(name: str) -> None:
    here, there = STACK["services"][name], COMPOSE["services"][name]
    for key in ("cap_drop", "read_only", "user", "ulimits", "stop_grace_period", "init", "entrypoint"):
        assert here.get(key) == there.get(key), key
    assert set(here.get("cap_add", ())) == set(there.get("cap_add", ()))
    assert here["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert bool(here.get("ports")) == (name == "nginx")
    # ${NAME:-value} is its value here.
    check = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word) for word in there["healthcheck"].get("test", ())]
    assert here["healthcheck"].get("test", []) == check
    for value in (here.get("environment") or {}).values():
        assert not re.search(r"://[^/@:]*:[^/@]+@", str(value))


def test_the_stacks_files_secrets_and_settings_exist() -> None:
    for config in STACK["configs"].values():
        assert (STACK_FILE.parent / config["file"]).is_file()
    assert all(secret["external"] is True for secret in STACK["secrets"].values())
    assert set(STACK["secrets"]) == set(COMPOSE["secrets"])
    known = {field.upper() for field in Settings.model_fields}
    for service in STACK["services"].values():
        assert {each["source"] for each in service.get("secrets", ())} <= set(STACK["secrets"])
        assert {each["source"] for each in service.get("configs", ())} <= set(STACK["configs"])
        if "SECRET_KEY_FILE" in (service.get("environment") or {}):
            assert {name.removesuffix("_FILE") for name in service["environment"]} <= known
    for name in ("db", "redis"):
        scripts = {config["target"] for config in STACK["services"][name]["configs"]}
        assert set(STACK["services"][name]["entrypoint"][1:]) <= scripts


def test_docker_takes_the_stack() -> None:
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "stack", "config", "--help"], capture_output=True).returncode:
        pytest.skip("no docker with the verb stack config")
    given = {
        "APP_IMAGE": "zhupi:local",
        "ALLOWED_HOSTS": "marks.school.example",
        "NFS_SERVER": "files.school.example",
        "NFS_PATH": "/zhupi",
        "ZHUPI_DIR": "/srv/zhupi",
    }
    command = [docker, "stack", "config", "--compose-file", str(STACK_FILE)]
    done = subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(STACK["services"])
    without = {name: value for name, value in os.environ.items() if name not in given}
    refused = subprocess.run(command, env=without, capture_output=True, text=True)
    assert refused.returncode != 0 and "is missing a value" in refused.stderr
