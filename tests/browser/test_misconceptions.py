"""Misconceptions in a real browser: what the teacher ticks is on the screen, what is being typed stays."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

# The fixtures of the screen's own tests: a teacher at their desk and a screen at the back of the room.
from tests.browser.test_kiosk import BACK_MS, Room, place, room, servers

__all__ = ["place", "room", "servers"]
pytestmark = pytest.mark.browser
ACCEPT = """async () => {
    const form = document.getElementById("accept-all");
    return (await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) })).status;
}"""


async def test_what_is_ticked_is_on_the_screen_and_nothing_else(room: Room) -> None:
    screen, teacher = room.screen, room.teacher
    await room.pair("misconceptions")
    await expect(screen.locator(".covered")).to_be_visible()
    await teacher.goto(f"{room.assignment}/misconceptions")
    await teacher.locator(".question-tabs a").nth(7).click()
    first = teacher.locator(".group").first
    words = await first.locator("q").first.inner_text()
    count = await first.locator(".count b").inner_text()
    await first.locator("[name=pick]").check()
    rows = screen.locator(".groups-board li")
    await expect(rows).to_have_count(1, timeout=BACK_MS)
    await expect(rows.first).to_contain_text(words)
    await expect(rows.first.locator(".n")).to_contain_text(count)
    await first.locator("details summary").click()
    whole = await first.locator(".answers li bdi").first.inner_text()
    assert whole not in await screen.inner_text("#board")
    await teacher.fill(".group.shown [name=label]", "Gravity <b>stops</b>")
    await teacher.keyboard.press("Tab")
    await expect(rows.first).to_contain_text("Gravity <b>stops</b>", timeout=BACK_MS)
    await room.visitor.shot("misconceptions-page")
    await screen.screenshot(path="test-results/misconceptions-board.png", animations="allow", caret="initial")
    # The box that was just ticked has the focus, and the key that hides works all the same.
    await teacher.focus(".group.shown [name=pick]")
    await teacher.keyboard.press("h")
    await expect(screen.locator(".covered")).to_be_visible(timeout=BACK_MS)
    await expect(teacher.locator("#cover button")).to_contain_text("Show everything again")
    await teacher.keyboard.press("h")
    await expect(rows).to_have_count(1, timeout=BACK_MS)
    await teacher.focus(".group.shown [name=pick]")
    await teacher.keyboard.press("Space")
    await expect(rows).to_have_count(0, timeout=BACK_MS)
    await expect(teacher.locator(".group.shown")).to_have_count(0)
    assert room.visitor.complaints == []


async def test_marks_that_change_meanwhile_take_nothing_that_is_being_typed(room: Room) -> None:
    teacher = room.teacher
    await teacher.goto(f"{room.assignment}/misconceptions")
    await teacher.locator(".question-tabs a").nth(7).click()
    label = teacher.locator("[name=label]").first
    await label.click()
    await teacher.keyboard.press("Control+a")
    await teacher.keyboard.type("half a wor")
    other = await room.contexts[0].new_page()
    await other.goto(f"{room.assignment}/results")
    await other.locator("#results-table tbody a").first.click()
    await other.wait_for_selector("#accept-all")
    assert await other.evaluate(ACCEPT) == 200
    await teacher.wait_for_timeout(4000)
    await expect(label).to_have_value("half a wor")
    await expect(label).to_be_focused()
    await teacher.keyboard.type("d")
    await teacher.keyboard.press("Tab")
    await teacher.wait_for_timeout(2000)
    await teacher.reload()
    await expect(teacher.locator("[name=label]").first).to_have_value("half a word")
