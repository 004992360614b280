"""Every sentence for people has its Chinese, once, with the same places to fill.

And no template speaks past the catalogues.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import jinja2
import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"
TEMPLATES = APP / "templates"
CATALOGUES = APP / "locales" / "zh"

# A message's id: (singular,) or (singular, plural).
Key = tuple[str, ...]
MARKERS = {"_": 1, "gettext": 1, "N_": 1, "Text": 1, "ngettext": 2}
BRACES = re.compile(r"\{(\w+)[^{}]*\}")
PERCENTS = re.compile(r"%\((\w+)\)s")
# Templates put values in with the % operator, always: any other % in a translation is an error when it is shown.
BARE_PERCENT = re.compile(r"(?<!%)(?:%%)*%(?![%(])")


@dataclass
class Found:
    """Messages of the sources with the places that say them, and what could not be read."""

    messages: dict[Key, list[str]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    formatted: set[Key] = field(default_factory=set)
    """Those that a template says."""

    def add(self, key: Key, place: str) -> None:
        """One more place that says a message."""
        self.messages.setdefault(key, []).append(place)


# --- Python -----------------------------------------------------------------------------------------------------------


def problem_classes(trees: Sequence[ast.Module]) -> dict[str, int | None]:
    """ProblemError and its subclasses by name, with the position of their `text` argument, None when there is none."""
    classes = {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    found: dict[str, int | None] = {"ProblemError": 0}
    while True:
        before = len(found)
        for name, node in classes.items():
            bases = [
                base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
                for base in node.bases
            ]
            parent = next((base for base in bases if base in found), None)
            if name not in found and parent is not None:
                found[name] = _text_position(node, found[parent])
        if len(found) == before:
            return found


def _text_position(node: ast.ClassDef, inherited: int | None) -> int | None:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            names = [argument.arg for argument in item.args.args[1:]]
            return names.index("text") if "text" in names else None
    return inherited


def _literals(node: ast.expr, place: str, found: Found) -> Iterator[str]:
    """The strings that an argument can be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body, place, found)
        yield from _literals(node.orelse, place, found)
    elif isinstance(node, ast.JoinedStr):
        found.unreadable.append(f"{place}: an f-string cannot be translated; use {{named}} places")


def read_python(tree: ast.Module, name: str, problems: dict[str, int | None], found: Found) -> None:
    """The messages of one module."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        place = f"{name}:{node.lineno}"
        if called == "ngettext" and len(node.args) >= 2:
            pair = [next(_literals(argument, place, found), "") for argument in node.args[:2]]
            if all(pair):
                found.add(tuple(pair), place)
        elif called in MARKERS and node.args:
            for text in _literals(node.args[0], place, found):
                found.add((text,), place)
        elif (position := problems.get(called)) is not None and len(node.args) > position:
            for text in _literals(node.args[position], place, found):
                found.add((text,), place)


# --- Templates --------------------------------------------------------------------------------------------------------


def read_template(source: bytes, name: str, found: Found) -> None:
    """The messages of one template, by Jinja's own extractor."""
    options = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false", "newstyle_gettext": "true"}
    for line, _, message, _ in babel_extract(BytesIO(source), ("_", "gettext", "ngettext"), (), options):
        parts = message if isinstance(message, tuple) else (message,)
        texts = tuple(part for part in parts if isinstance(part, str))
        if texts:
            found.add(texts, f"{name}:{line}")
            found.formatted.add(texts)
        else:
            found.unreadable.append(f"{name}:{line}: not a literal")


