"""The dependency rule of CONTRIBUTING.md, read from the imports of every module, those inside functions included."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_MODULE = 400

DOMAIN = ("accounts", "audit", "classes", "assignments", "papers", "marks", "classroom")
SETTINGS = ("settings_checks", "settings_names", "settings_sources", "settings_urls")
GROUND = ("db", "network", "settings", *SETTINGS, "i18n", "document", "scheme", "storage")
MIDDLE = (*DOMAIN, "reports", "intake", "grading", "events", "jobs")
# Where parts meet: these may see everything.
TOP = (
    "main",
    "cli",
    "headless",
    "demo",
    "serve",
    "worker",
    "web",
    "keys",
    "leaving",
    "tables",
    "migrate",
    "logs",
    "embedded",
    "upkeep",
)

# What each part of the middle and of the ground may import besides itself. Domain packages see those before them.
MAY: Mapping[str, tuple[str, ...]] = {
    **{name: (*DOMAIN[:place], *GROUND, "jobs") for place, name in enumerate(DOMAIN)},
    "reports": (*DOMAIN, *GROUND),
    "intake": ("document", "i18n"),
    "grading": ("document", "i18n", "scheme"),
    "events": GROUND,
    "jobs": GROUND,
    "scheme": ("document", "i18n"),
    "document": ("i18n", "scheme"),
    "i18n": ("document", "scheme"),
    "db": ("i18n", "network", "settings"),
    "network": ("settings_urls",),
    "settings": ("i18n", *SETTINGS),
    "settings_checks": ("i18n", "settings", "settings_sources", "settings_urls"),
    "settings_names": ("i18n",),
    "settings_sources": ("i18n",),
    "settings_urls": (),
    "storage": ("i18n", "settings", "settings_sources"),
    "keys": ("accounts", "events", *GROUND),
    "tables": (*DOMAIN, "db"),
    "embedded": GROUND,
    "logs": (*GROUND, "log_file"),
    "log_file": (),
    "looplag": (),
    "metrics": ("i18n", "metrics_folder"),
    "metrics_folder": (),
    "migrate": (*GROUND, "jobs", "tables"),
}
# Of the top, who may not see whom.
NOT: Mapping[str, tuple[str, ...]] = {
    "web": ("cli", "serve", "main", "headless", "demo", "worker", "embedded", "migrate"),
    "worker": ("web", "cli", "serve", "main", "headless", "demo", "keys"),
    "headless": ("web", "main", "serve", "keys", "worker"),
    "upkeep": ("cli", "main", "serve", "headless", "demo", "keys", "web"),
}
# A plain script runs these: nothing of the server may come with them.
PURE = ("grading", "scheme", "document", "intake")
SERVER_LIBRARIES = (
    "aiohttp",
    "aiohttp_session",
    "aiohttp_jinja2",
    "redis",
    "sqlalchemy",
    "asyncpg",
    "psycopg",
    "pgqueuer",
)


def imports_of(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every imported module by its dotted name, with the line; `from app import x` is `app.x`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "app":
                yield from ((f"app.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module, node.lineno


def part_of(name: str) -> str:
    """The part of the application that a path (app/web/x.py) or a module (app.web.x) belongs to."""
    pieces = name.removesuffix(".py").replace("/", ".").split(".")
    return pieces[1] if len(pieces) > 1 else ""


def breaches(name: str, source: str) -> list[str]:
    """What one module does against the rules; `name` is its path from the root, such as app/web/home.py."""
    tree = ast.parse(source)
    part = part_of(name)
    wrong = [f"{name}: no docstring"] if not ast.get_docstring(tree) else []
    if (length := source.count("\n")) > LONGEST_MODULE:
        wrong.append(f"{name}: {length} lines, more than {LONGEST_MODULE}")
    relative = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level > 0]
    wrong += [f"{name}:{node.lineno}: relative import" for node in relative]
    for module, line in imports_of(tree):
        root, _, _ = module.partition(".")
        if root == "app" and not _may(part, part_of(module)):
            wrong.append(f"{name}:{line}: {part} may not import {module}")
        if part in PURE and root in SERVER_LIBRARIES:
            wrong.append(f"{name}:{line}: {part} may not import {root}")
    if part == "web":
        wrong += [f"{name}:{line}: a handler writes a query ({called})" for called, line in _queries(tree)]
    return wrong


def _may(part: str, other: str) -> bool:
    if part == other or not other:
        return True
    if part in MAY:
        return other in MAY[part]
    return part in TOP and other not in NOT.get(part, ())


def _queries(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Calls that build SQL, with their line."""
    made = {"select", "insert", "update", "delete"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name in made)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "select":
            yield "select", node.lineno


