"""The page of a pile in a real browser: dragged, by keys, without script, and looked at; then its papers are made."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.async_api import Browser, Page, expect

from app.db import Database
from app.embedded import attached
from app.i18n import Text
from app.papers.models import MatchState, PageState, PaperPage, Pile, PileState
from app.scheme.types import Criterion, Kind, Question, Scheme
from app.settings import Settings
from app.storage import Storage
from tests import factories
from tests.browser.conftest import Served, end, serve, visit

pytestmark = pytest.mark.browser
CHECKS = (Path(__file__).parent / "page_checks.js").read_text(encoding="utf-8")
SCHEME = Scheme("Heat", (Question("1", Kind.TEXT, "Why?", 2.0, ("Because.",), (Criterion("why", 2.0),)),))
NAMES = ("Ann Lee", "Ben Okafor", "张伟")


@dataclass
class Made:
    """A server, a pile on it as it was proposed, and the teacher's name."""

    served: Served
    pile: int
    pages: list[int]
    assignment: int


def drawn(number: int) -> bytes:
    """A page with its number."""
    picture, made = Image.new("L", (620, 877), "white"), io.BytesIO()
    pen = ImageDraw.Draw(picture)
    pen.text((60, 60), f"Page {number}", fill="black", font_size=60)
    for line in range(8):
        pen.line((60, 200 + 60 * line, 300 + 37 * (number * line % 7), 200 + 60 * line), fill="grey", width=6)
    picture.save(made, "WEBP")
    return made.getvalue()


async def fill(settings: Settings) -> tuple[int, list[int], int]:
    """Alice's class of three; a pile of seven pages: two of Ann's, two in doubt, two of Ben's, a blank one left out."""
    database = Database(settings.sqlalchemy_url, pool_size=1)
    storage = Storage(settings.uploads, settings.var_dir / "spool")
    pictures = [(await storage.put(drawn(number))).key for number in range(1, 8)]
    async with database.begin() as db:
        alice = await factories.user(db, "alice")
        klass = await factories.klass(db, alice)
        ann, ben, wei = [await factories.student(db, klass, name) for name in NAMES]
        assignment = await factories.assignment(db, klass, SCHEME)
        sure: dict[str, object] = {
            "match": MatchState.MATCHED,
            "match_reason": None,
            "candidates": [],
            "doubt": None,
        }
        doubt = Text("What was read is similar to {name}, but not the same.", {"name": ben.name}).to_json()
        whose = {"student_id": None, "match": MatchState.DOUBTFUL, "match_reason": None, "doubt": doubt}
        bundles = [
            {**sure, "student_id": ann.id},
            {**whose, "candidates": [ben.id, wei.id]},
            {**sure, "student_id": ben.id},
        ]
        pile = Pile(
            assignment_id=assignment.id, name="IMG_1.jpg", token="t", closed=True, state=PileState.ASKS, bundles=bundles
        )  # fmt: skip
        db.add(pile)
        await db.flush()
        rows = [
            PaperPage(
                pile_id=pile.id, position=place * 10, bundle=bundle, source_key=key, source_name=f"IMG_{place}.jpg",
                state=PageState.READ, by="ocr", text="1. Because.", image_key=key, thumb_key=key, width=620, height=877,
                confidence=0.9, quality=0.9,
            )
            for place, (bundle, key) in enumerate(zip((0, 0, 1, 1, 2, 2, None), pictures, strict=True), 1)
        ]  # fmt: skip
        rows[1].warnings = [Text("This page is blurred.").to_json()]
        db.add_all(rows)
        await db.flush()
        made = pile.id, [row.id for row in rows], assignment.id
    await database.close()
    return made


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = serve(tmp_path_factory.mktemp("pile") / "var")
    yield running
    end(running)


@pytest.fixture(scope="module")
def made(served: Served) -> Made:
    with attached(Settings.model_validate({"var_dir": served.var})) as settings:
        return Made(served, *asyncio.run(fill(settings)))


async def enter(page: Page, made: Made) -> None:
    """Sign in, and open the pile."""
    await page.goto(f"{made.served.url}/sign-in")
    await page.fill("[name=username]", "alice")
    await page.fill("[name=password]", factories.PASSWORD)
    await page.click("main button.primary")
    await page.wait_for_url(f"{made.served.url}/")
    await page.goto(f"{made.served.url}/piles/{made.pile}")


async def strips(page: Page) -> list[list[int]]:
    """Which pages each paper to be has, by their numbers; the last list is what is left out."""
    return await page.eval_on_selector_all(
        "[data-strip]:not(.drop-new)",
        "all => all.map(strip => [...strip.querySelectorAll('.leaf')].map(leaf => Number(leaf.id.slice(5))))",
    )


