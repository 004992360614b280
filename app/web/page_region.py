"""Reading again: a region of a page, or a whole page with more care. The teacher compares and takes it or not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web
from obstore.exceptions import BaseError as StorageError

from app.document import Box, Word
from app.events.schema import PaperChanged, PileChanged
from app.i18n import N_, ProblemError, Text
from app.intake import process
from app.intake.page import PageReading
from app.keys import BUS, DATABASE, STORAGE
from app.papers import correcting
from app.papers.models import PageState, PaperPage
from app.papers.places import replace_region
from app.web.access import the_page
from app.web.forms import Form, float_of, form_of
from app.web.page_answer import answered
from app.web.page_image import MAKERS
from app.web.page_view import assignment_of, page_context
from app.web.pages import is_partial, render

LEAST = 0.004  # of the page's width and height: smaller is a slip of the hand
GONE = N_(
    "The picture of this page is not there any more, so it cannot be read again. Correct the text by hand."
)


@dataclass(frozen=True, slots=True)
class Reread:
    """What was read again: of a region or a whole page, before and now; `whole` is the page's text with it."""

    before: str
    now: str
    whole: str
    region: bool
    confidence: int | None

    @property
    def same(self) -> bool:
        """Whether the same was read again."""
        return self.before.split() == self.now.split()


async def region(request: web.Request) -> web.StreamResponse:
    """Read a region of a page again (`x0`, `y0`, `x1`, `y1` in 0 to 1 of the picture); nothing is stored."""
    box = box_of(await form_of(request))
    async with request.app[DATABASE].begin() as db:
        page = await the_page(request, db)
    try:
        key, _ = await request.app[MAKERS].keys(request.app, page)
        async with request.app[STORAGE].local(key) as path:
            reading = await process.read_region(path, page.source_name, box)
    except (FileNotFoundError, StorageError) as error:
        raise ProblemError(GONE) from error
    words = [Word.from_json(each) for each in page.words]
    replaced = replace_region(page.text, words, box, reading.text)
    return await _offered(
        request, page, _reread(replaced.before, reading.text, replaced.whole, reading, region=True)
    )


async def read_again(request: web.Request) -> web.StreamResponse:
    """Read a page again with more care, to be compared; one that could not be read goes to the readers once more."""
    async with request.app[DATABASE].begin() as db:
        page = await the_page(request, db)
        assignment, _ = await assignment_of(request, db, page)
        if page.state != PageState.READ:
            await correcting.read_again(db, page.id)
    if page.state != PageState.READ:
        if page.pile_id is not None:
            await request.app[BUS].publish(PileChanged(assignment.id, page.pile_id))
        if page.paper_id is not None:
            await request.app[BUS].publish(PaperChanged(assignment.id, page.paper_id))
        return await answered(request, page, (), [(Text(N_("The page is being read again.")), "good")])
    try:
        async with request.app[STORAGE].local(page.source_key) as path:
            readings = await process.read_page(path, page.source_name, page.source_page, careful=True)
    except (FileNotFoundError, StorageError) as error:
        raise ProblemError(GONE) from error
    reading = of_part(readings, page.source_part)
    return await _offered(
        request, page, _reread(page.text, reading.text, reading.text, reading, region=False)
    )


def box_of(form: Form) -> Box:
    """The region that a form names, cut to the page. Raises ProblemError for none or a tiny one."""
    given = [float_of(form, name) for name in ("x0", "y0", "x1", "y1")]
    x0, y0, x1, y1 = (
        min(1.0, max(0.0, each)) if each is not None and math.isfinite(each) else math.nan for each in given
    )
    # Comparisons with nan are false: a missing or odd figure ends here as well.
    if not (x1 - x0 >= LEAST and y1 - y0 >= LEAST):
        raise ProblemError(N_("Draw a frame around the words that are to be read again."))
    return Box(x0, y0, x1, y1)


def of_part(readings: Sequence[PageReading], part: int) -> PageReading:
    """Of the one or two pages in a picture the one that was meant."""
    return next((each for each in readings if each.repair.part == part), readings[0])


def _reread(before: str, now: str, whole: str, reading: PageReading, *, region: bool) -> Reread:
    sure = round(reading.confidence * 100) if now.strip() else None
    return Reread(before.strip(), now.strip(), whole, region, sure)


async def _offered(request: web.Request, page: PaperPage, reread: Reread) -> web.StreamResponse:
    async with request.app[DATABASE].begin() as db:
        context = await page_context(request, db, page)
    template = "partials/page_reread.html" if is_partial(request) else "pages/page.html"
    return await render(request, template, {**context, "reread": reread})
