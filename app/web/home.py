"""The start page: a teacher's classes with their newest assignments."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from app.classes import store
from app.classes.store import ClassCard
from app.i18n import language_of_request
from app.keys import DATABASE
from app.reports.classes import AssignmentState, assignments_of
from app.web.middleware.sign_in import user_of
from app.web.pages import is_partial, render

NEWEST = 4  # assignments on a card


@dataclass(frozen=True, slots=True)
class Card:
    """A class on the start page: its newest assignments, how many `more` there are, how much needs the teacher."""

    klass: ClassCard
    newest: tuple[AssignmentState, ...]
    more: int
    asks: int


async def show(request: web.Request) -> web.StreamResponse:
    """The classes in use; with `?archived` those that were put away; for htmx with `?part=cards` only their list."""
    archived = "archived" in request.query
    user_id = user_of(request).id
    async with request.app[DATABASE].begin() as db:
        classes = await store.of_teacher(db, user_id, archived=archived)
        assignments = await assignments_of(db, [each.id for each in classes])
        put_away = await store.archived_count(db, user_id)
    context = {
        "cards": [_card(each, assignments[each.id]) for each in classes],
        "archived": archived,
        "put_away": put_away,
        "class_language": language_of_request.get(),
    }
    part = is_partial(request) and request.query.get("part") == "cards"
    return await render(request, "partials/class_cards.html" if part else "pages/home.html", context)


def _card(klass: ClassCard, assignments: tuple[AssignmentState, ...]) -> Card:
    newest = assignments[:NEWEST]
    return Card(klass, newest, len(assignments) - len(newest), sum(each.asks for each in assignments))
