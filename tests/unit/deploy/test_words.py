"""What the host's scripts say: in both languages, whole."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from deploy import words
from deploy.words import Problem

ROOT = Path(__file__).parents[3]
SAYING = ("say", "text", "Problem")


def said() -> dict[str, str]:
    """The sentences of deploy/*.py, with a place that says each."""
    found = {}
    for path in sorted((ROOT / "deploy").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in SAYING and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found[str(first.value)] = f"{path.name}:{node.lineno}"
                else:
                    assert path.name == "words.py", f"{path.name}:{node.lineno} is no plain sentence"
    return found


@pytest.fixture(autouse=True)
def language(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_every_sentence_has_its_chinese_and_no_other_stands_there() -> None:
    assert len(said()) > 40
    assert sorted(set(said()) ^ set(words.catalogue())) == []


def test_the_chinese_has_the_same_places() -> None:
    for english, chinese in words.catalogue().items():
        places = [sorted(set(re.findall(r"\{(\w+)\}", one))) for one in (english, chinese)]
        assert places[0] == places[1], english


@pytest.mark.parametrize(
    ("variables", "chinese"),
    [
        ({}, False),
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "zh:en"}, True),
        ({"LANG": ""}, False),
    ],
)
def test_the_terminal_chooses(language: pytest.MonkeyPatch, variables: dict[str, str], chinese: bool) -> None:
    for name, value in variables.items():
        language.setenv(name, value)
    assert words.chinese() is chinese
    assert (words.text("stopping the old ones") == "正在停止旧副本") is chinese


def test_values_stay_as_they_are(language: pytest.MonkeyPatch) -> None:
    language.setenv("LANG", "zh_CN")
    assert str(Problem("nginx: {why}", why="{left} 100%")) == "nginx：{left} 100%"


def test_a_catalogue_is_read_over_several_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "zh.po"
    path.write_text(
        'msgid ""\n"one "\n"two"\nmsgstr "一\\n二"\n\n#: x\nmsgid "no"\nmsgstr ""\n', encoding="utf-8"
    )
    monkeypatch.setattr(words, "CATALOGUE", path)
    words.catalogue.cache_clear()
    try:
        assert words.catalogue() == {"one two": "一\n二"}
    finally:
        words.catalogue.cache_clear()