def modules() -> list[str]:
    """All modules of the application, by their path from the root."""
    return [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "app").rglob("*.py"))]


def test_the_application_keeps_the_rules() -> None:
    wrong = [
        breach for name in modules() for breach in breaches(name, (ROOT / name).read_text(encoding="utf-8"))
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_part_has_its_place_in_the_rule() -> None:
    unknown = {part_of(name) for name in modules()} - set(MAY) - set(TOP) - set(MIDDLE) - {"__init__"}
    assert not unknown, f"say in this test what {unknown} may import"


def test_contributing_names_the_same_parts() -> None:
    said = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert " < ".join(DOMAIN) in said
    assert all(f"`{name}`" in said for name in MIDDLE)


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("app/classes/x.py", "from app.papers import store", "classes may not import app.papers"),
        (
            "app/classes/x.py",
            "def f():\n    from app.marks.models import Mark",
            "classes may not import app.marks.models",
        ),
        ("app/grading/x.py", "import sqlalchemy.orm", "grading may not import sqlalchemy"),
        ("app/grading/x.py", "async def f():\n    import redis.asyncio", "grading may not import redis"),
        ("app/grading/x.py", "from app.db import Base", "grading may not import app.db"),
        ("app/scheme/x.py", "from aiohttp import web", "scheme may not import aiohttp"),
        ("app/events/x.py", "from app.web import pages", "events may not import app.web"),
        ("app/jobs.py", "from app import web", "jobs may not import app.web"),
        ("app/web/x.py", "from app.worker import Worker", "web may not import app.worker"),
        ("app/upkeep/x.py", "from app.cli import users", "upkeep may not import app.cli"),
        ("app/web/x.py", "from sqlalchemy import select", "a handler writes a query"),
        (
            "app/web/x.py",
            "import sqlalchemy as sa\nfrom sqlalchemy.dialects.postgresql import insert",
            "(insert)",
        ),
        (
            "app/intake/x.py",
            "from app.classes.models import Student",
            "intake may not import app.classes.models",
        ),
        ("app/reports/x.py", "from app.web.pages import render", "reports may not import app.web.pages"),
        ("app/web/x.py", "from . import pages", "relative import"),
        ("app/web/x.py", "x = 1\n" * (LONGEST_MODULE + 1), "lines, more than"),
    ],
)
def test_a_breach_is_caught(name: str, line: str, said: str) -> None:
    assert any(said in breach for breach in breaches(name, f'"""Planted."""\n{line}\n'))


def test_a_module_without_docstring_is_caught() -> None:
    assert breaches("app/web/x.py", "x = 1\n") == ["app/web/x.py: no docstring"]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("app/marks/x.py", "from app.papers.models import Paper"),
        ("app/grading/x.py", "from app.scheme.types import Scheme"),
        ("app/web/x.py", "from app.reports import classes"),
        ("app/worker/x.py", "from app.grading.engine import Engine\nfrom app.marks import store"),
    ],
)
def test_what_is_allowed_is_not_caught(name: str, line: str) -> None:
    assert breaches(name, f'"""Planted."""\n{line}\n') == []
