"""The boards progress and questions fit the screens that they are for: nothing is cut off, scrolled or overlapped."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest
from playwright.async_api import Browser

from app.classroom.models import BoardKind
from app.classroom.progress import Counts, summarise
from app.classroom.questions import FEWEST, QuestionBar, arrange
from app.i18n import language_of_request
from app.marks.models import RunState
from app.web import board_view, pages

pytestmark = pytest.mark.browser

PROJECTOR, PHONE = (1920, 1080), (390, 844)
SCREENS = [PROJECTOR, (3840, 2160), (1366, 768), (1280, 1024), (1024, 768), PHONE]
FRAME = """
<!doctype html>
<html class="room" lang="en">
<head><meta name="viewport" content="width=device-width, initial-scale=1"><style>{styles}</style></head>
<body class="kiosk"><main id="stage">{board}</main>{foot}</body></html>
"""
STYLES = ("css/kiosk.css", "css/boards.css", "css/quiz.css")
# What stands outside the window, and rows that are higher than their place. What an ellipsis cuts is meant to be cut.
WRONG = """() => {
  const wrong = [], within = (inner, outer) => inner.bottom <= outer.bottom + 1 && inner.top >= outer.top - 1;
  const room = { top: 0, bottom: innerHeight }, foot = document.querySelector(".foot").getBoundingClientRect();
  for (const each of document.querySelectorAll("#board *:not(.hidden-visually)")) {
    if (each.closest(".name") && !each.matches(".name")) continue;
    const box = each.getBoundingClientRect(), name = each.tagName + "." + each.getAttribute("class");
    if (box.width === 0 || each.closest(".ring") && !each.matches(".ring")) continue;
    if (!within(box, room) || box.left < 0 || box.right > innerWidth + 1) wrong.push(`${name} is outside the window`);
    if (box.bottom > foot.top + 1) wrong.push(`${name} is over the foot`);
    const row = each.closest(".bars li");
    if (row && !within(box, row.getBoundingClientRect())) wrong.push(`${name} is higher than its row`);
  }
  for (const each of document.querySelectorAll(".bars .name b")) {
    if (each.offsetWidth > each.closest(".name").clientWidth + 1) wrong.push(`${each.textContent} is cut`);
  }
  if (document.scrollingElement.scrollHeight > innerHeight) wrong.push("the page scrolls");
  return wrong;
}"""


def bars(count: int, few: bool = False) -> tuple[QuestionBar, ...]:
    """Questions with the longest figures that there are; `few`: every other one has none yet."""
    prompt = (
        "Why does an iron railing feel colder to the hand than a wooden fence in the same wind, whatever"
        * (count <= 8)
    )
    return tuple(
        QuestionBar(
            f"{n}({'abc'[n % 3]})", prompt, None if few and n % 2 else 100, 0 if few else 40, 60, 38, 38
        )
        for n in range(1, count + 1)
    )


def progress() -> Any:
    """The progress board at its fullest: a run with much time left, papers that cannot be read."""
    counts = Counts(
        papers=1234, received=17, unreadable=12, graded=1050, asks=318, marks=9, asking=9, questions=60
    )
    return summarise(counts, RunState.RUNNING, done=69_873, total=73_320, seconds_left=8_130.0)


def page(kind: BoardKind, shown: Any, language: str) -> str:
    """A screen's page with a board's values, its styles inside."""
    env = jinja2.Environment(**pages.environment_options())
    pages.equip(env)
    language_of_request.set(language)
    values = {
        "board": None,
        "kind": kind,
        "title": "Forces and energy",
        "name": board_view.NAMES[kind],
        "shown": shown,
    }
    board = env.get_template(board_view.TEMPLATE).render(values)
    foot = env.get_template("partials/kiosk_foot.html").render(kiosk_says="board")
    styles = "".join((pages.STATIC / path).read_text(encoding="utf-8") for path in STYLES)
    return FRAME.format(styles=styles, board=board, foot=foot)


async def wrong(browser: Browser, html: str, *sizes: tuple[int, int]) -> list[str]:
    """What does not fit screens of these sizes."""
    context = await browser.new_context(reduced_motion="reduce")
    try:
        tab = await context.new_page()
        await tab.set_content(html)
        found: list[str] = []
        for width, height in sizes:
            await tab.set_viewport_size({"width": width, "height": height})
            found += [f"{width} x {height}: {each}" for each in await tab.evaluate(WRONG)]
        return found
    finally:
        await context.close()


@pytest.mark.parametrize("count", [1, 3, 8, 9, 16, 17, 30, 31, 44, 45, 60])
async def test_questions_fit(browser: Browser, count: int) -> None:
    html = page(BoardKind.QUESTIONS, arrange(bars(count)), "en")
    assert await wrong(browser, html, *SCREENS) == []


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_questions_without_figures_fit(browser: Browser, language: str) -> None:
    html = page(BoardKind.QUESTIONS, arrange(bars(60, few=True)), language)
    assert str(FEWEST) in html and await wrong(browser, html, PROJECTOR, PHONE) == []


async def test_more_than_a_screen_holds_fit_a_projector(browser: Browser) -> None:
    html = page(BoardKind.QUESTIONS, arrange(bars(99)), "en")
    assert "15 more questions" in html and await wrong(browser, html, PROJECTOR) == []


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_progress_fits(browser: Browser, language: str) -> None:
    html = page(BoardKind.PROGRESS, progress(), language)
    assert await wrong(browser, html, *SCREENS) == []


async def test_what_does_not_fit_is_noticed(browser: Browser) -> None:
    html = page(BoardKind.QUESTIONS, arrange(bars(60)), "en")
    big = html.replace("</style>", ".board .bars.cols-5 { font-size: 60px } </style>")
    assert len(await wrong(browser, big, PROJECTOR)) > 20
