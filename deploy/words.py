"""Sentences for who stands at the terminal, in English or Chinese by the locale.

The host has no Babel, so the catalogue beside this file (zh.po) is read here: plain entries of msgid and msgstr.
"""

from __future__ import annotations

import ast
import os
import sys
from functools import lru_cache
from pathlib import Path

CATALOGUE = Path(__file__).with_name("zh.po")


class Problem(Exception):  # noqa: N818 - what a person can mend is called a problem here, as in app.i18n
    """Something the admin can mend: one sentence (English, with {named} places) and its values."""

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message)
        self.message, self.values = message, values

    def __str__(self) -> str:
        return text(self.message, **self.values)


def text(message: str, **values: object) -> str:
    """A sentence in the terminal's language, with its values filled in."""
    if chinese():
        message = catalogue().get(message, message)
    return message.format(**values) if values else message


def say(message: str, **values: object) -> None:
    """A sentence on standard error: standard output is for what scripts read."""
    print(text(message, **values), file=sys.stderr, flush=True)


def chinese() -> bool:
    """Whether the first of LANGUAGE, LC_ALL, LC_MESSAGES and LANG that is set asks for Chinese."""
    names = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    return next((os.environ[name] for name in names if os.environ.get(name)), "").lower().startswith("zh")


@lru_cache(maxsize=1)
def catalogue() -> dict[str, str]:
    """msgid -> msgstr of CATALOGUE; entries without a translation are left out."""
    found: dict[str, str] = {}
    current: dict[str, str] = {}
    field = ""
    for line in [*CATALOGUE.read_text(encoding="utf-8").splitlines(), ""]:
        keyword, _, rest = line.partition(" ")
        if keyword in ("msgid", "msgstr"):
            field, line = keyword, rest
        if line.startswith('"'):
            current[field] = current.get(field, "") + str(ast.literal_eval(line))
        elif not line.strip():
            if current.get("msgid") and current.get("msgstr"):
                found[current["msgid"]] = current["msgstr"]
            current = {}
    return found
