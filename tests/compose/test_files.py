"""The files themselves: compose reads them, every linter that is installed finds nothing, nor do our own checks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.compose.stack import ROOT, Stack, environment

pytestmark = pytest.mark.compose
COMPOSE = ROOT / "docker-compose.yml"
YAML = (
    COMPOSE,
    ROOT / "docker-compose.override.example.yml",
    *sorted((ROOT / "tests/compose").glob("*.yml")),
    *sorted((ROOT / "monitoring").rglob("*.yml")),
)
SCRIPTS = sorted(
    path
    for folder in ("deploy", "nginx")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and path.read_bytes().startswith(b"#!/bin/sh")
)
# yamllint's defaults, but for lines as long as those of our code, and `[a, b]` and `on:` as compose files have them.
YAMLLINT = (
    "{extends: default, rules: {line-length: {max: 140}, document-start: disable, truthy: disable,"
    " braces: {max-spaces-inside: 1}, comments: {min-spaces-from-content: 1}}}"
)


def linted(program: str, *words: str) -> None:
    """Run a linter; skips where it is not installed, fails with what it finds."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([program, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("profile", ["", "*"])
def test_compose_reads_the_files(cloned: Stack, profile: str) -> None:
    """`docker compose config -q` with the drills' file and without, all profiles and none: no complaint."""
    for files in (["docker-compose.yml"], ["docker-compose.yml", "tests/compose/compose.yml"]):
        words = ["docker", "compose", *(word for file in files for word in ("-f", file))]
        words += ["--profile", profile] if profile else []
        done = subprocess.run(
            [*words, "config", "-q"],
            cwd=cloned.folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 and not done.stderr.strip(), done.stderr


def test_compose_reads_them_without_an_env_file(cloned: Stack) -> None:
    """A fresh clone has no .env: every variable has its default."""
    done = subprocess.run(
        ["docker", "compose", "-f", "docker-compose.yml", "--env-file", "/dev/null", "config", "-q"],
        cwd=cloned.folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr


def test_the_example_override_fits(cloned: Stack) -> None:
    """The example is read together with the compose file."""
    words = ["-f", "docker-compose.yml", "-f", "docker-compose.override.example.yml", "config", "-q"]
    cloned.compose(*words)


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_yaml_is_clean(path: Path) -> None:
    """yamllint's rules that matter, without it: no tabs, no trailing spaces, one end of line at the end."""
    text = path.read_text(encoding="utf-8")
    assert "\t" not in text and text.endswith("\n") and not text.endswith("\n\n")
    assert not [number for number, line in enumerate(text.splitlines(), 1) if line != line.rstrip()]
    assert max(map(len, text.splitlines())) <= 140


def test_yamllint() -> None:
    """With yamllint where it is installed."""
    linted("yamllint", "--strict", "-d", YAMLLINT, *map(str, YAML))


def test_hadolint() -> None:
    """With hadolint where it is installed.

    Without DL3008: a pinned version of a Debian package breaks the build when its next security fix is out. Without
    DL3003: `cd` for one command of many needs no folder of the stage's own.
    """
    linted("hadolint", "--ignore", "DL3008", "--ignore", "DL3003", "Dockerfile")


def test_buildx_checks_the_dockerfile(engine: None) -> None:
    """BuildKit's own linter finds nothing."""
    done = subprocess.run(
        ["docker", "buildx", "build", "--check", "."],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if "unknown flag" in done.stderr:
        pytest.skip("this buildx has no --check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_shellcheck() -> None:
    """With shellcheck where it is installed."""
    assert SCRIPTS
    linted(
        "shellcheck", "--external-sources", "--source-path=nginx", "--severity=warning", *map(str, SCRIPTS)
    )


def test_scripts_stop_at_the_first_error() -> None:
    """Every shell script says so on top, and none of them is bash."""
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        assert re.search(r"^set -\w*e\w*u|^set -\w*u\w*e", text, re.MULTILINE), path.name
        done = subprocess.run(["sh", "-n", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_no_image_floats(cloned: Stack) -> None:
    """Every image of others names its version; none says latest."""
    told = json.loads(
        cloned.compose("-f", "docker-compose.yml", "--profile", "*", "config", "--format", "json")
    )
    for name, service in told["services"].items():
        image = service.get("image", "")
        assert ":" in image and not image.endswith(":latest"), f"{name}: {image!r}"
