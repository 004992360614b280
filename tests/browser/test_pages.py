"""Every page in both languages, wide and narrow, light and dark: names, heads, ids, contrast, width, weight."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Response, expect

from tests.browser.conftest import Served, Visitor, end, serve, visit

pytestmark = pytest.mark.browser
CHECKS = (Path(__file__).parent / "page_checks.js").read_text(encoding="utf-8")
MOST_BYTES = 150_000  # of a page with all it loads, gzipped
LOOKS = [(1280, "light"), (400, "dark")]
OTHER_LOOKS = [(400, "light"), (1280, "dark")]
# Of the demo's assignments, in the order they were made: the one that is graded, and the first of scans and photos.
GRADED, PHOTOGRAPHED = 1, 2


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the demo classes, one of them graded."""
    running = serve(tmp_path_factory.mktemp("pages") / "var", "--demo")
    running.wait_for(r"run finished")
    yield running
    end(running)


async def sign_in(page: Page, served: Served) -> None:
    """As the demo's teacher."""
    found = served.wait_for(r"Sign in as (\S+) with the password (\S+)")
    await page.goto(served.url + "/sign-in")
    await page.fill("[name=username]", found.group(1))
    await page.fill("[name=password]", found.group(2))
    await page.click("main button.primary")
    await page.wait_for_url(served.url + "/")


@pytest.fixture(params=["en", "zh"])
async def visitor(request: pytest.FixtureRequest, browser: Browser, demo: Served) -> AsyncIterator[Visitor]:
    """The teacher, signed in, in each language."""
    context, visitor = await visit(browser, request.param)
    await sign_in(visitor.page, demo)
    yield visitor
    await context.close()


async def hrefs(page: Page, part: str) -> list[str]:
    """The addresses of links that contain a part, each once, without the place in the page."""
    found = await page.eval_on_selector_all(
        f"a[href*='{part}']", "all => all.map(a => new URL(a.href).pathname)"
    )
    return sorted({str(address) for address in found})


async def every_page(page: Page, served: Served) -> list[str]:
    """The addresses of all pages with the demo's data."""
    await page.goto(served.url + "/")
    classes = [
        address for address in await hrefs(page, "/classes/") if re.fullmatch(r"/classes/\d+", address)
    ]
    works = await hrefs(page, "/assignments/")
    pages = ["/", "/account", "/users", "/classes/new", "/pair"]
    pages += [classes[0] + end for end in ("", "/settings", "/import", "/assignments/new")]
    for work in works[:PHOTOGRAPHED]:
        ends = ("/scheme", "/scheme/text", "/papers", "/covers", "/run", "/results")
        pages += [work + end for end in (*ends, "/classroom", "/misconceptions", "/quiz")]
        await page.goto(f"{served.url}{work}/classroom")
        pages += await hrefs(page, "/boards/")
        await page.goto(f"{served.url}{work}/run")
        papers = await page.eval_on_selector_all(
            "tbody tr:first-child a, tr:has(.needs_teacher) th a, tr:last-child th a",
            "all => all.map(a => new URL(a.href).pathname)",
        )
        pages += sorted(set(papers))[:2]
    return [*pages, *(work + "/papers" for work in works[PHOTOGRAPHED:])]


async def check(page: Page, place: str, looks: list[tuple[int, str]]) -> list[str]:
    """What is wrong with the page that is open."""
    wrong: list[str] = []
    for width, scheme in looks:
        await page.set_viewport_size({"width": width, "height": 860})
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # "light" or "dark"
        wrong += [f"{place} {width} {scheme}: {line}" for line in await page.evaluate(CHECKS)]
    return wrong


async def test_every_page_is_whole(visitor: Visitor, demo: Served) -> None:
    page, wrong = visitor.page, []
    for number, address in enumerate(await every_page(page, demo)):
        await page.goto(demo.url + address)
        wrong += await check(page, address, LOOKS if number % 2 else OTHER_LOOKS)
    assert not wrong, "\n" + "\n".join(wrong)
    assert visitor.complaints == []


