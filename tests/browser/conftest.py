"""A real server process with its own data, and a headless Chromium."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tools import find_browser

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "test-results"
START_SECONDS = 60.0


@dataclass
class Served:
    """A server that runs: its address, what it printed, its data folder, its process."""

    url: str
    log: Path
    var: Path
    process: subprocess.Popen[bytes]

    @property
    def printed(self) -> str:
        """All output so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, pattern: str, seconds: float = START_SECONDS) -> re.Match[str]:
        """The first match of a pattern in the output; fails after a while."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            found = re.search(pattern, self.printed)
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"never printed {pattern}:\n{self.printed}")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(var: Path, *arguments: str, port: int | None = None, **environment: str) -> Served:
    """Start `zhupi serve` and wait until it is ready."""
    port = port or free_port()
    log = var.parent / f"{var.name}.log"
    inherited = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", *arguments],
            cwd=ROOT,
            env={**inherited, "VAR_DIR": str(var), "PORT": str(port), "PYTHONUNBUFFERED": "1", **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    served = Served(f"http://127.0.0.1:{port}", log, var, process)
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        try:
            with urllib.request.urlopen(f"{served.url}/health/ready", timeout=2) as answer:
                if answer.status == 200:
                    return served
        except OSError:
            time.sleep(0.1)
        assert process.poll() is None, served.printed
    raise AssertionError(served.printed)


def end(served: Served) -> None:
    """Stop a server as Ctrl-C does."""
    served.process.terminate()
    try:
        served.process.wait(30)
    except subprocess.TimeoutExpired:
        served.process.kill()
        raise


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server with empty data."""
    running = serve(tmp_path / "var")
    yield running
    end(running)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests; without any the run fails and says so."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=str(find_browser.find()), args=["--no-sandbox", "--disable-quic"]
        )
        yield chromium
        await chromium.close()


@dataclass
class Visitor:
    """A person at a browser: their page, and what the browser complained of."""

    page: Page
    complaints: list[str]

    async def shot(self, name: str) -> None:
        """A screenshot of the whole page into test-results/."""
        SHOTS.mkdir(exist_ok=True)
        await asyncio.sleep(0.1)
        # Hiding the caret and stopping animations would put an inline style into the page, which its policy forbids.
        await self.page.screenshot(
            path=SHOTS / f"{name}.png", full_page=True, caret="initial", animations="allow"
        )


async def visit(browser: Browser, language: str, **options: object) -> tuple[BrowserContext, Visitor]:
    """A fresh browser profile in a language; errors on the console and in scripts are collected."""
    locale = {"zh": "zh-CN", "en": "en-GB"}[language]
    context = await browser.new_context(locale=locale, viewport={"width": 1280, "height": 860}, **options)  # type: ignore[arg-type]  # passed on as they are
    page = await context.new_page()
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: (
            complaints.append(f"{message.text} ({message.location})") if message.type == "error" else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return context, Visitor(page, complaints)
