"""What an examination finds: how serious it is, what it means, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.i18n import N_, Text


class Level(StrEnum):
    """How serious a finding is. `skipped` was not looked at, and says why."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    PROBLEM = "problem"


WORDS = {
    Level.OK: N_("ok"),
    Level.SKIPPED: N_("not looked at"),
    Level.WARNING: N_("warning"),
    Level.PROBLEM: N_("problem"),
}
ORDER = (Level.PROBLEM, Level.WARNING, Level.OK, Level.SKIPPED)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `check` is its name for scripts, and stays the same; `facts` are figures for them.

    `text` says what was found and means, `advice` what to do.
    """

    check: str
    level: Level
    text: Text
    advice: Text | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """This finding for scripts, its sentences in the language of who asks."""
        return {
            "check": self.check,
            "level": str(self.level),
            "text": str(self.text),
            "advice": str(self.advice) if self.advice else None,
            **self.facts,
        }


def worst(findings: Iterable[Finding]) -> Level:
    """The most serious level among findings; `ok` when there are none."""
    levels = {finding.level for finding in findings}
    return next((level for level in ORDER if level in levels and level is not Level.SKIPPED), Level.OK)


def ok(check: str, text: Text, **facts: Any) -> Finding:
    """A finding that needs nobody."""
    return Finding(check, Level.OK, text, None, facts)


def skipped(check: str, text: Text, **facts: Any) -> Finding:
    """What was not looked at, and why."""
    return Finding(check, Level.SKIPPED, text, None, facts)


def warning(check: str, text: Text, advice: Text, **facts: Any) -> Finding:
    """Something that works today and should be mended."""
    return Finding(check, Level.WARNING, text, advice, facts)


def problem(check: str, text: Text, advice: Text, **facts: Any) -> Finding:
    """Something that does not work, or loses data when it fails."""
    return Finding(check, Level.PROBLEM, text, advice, facts)


def megabytes(size: float) -> str:
    """A size in bytes for a person: whole megabytes, from ten gigabytes on gigabytes."""
    return f"{size / 2**30:,.0f} GB" if size >= 10 * 2**30 else f"{size / 2**20:,.0f} MB"
