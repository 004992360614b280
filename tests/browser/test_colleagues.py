"""Two teachers at once: a decision of one appears at the other, nobody's words are swapped away, and who is where."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import Served, Visitor, end, serve, visit

pytestmark = pytest.mark.browser
PASSWORD = "quiet paper 5"
SOON = 5_000  # ms


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the demo classes, one of them graded."""
    running = serve(tmp_path_factory.mktemp("colleagues") / "var", "--demo")
    running.wait_for(r"run finished")
    yield running
    end(running)


async def sign_in(page: Page, served: Served, username: str, password: str) -> None:
    """Enter a name and a password."""
    await page.goto(served.url + "/sign-in")
    await page.fill("[name=username]", username)
    await page.fill("[name=password]", password)
    await page.click("main button.primary")
    await page.wait_for_url(served.url + "/")


@dataclass
class Two:
    """Alice, who owns the demo's class, and Bob, with whom it is shared; papers that were graded, by address."""

    url: str
    alice: Visitor
    bob: Visitor
    assignment: str
    papers: list[str]


async def make_bob(page: Page, served: Served, class_url: str) -> None:
    """An account for Bob, and the class shared with him; done once."""
    await page.goto(served.url + "/users")
    if await page.locator("th", has_text=re.compile("^bob$")).count():
        return
    await page.fill(".new-user [name=username]", "bob")
    await page.fill(".new-user [name=name]", "Bob")
    await page.fill(".new-user [name=password]", PASSWORD)
    await page.click(".new-user button.primary")
    await expect(page.locator("table.users")).to_contain_text("bob")
    await page.goto(f"{class_url}/settings")
    await page.fill("form[action$='/teachers'] [name=username]", "bob")
    await page.click("form[action$='/teachers'] button")
    await expect(page.locator("main")).to_contain_text("Bob")


@pytest.fixture
async def two(browser: Browser, demo: Served) -> AsyncIterator[Two]:
    """Both, each in a browser of their own."""
    first, alice = await visit(browser, "en")
    second, bob = await visit(browser, "en")
    found = demo.wait_for(r"Sign in as (\S+) with the password (\S+)")
    page = alice.page
    await sign_in(page, demo, found.group(1), found.group(2))
    # The class in the server's language is the one that was graded.
    cards = page.locator(".class-card", has_text="Science").first
    class_url = demo.url + str(await cards.locator("h2 a").get_attribute("href"))
    work = str(await cards.locator("ul.work a").first.get_attribute("href"))
    await make_bob(page, demo, class_url)
    await sign_in(bob.page, demo, "bob", PASSWORD)
    await page.goto(f"{demo.url}{work}/run")
    papers = await page.eval_on_selector_all("tbody th a", "all => all.map(a => a.href)")
    yield Two(demo.url, alice, bob, demo.url + work, papers)
    await first.close()
    await second.close()
    assert alice.complaints == [] and bob.complaints == []


async def listening(page: Page, stream: str = "paper-live") -> None:
    """Wait until the page's stream is there. The pages' policy forbids what playwright's own waiting evaluates."""
    for _ in range(100):
        if await page.evaluate(f"Boolean(document.getElementById('{stream}')?._htmx?.sse?.reader)"):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("no stream")


async def open_both(two: Two, paper: str) -> None:
    """Alice opens a paper, then Bob does."""
    for visitor in (two.alice, two.bob):
        await visitor.page.goto(paper)
        await visitor.page.evaluate("window.sameDocument = true")
        await listening(visitor.page)


async def give(page: Page, question: str, button: int) -> None:
    """Press one of the first criterion's points."""
    await page.locator(f"#question-{question} .criterion").first.locator(".give").nth(button).click()


async def question_ids(page: Page) -> list[str]:
    """The questions of the open paper."""
    found = await page.eval_on_selector_all(".question", "all => all.map(q => q.id.replace('question-', ''))")
    return [str(each) for each in found]