async def test_pages_of_strangers_are_whole(browser: Browser, demo: Served) -> None:
    for language in ("en", "zh"):
        context, visitor = await visit(browser, language)
        wrong: list[str] = []
        for address in ("/sign-in", "/set-up/wrong", "/nothing", "/kiosk", "/q"):
            await visitor.page.goto(demo.url + address)
            wrong += await check(visitor.page, address, LOOKS + OTHER_LOOKS)
        assert not wrong, "\n" + "\n".join(wrong)
        await context.close()


async def weight(context: BrowserContext, url: str) -> int:
    """What a page and all it loads weigh, gzipped, in bytes.

    In a tab of its own: what the page before was still waiting for, its icon perhaps, is none of this one's weight.
    """
    tab = await context.new_page()
    answers: list[Response] = []
    tab.on("response", lambda answer: answers.append(answer))
    await tab.goto(url)
    # Not what a page fetches later: streams do not end.
    bodies = [
        await answer.body() for answer in answers if answer.request.resource_type not in ("fetch", "other")
    ]
    await tab.close()
    return sum(len(gzip.compress(body)) for body in bodies)


async def test_no_page_is_heavy(browser: Browser, demo: Served) -> None:
    context, visitor = await visit(browser, "zh")
    page, weights = visitor.page, {}
    await sign_in(page, demo)
    for address in await every_page(page, demo):
        weights[address] = await weight(context, demo.url + address)
    heaviest = max(weights, key=lambda address: weights[address])
    assert 10_000 < weights[heaviest] <= MOST_BYTES, (heaviest, weights[heaviest])
    await context.close()


async def test_results_follow_a_decision(browser: Browser, visitor: Visitor, demo: Served) -> None:
    """A colleague's window with the results shows a new mark, and keeps the focus and what is open."""
    page = visitor.page
    await page.goto(demo.url + "/")
    work = (await hrefs(page, "/assignments/"))[GRADED]
    context, other = await visit(browser, "en")
    await sign_in(other.page, demo)
    await other.page.goto(f"{demo.url}{work}/results?sort=name")
    await other.page.click("#results-charts summary")
    row = other.page.locator("table.marks tbody tr:has(td.p)").first
    link = row.locator("a")
    await link.focus()
    decided = await other.page.locator("table.marks td.t").count()
    await page.goto(f"{demo.url}{await link.get_attribute('href')}")
    await page.locator("button.accept").first.click()
    await expect(page.locator(".question.decided").first).to_be_visible()
    await expect(other.page.locator("table.marks td.t")).not_to_have_count(decided)
    assert await link.evaluate("link => link === document.activeElement")
    assert await other.page.locator("#results-charts details").get_attribute("open") is not None
    assert other.complaints == []
    await context.close()


async def test_review_by_keyboard_alone(visitor: Visitor, demo: Served) -> None:
    """From the matrix to a decision and back, the focus where one looks."""
    page = visitor.page
    await page.goto(demo.url + "/")
    work = (await hrefs(page, "/assignments/"))[GRADED]
    await page.goto(f"{demo.url}{work}/run")
    await page.focus(".matrix tbody th a")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"/papers/\d+"))
    await page.keyboard.press("?")
    await expect(page.locator("dialog#keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog#keys")).to_be_hidden()
    await page.keyboard.press("j")
    question = page.locator(".question:focus")
    await expect(question).to_have_count(1)
    place = await question.get_attribute("id")
    await page.keyboard.press("1")
    await page.keyboard.press("Enter")
    await expect(page.locator(f"#{place}.decided")).to_be_visible()
    assert await page.evaluate("document.activeElement.closest('.question')?.id") == place
    await page.keyboard.press("u")
    await expect(page.locator(f"#{place}.decided")).to_have_count(0)
    assert await page.evaluate("document.activeElement.closest('.question')?.id") == place
    assert visitor.complaints == []
