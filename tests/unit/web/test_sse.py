"""Server-sent events as text."""

from __future__ import annotations

from app.web.sse import frame, signal


def test_a_frame_has_one_data_line_for_each_line() -> None:
    assert frame("1-0", "<b>\n\n x</b>\n") == "id: 1-0\ndata: <b>\ndata:  x</b>\n\n"


def test_without_an_id_the_clients_place_stays() -> None:
    assert frame("", "<b></b>") == "data: <b></b>\n\n"
    assert signal("changed") == "event: changed\ndata: \n\n"


def test_a_signal_may_say_more() -> None:
    assert signal("marks", "2-1", "5:12 7:3") == "event: marks\nid: 2-1\ndata: 5:12 7:3\n\n"


def test_nothing_ends_a_field_early() -> None:
    # Lines of a text area may end in any way that browsers know.
    assert frame("1-0", "a\rb\r\nc\u2028d").count("\n\n") == 1
    assert all(line.startswith(("id: ", "data: ")) for line in frame("1-0", "a\rb\r\nc").splitlines() if line)
