"""The fixed list of actions: every one is told in the guide, and none is told that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from app.audit.models import Action

GUIDE = (Path(__file__).parents[3] / "docs" / "admin-guide.md").read_text(encoding="utf-8")


def told() -> set[str]:
    """The actions in the table of the guide."""
    table = GUIDE.partition("### Who did what")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {action for cell in cells for action in re.findall(r"`([a-z-]+)`", cell)}


def test_every_action_is_told() -> None:
    assert told() == set(Action)


def test_names_are_plain() -> None:
    assert [action for action in Action if not re.fullmatch(r"[a-z]+(-[a-z]+)*", action)] == []
