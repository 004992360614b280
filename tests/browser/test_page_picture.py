"""The paper's picture in the review page: a scan is uploaded, read, graded, looked at, read again and corrected."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.conftest import Served, Visitor, visit
from tests.browser.test_main_job import DEMOS, make_class, set_up

pytestmark = pytest.mark.browser

DPI = 110
A4 = (round(8.27 * DPI), round(11.69 * DPI))
LINE = 46

# A scheme and the pages of one paper, in each language; a line that begins with "~" is crossed out.
PAPERS = {
    "en": (
        """# Heat
## 1. [choice] (2)
Which unit is force measured in?
A. joule
B. newton
C. watt
= B

## 2. [text] (4)
Why does an iron bench feel colder than a wooden one?
- iron conducts heat better (2)
- so it takes heat from the hand faster (2)
= Iron conducts heat better than wood, so it takes heat from the hand faster.

## 3. [number] (3)
A cyclist rides 4.5 km in 15 minutes. Work out the average speed. Give the unit.
= 5
tolerance: 1%
unit: m/s
""",
        (
            (
                "Year 8 Science", "Name: Amelia Hart     8A01", "", "1. B", "", "~wood is colder inside",
                "2. Iron conducts heat better than wood,", "so it takes heat from the hand faster.",
            ),
            ("3. Speed: 4500 m in 900 s, so", "4500 / 900 = 5 m/s", "", "(drawing of a bicycle)"),
        ),
    ),
    "zh": (
        """# 热
## 1. [choice] (2)
力的单位是哪一个？
A. 焦耳
B. 牛顿
C. 瓦特
= B

## 2. [text] (4)
为什么铁凳摸起来比木凳凉？
- 铁导热比木头快 (2)
- 更快带走手上的热量 (2)
= 铁导热比木头快，能更快带走手上的热量。

## 3. [number] (3)
骑车 15 分钟行了 4.5 km，求平均速度并写出单位。
= 5
tolerance: 1%
unit: m/s
""",
        (
            (
                "八年级物理", "姓名：{name}    学号：{number}", "", "1. B", "", "~木头里面比较冷",
                "2. 铁导热比木头快，", "能更快带走手上的热量。",
            ),
            ("3. 速度：900 s 行 4500 m，", "4500 / 900 = 5 m/s", "", "（自行车的图）"),
        ),
    ),
}  # fmt: skip


def font(size: int) -> ImageFont.FreeTypeFont:
    """A font with Chinese, wherever the system has it."""
    asked = ["fc-match", "-f", "%{file}", "Noto Sans CJK SC"]
    path = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    return ImageFont.truetype(path, size)


def drawn(lines: tuple[str, ...], **values: str) -> Image.Image:
    """A page as a scanner sees it."""
    page = Image.new("L", A4, 250)
    pen, face = ImageDraw.Draw(page), font(26)
    for number, line in enumerate(lines):
        at = (90, 90 + number * LINE)
        text = line.removeprefix("~").format(**values)
        pen.text(at, text, font=face, fill=40)
        if line.startswith("~"):
            middle = at[1] + 23
            pen.line(
                (at[0] - 6, middle, at[0] + pen.textlength(text, font=face) + 6, middle), fill=40, width=4
            )
    return page


def scan(language: str, **values: str) -> bytes:
    """A paper as the PDF of a scanner: pictures without text."""
    first, *others = [drawn(lines, **values) for lines in PAPERS[language][1]]
    first.save(made := io.BytesIO(), "PDF", resolution=DPI, save_all=True, append_images=others)
    return made.getvalue()


async def graded_paper(page: Page, served: Served, language: str, folder: Path) -> str:
    """Everything up to the paper's page, whose address is returned."""
    demo = DEMOS[language]
    number, name = (demo / "roster.csv").read_text(encoding="utf-8-sig").splitlines()[1].split(",")[:2]
    await set_up(page, served)
    await make_class(page, demo)
    await page.click("main form button.primary")
    await page.wait_for_url(re.compile(r"/classes/\d+$"))
    await page.goto(page.url + "/assignments/new")
    await page.fill("main textarea", PAPERS[language][0])
    await page.click("main form button.primary")
    await page.wait_for_url(re.compile(r"/assignments/\d+/scheme"))
    assignment = page.url.removesuffix("/scheme")
    path = folder / "scan.pdf"
    path.write_bytes(scan(language, name=name, number=number))
    await page.goto(assignment + "/papers")
    await page.set_input_files("#pick-files", path)
    await expect(page.locator("tr.paper-row")).to_have_count(1, timeout=60_000)
    await expect(page.locator("tr.paper-row .waiting")).to_have_count(0, timeout=120_000)
    await page.goto(assignment + "/run")
    await page.click("#run-start button.primary")
    await expect(page.locator("td.graded, td.needs_teacher")).to_have_count(3, timeout=90_000)
    await page.locator("table a[href*='/papers/']").first.click()
    await page.wait_for_url(re.compile(r"/papers/\d+"))
    return page.url.partition("#")[0]


