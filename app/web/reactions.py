"""Which view shows which event: by a partial that is sent, or by a sign (a named event) that makes the page ask.

The channels of the boards act on this table. For the pages of teachers it says what their views do, and
`tests/unit/events/test_schema.py` holds both against it: every event has a reaction, every partial that a stream sends
has an event, and no view reacts to anything that is not declared here.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.classroom.models import BoardKind
from app.events.bus import Entry
from app.events.schema import (
    BoardChanged,
    Event,
    GradingStarted,
    MarkChanged,
    PaperChanged,
    PileChanged,
    PresenceChanged,
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
BOARD = "partials/board.html"  # includes partials/board_<kind>.html

CELLS = "partials/run_events.html"
MARKS = "partials/presence_marks.html"
LINE = "partials/presence_line.html"

# The pages of teachers, by the name of their view: event -> the partial it sends, or "sign NAME".
PAGES: Mapping[str, Mapping[type[Event], str]] = {
    "run": {
        MarkChanged: CELLS, GradingStarted: CELLS, PaperChanged: CELLS, RunChanged: CELLS, PresenceChanged: MARKS,
    },
    "papers": {PaperChanged: CELLS, PileChanged: CELLS, PresenceChanged: MARKS},
    "pile": {PileChanged: "sign pile"},
    "results": {MarkChanged: "sign marks", PaperChanged: "sign marks"},
    "paper": {MarkChanged: "sign marks", PaperChanged: "sign head", PresenceChanged: LINE},
    "quiz": {QuizChanged: "sign quiz"},
    "lists": {MarkChanged: "sign changed", PaperChanged: "sign changed", RunChanged: "sign changed"},
}  # fmt: skip
# Looked at by the channel itself: what its screens may see is asked anew, and the page told by a sign.
SCREENS: Mapping[type[Event], str] = {ScreenChanged: "sign moved", BoardChanged: "sign moved"}


def changes(entry: Entry, kind: BoardKind, board_id: int) -> bool:
    """Whether an entry can change a board. An entry without event ("take a snapshot") can change any."""
    event = entry.event
    if isinstance(event, BoardChanged):
        return event.board_id == board_id
    return event is None or isinstance(event, BOARDS[kind])
