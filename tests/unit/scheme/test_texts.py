"""Every sentence of the parser and the checks is there in Chinese, with the same places for values."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from app.i18n import translations

ROOM = Path(__file__).parents[3] / "app" / "scheme"


def sentences() -> Iterator[str]:
    """The messages in the sources: the first argument of every Text(...) and N_(...)."""
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("Text", "N_")
            ):
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


def test_every_sentence_is_translated_with_its_places() -> None:
    found = list(sentences())
    assert len(found) > 30
    for sentence in found:
        chinese = translations("zh").gettext(sentence)
        assert chinese != sentence, sentence
        assert set(re.findall(r"{\w+}", chinese)) == set(re.findall(r"{\w+}", sentence)), sentence