async def test_a_scan_is_reviewed_on_its_picture(browser: Browser, served: Served, tmp_path: Path) -> None:
    context, visitor = await visit(browser, "en")
    page = visitor.page
    address = await graded_paper(page, served, "en", tmp_path)
    await page.goto(address)
    await see_the_answer(visitor)
    await see_it_large(visitor)
    await read_again(visitor)
    await correct(visitor)
    assert visitor.complaints == []
    await context.close()


async def see_the_answer(visitor: Visitor) -> None:
    """The answer stands as it is on the paper, its words can be selected, and text comes back with a key."""
    page = visitor.page
    answer = page.locator("section.question").nth(1)
    picture = answer.locator("svg.page-picture")
    await expect(picture).to_be_visible()
    await expect(answer.locator(".written")).to_be_hidden()
    said = await picture.locator(".words").evaluate(
        """(words) => { getSelection().selectAllChildren(words); return getSelection().toString(); }"""
    )
    assert "Iron conducts heat better than wood" in said
    await page.evaluate("getSelection().removeAllRanges()")
    await page.keyboard.press("t")
    await expect(answer.locator(".written")).to_be_visible()
    await page.reload()  # it is remembered
    await expect(answer.locator(".written")).to_be_visible()
    await page.keyboard.press("t")
    await expect(picture).to_be_visible()
    width = await picture.locator("image").evaluate(
        """async (image) => {
            const probe = new Image();
            probe.src = image.href.baseVal;
            await probe.decode();
            return probe.naturalWidth;
        }"""
    )
    assert width > 500
    await visitor.shot("page-picture")


async def width_of(drawn: Locator) -> float:
    """How wide something is on the screen, in pixels."""
    box = await drawn.bounding_box()
    assert box
    return box["width"]


async def see_it_large(visitor: Visitor) -> None:
    """Z opens the page; it is zoomed, moved, turned and closed by keys."""
    page = visitor.page
    await page.keyboard.press("z")
    dialog = page.locator("#page-large")
    large = dialog.locator("svg.page-picture")
    await expect(large).to_be_visible()
    await expect(large.locator(".answer-area")).to_have_count(2)
    await expect(large.locator(".loose")).not_to_have_count(0)  # the name and the title
    width = await width_of(large)
    await page.keyboard.press("+")
    assert await width_of(large) == pytest.approx(width * 1.25, rel=0.02)
    await visitor.page.screenshot(
        path=Path("test-results/page-large.png"), caret="initial", animations="allow"
    )
    before = await dialog.locator(".large-stage").evaluate("(stage) => stage.scrollTop")
    await page.keyboard.press("ArrowDown")
    assert await dialog.locator(".large-stage").evaluate("(stage) => stage.scrollTop") > before
    await page.keyboard.press("PageDown")
    await expect(page.locator("#page-large-title")).to_have_text("Page 2 of 2")
    await expect(large.locator(".answer-area")).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()


async def read_again(visitor: Visitor) -> None:
    """A frame on the large page is read again, and left."""
    page = visitor.page
    await page.locator("#page-1 a[data-large], section.page-read a[data-large]").first.evaluate(
        "(link) => link.click()"
    )
    large = page.locator("#page-large svg.page-picture")
    await expect(large.locator(".answer-area").first).to_be_visible()
    await page.keyboard.press("r")
    box = await large.locator(".answer-area rect").nth(1).bounding_box()
    assert box
    await page.mouse.move(box["x"] - 4, box["y"] - 4)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] + 4, box["y"] + box["height"] + 4, steps=4)
    await page.mouse.up()
    await expect(page.locator("#page-large")).to_be_hidden()
    offer = page.locator(".reread-offer")
    await expect(offer).to_contain_text("Iron conducts heat better than wood", timeout=60_000)
    await visitor.shot("page-read-again")
    await offer.locator("[data-leave]").click()
    await expect(offer).to_have_count(0)


async def correct(visitor: Visitor) -> None:
    """A correction of question 2 is saved, and only question 2 is graded again."""
    page = visitor.page
    section = page.locator("section.page-read").first
    await section.locator(".correct > summary").click()
    field = section.locator("textarea.transcript")
    text = await field.input_value()
    assert "faster" in text
    await field.fill(text.replace("faster", "slower"))
    await section.locator(".page-form button.primary").click()
    await expect(page.locator("#problems .notice")).to_have_text(
        "The text is saved. Graded again with it: 2."
    )
    answer = page.locator("section.question").nth(1)
    await expect(answer.locator(".page-picture .words")).to_contain_text("slower")
    await expect(section.locator("h3")).to_contain_text("corrected by hand")
    await expect(answer.locator(".history")).to_be_attached()
    await visitor.shot("page-corrected")
