"""Which view shows which event: by a partial that is rendered, by a sign that makes the page ask, or by looking again.

The streams and channels act on this table; `tests/unit/events/test_schema.py` demands that every event is in it and
that every partial a stream sends has an event.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.classroom.models import BoardKind
from app.events.bus import Entry
from app.events.schema import (
    BoardChanged,
    Event,
    MarkChanged,
    PaperChanged,
    QuizChanged,
    RunChanged,
    ScreenChanged,
)

# The boards: each is rendered whole, at most every 0.2 s, when one of these happens.
BOARDS: Mapping[BoardKind, tuple[type[Event], ...]] = {
    BoardKind.PROGRESS: (MarkChanged, PaperChanged, RunChanged, BoardChanged),
    BoardKind.QUESTIONS: (MarkChanged, PaperChanged, RunChanged, BoardChanged),
    BoardKind.MISCONCEPTIONS: (MarkChanged, PaperChanged, BoardChanged),
    BoardKind.QUIZ: (QuizChanged, BoardChanged),
}
# Looked at by the channel itself: what its screens may see is asked anew, nothing is shown.
LOOKED_AT: tuple[type[Event], ...] = (ScreenChanged,)


def changes(entry: Entry, kind: BoardKind, board_id: int) -> bool:
    """Whether an entry can change a board. An entry without event ("take a snapshot") can change any."""
    event = entry.event
    if isinstance(event, BoardChanged):
        return event.board_id == board_id
    return event is None or isinstance(event, BOARDS[kind])
