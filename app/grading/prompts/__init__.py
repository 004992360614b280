"""The prompts: text files with a version in their name: a mark can be traced to the words that asked for it.

A changed prompt is a new version and a new file: `<name>.v<version>.<part>.md`, with `$places` as in
string.Template. What is put into a place is never searched for places again, so a student may write
`$answer`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Template

MARKING = "marking.v2"
"""The version of the marking prompt in use."""

TRANSCRIBING = "transcribing.v1"
"""The version of the prompt with which a vision model copies a page."""

_FOLDER = Path(__file__).parent


@cache
def _template(name: str) -> Template:
    return Template((_FOLDER / f"{name}.md").read_text(encoding="utf-8"))


def fill(version: str, part: str, **places: object) -> str:
    """A prompt's part ("system", "user", "repair") with its places filled.

    KeyError when a place stays empty, FileNotFoundError when there is no such prompt: faults of ours, not of
    input.
    """
    return _template(f"{version}.{part}").substitute(places)
