"""Check every template: it compiles, holds nothing that the content security policy forbids, and no bare text.

Forbidden: <style>, <script> without src, style= and on...= attributes (htmx's hx-on too: it evaluates strings), and
javascript: links. Bare text, outside {{ }} and {% %}, would reach people untranslated: letters between tags or in
the attributes that people read.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError

TEMPLATES = Path(__file__).parents[1] / "app" / "templates"
READ_BY_PEOPLE = ("title", "alt", "placeholder", "aria-label")
SAME_IN_EVERY_LANGUAGE = {"Zhupi", "朱批", "Zhupi 朱批", "中文", "English", "htmx"}
# A text of the catalogues: between {% trans %} and {% endtrans %} English is what is wanted.
_TRANS = re.compile(r"\{%-?\s*trans\b.*?\{%-?\s*endtrans\s*-?%\}", re.DOTALL)
_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
# {% block body_class %}page narrow{% endblock %}: class names, not words.
_CLASSES = re.compile(r"\{%-? block \w+ -?%\}[a-z0-9 _-]*\{%-? endblock -?%\}")
_WORD = re.compile(r"[A-Za-z]{2,}|[\u4e00-\u9fff]")


class _Checker(HTMLParser):
    """Collects (line, complaint) of one template whose Jinja parts were blanked."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self._within: list[str] = []

    def _say(self, complaint: str) -> None:
        self.found.append((self.getpos()[0], complaint))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given):
            self._say(f"inline <{tag}>")
        if tag in ("script", "style", "code", "kbd"):
            self._within.append(tag)
        for name, value in attrs:
            if name == "style" or re.match(r"(hx-)?on\w*(:|$|-)|on[a-z]+$", name):
                self._say(f"{name}= attribute")
            if (value or "").strip().lower().startswith("javascript:"):
                self._say(f"javascript: in {name}")
            if name in READ_BY_PEOPLE and _bare(value or ""):
                self._say(f"untranslated {name}: {value}")

    def handle_endtag(self, tag: str) -> None:
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        if not self._within and _bare(data):
            self._say(f"untranslated text: {data.strip()[:60]}")


def _bare(text: str) -> bool:
    text = text.strip()
    return text not in SAME_IN_EVERY_LANGUAGE and bool(_WORD.search(text))


def _blank(match: re.Match[str]) -> str:
    """As many lines as there were, so that line numbers stay; a mark that is no word."""
    return "·" + "\n" * match[0].count("\n")


def check(path: Path, environment: Environment) -> list[tuple[int, str]]:
    """(line, complaint) for everything wrong with one template."""
    source = path.read_text(encoding="utf-8")
    try:
        environment.parse(source)
    except TemplateSyntaxError as error:
        return [(error.lineno, str(error.message))]
    checker = _Checker()
    for pattern in (_TRANS, _CLASSES, _JINJA):
        source = pattern.sub(_blank, source)
    checker.feed(source)
    checker.close()
    return checker.found


def main() -> int:
    """Print complaints as path:line: text; 1 when there are any."""
    environment = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"], autoescape=True)
    paths = sorted(path for path in TEMPLATES.rglob("*") if path.suffix in (".html", ".svg", ".txt"))
    complaints = [
        f"{path.relative_to(TEMPLATES.parents[1])}:{line}: {text}"
        for path in paths
        for line, text in check(path, environment)
    ]
    print("\n".join([*complaints, f"{len(paths)} templates, {len(complaints)} complaints"]))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
