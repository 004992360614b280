"""A classroom screen in a real browser: paired, hidden by one key, and right again after all that fails."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from tests.browser.conftest import Served, Visitor, end, free_port, serve, visit
from tests.stubs.silent_proxy import SilentProxy

pytestmark = pytest.mark.browser
WAITS = re.compile(r"\baway\b")
BACK_MS = 10_000  # "right again within 10 s of recovery"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Where the server of these tests keeps its data, and its port: it is started again in the middle."""
    return tmp_path_factory.mktemp("kiosk") / "var", free_port()


@pytest.fixture(scope="module")
def servers(place: tuple[Path, int]) -> Iterator[list[Served]]:
    """The server with the demo classes; the last of the list is the one that runs."""
    var, port = place
    running = [serve(var, "--demo", port=port)]
    running[0].wait_for(r"run finished")
    yield running
    if running[-1].process.poll() is None:
        end(running[-1])


class Room:
    """A teacher at their desk and a screen at the back of the room."""

    def __init__(self, teacher: Page, screen: Page, contexts: list[BrowserContext], visitor: Visitor) -> None:
        self.teacher = teacher
        self.screen = screen
        self.contexts = contexts
        self.visitor = visitor
        self.assignment = ""

    async def pair(self, kind: str = "progress") -> float:
        """Pair the screen; the seconds from the teacher's click to the board."""
        code = (await self.screen.get_attribute(".code", "aria-label") or "").replace(" ", "")
        await self.teacher.goto(f"{self.assignment}/classroom")
        await self.teacher.fill("input.code", code.lower())
        await self.teacher.check(f"input[name=kind][value={kind}]")
        began = time.monotonic()
        await self.teacher.click("form:has(input.code) button.primary")
        await self.screen.wait_for_selector(f".board-{kind}", timeout=10_000)
        seconds = time.monotonic() - began
        # The page that the button leads to, its script loaded: a key before that is nobody's.
        await self.teacher.wait_for_selector(".notice.good")
        await self.teacher.wait_for_load_state()
        await self.screen.wait_for_load_state()
        return seconds

    async def hide(self) -> None:
        """H, and the answer to it: until that is there the page takes no second H."""
        await self.teacher.keyboard.press("h")
        await expect(self.teacher.locator("#cover button")).to_contain_text("Show everything again")

    async def show(self) -> None:
        """H again."""
        await self.teacher.keyboard.press("h")
        await expect(self.teacher.locator("#cover button")).to_contain_text("Hide everything")


@pytest.fixture
async def room(browser: Browser, servers: list[Served]) -> AsyncIterator[Room]:
    """The demo's teacher on an assignment, and a screen of 1920 x 1080 that shows a code."""
    served = servers[-1]
    found = servers[0].wait_for(r"Sign in as (\S+) with the password (\S+)")
    first, visitor = await visit(browser, "en")
    teacher = visitor.page
    await teacher.goto(served.url + "/sign-in")
    await teacher.fill("[name=username]", found.group(1))
    await teacher.fill("[name=password]", found.group(2))
    await teacher.click("main button.primary")
    await teacher.wait_for_url(served.url + "/")
    second = await browser.new_context(locale="zh-CN", viewport={"width": 1920, "height": 1080})
    screen = await second.new_page()
    await screen.goto(served.url + "/kiosk")
    made = Room(teacher, screen, [first, second], visitor)
    href = await teacher.get_attribute("a[href*='/assignments/']", "href")
    made.assignment = served.url + (re.match(r"/assignments/\d+", href or "") or [""])[0]
    yield made
    await first.close()
    await second.close()


async def test_a_screen_is_paired_within_ten_seconds_hidden_by_a_key_and_unpaired(room: Room) -> None:
    screen, teacher = room.screen, room.teacher
    await expect(screen.locator("h1")).to_have_text("配对这块大屏")
    assert await room.pair() < 10
    await expect(screen.locator("body")).not_to_have_class(WAITS)
    await room.visitor.shot("classroom-page")
    await screen.screenshot(path="test-results/kiosk-board.png", animations="allow", caret="initial")
    await room.hide()
    await expect(screen.locator(".covered")).to_be_visible(timeout=5000)
    await room.show()
    await expect(screen.locator(".covered")).to_have_count(0, timeout=5000)
    # Not while a code is typed.
    await teacher.focus("input.code")
    await teacher.keyboard.press("h")
    await asyncio.sleep(0.5)
    await expect(screen.locator(".covered")).to_have_count(0)
    await teacher.select_option(".screens select", "quiz")
    await teacher.click(".screens .move button")
    await screen.wait_for_selector(".board-quiz", timeout=BACK_MS)
    await teacher.click(".screens button.plain")
    await screen.wait_for_selector(".code", timeout=BACK_MS)
    assert room.visitor.complaints == []


async def test_the_preview_hides_too(room: Room) -> None:
    await room.pair("questions")
    await room.teacher.locator(".boards .card").nth(1).get_by_role("link", name="Preview").click()
    await expect(room.teacher.locator(".board-questions")).to_be_visible()
    await room.teacher.wait_for_load_state()  # the script that takes the key
    await room.hide()
    await expect(room.teacher.locator("#board .covered")).to_be_visible(timeout=5000)
    await expect(room.screen.locator(".covered")).to_be_visible(timeout=5000)
    await room.show()
    await expect(room.screen.locator(".covered")).to_have_count(0, timeout=5000)
    assert room.visitor.complaints == []


