"""A pile: its pages, the split that is proposed, and what the teacher makes of it."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import Action
from app.events.schema import PaperChanged, PileChanged
from app.i18n import N_, Text
from app.keys import BUS, DATABASE
from app.marks import store as marks
from app.papers import piles
from app.papers.models import Pile, PileState
from app.web import pile_edit, pile_view
from app.web.access import assignment_by_id
from app.web.audit import note
from app.web.forms import Form, form_of, int_of, path_id, text_of, to_int
from app.web.middleware.sign_in import user_of
from app.web.pages import flash, go, is_partial, render, url


async def the_pile(request: web.Request, db: AsyncSession) -> Pile:
    """The pile of the address `{id}`."""
    found = await piles.for_teacher(db, path_id(request), user_of(request).id)
    if found is None:
        raise web.HTTPNotFound
    return found


async def show(request: web.Request) -> web.StreamResponse:
    """The pile's pages and its proposed papers; for htmx only its board, 204 where that is `?version`."""
    async with request.app[DATABASE].begin() as db:
        pile = await the_pile(request, db)
        assignment, klass = await assignment_by_id(request, db, pile.assignment_id)
        cursor = await request.app[BUS].last_id(assignment.id)
        same = pile.version == to_int(request.query.get("version", "")) and pile.state != PileState.READING
        if is_partial(request) and same:
            return web.Response(status=204)
        change = to_int(request.query.get("whose", ""))
        board = await pile_view.board(db, pile, klass.id, change)
    context = {"assignment": assignment, "klass": klass, "tab": "papers", "board": board, "cursor": cursor}
    return await render(
        request, "partials/pile_board.html" if is_partial(request) else "pages/pile.html", context
    )


async def arrange(request: web.Request) -> web.StreamResponse:
    """Change the split by one action of the page (`do`), or as a whole (`split`, JSON), if `version` is the pile's."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        pile = await the_pile(request, db)
        bundles = _wanted(form, pile_edit.draft_of(pile, await piles.outline(db, pile.id)))
        await piles.arrange(db, pile, _version(form), bundles)
    await request.app[BUS].publish(PileChanged(pile.assignment_id, pile.id))
    if not is_partial(request):
        place = text_of(form, "do", 100).split("-")
        anchor = f"#page-{place[1]}" if len(place) > 1 and place[0] not in ("give", "pick", "merge") else ""
        raise web.HTTPSeeOther(url(request, "pile", id=pile.id) + anchor)
    return await show(request)


def _wanted(form: Form, draft: pile_edit.Draft) -> Sequence[piles.Arranged]:
    if "split" in form:
        return pile_edit.whole(text_of(form, "split", pile_edit.LARGEST))
    word = text_of(form, "do", 100)
    # Only the list beside the button that was pressed counts.
    return pile_edit.change(draft, word, text_of(form, word.replace("pick", "other", 1), 30))


def _version(form: Form) -> int:
    # No version is an old one: the pile's own begins with 1.
    return int_of(form, "version") or 0


async def settle(request: web.Request) -> web.StreamResponse:
    """Make the papers of a pile, once nothing of it is in doubt."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        pile = await the_pile(request, db)
        papers = [paper.id for paper in await piles.settle(db, pile, _version(form))]
    await _tell(request, pile, papers)
    await flash(request, Text(N_("Papers made of the pile: {count}."), {"count": len(papers)}))
    return go(request, "papers", id=pile.assignment_id)


async def undo(request: web.Request) -> web.StreamResponse:
    """Take the papers of a settled pile back into it, unless a mark of them was decided."""
    async with request.app[DATABASE].begin() as db:
        pile = await the_pile(request, db)
        gone = await piles.undo(db, pile, lambda ids: marks.decided(db, ids))
    await _tell(request, pile, gone)
    return go(request, "pile", id=pile.id)


async def again(request: web.Request) -> web.StreamResponse:
    """Split a pile by itself once more; what was arranged by hand goes."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        pile = await the_pile(request, db)
        if pile.state == PileState.READING:
            # All its pages are read and still no split is proposed: its job was lost, or failed.
            await piles.split_if_read(db, pile)
        else:
            await piles.split_again(db, pile, _version(form))
    await _tell(request, pile)
    return go(request, "pile", id=pile.id)


async def remove(request: web.Request) -> web.StreamResponse:
    """Remove a pile of which no papers were made, with its pages."""
    async with request.app[DATABASE].begin() as db:
        pile = await the_pile(request, db)
        await piles.remove(db, pile)
        await note(request, db, Action.PAPER_DELETED, "pile", pile.id, assignment_id=pile.assignment_id)
    await _tell(request, pile)
    await flash(request, Text(N_("“{name}” was removed."), {"name": pile.name}))
    return go(request, "papers", id=pile.assignment_id)


async def _tell(request: web.Request, pile: Pile, papers: Sequence[int] = ()) -> None:
    """Tell the open pages of the pile, and of papers that came or went with it."""
    events = (PaperChanged(pile.assignment_id, each) for each in papers)
    await request.app[BUS].publish(PileChanged(pile.assignment_id, pile.id), *events)
