"""The main job, as a teacher does it: set up, roster, scheme, papers, live marks, one change, the results."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import ROOT, Served, Visitor, visit

pytestmark = pytest.mark.browser
PASSWORD = "quiet paper 5"
DEMOS = {"en": ROOT / "demo" / "en-science", "zh": ROOT / "demo" / "zh-physics"}


async def set_up(page: Page, served: Served) -> None:
    """Make the first account through the one-time link."""
    link = served.wait_for(r"http://\S+/set-up/\S+").group(0)
    await page.goto(re.sub(r"//[^/]+", "//" + served.url.partition("//")[2], link))
    await page.fill("[name=username]", "chen")
    await page.fill("[name=name]", "Chen Lan")
    await page.fill("[name=password]", PASSWORD)
    await page.click("main button.primary")
    await page.wait_for_url(served.url + "/")


async def make_class(page: Page, demo: Path) -> None:
    """A class with the demo's roster, imported as a file after the preview."""
    await page.goto(page.url + "classes/new")
    await page.fill("main [name=name]", json.loads((demo / "class.json").read_text())["name"])
    await page.click("main button.primary")
    await page.wait_for_url(re.compile(r"/classes/\d+"))
    await page.click("a[href$='/import']")
    await page.set_input_files("input[type=file]", demo / "roster.csv")
    await page.click("main form button.primary")
    await page.wait_for_url(re.compile(r"/import/\w+"))


async def make_assignment(page: Page, class_url: str, demo: Path) -> None:
    """An assignment from the pasted scheme; what was understood is shown."""
    await page.goto(class_url + "/assignments/new")
    await page.fill("main textarea", (demo / "scheme.md").read_text(encoding="utf-8"))
    await page.click("main form button.primary")
    await page.wait_for_url(re.compile(r"/assignments/\d+/scheme"))
    await expect(page.locator("#questions > *")).to_have_count(10)


async def upload(page: Page, assignment_url: str, demo: Path) -> int:
    """All papers of the demo, and the wait until each was read; the number of papers."""
    papers = sorted((demo / "papers").iterdir())
    await page.goto(assignment_url + "/papers")
    await page.set_input_files("#pick-files", papers)
    await expect(page.locator("tr.paper-row")).to_have_count(len(papers), timeout=30_000)
    await expect(page.locator("tr.paper-row .waiting")).to_have_count(0, timeout=60_000)
    return len(papers)


async def grade(page: Page, assignment_url: str, cells: int) -> None:
    """Start a run and watch the matrix fill, without a reload."""
    await page.goto(assignment_url + "/run")
    await page.evaluate("window.sameDocument = true")
    await page.click("#run-start button.primary")
    await expect(page.locator("#run-state progress")).to_be_visible()
    done = page.locator("td.graded, td.needs_teacher, td.decided")
    await expect(done).to_have_count(cells, timeout=90_000)
    await expect(page.locator("#run-state progress.over")).to_be_visible(timeout=20_000)
    await expect(page).to_have_title(re.compile("^(Grading is done|批改完成) · .+ · "))
    assert await page.evaluate("window.sameDocument") is True


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_from_nothing_to_the_results(browser: Browser, served: Served, language: str) -> None:
    context, visitor = await visit(browser, language, accept_downloads=True)
    page, demo = visitor.page, DEMOS[language]
    await set_up(page, served)
    await visitor.shot(f"home-{language}")
    await make_class(page, demo)
    await visitor.shot(f"roster-preview-{language}")
    await page.click("main form button.primary")
    await page.wait_for_url(re.compile(r"/classes/\d+$"))
    class_url = re.search(r".*/classes/\d+", page.url)
    assert class_url
    await visitor.shot(f"class-{language}")
    await make_assignment(page, class_url.group(0), demo)
    await visitor.shot(f"scheme-{language}")
    found = re.search(r".*/assignments/\d+", page.url)
    assert found
    assignment_url = found.group(0)
    papers = await upload(page, assignment_url, demo)
    await visitor.shot(f"papers-{language}")
    await grade(page, assignment_url, papers * 10)
    await visitor.shot(f"run-{language}")
    await change_a_mark(visitor, language)
    await see_results(visitor, assignment_url, papers, language)
    assert visitor.complaints == []
    await context.close()


async def change_a_mark(visitor: Visitor, language: str) -> None:
    """Give one criterion other points by hand; the matrix and the history say so."""
    page = visitor.page
    await page.locator("table a[href*='/papers/']").first.click()
    await page.wait_for_url(re.compile(r"/papers/\d+"))
    await visitor.shot(f"paper-{language}")
    question = page.locator("section.question").first
    await question.locator(".points button").first.click()
    await expect(page.locator("section.question.decided").first).to_be_visible()
    await visitor.shot(f"paper-decided-{language}")


async def see_results(visitor: Visitor, assignment_url: str, papers: int, language: str) -> None:
    """The results table, and the class's CSV as a download."""
    page = visitor.page
    await page.goto(assignment_url + "/results")
    await visitor.shot(f"results-{language}")
    async with page.expect_download() as waiting:
        await page.click("a[href*='results.csv']")
    download = await waiting.value
    text = Path(await download.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) > papers
    async with page.expect_download() as waiting:
        await page.click("a[href*='results.xlsx']")
    assert Path(await (await waiting.value).path()).read_bytes()[:2] == b"PK"