async def test_who_is_there_appears_and_goes(two: Two) -> None:
    paper = two.papers[0]
    alice, bob = two.alice.page, two.bob.page
    await alice.goto(paper)
    await listening(alice)
    await expect(alice.locator("#presence")).to_be_empty()
    await bob.goto(two.assignment + "/run")
    row = bob.locator(f"tr:has(a[href='{paper.removeprefix(two.url)}'])").first
    await expect(row.locator(".here")).to_contain_text("is marking this paper", timeout=SOON)
    await two.bob.shot("presence-run")
    await bob.goto(two.assignment + "/papers")
    await expect(bob.locator(".here", has_text="is marking this paper")).to_have_count(1, timeout=SOON)
    # Nobody is a colleague of themselves.
    other = await alice.context.new_page()
    await other.goto(two.assignment + "/run")
    await expect(other.locator(".here", has_text="marking")).to_have_count(0)
    await other.close()
    await bob.goto(paper)
    await expect(bob.locator("#presence")).to_contain_text("is marking this paper", timeout=SOON)
    await expect(alice.locator("#presence")).to_contain_text("Bob is marking this paper", timeout=SOON)
    assert await alice.locator("#presence").get_attribute("data-ask") is None
    await two.alice.shot("presence-paper")
    await bob.close()
    await expect(alice.locator("#presence")).to_be_empty(timeout=SOON)


async def test_who_came_second_is_asked_once(two: Two) -> None:
    await open_both(two, two.papers[1])
    bob = two.bob.page
    question = (await question_ids(bob))[0]
    place = bob.locator(f"#question-{question}")
    await expect(bob.locator("#presence")).to_have_attribute(
        "data-ask", re.compile("Mark it too"), timeout=SOON
    )
    version = await place.locator("[name=version]").get_attribute("value")
    await give(bob, question, 0)
    await expect(bob.locator("#ask-first")).to_be_visible()
    await two.bob.shot("presence-ask")
    await bob.click("#ask-first [value=no]")
    await expect(bob.locator("#ask-first")).to_be_hidden()
    assert await place.locator("[name=version]").get_attribute("value") == version
    await give(bob, question, 0)
    await bob.click("#ask-first [value=yes]")
    await expect(bob.locator(f"#question-{question}.decided")).to_be_visible(timeout=SOON)
    await give(bob, question, 1)  # not asked again
    await expect(bob.locator("#ask-first")).to_be_hidden()
    await expect(place.locator(".criterion").first.locator(".give").nth(1)).to_have_class(re.compile("red"))
    # Who was here first is not asked at all.
    other = (await question_ids(two.alice.page))[1]
    await give(two.alice.page, other, 0)
    await expect(two.alice.page.locator("#ask-first")).to_be_hidden()


async def test_a_decision_appears_at_once(two: Two) -> None:
    await open_both(two, two.papers[2])
    alice, bob = two.alice.page, two.bob.page
    first, second = (await question_ids(bob))[:2]
    # Bob's focus is elsewhere on the page and stays where it is.
    await bob.locator(f"#feedback-{second}").focus()
    await give(alice, first, 1)
    await expect(alice.locator(f"#question-{first}.decided")).to_be_visible(timeout=SOON)
    await expect(bob.locator(f"#question-{first}.decided")).to_be_visible(timeout=SOON)
    await expect(bob.locator(f"#question-{first}")).to_contain_text("Decided by")
    await expect(bob.locator("#news")).to_contain_text("changed this mark meanwhile")
    total = await alice.locator("#paper-total .sum").inner_text()
    await expect(bob.locator("#paper-total .sum")).to_have_text(re.compile(re.escape(total.strip()[:3])))
    assert await bob.evaluate("document.activeElement.id") == f"feedback-{second}"
    assert await bob.evaluate("window.sameDocument") is True


