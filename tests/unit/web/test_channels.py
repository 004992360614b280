"""A channel with lines of our own: who is written to, who is skipped, who is cut off. No server, no service."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from aiohttp import web

from app.classroom.models import BoardKind
from app.classroom.seen import Place
from app.web import channels, connected, frames
from app.web.channels import BEAT, GO, Channel, Line
from app.web.connected import Connected, FullError
from app.web.frames import Frame

PLACE = Place(1, 1, BoardKind.PROGRESS, "en")


class Transport(asyncio.WriteTransport):
    """A transport whose buffer drains when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.waiting = 0
        self.aborted = False

    def write(self, data: Any) -> None:
        assert not self.aborted, "written after the end"
        self.written.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


def line(**values: Any) -> tuple[Line, Transport]:
    made = Transport()
    now = asyncio.get_running_loop().time()
    ended = asyncio.get_running_loop().create_future()
    return Line(made, True, ended, ends_at=now + 60, opened_at=now, **values), made


def channel(frame: Frame | None = None) -> Channel:
    app = web.Application()
    made = Channel(app, Connected(app), PLACE)
    made.frame = frame
    return made


FIRST, SECOND = frames.of_board("1-0", "<p>one</p>"), frames.of_board("2-0", "<p>two</p>")


def test_a_frame_is_one_event_in_one_chunk() -> None:
    frame = frames.of_board("5-1", "<div>\n\n  <b>a</b>\r\n</div>\n")
    assert frame.plain == f"id: 5-1/{frame.digest}\ndata: <div>\ndata:   <b>a</b>\ndata: </div>\n\n".encode()
    size, _, rest = frame.chunk.partition(b"\r\n")
    assert int(size, 16) == len(frame.plain) and rest == frame.plain + b"\r\n"
    assert frame.bytes_for(True) == frame.chunk and frame.bytes_for(False) == frame.plain


def test_a_board_with_a_line_that_looks_like_a_field_stays_data() -> None:
    frame = frames.of_board("1-0", "id: 9\nevent: moved\rretry: 1\u2028x")
    assert all(part.startswith((b"id: 1-0/", b"data: ")) for part in frame.plain.split(b"\n") if part)
    assert b"\r" not in frame.plain


def test_the_digest_is_of_the_html_and_not_of_the_place() -> None:
    assert frames.of_board("1-0", "<p>").digest == frames.of_board("9-9", "<p>").digest
    assert frames.of_board("1-0", "<p>").digest != frames.of_board("1-0", "<b>").digest
    assert frames.digest_of(f"7-0/{FIRST.digest}") == FIRST.digest


@pytest.mark.parametrize("strange", ["", "1-0", "/", "1-0/short", "x" * 5_000, "/" + "a" * 17])
def test_a_strange_id_has_no_digest(strange: str) -> None:
    assert frames.digest_of(strange) == ""


def test_retry_stands_in_an_event_that_is_dispatched() -> None:
    """hx-sse takes `retry` only from a message that has data or a name."""
    assert frames.sign("live", 1_234).plain == b"retry: 1234\nevent: live\ndata: \n\n"


async def test_who_has_the_board_is_sent_nothing() -> None:
    ours = channel(FIRST)
    (has, quiet), (lacks, told), (other, also) = line(shown=FIRST.digest), line(), line(shown="0" * 16)
    for each in (has, lacks, other):
        ours.add(each)
    assert quiet.written == [] and told.written == also.written == [FIRST.chunk]
    ours.frame = SECOND
    await ours._send()
    assert quiet.written == [SECOND.chunk] and told.written == [FIRST.chunk, SECOND.chunk]
    await ours._send()
    assert len(told.written) == 2


async def test_a_busy_line_is_skipped_and_gets_only_the_newest() -> None:
    ours = channel(FIRST)
    slow, transport = line()
    transport.waiting = 100
    ours.add(slow)
    for number in range(5):
        ours.frame = frames.of_board(f"{number}-0", f"<p>{number}</p>")
        await ours._send()
        ours.beat(slow)
    assert transport.written == [] and ours.late == {slow}
    transport.waiting = 0
    ours.look_at_late()
    assert ours.frame is not None
    assert transport.written == [ours.frame.chunk] and not ours.late


