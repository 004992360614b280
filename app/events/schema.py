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
class RunChanged(Event):
    """A run started, paused, went on, ended, or its progress moved."""

    name: ClassVar[str] = "run"
    run_id: int


EVENTS: dict[str, type[Event]] = {
    kind.name: kind for kind in (MarkChanged, GradingStarted, PaperChanged, RunChanged)
}


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