async def shown(page: Page, made: Made, *after: list[int]) -> None:
    """Wait until the strips are these, pages counted from 1."""
    numbers = {each: place for place, each in enumerate(made.pages, 1)}
    for _ in range(100):
        now = [[numbers[each] for each in strip] for strip in await strips(page)]
        if now == list(after) and not await page.locator(".board.htmx-request").count():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{now} and not {list(after)}")


async def press(page: Page, keys: str) -> None:
    await page.keyboard.press(keys)


async def test_a_pile_is_arranged_and_settled(browser: Browser, made: Made) -> None:
    context, visitor = await visit(browser, "en")
    page = visitor.page
    await enter(page, made)
    begin = [1, 2], [3, 4], [5, 6], [7]
    await shown(page, made, *begin)
    await expect(page.locator("#settle")).to_be_disabled()
    assert await page.evaluate(f"({CHECKS})()") == []
    await visitor.shot("pile")

    # By keys, beginning at the doubt.
    await press(page, "d")
    await expect(page.locator(f"#thumb-{made.pages[2]}")).to_be_focused()
    await press(page, "ArrowRight")
    await press(page, "s")
    await shown(page, made, [1, 2], [3], [4], [5, 6], [7])
    await expect(page.locator(f"#thumb-{made.pages[3]}")).to_be_focused()
    await press(page, "m")
    await shown(page, made, *begin)
    await press(page, "Shift+ArrowLeft")
    await shown(page, made, [1, 2], [4, 3], [5, 6], [7])
    await press(page, "Shift+ArrowDown")
    await shown(page, made, [1, 2], [3], [4, 5, 6], [7])
    await press(page, "x")
    await shown(page, made, [1, 2], [3], [5, 6], [4, 7])
    for after in (
        ([1, 2], [3], [4, 5, 6], [7]), ([1, 2], [4, 3], [5, 6], [7]), begin, ([1, 2], [3], [4], [5, 6], [7]), begin,
    ):  # fmt: skip
        await press(page, "u")
        await shown(page, made, *after)
    await expect(page.locator("#pile-undo")).to_be_disabled()

    # Large, and back to the page that was looked at last.
    await page.focus(f"#thumb-{made.pages[0]}")
    await press(page, "Enter")
    await expect(page.locator("#large")).to_be_visible()
    await press(page, "ArrowRight")
    await expect(page.locator("#large-name")).to_contain_text("IMG_2.jpg")
    width = "async () => { const i = document.getElementById('large-image'); await i.decode(); return i.naturalWidth }"
    assert await page.evaluate(width) == 620
    await press(page, "Escape")
    await expect(page.locator(f"#thumb-{made.pages[1]}")).to_be_focused()

    # Dragged: before another page, to what is left out, and to a new paper.
    thumb = [f"#page-{each} .thumb" for each in made.pages]
    await page.drag_and_drop(thumb[1], thumb[4], target_position={"x": 8, "y": 60})
    await shown(page, made, [1], [3, 4], [2, 5, 6], [7])
    await page.drag_and_drop(thumb[6], thumb[5], target_position={"x": 80, "y": 60})
    await shown(page, made, [1], [3, 4], [2, 5, 6, 7], [])
    await press(page, "u")
    await shown(page, made, [1], [3, 4], [2, 5, 6], [7])
    await press(page, "u")
    await shown(page, made, *begin)

    # Whose it is, and the papers.
    await page.click("#bundle-1 button:has-text('张伟')")
    await expect(page.locator("#settle")).to_be_enabled()
    await page.click("#settle")
    await page.wait_for_url(f"**/assignments/{made.assignment}/papers")
    await expect(page.locator("tr.paper-row")).to_have_count(3)
    await expect(page.locator("#piles")).to_contain_text("3 papers")
    await page.click("#piles button:has-text('Undo the split')")
    await page.wait_for_url(f"**/piles/{made.pile}")
    assert visitor.complaints == []
    await context.close()


async def test_without_script_and_on_a_phone(browser: Browser, made: Made) -> None:
    context, visitor = await visit(browser, "zh", java_script_enabled=False, color_scheme="dark")
    page = visitor.page
    await page.set_viewport_size({"width": 390, "height": 844})
    await enter(page, made)
    menu = page.locator(f"#page-{made.pages[1]} details.do")
    await menu.locator("summary").click()
    await menu.locator("button[value^=split]").click()
    await page.wait_for_url(f"**/piles/{made.pile}#page-{made.pages[1]}")
    await expect(page.locator(".bundle.asks")).to_have_count(1)
    await expect(page.locator(".bundle:not(.out)")).to_have_count(4)
    await page.click("#bundle-1 button[value^=merge]")
    await expect(page.locator(".bundle:not(.out)")).to_have_count(3)
    await visitor.shot("pile-phone-zh")
    await context.close()
