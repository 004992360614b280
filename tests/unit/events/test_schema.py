"""Events survive the stream, and strange entries do not stop it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from dataclasses import fields
from types import ModuleType

import pytest

from app.classroom.models import BoardKind
from app.events import schema
from app.events.bus import QUEUE, Entry, Subscription, format_id, parse
from app.events.schema import (
    KINDS,
    BoardChanged,
    Event,
    QuizChanged,
    RunChanged,
    pack,
    unpack,
)
from app.web import (
    board_view,
    channels,
    live_views,
    paper_view,
    pile_stream,
    presence_view,
    quiz_stream,
    stream,
    watching,
)
from app.web.pages import APP
from app.web.reactions import BOARD, BOARDS, PAGES, SCREENS, changes

TEMPLATES = APP / "templates"


def example(kind: type[Event]) -> Event:
    """An event of a kind; all its fields are numbers."""
    return kind(*range(1, len(fields(kind)) + 1))


def named(module: ModuleType) -> set[type[Event]]:
    """The kinds of event that a module asks about with isinstance."""
    found: set[type[Event]] = set()
    for call in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "isinstance":
            names = {node.id for node in ast.walk(call.args[1]) if isinstance(node, ast.Name)}
            found |= {kind for kind in KINDS if kind.__name__ in names}
    return found


def declared(*views: str) -> set[type[Event]]:
    return {event for view in views for event in PAGES[view]}


def partials(reactions: Iterable[str]) -> set[str]:
    return {each for each in reactions if not each.startswith("sign ")}


def test_every_event_is_listed() -> None:
    written = {each for each in vars(schema).values() if isinstance(each, type) and issubclass(each, Event)}
    assert written - {Event} == set(KINDS)
    assert len(schema.EVENTS) == len(KINDS), "two events have one name"
    assert all(field.type == "int" for kind in KINDS for field in fields(kind)), (
        "events carry ids, nothing else"
    )


def test_every_event_has_a_reaction() -> None:
    shown = {event for events in PAGES.values() for event in events}
    shown |= {event for events in BOARDS.values() for event in events} | set(SCREENS)
    assert shown == set(KINDS)


def test_every_partial_of_a_stream_has_an_event() -> None:
    sent = {stream.TEMPLATE, presence_view.MARKS, presence_view.LINE}
    assert partials(each for events in PAGES.values() for each in events.values()) == sent
    assert board_view.TEMPLATE == BOARD
    assert set(BOARDS) == set(BoardKind) == set(board_view.VALUES)
    boards = {f"partials/board_{kind.value}.html" for kind in BOARDS}
    assert all((TEMPLATES / name).is_file() for name in {*sent, *boards, BOARD})
    assert all(BoardChanged in events and len(events) > 1 for events in BOARDS.values())


@pytest.mark.parametrize(
    ("modules", "views"),
    [
        ((live_views, stream), ("run", "papers", "results")),
        ((paper_view,), ("paper",)),
        ((quiz_stream,), ("quiz",)),
        ((pile_stream,), ("pile",)),
    ],
)
def test_views_react_to_what_is_declared(modules: tuple[ModuleType, ...], views: tuple[str, ...]) -> None:
    assert {kind for module in modules for kind in named(module)} == declared(*views)


def test_lists_and_channels_react_to_what_is_declared() -> None:
    assert set(watching.KINDS) == declared("lists")
    assert named(channels) == set(SCREENS)


@pytest.mark.parametrize("kind", KINDS)
async def test_views_of_signs_answer_their_events_only(kind: type[Event]) -> None:
    entries = [Entry("7-0", example(kind))]
    for name, view in (("results", live_views.ResultsView()), ("quiz", quiz_stream.QuizView())):
        told = await view.changes(entries)
        wanted = PAGES[name].get(kind, "")
        assert told == (f"event: {wanted.removeprefix('sign ')}\nid: 7-0\ndata: \n\n" if wanted else "")


@pytest.mark.parametrize("board", BoardKind)
@pytest.mark.parametrize("kind", KINDS)
def test_a_board_changes_with_its_events_only(board: BoardKind, kind: type[Event]) -> None:
    assert changes(Entry("7-0", None), board, 1)
    ours = BoardChanged(1, 1) if kind is BoardChanged else example(kind)
    assert changes(Entry("7-0", ours), board, 1) == (kind in BOARDS[board])
    assert not changes(Entry("7-0", BoardChanged(1, 2)), board, 1)
    assert changes(Entry("7-0", QuizChanged(1, 1)), board, 1) == (board is BoardKind.QUIZ)


@pytest.mark.parametrize("event", [example(kind) for kind in KINDS])
def test_there_and_back(event: Event) -> None:
    assert unpack({key.encode(): value for key, value in pack(event).items()}) == event


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {b"name": b"later"},
        {b"name": b"mark", b"data": b'{"assignment_id": 1}'},
        {b"name": b"mark"},
        {b"name": b"mark", b"data": b"{"},
        {b"name": b"mark", b"data": b"[]"},
        {b"name": b"\xff"},
    ],
)
def test_a_strange_entry_is_none(fields: dict[bytes, bytes]) -> None:
    assert unpack(fields) is None


@pytest.mark.parametrize("bad", ["", "x", "1", "1-", "-1", "1-x", "٣-1", "1" * 16 + "-0", "1-2-3"])
def test_a_bad_place_is_the_start(bad: str) -> None:
    assert parse(bad) == (0, 0)


def test_places_compare_as_numbers() -> None:
    assert parse("9-2") < parse("10-1") < parse("10-11")
    assert format_id(parse("10-11")) == "10-11"


async def test_a_page_too_slow_is_told_to_take_a_snapshot() -> None:
    page = Subscription((0, 0), catching_up=False)
    for number in range(1, QUEUE + 20):
        page.offer(Entry(f"{number}-0", RunChanged(1, 1)))
    entries = await page.next(1)
    assert entries is not None and [entry.event for entry in entries] == [None]
    page.offer(Entry("9999-0", RunChanged(1, 1)))
    assert [entry.id for entry in await page.next(1) or []] == ["9999-0"]


async def test_what_came_before_is_not_given_again() -> None:
    page = Subscription((5, 0), catching_up=False)
    page.offer(Entry("5-0", RunChanged(1, 1)))
    page.offer(Entry("6-0", RunChanged(1, 1)))
    page.offer(Entry("6-0", RunChanged(1, 1)))
    assert [entry.id for entry in await page.next(1) or []] == ["6-0"]
    page.end()
    page.resync()
    page.put(Entry("7-0", RunChanged(1, 1)))
    assert await page.next(1) is None
    with pytest.raises(TimeoutError):
        await page.next(0.01)
