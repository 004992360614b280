"""What the teacher's page of the quiz is sent: a sign that something changed; the page then asks what."""

from __future__ import annotations

from collections.abc import Sequence

from app.events.bus import Entry
from app.events.schema import QuizChanged
from app.web.live_views import Quiet
from app.web.sse import signal


class QuizView(Quiet):
    """The quiz: a named event `quiz` when anything of it changes."""

    async def changes(self, entries: Sequence[Entry]) -> str:
        """At most one event: the page loads its parts anew."""
        touched = any(entry.event is None or isinstance(entry.event, QuizChanged) for entry in entries)
        return signal("quiz", entries[-1].id) if touched else ""
