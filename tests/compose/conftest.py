"""The drills' fixtures. They need a Docker engine with compose v2, git, and the ports 18200 to 18249.

`make test-compose` runs all; `make test-compose DRILLS="-k kills"` some. DRILL_FOLDER names a folder to keep: the clone
in it is used again and its stack left running, for work on the drills themselves.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

# What the helpers assert is told as well as what tests assert: before they are imported.
pytest.register_assert_rewrite(
    "tests.compose.runs", "tests.compose.teacher", "tests.compose.stack", "tests.graded"
)

from tests.compose.figures import OUT, Figures, line  # noqa: E402
from tests.compose.stack import ROOT, CommandError, Stack, run, timed  # noqa: E402
from tests.compose.teacher import Teacher  # noqa: E402

# The files in the order in which they run: what leaves the stack as it was first, what tears it down last.
ORDER = (
    "test_harness",
    "test_files",
    "test_fresh",
    "test_closed",
    "test_speed",
    "test_streams",
    "test_kills",
    "test_screens",
    "test_redis_emptied",
    "test_rotation",
    "test_upgrade",
    "test_backup",
    "test_full_disk",
)
FIGURES = Figures()
STACK = pytest.StashKey[Stack]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the drills into their order."""
    names = {name: number for number, name in enumerate(ORDER)}
    items.sort(key=lambda item: names.get(item.path.stem, -1))


@pytest.fixture(scope="session")
def figures() -> Figures:
    """Where figures are noted."""
    return FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table, after everything else."""
    if FIGURES.kept:
        FIGURES.write()
        terminalreporter.section("figures (tests/compose/out/figures.json)")
        for figure in FIGURES.kept:
            terminalreporter.write_line(line(figure))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Keep what the containers said when a drill fails."""
    report = yield
    stack = item.session.stash.get(STACK, None)
    if report.failed and stack is not None:  # type: ignore[attr-defined]
        OUT.mkdir(exist_ok=True)
        path = OUT / f"{item.name}.log"
        stack.logs(path)
        report.sections.append(("containers", f"their output is in {path}"))  # type: ignore[attr-defined]
    return report


@pytest.fixture(scope="session")
def engine() -> None:
    """Fails where there is no engine to drive."""
    try:
        run(["docker", "compose", "version"], ROOT, 60)
        run(["docker", "info", "--format", "{{.ServerVersion}}"], ROOT, 60)
    except (CommandError, OSError) as error:
        pytest.fail(f"The drills need a running Docker engine with compose v2: {error}", pytrace=False)


@pytest.fixture(scope="session")
def cloned(engine: None, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A fresh clone; nothing runs yet. Everything of it is gone afterwards."""
    kept = os.environ.get("DRILL_FOLDER", "")
    with tempfile.TemporaryDirectory(prefix="zhupi-drill-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(kept) if kept else Path(folder) / "zhupi")
        if stack.folder.exists():
            stack.configure()
        else:
            stack.clone()
        request.session.stash[STACK] = stack
        try:
            yield stack
        finally:
            if not kept:
                stack.down(volumes=True)


@pytest.fixture(scope="session")
def stack(cloned: Stack) -> Stack:
    """The clone brought up by `make up`, its images built before: the seconds from there to healthy are kept."""
    cloned.make("build")
    with timed() as took:
        said = cloned.make("up")
    cloned.up_seconds = took[0]
    found = [word for word in said.split() if "/set-up/" in word]
    cloned.setup_link = found[-1] if found else ""
    return cloned


@pytest.fixture(scope="session")
async def school(stack: Stack) -> AsyncIterator[Stack]:
    """The stack with its first account made by the one-time link."""
    teacher = Teacher(stack)
    try:
        if stack.setup_link:
            await teacher.first(stack.setup_link)
    finally:
        await teacher.close()
    yield stack


@pytest.fixture
async def teacher(school: Stack) -> AsyncIterator[Teacher]:
    """The first account's browser, signed in."""
    browser = Teacher(school)
    await browser.sign_in()
    yield browser
    await browser.close()
