"""The events of an assignment's stream: small, typed, carrying ids. Pages render them; kiosks will too."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import orjson


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened in an assignment."""

    name: ClassVar[str]
    assignment_id: int


@dataclass(frozen=True, slots=True)
class MarkChanged(Event):
    """A mark was proposed, or decided by a teacher."""

    name: ClassVar[str] = "mark"
    paper_id: int
    question_id: int


@dataclass(frozen=True, slots=True)
class GradingStarted(Event):
    """One question of one paper is being graded from now on."""

    name: ClassVar[str] = "grading"
    paper_id: int
    question_id: int


@dataclass(frozen=True, slots=True)
class PaperChanged(Event):
    """A paper arrived, was read, failed, found its student, or moved on in a run."""

    name: ClassVar[str] = "paper"
    paper_id: int


@dataclass(frozen=True, slots=True)
class PileChanged(Event):
    """A pile's pages came or were read, its proposed split changed, or its papers were made."""

    name: ClassVar[str] = "pile"
    pile_id: int


@dataclass(frozen=True, slots=True)
class RunChanged(Event):
    """A run started, paused, went on, ended, or its progress moved."""

    name: ClassVar[str] = "run"
    run_id: int


@dataclass(frozen=True, slots=True)
class BoardChanged(Event):
    """A teacher changed what a board shows, hid it or showed it again."""

    name: ClassVar[str] = "board"
    board_id: int


@dataclass(frozen=True, slots=True)
class ScreenChanged(Event):
    """A screen was paired, given another board or unpaired: its stream looks again what it may see."""

    name: ClassVar[str] = "screen"
    screen_id: int


@dataclass(frozen=True, slots=True)
class QuizChanged(Event):
    """A round of the quiz began, got answers, was graded further, revealed or closed."""

    name: ClassVar[str] = "quiz"
    round_id: int


@dataclass(frozen=True, slots=True)
class PresenceChanged(Event):
    """A teacher opened a paper to mark it, or left it."""

    name: ClassVar[str] = "presence"
    paper_id: int


KINDS: tuple[type[Event], ...] = (
    MarkChanged,
    GradingStarted,
    PaperChanged,
    PileChanged,
    RunChanged,
    BoardChanged,
    ScreenChanged,
    QuizChanged,
    PresenceChanged,
)
EVENTS: dict[str, type[Event]] = {kind.name: kind for kind in KINDS}


def pack(event: Event) -> dict[str, bytes]:
    """An event as the fields of a Redis stream entry."""
    return {"name": event.name.encode(), "data": orjson.dumps(asdict(event))}


def unpack(fields: dict[bytes, bytes]) -> Event | None:
    """The inverse of `pack`; None for an event of a newer version that this process does not know."""
    kind = EVENTS.get(fields.get(b"name", b"").decode(errors="replace"))
    if kind is None:
        return None
    try:
        data: dict[str, Any] = orjson.loads(fields.get(b"data", b""))
        return kind(**data)
    except (TypeError, ValueError):
        return None
