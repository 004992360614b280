"""The documentation against the code: made files are up to date, every verb and key is told, every name exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer

from app.cli import cli
from app.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("locks/*.md"), *ROOT.glob("demo/*.md")],
    key=lambda page: page.as_posix(),
)
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]

LINK = re.compile(r"\[[^\]\n]*\]\(<?([^)\s>]+)>?\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
KEYS = re.compile(r"<kbd>(.+?)</kbd>")

# Machines' own folders, and where packages come from: neither belongs into the repository. Put together here, so that
# this file does not find itself.
FOREIGN = re.compile(
    "|".join(
        [
            r"(?<![\w.])/(?:work|home|Users)" + r"/\w",
            r"/tmp/" + r"(?:w|hb|claude)\b",
            r"registry\." + "npmjs",
            "npm" + "mirror",
            r"py" + r"pi\.org",
            "python" + "hosted",
            r"(?:mirrors?|simple)\." + r"\w+\.(?:com|cn|edu)",
            r'"resolved"' + r"\s*:",
            r"--(?:extra-)?index-" + "url",
        ]
    )
)


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings are linked, as code forges make them."""
    headings = HEADING.findall(FENCED.sub("", text(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("tool", ["settings_docs", "route_docs", "reason_docs"])
def test_what_is_made_from_the_code_is_up_to_date(tool: str) -> None:
    done = subprocess.run(
        [sys.executable, f"tools/{tool}.py", "--check"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, f"run python tools/{tool}.py"


def test_every_setting_is_told() -> None:
    told = text(DOCS / "settings.md")
    assert [name for name in Settings.model_fields if f"`{name.upper()}`" not in told] == []


def verbs() -> dict[str, Any]:
    """The commands of `zhupi` by their names."""
    return dict(getattr(typer.main.get_command(cli), "commands", {}))


def test_every_verb_of_the_command_line_is_told() -> None:
    assert len(verbs()) > 5
    told = text(DOCS / "admin-guide.md")
    assert [verb for verb in verbs() if not re.search(rf"`zhupi {re.escape(verb)}\b", told)] == []


def test_every_verb_that_is_told_exists() -> None:
    told = {
        (name, verb)
        for name, page in zip(NAMES, PAGES, strict=True)
        for verb in re.findall(r"`(?:\.venv/bin/)?zhupi ([a-z][a-z-]+)", text(page))
    }
    assert sorted((name, verb) for name, verb in told if verb not in verbs()) == []


def makefile_verbs() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):.*## ", text(ROOT / "Makefile"), re.MULTILINE))


def test_every_verb_of_the_makefile_is_told() -> None:
    found = makefile_verbs()
    assert {"run", "test"} <= found
    told = text(ROOT / "README.md") + text(DOCS / "admin-guide.md")
    assert sorted(verb for verb in found if not re.search(rf"\bmake {verb}\b", told)) == []


def test_the_keys_of_the_review_page_are_told_in_both_guides() -> None:
    dialog = text(ROOT / "app/templates/pages/paper.html").partition('<dialog id="keys"')[2]
    keys = set(KEYS.findall(dialog))
    assert {"J", "A", "Esc"} <= keys
    for guide in ("teacher-guide.md", "teacher-guide.zh.md"):
        assert keys - set(KEYS.findall(text(DOCS / guide))) == set(), guide
        assert set(KEYS.findall(text(DOCS / guide))) - keys == set(), guide


def test_the_keys_of_the_dialog_are_those_of_the_script() -> None:
    script = text(ROOT / "app/static/js/review.js")
    acts = script.partition("const acts = {")[2].partition("};")[0]
    named = set(re.findall(r'^ {4}"?([^\s":]+)"?:', acts, re.MULTILINE))
    templates = ROOT / "app/templates"
    shown = set(
        KEYS.findall(text(templates / "pages/paper.html") + text(templates / "partials/paper_head.html"))
    )
    arrows = {"ArrowLeft": "←", "ArrowRight": "→"}
    assert sorted(key for key in named if arrows.get(key, key.upper()) not in shown) == []


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    lost = []
    for link in LINK.findall(FENCED.sub("", text(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("name", NAMES)
def test_files_and_tests_that_are_named_exist(name: str) -> None:
    lost = []
    for code in CODE.findall(FENCED.sub("", text(ROOT / name))):
        path, _, test = code.partition("::")
        if not re.fullmatch(r"(?:app|tests|tools|docs|benchmarks|migrations|demo|locks)/[\w./-]+\.\w+", path):
            continue
        file = ROOT / path
        if not file.exists() or (
            test and not re.search(rf"^(?:async )?def {test}\(", text(file), re.MULTILINE)
        ):
            lost.append(code)
    assert lost == []


def tracked() -> list[str]:
    """The files of the repository. Skips where it is not one, as in an unpacked release."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [name for name in done.stdout.split("\0") if name]


def test_nothing_of_one_machine_is_in_the_repository() -> None:
    found = []
    for name in tracked():
        file = ROOT / name
        if not file.is_file():
            continue  # deleted and not yet committed
        try:
            lines = text(file).splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{name}:{number}" for number, line in enumerate(lines, 1) if FOREIGN.search(line)]
    assert found == []


def test_the_search_finds_what_it_is_for() -> None:
    bad = ("see /ho" + "me/chen/x", "https://registry." + "npmjs.org/htmx", "--index-" + "url https://x")
    good = ("/health/live", "--no-emit-index-url", "docs/" + "work/x.md", "tmp/work")
    assert all(FOREIGN.search(line) for line in bad)
    assert not any(FOREIGN.search(line) for line in good)


def test_every_decision_says_what_would_change_it() -> None:
    files = [file for file in (DOCS / "decisions").glob("*.md") if file.name != "README.md"]
    assert [file.name for file in files if "Would change:" not in text(file)] == []
    numbers = [file.name[:4] for file in files]
    assert len(numbers) == len(set(numbers))


def test_the_guides_have_the_same_parts() -> None:
    english, chinese = (text(DOCS / f"teacher-guide{suffix}.md") for suffix in ("", ".zh"))
    levels = [re.findall(r"^(#+) ", guide, re.MULTILINE) for guide in (english, chinese)]
    assert levels[0] == levels[1]
    rows = [len(re.findall(r"^\|", guide, re.MULTILINE)) for guide in (english, chinese)]
    assert rows[0] == rows[1]


def commands() -> list[tuple[str, str]]:
    """Every whole `zhupi` command of the pages, with the page's name: spans of code and indented lines."""
    whole = re.compile(r"(?:^ {4}|`)(?:\.venv/bin/)?zhupi ([a-z][^`\n#]*)", re.MULTILINE)
    return [(name, found.strip()) for name in NAMES for found in whole.findall(text(ROOT / name))]


@pytest.mark.parametrize(("name", "words"), sorted(set(commands())))
def test_a_command_that_is_told_is_one(name: str, words: str) -> None:
    verb, *arguments = shlex.split(words)
    if arguments or verb in ("serve", "worker", "migrate", "settings"):  # a bare other verb only names it
        verbs()[verb].make_context(verb, arguments)
