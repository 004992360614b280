"""Reads nginx's configuration for the tests: directives and blocks with includes, and the location of an address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2] / "nginx"
TOKEN = re.compile(
    r'\s+|#[^\n]*|"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|([;{}])|((?:\$\{\w+\}|[^\s;{}"\'])+)'
)


@dataclass
class Directive:
    """One directive: its name, its words, and what stands in its block."""

    name: str
    words: list[str]
    block: list[Directive] = field(default_factory=list)

    def all(self, name: str) -> list[Directive]:
        """The directives of a name right in this block."""
        return [one for one in self.block if one.name == name]

    def one(self, name: str) -> str:
        """The words of the only directive of a name in this block; "" when there is none."""
        found = self.all(name)
        assert len(found) <= 1, f"{name} stands twice"
        return " ".join(found[0].words) if found else ""

    def deep(self) -> Iterator[Directive]:
        """This directive and all below it."""
        yield self
        for one in self.block:
            yield from one.deep()


def read(text: str, values: dict[str, str]) -> Directive:
    """A whole configuration as one block. `values` fill in the ${NAMES} of a template."""
    text = re.sub(r"\$\{([A-Z_]+)\}", lambda match: values.get(match[1], match[0]), text)
    tokens = [
        (match[3], next((part for part in (match[1], match[2], match[4]) if part is not None), None))
        for match in TOKEN.finditer(text)
    ]
    stack, words = [Directive("", [])], []
    for mark, word in tokens:
        if word is not None:
            words.append(word)
        elif mark == "}":
            stack.pop()
        elif mark is not None:
            made = Directive(words[0], words[1:])
            stack[-1].block.append(made)
            words = []
            if mark == "{":
                stack.append(made)
    assert len(stack) == 1 and not words, "a block or a directive is not closed"
    return stack[0]


def whole(values: dict[str, str], main: Path = ROOT / "nginx.conf") -> Directive:
    """The configuration as nginx reads it: our includes in their places, the template with these values."""

    def follow(block: list[Directive]) -> list[Directive]:
        done: list[Directive] = []
        for one in block:
            target = one.words[0] if one.name == "include" else ""
            if target.startswith("/zhupi/"):
                done += follow(read((ROOT / target.removeprefix("/zhupi/")).read_text("utf-8"), values).block)
            elif target == "/run/zhupi/conf/*.conf":
                template = ROOT / "templates" / "servers.conf.template"
                done += follow(read(template.read_text("utf-8"), values).block)
            else:
                done.append(Directive(one.name, one.words, follow(one.block)))
        return done

    found = read(main.read_text("utf-8"), values)
    return Directive("", [], follow(found.block))


def location(server: Directive, path: str) -> Directive:
    """The location that nginx chooses: exact, else the longest prefix if it says ^~, else the first pattern."""
    best: Directive | None = None
    for one in server.all("location"):
        words = one.words if len(one.words) == 2 else ["", *one.words]
        if words[0] == "=" and words[1] == path:
            return one
        longer = best is None or len(words[1]) > len(best.words[-1])
        if words[0] in ("", "^~") and path.startswith(words[1]) and longer:
            best = one
    if best is not None and best.words[0] == "^~":
        return best
    for one in server.all("location"):
        if one.words[0] == "~" and re.search(one.words[1], path):
            return one
    assert best is not None, f"no location for {path}"
    return best