async def test_what_is_typed_is_not_swapped_away(two: Two) -> None:
    await open_both(two, two.papers[3])
    alice, bob = two.alice.page, two.bob.page
    question = (await question_ids(bob))[0]
    field = bob.locator(f"#feedback-{question}")
    await field.click()
    await bob.keyboard.type("Look at the sec")
    await give(alice, question, 1)
    line = bob.locator(f"#meanwhile-{question}")
    await expect(line).to_contain_text("changed this mark meanwhile", timeout=SOON)
    await bob.keyboard.type("ond line")
    await expect(field).to_have_value("Look at the second line")
    await expect(bob.locator(f"#question-{question}.decided")).to_have_count(0)
    await two.bob.shot("meanwhile")
    await line.locator("button").click()
    await expect(bob.locator(f"#question-{question}.decided")).to_be_visible(timeout=SOON)
    await expect(line).to_be_empty()
    # The words are still his, and are saved on top of what he has taken over.
    await expect(field).to_have_value("Look at the second line")
    await bob.wait_for_timeout(800)
    await bob.locator(f"#save-{question}").click()
    await bob.click("#ask-first [value=yes]")
    await expect(alice.locator(f"#feedback-{question}")).to_have_value(
        "Look at the second line", timeout=SOON
    )


async def test_the_start_page_and_the_class_move(two: Two) -> None:
    alice, bob = two.alice.page, two.bob.page
    await alice.goto(two.url + "/")
    number = two.assignment.rpartition("/")[2]
    state = alice.locator(f"#assignment-{number} .state")
    before = await state.inner_text()
    assert re.search(r"\d", before)
    class_url = await alice.locator(f".class-card:has(#assignment-{number}) h2 a").get_attribute("href")
    other = await alice.context.new_page()
    await other.goto(f"{two.url}{class_url}")
    await listening(alice, "home-stream")
    await alice.wait_for_timeout(2_500)  # the first look is over
    await bob.goto(two.papers[4])
    await listening(bob)
    for question in await question_ids(bob):
        if await bob.locator(f"#question-{question}.needs_teacher").count():
            await give(bob, question, 0)
            await bob.wait_for_timeout(300)
    await bob.locator("#accept-all-button").click()
    await bob.wait_for_timeout(300)
    await expect(state).not_to_have_text(before, timeout=SOON)
    await expect(other.locator(f"#assignment-{number} .state")).to_have_text(
        await state.inner_text(), timeout=SOON
    )
    await other.close()


async def test_a_removed_paper_says_so(two: Two) -> None:
    paper = two.papers[-1]
    await two.bob.page.goto(paper)
    await listening(two.bob.page)
    response = await two.alice.page.request.post(paper + "/remove", headers={"Origin": two.url})
    assert response.ok
    await expect(two.bob.page.locator("#paper-gone")).to_be_visible(timeout=SOON)


async def test_pages_in_the_background_leave_connections_to_others(two: Two) -> None:
    """A browser opens six connections to one server; more papers than that are opened in tabs."""
    context = two.alice.page.context
    # Headless tabs are all seen; this is what one in the background says of itself.
    await context.add_init_script(
        "Object.defineProperty(document, 'hidden', {get: () => !window.seen, configurable: true})"
    )
    tabs = []
    for paper in two.papers[:7]:
        tab = await context.new_page()
        await tab.goto(paper, timeout=10_000)
        tabs.append(tab)
    assert not any(
        [await tab.evaluate("Boolean(document.getElementById('paper-live')._htmx?.sse)") for tab in tabs]
    )
    see = "seen => { window.seen = seen; document.dispatchEvent(new Event('visibilitychange')); }"
    await tabs[0].evaluate(see, True)
    await listening(tabs[0])
    await two.bob.page.goto(two.papers[0])
    await expect(two.bob.page.locator("#presence")).to_contain_text("is marking this paper", timeout=SOON)
    await tabs[0].evaluate(see, False)
    await expect(two.bob.page.locator("#presence")).to_be_empty(timeout=SOON)
    question = (await question_ids(two.bob.page))[2]
    await give(two.bob.page, question, 0)
    await expect(two.bob.page.locator(f"#question-{question}.decided")).to_be_visible(timeout=SOON)
    await tabs[0].evaluate(see, True)  # what was missed comes then
    await expect(tabs[0].locator(f"#question-{question}.decided")).to_be_visible(timeout=SOON)
    for tab in tabs:
        await tab.close()
