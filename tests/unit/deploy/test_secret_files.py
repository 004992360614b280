"""Secrets are made once, closed to others, and changed in place."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy import __main__ as command
from deploy import engine, secret_files
from deploy.words import Problem


class Engine:
    """Stands in for the engine's command line: what was asked of it, and what it says about user ids."""

    def __init__(self, remapped: bool = False) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.remapped = remapped

    def docker(self, *arguments: str, stdin: str | None = None, check: bool = True) -> engine.Done:
        """As engine.docker: the options, the image or the container of a chown or cat."""
        self.asked.append(arguments)
        options = '["name=userns"]' if self.remapped and arguments[0] == "info" else "[]"
        return subprocess.CompletedProcess(arguments, 0, options, "")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for secrets; this process's user is the image's, so nothing has to be handed over."""
    place = tmp_path / "secrets"
    monkeypatch.setattr(secret_files, "FOLDER", place)
    monkeypatch.setattr(secret_files, "OWNER", os.geteuid())
    return place


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(engine, "docker", made.docker)
    return made


def test_secrets_are_made_once_and_closed_to_others(folder: Path, asked: Engine) -> None:
    assert set(secret_files.ensure()) == set(secret_files.NEW)
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(before) == set(secret_files.NEW), "no draft is left"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert before["llm_api_key"] == ""
    assert min(len(value) for name, value in before.items() if name != "llm_api_key") >= 43
    assert len(set(before.values())) == len(before)
    assert secret_files.ensure() == []
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


def test_a_missing_one_is_added_and_a_loose_one_closed(folder: Path, asked: Engine) -> None:
    secret_files.ensure()
    kept = (folder / "db_password").read_text()
    (folder / "redis_password").unlink()
    (folder / "db_password").chmod(0o644)
    assert secret_files.ensure() == ["redis_password"]
    assert (folder / "db_password").read_text() == kept
    assert (folder / "db_password").stat().st_mode & 0o777 == 0o600


def test_an_empty_password_is_told_and_not_replaced(folder: Path, asked: Engine) -> None:
    secret_files.ensure()
    (folder / "db_password").write_text("")
    with pytest.raises(Problem, match="db_password is empty"):
        secret_files.ensure()
    assert (folder / "db_password").read_text() == ""


def test_a_folder_that_cannot_be_made_is_told(folder: Path, asked: Engine) -> None:
    folder.write_text("a file")
    with pytest.raises(Problem, match="cannot be written"):
        secret_files.ensure()


def test_files_of_another_are_handed_over_by_a_container_that_can_only_chown(
    folder: Path, asked: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_files, "OWNER", 10001)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    secret_files.ensure()
    runs = [arguments for arguments in asked.asked if arguments[0] == "run"]
    assert len(runs) == len(secret_files.NEW)
    for arguments in runs:
        assert {"--cap-drop=ALL", "--cap-add=CHOWN", "--network=none", "--read-only"} <= set(arguments)
        assert [one for one in arguments if one.startswith("--cap-add")] == ["--cap-add=CHOWN"]
        assert arguments[-3:-1] == ("redis:8", "10001:10001") or "10001:10001" in arguments


def test_root_of_an_engine_with_other_user_ids_does_not_chown_itself(
    folder: Path, asked: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.remapped = True

    def refuse(*_: object) -> None:
        raise AssertionError("10001 is somebody else on this machine")

    monkeypatch.setattr(os, "chown", refuse)
    monkeypatch.setattr(secret_files, "OWNER", 10001)
    secret_files.ensure()
    assert any("--user=10001" in arguments for arguments in asked.asked)


@pytest.mark.parametrize(
    "value", ["short", "a much longer value than the one that was there before, by far".replace(" ", "-")]
)
def test_a_value_is_changed_in_place(
    folder: Path, asked: Engine, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda *_: None)
    secret_files.ensure()
    inode = (folder / "redis_password").stat().st_ino
    secret_files.change("redis_password", value)
    assert (folder / "redis_password").read_text() == value
    assert (folder / "redis_password").stat().st_ino == inode, "running containers have this file mounted"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("db_pasword", "x" * 40, "no secret"),
        ("../db_password", "x" * 40, "no secret"),
        ("db_password", "", "must not be empty"),
        ("llm_api_key", "two words", "one word"),
        ("llm_api_key", "line\nend", "one word"),
        ("llm_api_key", "bell\a", "one word"),
        ("secret_key", "short", "32 characters"),
    ],
)
def test_a_bad_value_is_refused(folder: Path, asked: Engine, name: str, value: str, why: str) -> None:
    secret_files.ensure()
    before = {path.name: path.read_text() for path in folder.iterdir()}
    with pytest.raises(Problem, match=why):
        secret_files.change(name, value)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    return lambda: capsys.readouterr().err


def test_a_key_comes_through_a_pipe(
    folder: Path, asked: Engine, monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda *_: None)
    monkeypatch.setattr(engine, "require", lambda: None)
    monkeypatch.setattr("sys.stdin", io.StringIO("sk-123\r\n"))
    assert command.main(["secret", "llm_api_key"]) == 0
    assert (folder / "llm_api_key").read_text() == "sk-123"
    assert "sk-123" not in said()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "Verbs: "),
        (["explode"], "Verbs: "),
        (["secret"], "Verbs: "),
        (["secret", ""], "is no secret"),
        (["secret", "db_password"], "make rotate-secret"),
        (["rotate-secret", ""], "say NAME="),
        (["rotate-secret", "llm_api_key"], "make secret NAME=llm_api_key"),
    ],
)
def test_a_wrong_command_is_one_sentence(
    folder: Path,
    asked: Engine,
    monkeypatch: pytest.MonkeyPatch,
    said: Callable[[], str],
    arguments: list[str],
    why: str,
) -> None:
    monkeypatch.setattr(engine, "require", lambda: None)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert command.main(arguments) == 2
    assert why in said().splitlines()[-1]
