"""What a teacher does with screens: pairs them by code or by scanning, moves them to other boards, unpairs them."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment
from app.audit.models import Action
from app.classes import store as classes
from app.classroom import boards, pairing, screens
from app.classroom.models import BoardKind, Screen
from app.events.schema import ScreenChanged
from app.i18n import N_, ProblemError, Text
from app.keys import ADDRESS, BUS, DATABASE, REDIS
from app.reports.classes import assignments_of
from app.web.access import assignment_by_id, the_assignment
from app.web.audit import note
from app.web.board_view import NAMES
from app.web.forms import Form, form_of, int_of, path_id, text_of
from app.web.middleware.sign_in import user_of
from app.web.pages import flash, go, render


async def pair(request: web.Request) -> web.StreamResponse:
    """Pair the screen that shows a code with a board of the assignment."""
    form = await form_of(request)
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await the_assignment(request, db)
    return await _pair(request, form, assignment)


async def scanned(request: web.Request) -> web.StreamResponse:
    """Where a screen's QR code leads: choose what the screen is to show."""
    async with request.app[DATABASE].begin() as db:
        found = await classes.of_teacher(db, user_of(request).id)
        assignments = await assignments_of(db, [each.id for each in found])
    context = {
        "groups": [(each, assignments[each.id]) for each in found if assignments[each.id]],
        "code": request.query.get("code", "")[:20],
        "names": NAMES,
        "pick": BoardKind.PROGRESS,
    }
    return await render(request, "pages/pair.html", context)


async def pair_scanned(request: web.Request) -> web.StreamResponse:
    """Pair the scanned screen with a board of the chosen assignment."""
    form = await form_of(request)
    chosen = int_of(form, "assignment")
    if chosen is None:
        raise ProblemError(N_("Choose an assignment."))
    async with request.app[DATABASE].begin() as db:
        assignment, _ = await assignment_by_id(request, db, chosen)
    return await _pair(request, form, assignment)


async def _pair(request: web.Request, form: Form, assignment: Assignment) -> web.Response:
    kind, redis, user = _kind_of(form), request.app[REDIS], user_of(request)
    token_hash = await pairing.take(redis, text_of(form, "code", 100), user.id, request[ADDRESS])
    async with request.app[DATABASE].begin() as db:
        board = await boards.board(db, assignment, kind)
        screen = await screens.pair(db, board, token_hash, text_of(form, "label", 200), user.id)
        await note(
            request,
            db,
            Action.SCREEN_PAIRED,
            "screen",
            screen.id,
            assignment_id=assignment.id,
            board=kind.value,
        )
    await pairing.done(redis, token_hash)
    await request.app[BUS].publish(ScreenChanged(assignment.id, screen.id))
    await flash(request, Text(N_("The screen is paired. It shows the board in a moment.")))
    return go(request, "classroom", id=assignment.id)


async def move(request: web.Request) -> web.StreamResponse:
    """Let a screen show another board, of this assignment or of the one that `assignment` names."""
    form = await form_of(request)
    kind = _kind_of(form)
    async with request.app[DATABASE].begin() as db:
        screen, before = await _the_screen(request, db)
        chosen = int_of(form, "assignment")
        assignment, _ = await assignment_by_id(request, db, before if chosen is None else chosen)
        await screens.move(db, screen, await boards.board(db, assignment, kind))
    # The screen listens where it was; whoever watches the other assignment's list is told as well.
    await request.app[BUS].publish(*(ScreenChanged(each, screen.id) for each in {before, assignment.id}))
    return go(request, "classroom", id=assignment.id)


async def unpair(request: web.Request) -> web.StreamResponse:
    """Forget a screen: it shows a code again."""
    async with request.app[DATABASE].begin() as db:
        screen, before = await _the_screen(request, db)
        await screens.unpair(db, screen)
        await note(request, db, Action.SCREEN_UNPAIRED, "screen", screen.id, assignment_id=before)
    await request.app[BUS].publish(ScreenChanged(before, screen.id))
    await flash(request, Text(N_("The screen is unpaired. It shows a code again.")))
    return go(request, "classroom", id=before)


async def _the_screen(request: web.Request, db: AsyncSession) -> tuple[Screen, int]:
    """The screen of the address `{id}`, through the teacher's access, and the assignment whose board it shows."""
    found = await screens.for_teacher(db, path_id(request), user_of(request).id)
    if found is None:
        raise web.HTTPNotFound
    return found, await screens.assignment_of(db, found)


def _kind_of(form: Form) -> BoardKind:
    try:
        return BoardKind(text_of(form, "kind", 20))
    except ValueError:
        raise ProblemError(N_("Choose a board.")) from None