async def test_another_language_loads_the_page_anew(room: Room) -> None:
    await room.pair("progress")
    await expect(room.screen.locator("html")).to_have_attribute("lang", "en")
    await room.teacher.select_option(".language select", "zh")
    await room.teacher.click(".language button")
    await expect(room.screen.locator("html")).to_have_attribute("lang", "zh-CN", timeout=BACK_MS)
    await expect(room.screen.locator(".foot .live")).to_have_text("实时")
    await room.teacher.select_option(".language select", "en")
    await room.teacher.click(".language button")
    await expect(room.screen.locator("html")).to_have_attribute("lang", "en", timeout=BACK_MS)


async def test_a_cut_line_is_told_after_five_seconds_and_is_right_again(
    room: Room, place: tuple[Path, int]
) -> None:
    async with SilentProxy(place[1]) as line:
        await room.screen.goto(f"http://127.0.0.1:{line.port}/kiosk")
        await room.pair("progress")
        body = room.screen.locator("body")
        line.cut()
        await asyncio.sleep(3)
        await expect(body).not_to_have_class(WAITS)
        await expect(body).to_have_class(WAITS, timeout=5000)
        await room.hide()
        loaded = await room.screen.evaluate("performance.timeOrigin")
        line.heal()
        await expect(room.screen.locator(".covered")).to_be_visible(timeout=BACK_MS)
        await expect(body).not_to_have_class(WAITS)
        assert await room.screen.evaluate("performance.timeOrigin") == loaded  # without a reload
        await room.show()
        await expect(room.screen.locator(".covered")).to_have_count(0, timeout=5000)


async def test_a_browser_that_says_offline_while_boards_arrive_is_not_believed(room: Room) -> None:
    await room.pair("progress")
    await room.contexts[1].set_offline(True)
    await room.hide()
    await expect(room.screen.locator(".covered")).to_be_visible(timeout=5000)
    await asyncio.sleep(5.5)
    await expect(room.screen.locator("body")).not_to_have_class(WAITS)
    await room.contexts[1].set_offline(False)
    await room.show()
    await expect(room.screen.locator(".covered")).to_have_count(0, timeout=5000)


async def test_a_line_that_goes_silent_without_a_word_is_noticed_and_begun_anew(
    room: Room, place: tuple[Path, int]
) -> None:
    # As when a computer slept, or a network went: no error, no end, and the browser still says "online".
    async with SilentProxy(place[1]) as line:
        await room.screen.goto(f"http://127.0.0.1:{line.port}/kiosk")
        await room.pair("progress")
        body = room.screen.locator("body")
        await asyncio.sleep(2)
        line.go_silent()
        await expect(body).to_have_class(WAITS, timeout=20_000)
        await room.hide()
        line.heal()
        await expect(room.screen.locator(".covered")).to_be_visible(timeout=BACK_MS)
        await expect(body).not_to_have_class(WAITS)
    await room.show()


async def test_a_page_whose_first_stream_fails_comes_right_by_itself(room: Room) -> None:
    """Also when the network is so slow that scripts arrive after each other: htmx waits for those that hear it."""
    refused, loads = 0, 0

    async def refuse(route: Route) -> None:
        nonlocal refused
        refused += 1
        if refused == 1:
            await route.fulfill(status=503, body="Too many screens are connected here.")
        else:
            await route.continue_()

    async def wait(route: Route) -> None:
        await asyncio.sleep(0.8)
        await route.continue_()

    def loaded(_: Page) -> None:
        nonlocal loads
        loads += 1

    await room.screen.route("**/kiosk/events", refuse)
    await room.screen.route(re.compile(r"/(hx-sse|kiosk)\b[^/]*\.js"), wait)
    await room.pair("progress")
    await expect(room.screen.locator("#board h1")).to_have_text("Progress")  # an error is no board
    room.screen.on("load", loaded)
    deadline = time.monotonic() + 25
    while not (loads and refused > 1):
        assert time.monotonic() < deadline, "it did not load itself anew"
        await asyncio.sleep(0.1)
    await expect(room.screen.locator("body")).not_to_have_class(WAITS, timeout=BACK_MS)
    await room.hide()
    await expect(room.screen.locator(".covered")).to_be_visible(timeout=5000)
    await room.show()
    await expect(room.screen.locator(".covered")).to_have_count(0, timeout=5000)


async def test_a_server_that_is_started_again_is_waited_for(
    room: Room, servers: list[Served], place: tuple[Path, int]
) -> None:
    await room.pair("progress")
    body = room.screen.locator("body")
    loaded = await room.screen.evaluate("performance.timeOrigin")
    await asyncio.to_thread(end, servers[-1])
    await expect(body).to_have_class(WAITS, timeout=10_000)
    await room.screen.screenshot(path="test-results/kiosk-away.png", animations="allow", caret="initial")
    await expect(room.screen.locator(".foot .away")).to_be_visible()
    await expect(room.screen.locator("#board")).to_be_visible()  # what it showed stays
    servers.append(await asyncio.to_thread(lambda: serve(place[0], port=place[1])))
    await expect(body).not_to_have_class(WAITS, timeout=BACK_MS)
    await room.teacher.goto(f"{room.assignment}/classroom")
    await room.hide()
    await expect(room.screen.locator(".covered")).to_be_visible(timeout=BACK_MS)
    await room.show()
    assert await room.screen.evaluate("performance.timeOrigin") == loaded


async def test_the_code_survives_a_restart_of_the_server(
    room: Room, servers: list[Served], place: tuple[Path, int]
) -> None:
    await asyncio.to_thread(end, servers[-1])
    await expect(room.screen.locator("body")).to_have_class(WAITS, timeout=12_000)
    await expect(room.screen.locator(".code")).to_be_visible()
    servers.append(await asyncio.to_thread(lambda: serve(place[0], port=place[1])))
    await expect(room.screen.locator("body")).not_to_have_class(WAITS, timeout=BACK_MS)
    assert await room.pair() < 10
