"""`make up`: settings that cannot be used stop it before anything is touched; lost secrets are made anew."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from deploy import bring, engine, secret_files, up
from deploy.words import Problem

CHECK = "run --rm --no-deps --no-TTY app settings --check"
NGINX = "run --rm --no-deps --no-TTY nginx /zhupi/scripts/check"


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands of compose that were run; `answers` in `said` decide what they say."""
    commands: list[str] = []
    config = {"services": {"app": {"image": "zhupi:local"}}, "volumes": {"db": {}}}
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setattr(engine, "configuration", lambda: config)
    monkeypatch.setattr(engine, "image_id", lambda image: "sha256:here")
    monkeypatch.setattr(secret_files, "ensure", list)
    for name in ("prepare", "certificate"):
        monkeypatch.setattr(up, name, lambda: None)
    monkeypatch.setattr(up, "tell_age", lambda image: None)
    monkeypatch.setattr(up, "report", lambda config: None)
    monkeypatch.setattr(engine, "containers", lambda service: [])
    return commands


def answering(
    monkeypatch: pytest.MonkeyPatch, commands: list[str], code: int, said: str, look: str = CHECK
) -> None:
    """Let a look at the settings end with this exit code and these lines."""

    def compose(*arguments: str, **_: Any) -> engine.Done:
        words = " ".join(arguments)
        commands.append(words)
        looked = words == look
        return subprocess.CompletedProcess(arguments, code if looked else 0, "", said if looked else "")

    monkeypatch.setattr(engine, "compose", compose)


def test_bad_settings_stop_it_before_anything_is_changed(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = " Network zhupi_back  Created\nMAX_FILE_SIZE=much is not a whole number.\nLOG_LEVL is not a setting.\n"
    answering(monkeypatch, done, 2, said)
    with pytest.raises(Problem) as caught:
        bring.bring()
    assert done == [CHECK, NGINX]
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("nothing was changed: ")
    assert [line.strip() for line in lines[1:]] == said.splitlines()[1:]


def test_settings_of_nginx_alone_stop_it_too(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said = " nginx Pulling \n a1b2 Pull complete\nHSTS_SECONDS=a year is not a number from 0 to 315360000.\n"
    answering(monkeypatch, done, 2, said, NGINX)
    with pytest.raises(Problem) as caught:
        bring.bring()
    assert done == [CHECK, NGINX]
    assert [line.strip() for line in str(caught.value).splitlines()[1:]] == said.splitlines()[2:]


def test_a_setting_of_both_is_told_once(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said = {CHECK: "MAX_FILES=x: no number.\n", NGINX: "MAX_FILES=x is not.\nNGINX_WORKERS=0 is not.\n"}

    def compose(*arguments: str, **_: Any) -> engine.Done:
        return subprocess.CompletedProcess(arguments, 2, "", said[" ".join(arguments)])

    monkeypatch.setattr(engine, "compose", compose)
    with pytest.raises(Problem) as caught:
        up.check_settings()
    lines = [line.strip() for line in str(caught.value).splitlines()[1:]]
    assert lines == ["MAX_FILES=x: no number.", "NGINX_WORKERS=0 is not."]


@pytest.mark.parametrize("look", [CHECK, NGINX])
@pytest.mark.parametrize("code", [0, 1, 125])
def test_what_is_no_bad_setting_is_left_to_compose(
    code: int, look: str, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, done, code, "Error response from daemon: no such network", look)
    bring.bring()
    assert [words.split()[0] for words in done] == ["run", "run", "up"]


@pytest.mark.parametrize("volume", [True, False])
def test_lost_secrets_reach_containers_that_run(
    volume: bool, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, done, 0, "")
    monkeypatch.setattr(secret_files, "ensure", lambda: ["db_password", "redis_password"])
    monkeypatch.setattr(up, "volume", lambda config, name: volume)
    bring.bring()
    assert done[-1].startswith("up ") and done[-1].endswith("--force-recreate")
    assert ("exec -T db sh /zhupi/set-password.sh" in done) is volume
    assert ("up --detach --no-deps --force-recreate db" in done) is volume


def test_the_first_time_there_is_no_password_to_change(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, done, 0, "")
    monkeypatch.setattr(secret_files, "ensure", lambda: ["db_password"])
    # As compose does: whatever is run first makes all volumes.
    monkeypatch.setattr(up, "volume", lambda config, name: bool(done))
    bring.bring()
    assert [words.split()[0] for words in done] == ["run", "run", "up"]


def test_nothing_is_started_anew_where_all_secrets_are_there(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, done, 0, "")
    bring.bring()
    assert not [words for words in done if "--force-recreate" in words]