class _Bare(HTMLParser):
    """Collects the words that a template says outside of its expressions."""

    SAID = frozenset({"title", "alt", "placeholder", "aria-label", "aria-description", "label"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("script", "style", "code", "kbd")
        self.words += [value for name, value in attrs if name in self.SAID and value and _speaks(value)]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style", "code", "kbd")

    def handle_data(self, data: str) -> None:
        if not self._silent and _speaks(data):
            self.words.append(data.strip())


# The name itself, units, and the names of file formats are the same in every language.
BROWSERS = {"main_class", "css", "js"}
ALLOWED = {"朱批", "CSV", "XLSX", "PDF", "kB", "MB", "Zhupi"}


def _speaks(text: str) -> bool:
    words = re.findall(r"[^\W\d_]+", text)
    return any(word not in ALLOWED for word in words)


def bare_words(source: str) -> list[str]:
    """What a template says that no catalogue can translate."""
    tokens = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.i18n"]
    )
    kept: list[str] = []
    words: list[str] = []
    inside, quiet = "", False
    for _, kind, value in tokens.lex(source):
        if kind.endswith("_begin"):
            inside, words = kind.removesuffix("_begin"), []
        elif kind.endswith("_end") and inside:
            if inside == "block" and words:
                # A translation speaks through the catalogues; a block of classes or links speaks to the browser.
                begins = words[0] == "trans" or (words[0] == "block" and words[1] in BROWSERS)
                quiet = begins or (quiet and words[0] not in ("endtrans", "endblock"))
            inside = ""
        elif inside:
            if kind == "name":
                words.append(value)
        elif kind == "data" and not quiet:
            kept.append(value)
    parser = _Bare()
    parser.feed("".join(kept))
    return parser.words


# --- Catalogues -------------------------------------------------------------------------------------------------------


def read_catalogue(data: bytes) -> list[Message]:
    """The entries of a po file without its head."""
    return [message for message in read_po(BytesIO(data), locale="zh") if message.id]


def key_of(message: Message) -> Key:
    """A catalogue entry's message id."""
    return tuple(message.id) if isinstance(message.id, (list, tuple)) else (message.id,)


def texts_of(message: Message) -> tuple[str, ...]:
    """A catalogue entry's translations."""
    return tuple(message.string) if isinstance(message.string, (list, tuple)) else (message.string or "",)


def complaints(found: Found, catalogues: dict[str, list[Message]]) -> list[str]:
    """What is wrong between the sources and the catalogues."""
    said: dict[Key, tuple[str, tuple[str, ...]]] = {}
    wrong: list[str] = []
    for room, messages in catalogues.items():
        for message in messages:
            key, texts = key_of(message), texts_of(message)
            if message.fuzzy:
                wrong.append(f"{room}: fuzzy: {key[0]!r}")
            if not all(texts):
                wrong.append(f"{room}: empty: {key[0]!r}")
            elif any(_places(text) != _places(key[-1]) for text in texts):
                wrong.append(f"{room}: other places in the translation: {key[0]!r} -> {texts[0]!r}")
            if key in found.formatted and any(BARE_PERCENT.search(text) for text in texts):
                wrong.append(f"{room}: a bare %, which a template cannot format; write %%: {key[0]!r}")
            if key in said and said[key][1] != texts:
                wrong.append(
                    f"{room}: translated otherwise in {said[key][0]}: {key[0]!r}: {said[key][1][0]!r}, {texts[0]!r}"
                )
            said.setdefault(key, (room, texts))
    wrong += [
        f"{places[0]}: missing: {key[0]!r}" for key, places in found.messages.items() if key not in said
    ]
    return wrong


def _places(text: str) -> tuple[set[str], set[str]]:
    return set(BRACES.findall(text)), set(PERCENTS.findall(text))


@cache
def sources() -> Found:
    """The messages of the whole application."""
    found = Found()
    paths = sorted(APP.rglob("*.py"))
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in paths]
    problems = problem_classes(trees)
    for path, tree in zip(paths, trees, strict=True):
        read_python(tree, str(path.relative_to(ROOT)), problems, found)
    for path in sorted(TEMPLATES.rglob("*.html")):
        read_template(path.read_bytes(), str(path.relative_to(ROOT)), found)
    return found


def catalogues() -> dict[str, list[Message]]:
    """Every room's entries."""
    return {path.name: read_catalogue(path.read_bytes()) for path in sorted(CATALOGUES.glob("*.po"))}


# --- The application --------------------------------------------------------------------------------------------------


def test_every_sentence_has_its_chinese() -> None:
    wrong = complaints(sources(), catalogues())
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_sentence_can_be_read() -> None:
    assert not sources().unreadable, "\n" + "\n".join(sources().unreadable)


def test_no_translation_is_left_over() -> None:
    """An entry whose text stands nowhere in the sources is of no use, or of use for a text that was changed."""
    everything = "\n".join(
        re.sub(r'"\s*\n\s*"', "", path.read_text(encoding="utf-8"))
        for path in [*APP.rglob("*.py"), *TEMPLATES.rglob("*.html")]
    )
    left = [
        f"{room}: {key_of(message)[0]!r}"
        for room, messages in catalogues().items()
        for message in messages
        if key_of(message) not in sources().messages and not _stands_in(key_of(message)[0], everything)
    ]
    assert not left, "\n" + "\n".join(left)


