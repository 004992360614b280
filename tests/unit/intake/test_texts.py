"""Every sentence of this room can be read in Chinese, with the same places for values."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import app.intake

ROOM = Path(app.intake.__file__).parent
CATALOGUE = ROOM.parent / "locales" / "zh" / "intake.po"


def sentences() -> set[str]:
    found = set()
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Text"
                and node.args
            ):
                message = node.args[0]
                assert isinstance(message, ast.Constant), path
                found.add(str(message.value))
    return found


@pytest.mark.parametrize("message", sorted(sentences()))
def test_is_translated(message: str) -> None:
    with CATALOGUE.open("rb") as file:
        found = read_po(file, locale="zh").get(message)
    assert found is not None
    assert re.search("[\u4e00-\u9fff]", str(found.string))
    assert sorted(re.findall(r"{\w+}", str(found.string))) == sorted(re.findall(r"{\w+}", message))


def test_nothing_is_left_over() -> None:
    with CATALOGUE.open("rb") as file:
        assert {message.id for message in read_po(file, locale="zh") if message.id} == sentences()
