"""What a pile's page is sent: a sign that something of the pile changed; the page then asks what."""

from __future__ import annotations

from collections.abc import Sequence

from app.events.bus import Entry
from app.events.schema import PileChanged
from app.web.live_views import Quiet
from app.web.sse import signal


class PileStream(Quiet):
    """The page of one pile: a named event `pile` when pages of it were read or its split changed."""

    def __init__(self, pile_id: int | None) -> None:
        self._pile_id = pile_id

    async def changes(self, entries: Sequence[Entry]) -> str:
        """At most one event: the page loads its board anew."""
        touched = any(
            entry.event is None
            or (isinstance(entry.event, PileChanged) and entry.event.pile_id == self._pile_id)
            for entry in entries
        )
        return signal("pile", entries[-1].id) if touched else ""