async def test_a_line_that_drains_a_little_lives_and_one_that_drains_nothing_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1_000.0]
    monkeypatch.setattr(channels, "_now", lambda: now[0])
    ours = channel(FIRST)
    (slow, dripping), (dead, stuck) = line(), line()
    dripping.waiting, stuck.waiting = 1_000, 1_000
    ours.add(slow)
    ours.add(dead)
    for _ in range(13):
        now[0] += channels.STUCK_SECONDS / 10
        dripping.waiting -= 10
        ours.look_at_late()
    assert stuck.aborted and dead.ended.done()
    assert not dripping.aborted and not slow.ended.done()
    assert ours.late == {slow}


async def test_nothing_is_written_after_the_end() -> None:
    """The request's task writes the last chunk then, and the connection may serve another request."""
    ours = channel(FIRST)
    one, transport = line()
    ours.add(one)
    one.end(GO)
    assert transport.written == [FIRST.chunk, GO.chunk]
    ours.frame = SECOND
    await ours._send()
    ours.beat(one)
    one.end(GO)
    assert len(transport.written) == 2


async def test_a_client_that_closed_is_left_alone() -> None:
    ours = channel(FIRST)
    one, transport = line()
    ours.add(one)
    transport.aborted = True
    ours.frame = SECOND
    await ours._send()
    ours.beat(one)
    ours.look_at_late()
    one.end(GO)
    assert one.ended.done() and not ours.late


async def test_a_stuck_line_is_cut_off_at_the_end_and_not_waited_for() -> None:
    ours = channel(FIRST)
    one, transport = line()
    transport.waiting = 50_000
    ours.add(one)
    ours.end()
    assert transport.aborted and one.ended.done()


async def test_who_comes_to_a_channel_that_is_over_ends_at_once() -> None:
    ours = channel(FIRST)
    ours.end(GO)
    one, transport = line()
    ours.add(one)
    assert one.ended.done() and transport.written == []


async def test_beats_go_to_all_and_lives_end() -> None:
    app = web.Application()
    all_ = Connected(app)
    ours = Channel(app, all_, PLACE)
    all_._channels[1, "en"] = ours
    lines = [line() for _ in range(connected.SLICE * 2 + 1)]
    for one, _ in lines:
        ours.add(one)
    lines[0][0].ends_at = 0.0
    await all_._beat(asyncio.get_running_loop().time())
    assert lines[0][0].ended.done() and lines[0][1].written == [connected.AT_ONCE.chunk]
    assert all(transport.written == [BEAT.chunk] for _, transport in lines[1:])


def joined(all_: Connected, owner: str) -> tuple[Line, Transport]:
    one, transport = line(owner=owner, screen_id=1, board_id=1)
    ours = all_._channels.setdefault((1, "en"), Channel(cast(web.Application, None), all_, PLACE))
    all_.join(PLACE, one)
    assert one in ours.lines
    return one, transport


async def test_limits_of_a_token_and_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    all_ = Connected(web.Application())
    for _ in range(connected.PER_TOKEN):
        all_.admit("a")
        joined(all_, "a")
    with pytest.raises(FullError):
        all_.admit("a")
    all_.admit("b")
    oldest = all_._owners["a"][0]
    oldest.opened_at -= connected.YOUNG_SECONDS
    all_.admit("a")
    assert oldest.ended.done() and cast(Transport, oldest.transport).aborted
    ours = all_._channels[1, "en"]
    all_.leave(ours, oldest)
    assert all_.screens == connected.PER_TOKEN - 1 == len(all_._owners["a"])
    all_.most = all_.screens
    with pytest.raises(FullError):
        all_.admit("b")
    for one in list(ours.lines):
        all_.leave(ours, one)
    assert all_.screens == 0 and all_._owners == {}


async def test_a_server_that_goes_lets_nobody_in() -> None:
    all_ = Connected(web.Application())
    one, _ = joined(all_, "a")
    all_.end()
    assert one.ended.done()
    with pytest.raises(FullError):
        all_.admit("b")
