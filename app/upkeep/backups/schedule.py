"""One backup after the other, for the service that lasts. An outage is a line in the log and another try."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from app.i18n import DEFAULT_LANGUAGE, ProblemError
from app.upkeep.backups import rotation
from app.upkeep.backups.making import Made

log = structlog.get_logger(__name__)

LOOK_SECONDS = 60.0  # the clock may be set, a machine may sleep: the time is looked at so often
FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3600.0  # seconds after a failure


@dataclass(slots=True)
class Schedule:
    """When backups are made: every so often into one folder, of which the newest `keep` stay (0: all)."""

    folder: Path
    every: timedelta
    keep: int
    pause: float = FIRST_PAUSE

    def turn(self, once: Callable[[], Made]) -> float:
        """Make one if it is due. Returns the seconds to wait before the next look."""
        wait = rotation.wait_seconds(self.folder, self.every, datetime.now(UTC))
        if wait > 0:
            return min(wait, LOOK_SECONDS)
        try:
            made = once()
        except ProblemError as problem:
            return self._failed(problem.text.render(DEFAULT_LANGUAGE))
        except Exception as error:
            log.exception("backup failed unexpectedly")
            return self._failed(type(error).__name__)
        self.pause = FIRST_PAUSE
        log.info("backup made", file=str(made.path), bytes=made.size, seconds=round(made.seconds, 1))
        for path in made.cleared:
            log.warning("the rest of a backup that broke off was removed", file=str(path))
        if made.lost:
            log.warning("backup lacks files that the storage had not", count=made.lost)
        for path in rotation.prune(self.folder, self.keep):
            log.info("old backup removed", file=str(path))
        return min(self.every.total_seconds(), LOOK_SECONDS)

    def run(self, once: Callable[[], Made]) -> None:
        """Do so until the process is told to end (the handler of SIGTERM raises)."""
        while True:
            time.sleep(self.turn(once))

    def _failed(self, why: str) -> float:
        pause = min(self.pause, self.every.total_seconds())
        log.error("backup failed", why=why, again_in_seconds=round(pause))
        self.pause = min(2 * self.pause, LONGEST_PAUSE)
        return pause
