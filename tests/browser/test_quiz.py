"""The quiz with a teacher, a screen and phones, in real browsers: what each of them sees, and when."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import SHOTS, Served, end, serve, visit

pytestmark = pytest.mark.browser
SOON_MS = 15_000  # phones ask every three seconds or so; a machine that runs all tests is slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the demo classes."""
    running = serve(tmp_path_factory.mktemp("quiz") / "var", "--demo")
    running.wait_for(r"run finished")
    yield running
    end(running)


@dataclass
class Room:
    """A teacher on the quiz's page, a screen paired with its board, and the browsers of phones."""

    served: Served
    browser: Browser
    teacher: Page
    screen: Page
    contexts: list[BrowserContext]
    complaints: list[str]

    async def ask(self, kind: str, prompt: str, **fields: str) -> str:
        """Type a question and ask it; its code."""
        form = self.teacher.locator("#quiz-free")
        if not await form.is_visible():
            await self.teacher.click(".quiz-ask > summary")
        await form.locator("[name=prompt]").fill(prompt)
        await form.locator("[name=kind]").select_option(kind)
        for name, value in fields.items():
            field = form.locator(f"[name={name}]")
            await (field.select_option(value) if name == "seconds" else field.fill(value))
        await form.locator("button").click()
        await expect(self.teacher.locator(".quiz-asked")).to_have_text(prompt)
        return await self.teacher.locator(".quiz-panel .quiz-code").inner_text()

    async def phone(self, code: str, language: str = "en") -> Page:
        """A phone that opened the address on the screen."""
        context = await self.browser.new_context(
            locale={"zh": "zh-CN", "en": "en-GB"}[language], viewport={"width": 390, "height": 844}
        )
        self.contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(f"{self.served.url}/q/{code}")
        return page

    async def others(self, code: str, answers: list[str]) -> None:
        """Further phones, without browsers."""
        for answer in answers:
            async with aiohttp.ClientSession() as session:
                data, headers = {"answer": answer}, {"X-Zhupi-Phone": "1"}
                response = await session.post(f"{self.served.url}/q/{code}", data=data, headers=headers)
                assert response.status == 200

    async def press(self, key: str) -> None:
        """A key, with the focus nowhere."""
        await self.teacher.evaluate("document.activeElement.blur()")
        await self.teacher.keyboard.press(key)


@pytest.fixture
async def room(browser: Browser, demo: Served) -> AsyncIterator[Room]:
    """The teacher has paired the screen with the quiz, and opened the quiz's page."""
    found = demo.wait_for(r"Sign in as (\S+) with the password (\S+)")
    first, visitor = await visit(browser, "en")
    teacher = visitor.page
    await teacher.goto(demo.url + "/sign-in")
    await teacher.fill("[name=username]", found.group(1))
    await teacher.fill("[name=password]", found.group(2))
    await teacher.click("main button.primary")
    await teacher.wait_for_url(demo.url + "/")
    second = await browser.new_context(locale="en-GB", viewport={"width": 1920, "height": 1080})
    screen = await second.new_page()
    await screen.goto(demo.url + "/kiosk")
    code = (await screen.get_attribute(".code", "aria-label") or "").replace(" ", "")
    await teacher.goto(f"{demo.url}/assignments/1/classroom")
    await teacher.fill("input.code", code)
    await teacher.check("input[name=kind][value=quiz]")
    await teacher.click("form:has(input.code) button.primary")
    await screen.wait_for_selector(".board-quiz", timeout=10_000)
    await teacher.goto(f"{demo.url}/assignments/1/quiz")
    made = Room(demo, browser, teacher, screen, [first, second], visitor.complaints)
    yield made
    for context in made.contexts:
        await context.close()


async def shot(page: Page, name: str) -> None:
    """A screenshot into test-results/."""
    SHOTS.mkdir(exist_ok=True)
    path: Path = SHOTS / f"{name}.png"
    await page.screenshot(path=path, full_page=True, caret="initial", animations="allow")


