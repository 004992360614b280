"""The bus over a real Valkey: nothing is missed, nothing comes twice, and an outage ends in a snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis

from app.events import bus as buses
from app.events.bus import Bus, Subscription
from app.events.schema import MarkChanged, RunChanged
from app.settings import Settings


@pytest.fixture
async def bus(settings: Settings) -> AsyncIterator[Bus]:
    """A bus that reads."""
    made = Bus(settings.redis_url.get_secret_value())
    await made.start()
    yield made
    await made.close()


async def take(page: Subscription, count: int) -> list[int]:
    """The question ids of the next events."""
    found: list[int] = []
    while len(found) < count:
        for entry in await page.next(5) or []:
            assert isinstance(entry.event, MarkChanged)
            found.append(entry.event.question_id)
    return found


def marks(first: int, last: int) -> list[MarkChanged]:
    return [MarkChanged(1, 1, number) for number in range(first, last + 1)]


async def test_live_events_in_order(bus: Bus) -> None:
    async with bus.subscribe(1, "0-0") as page, bus.subscribe(1, "0-0") as other:
        await bus.publish(*marks(1, 50))
        assert await take(page, 50) == await take(other, 50) == list(range(1, 51))
        assert bus.open_pages == 2
    assert bus.open_pages == 0 and bus._places == {}


async def test_what_was_missed_comes_first_even_while_more_comes(bus: Bus) -> None:
    await bus.publish(*marks(1, 10))
    cursor = await bus.last_id(1)
    await bus.publish(*marks(11, 20))

    async def keep_publishing() -> None:
        for number in range(21, 121):
            await bus.publish(MarkChanged(1, 1, number))

    async with bus.subscribe(1, "0-0") as watching:
        task = asyncio.create_task(keep_publishing())
        await asyncio.sleep(0.02)
        async with bus.subscribe(1, cursor) as page:
            assert await take(page, 110) == list(range(11, 121))
        await task
        assert await take(watching, 120) == list(range(1, 121))


async def test_a_page_of_another_assignment_wakes_the_reader(bus: Bus) -> None:
    async with bus.subscribe(1, "0-0") as first:
        await asyncio.sleep(0.1)
        async with bus.subscribe(2, "0-0") as second:
            await bus.publish(MarkChanged(2, 1, 7), MarkChanged(1, 1, 8))
            assert (await take(second, 1), await take(first, 1)) == ([7], [8])


async def test_two_processes_share_a_stream(bus: Bus, settings: Settings) -> None:
    other = Bus(settings.redis_url.get_secret_value())
    async with bus.subscribe(1, "0-0") as page:
        await other.publish(*marks(1, 3))
        assert await take(page, 3) == [1, 2, 3]
    await other.close()


@pytest.mark.parametrize("after", ["99999999999999-0", "1-0"])
async def test_a_place_the_stream_does_not_have_gets_a_snapshot(bus: Bus, after: str) -> None:
    await bus.publish(*marks(1, 3))
    async with bus.subscribe(1, after) as page:
        entries = await page.next(5)
        assert entries is not None and [entry.event for entry in entries] == [None]
        await bus.publish(MarkChanged(1, 1, 4))
        assert await take(page, 1) == [4]


async def test_too_much_missed_gets_a_snapshot(bus: Bus) -> None:
    await bus.publish(*marks(1, buses.QUEUE + 1))
    async with bus.subscribe(1, "0-0") as page:
        entries = await page.next(5)
        assert entries is not None and [entry.event for entry in entries] == [None]


async def test_after_an_outage_every_page_takes_a_snapshot(bus: Bus, settings: Settings) -> None:
    client = redis.Redis.from_url(settings.redis_url.get_secret_value())
    async with bus.subscribe(1, "0-0") as page:
        await bus.publish(*marks(1, 2))
        assert await take(page, 2) == [1, 2]
        await client.client_kill_filter(_type="normal", skipme=True)
        entries = await page.next(10)
        assert entries is not None and entries[-1].event is None
        await bus.publish(MarkChanged(1, 1, 3))
        assert await take(page, 1) == [3]
    await client.aclose()


async def test_the_end_ends_all_pages(bus: Bus) -> None:
    async with bus.subscribe(1, "0-0") as page:
        bus.end_streams()
        assert await page.next(1) is None
    async with bus.subscribe(1, "0-0") as late:
        assert await late.next(1) is None


async def test_publishing_without_redis_is_no_error() -> None:
    lonely = Bus("redis://127.0.0.1:1/0")
    await lonely.publish(RunChanged(1, 1))
    await lonely.close()


async def test_a_watch_says_that_something_changed_once(bus: Bus) -> None:
    async with bus.watch([1, 2, 2], (MarkChanged,)) as watch:
        assert await watch.next(1)  # it begins as changed
        await bus.publish(*marks(1, 50), MarkChanged(2, 1, 1))
        await asyncio.sleep(0.3)
        assert await watch.next(1)
        # Neither another kind nor another assignment is a change.
        await bus.publish(RunChanged(1, 1), MarkChanged(3, 1, 1))
        with pytest.raises(TimeoutError):
            await watch.next(0.3)
        await bus.publish(MarkChanged(2, 1, 1))
        assert await watch.next(5)
        bus._resync_all()
        assert await watch.next(1)
        bus.end_streams()
        assert await watch.next(1) is False
    assert bus.open_pages == 0 and bus._places == {}


async def test_a_watch_and_a_page_share_a_stream(bus: Bus) -> None:
    async with bus.watch([1, 2], (MarkChanged,)) as watch:
        assert await watch.next(1)
        async with bus.subscribe(1, "0-0") as page:
            await bus.publish(*marks(1, 3))
            assert await take(page, 3) == [1, 2, 3] and await watch.next(5)
        await asyncio.sleep(0.05)
        watch.changed.clear()
        await bus.publish(*marks(4, 4))  # the page has left, the watch goes on
        assert await watch.next(5)


async def test_a_watch_of_nothing(bus: Bus) -> None:
    async with bus.watch([], (MarkChanged,)) as watch:
        assert await watch.next(1)
        with pytest.raises(TimeoutError):
            await watch.next(0.05)