def _stands_in(text: str, everything: str) -> bool:
    # Tables of messages (help texts of commands, kinds of problems) hold literals that no marker surrounds.
    return text in everything or text.replace("\n", "\\n").replace('"', '\\"') in everything


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_templates_speak_through_the_catalogues(path: Path) -> None:
    assert bare_words(path.read_text(encoding="utf-8")) == []


# --- The checker ------------------------------------------------------------------------------------------------------

MODULE = """
class AError(ProblemError): ...
class BError(some.AError):
    def __init__(self, kind, text): ...
class CError(ProblemError):
    def __init__(self, number): ...
_("one"); N_("two"); Text("three {n}", {"n": 1}); ngettext("four", "fours", 4)
raise AError("five" if x else "six", n=1)
raise BError("kind", "seven"); raise CError("eight")
raise BError("kind", Text("nine")); Text(variable); _("ten " "eleven")
Text(f"twelve {x}")
"""


def found_in_module() -> Found:
    tree, found = ast.parse(MODULE), Found()
    read_python(tree, "m.py", problem_classes([tree]), found)
    return found


def test_messages_of_python_are_found() -> None:
    words = {key[0] for key in found_in_module().messages}
    assert words == {"one", "two", "three {n}", "four", "five", "six", "seven", "nine", "ten eleven"}
    assert ("four", "fours") in found_in_module().messages
    assert found_in_module().unreadable == ["m.py:11: an f-string cannot be translated; use {named} places"]


def test_messages_of_templates_are_found() -> None:
    found = Found()
    read_template(
        b'<p title="{{ _(\'hint\') }}">{% trans %}to {{ name }}{% endtrans %}</p>{{ ngettext("a", "%(num)s b", n) }}',
        "t.html",
        found,
    )
    assert set(found.messages) == {("hint",), ("to %(name)s",), ("a", "%(num)s b")}


def test_what_is_wrong_with_a_catalogue_is_said() -> None:
    found = Found()
    for text in ("fine", "gone", "{count} of %(all)s", "empty", "guess", "double"):
        found.add((text,), "x.py:1")
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    one = (
        'msgid "fine"\nmsgstr "好"\n\nmsgid "{count} of %(all)s"\nmsgstr "{number}/%(all)s"\n\n'
        'msgid "empty"\nmsgstr ""\n\n#, fuzzy\nmsgid "guess"\nmsgstr "猜"\n\nmsgid "double"\nmsgstr "一"\n'
    )
    two = 'msgid "double"\nmsgstr "二"\n\nmsgid "fine"\nmsgstr "好"\n'
    wrong = complaints(
        found, {"one": read_catalogue((head + one).encode()), "two": read_catalogue((head + two).encode())}
    )
    kinds = sorted(re.sub(r"^\S+: (.*?):? '.*", r"\1", line) for line in wrong)
    assert kinds == [
        "empty",
        "fuzzy",
        "missing",
        "other places in the translation",
        "translated otherwise in one",
    ]


@pytest.mark.parametrize(
    ("text", "bare"),
    [("50%", True), ("%(a)s%", True), ("% d", True), ("%%%", True), ("50%%", False), ("%(a)s%%", False)],
)
def test_a_bare_percent_in_a_template_is_found(text: str, bare: bool) -> None:
    found = Found()
    read_template(b"{{ _('share', a=1) }}", "t.html", found)
    message = Message("share", string=text)
    wrong = complaints(found, {"one": [message]})
    assert any("bare %" in line for line in wrong) == bare


def test_bare_words_are_found() -> None:
    source = (
        '<p class="x">Hello {{ name }}</p><input placeholder="Type here" value="{{ x }}">{# quiet #}'
        '<code>GET</code>{% trans %}fine{% endtrans %} · 3 {{ _("fine") }} <b title="{{ _(\'fine\') }}">朱批</b>'
        '{% block main_class %}wide{% endblock %}{% if a == "word" %}<i>你好</i>{% endif %}'
    )
    assert bare_words(source) == ["Hello", "Type here", "你好"]