async def test_a_choice_by_keys(room: Room) -> None:
    code = await room.ask(
        "choice", "Which conducts best?", options="wood\niron\nair", reference="B", seconds="60"
    )
    await expect(room.screen.locator(".quiz-code")).to_have_text(code, timeout=SOON_MS)
    await expect(room.screen.locator("svg.qr")).to_be_visible()
    phone = await room.phone(code, "zh")
    await expect(phone.locator(".phone-options button")).to_have_count(3)
    await phone.locator(".phone-options button").nth(1).click()
    await expect(phone.locator(".notice.good")).to_contain_text("答案已收到")
    await expect(phone.locator(".chosen")).to_contain_text("iron")
    await room.others(code, list("BBAC"))
    await expect(room.screen.locator(".quiz-count b")).to_have_text("5", timeout=SOON_MS)
    await expect(room.teacher.locator(".quiz-bars li.right .n")).to_contain_text("60%", timeout=SOON_MS)
    assert await room.screen.locator(".quiz-bars").count() == 0
    clock = int(await room.screen.locator(".quiz-clock .seconds").inner_text())
    await asyncio.sleep(2.2)
    assert clock - int(await room.screen.locator(".quiz-clock .seconds").inner_text()) >= 1
    await shot(room.screen, "quiz-board-open")
    await shot(phone, "quiz-phone")
    await room.press(" ")
    await expect(room.screen.locator(".quiz-bars li.right .n")).to_contain_text("60%", timeout=SOON_MS)
    await expect(phone.locator(".phone-closed")).to_be_visible(timeout=SOON_MS)
    await shot(room.screen, "quiz-board-revealed")
    await room.press("h")
    await expect(room.screen.locator(".quiz-bars")).to_have_count(0, timeout=SOON_MS)
    await room.press("n")
    await expect(room.screen.locator(".quiz-options li")).to_have_count(4, timeout=SOON_MS)
    # The phone is led to the next question, under the same code.
    await expect(phone.locator(".phone-options button")).to_have_count(4, timeout=SOON_MS)
    assert room.complaints == []


async def test_nothing_of_a_text_before_it_is_picked_and_typing_stays(room: Room) -> None:
    code = await room.ask("text", "Why is iron cold?", reference="Iron conducts heat better.", seconds="")
    phone = await room.phone(code)
    await phone.fill("textarea", "It conducts heat better")
    await phone.click("button.big")
    await phone.wait_for_selector(".notice.good")
    await room.others(
        code, ["It conducts heat better", "it conducts heat better than wood", "you are all fools"]
    )
    label = room.teacher.locator(".quiz-groups input[name=label]").first
    await expect(label).to_be_visible(timeout=SOON_MS)
    await label.fill("Conducts ")
    await room.others(code, ["heat is conducted better", "It conducts heat better"])
    await expect(room.teacher.locator(".quiz-total")).to_have_text("6", timeout=SOON_MS)
    await label.press_sequentially("well")
    await asyncio.sleep(1)
    await expect(label).to_have_value("Conducts well")
    await room.teacher.locator(".quiz-groups button").first.click()
    await expect(room.teacher.locator("li.picked")).to_have_count(1)
    assert "conducts" not in (await room.screen.locator("#board").inner_text()).lower()
    await room.press("Enter")
    await expect(room.screen.locator(".quiz-bars li")).to_have_count(1, timeout=SOON_MS)
    seen = (await room.screen.locator("#board").inner_text()).lower()
    assert "conducts well" in seen and "fools" not in seen and "than wood" not in seen
    await shot(room.teacher, "quiz-teacher")
    assert room.complaints == []


async def test_a_phone_without_a_connection_sends_later(room: Room) -> None:
    code = await room.ask("number", "How fast?", reference="25 m/s")
    phone = await room.phone(code)
    await phone.click("[data-sign='−']")
    await phone.locator("#number").press_sequentially("25")
    await phone.context.set_offline(True)
    await phone.click("button.big")
    await expect(phone.locator("#offline")).to_be_visible()
    await phone.context.set_offline(False)
    await expect(phone.locator(".notice.good")).to_be_visible(timeout=SOON_MS)
    await expect(phone.locator("#number")).to_have_value("-25 m/s")
    await expect(room.screen.locator(".quiz-count b")).to_have_text("1", timeout=SOON_MS)


async def test_a_phone_without_scripts(room: Room) -> None:
    code = await room.ask("text", "What remains?", reference="")
    context = await room.browser.new_context(
        java_script_enabled=False, viewport={"width": 390, "height": 844}
    )
    room.contexts.append(context)
    page = await context.new_page()
    await page.goto(f"{room.served.url}/q")
    await page.fill("input.code", code.lower())
    await page.click("button.big")
    await page.fill("textarea", "A question")
    await page.click("button.big")
    assert re.search(rf"/q/{code}$", page.url)
    assert "Your answer has arrived" in await page.content()
    assert await page.locator("textarea").input_value() == "A question"
