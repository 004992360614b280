"""Docker and compose that are missing, old, closed or broken are told in a sentence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from deploy import __main__ as command
from deploy import engine, roll, up
from deploy.words import Problem


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program named docker that is found before any other."""
    folder.mkdir(exist_ok=True)
    (folder / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")


def test_without_docker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main(["up"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("Docker is not installed.")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ('echo "permission denied while trying to connect" >&2; exit 1', "join the group docker"),
        ('echo "Cannot connect to the Docker daemon" >&2; exit 1', "is it running"),
        ("echo 19.03.8", "too old: 20.10"),
        (
            '[ "$1" = version ] && echo 20.10.24 && exit; echo "not a docker command" >&2; exit 1',
            "plugin is missing",
        ),
        ('[ "$1" = version ] && echo 28.0.1 || echo v2.17.3', "2.17.3 is too old"),
    ],
)
def test_a_docker_that_will_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    stand_in(tmp_path / "bin", monkeypatch, script)
    with pytest.raises(Problem, match=why):
        engine.require()


def test_a_docker_that_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path / "bin", monkeypatch, '[ "$1" = version ] && echo 20.10.24+dfsg1 || echo 2.26.1-4')
    engine.require()


def test_a_failure_is_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path / "bin", monkeypatch, 'printf "a\\nb\\n\\nc\\nd\\n" >&2; exit 7')
    with pytest.raises(Problem, match=r"docker tag x failed: b \| c \| d"):
        engine.docker("tag", "x")
    assert engine.docker("tag", "x", check=False).returncode == 7


@pytest.mark.parametrize(
    ("words", "numbers"), [("v2.26.1-4", (2, 26, 1)), ("20.10.24+dfsg1", (20, 10, 24)), ("dev", ()), ("", ())]
)
def test_versions(words: str, numbers: tuple[int, ...]) -> None:
    assert engine.version(words) == numbers


def config(hosts: str = "", https: str = "443") -> dict[str, Any]:
    """What `docker compose config` gives, as far as it is looked at."""
    return {
        "services": {
            "nginx": {"ports": [{"target": 8080, "published": "80"}, {"target": 8443, "published": https}]},
            "app": {"environment": {"ALLOWED_HOSTS": hosts}, "deploy": {"replicas": 3}},
        }
    }


@pytest.mark.parametrize(
    ("hosts", "https", "address"),
    [
        ("", "443", "https://localhost/"),
        ("marks.school.example, localhost", "443", "https://marks.school.example/"),
        ("*.school.example,marks.school.example", "8443", "https://marks.school.example:8443/"),
        ("*", "18443", "https://localhost:18443/"),
    ],
)
def test_the_address_is_one_that_is_served(hosts: str, https: str, address: str) -> None:
    assert up.address(config(hosts, https)) == address


def test_nothing_published_is_told() -> None:
    nothing = config()
    nothing["services"]["nginx"]["ports"] = []
    with pytest.raises(Problem, match="publishes no port"):
        up.address(nothing)


def test_how_many_replicas() -> None:
    assert roll.wanted(config()) == 3
    assert roll.wanted({"services": {"app": {}}}) == 1


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("Bind for 0.0.0.0:80 failed: port is already allocated", r"port is taken .* \(80 or 443\)"),
        ("listen tcp4 0.0.0.0:443: bind: address already in use", "port is taken"),
        ("Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available", "more CPUs"),
        ("Error response from daemon: no space left on device", "Docker refuses: .*no space left"),
    ],
)
def test_why_nothing_came_up(said: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "containers", lambda service: [])
    with pytest.raises(Problem, match=why):
        raise up._failure(config(), said)


def test_a_closed_checkout_is_opened_but_not_its_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ROOT", tmp_path)
    for name in ("nginx/certs", "nginx/scripts"):
        (tmp_path / name).mkdir(parents=True, mode=0o700)
    for name in ("nginx/certs/privkey.pem", "nginx/scripts/start"):
        (tmp_path / name).write_text("")
    (tmp_path / "nginx/certs/privkey.pem").chmod(0o400)
    (tmp_path / "nginx/scripts/start").chmod(0o700)
    up._open_up(tmp_path / "nginx")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "nginx").rglob("*")}
    assert modes["privkey.pem"] == 0o400
    assert modes["start"] == 0o755
    assert modes["scripts"] == 0o755
