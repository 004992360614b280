"""Events survive the stream, and strange entries do not stop it."""

from __future__ import annotations

import pytest

from app.events.bus import QUEUE, Entry, Subscription, format_id, parse
from app.events.schema import GradingStarted, MarkChanged, PaperChanged, RunChanged, pack, unpack


@pytest.mark.parametrize(
    "event", [MarkChanged(1, 2, 3), GradingStarted(1, 2, 3), PaperChanged(1, 2), RunChanged(1, 9)]
)
def test_there_and_back(event: MarkChanged) -> None:
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
