"""Running and paused: the two strokes that keep a run's clock."""

from __future__ import annotations

from datetime import datetime

from app.i18n import Text
from app.marks.models import Run, RunState


def seconds_running(run: Run, now: datetime) -> float:
    """Seconds that a run has been running so far, pauses left out."""
    if run.resumed_at is None:
        return run.seconds_before
    until = run.finished_at or now
    return run.seconds_before + max(0.0, (until - run.resumed_at).total_seconds())


def pause_row(run: Run, now: datetime, reason: Text | None = None) -> None:
    """Stop a run's clock; `reason` says why it paused by itself."""
    run.seconds_before = seconds_running(run, now)
    run.resumed_at = None
    run.state = RunState.PAUSED
    run.reason = reason.to_json() if reason else None


def resume_row(run: Run, now: datetime) -> None:
    """Start a run's clock."""
    run.resumed_at = now
    run.state = RunState.RUNNING
    run.reason = None


def epoch(run: Run) -> int:
    """A number that is another one after each pause."""
    return 0 if run.resumed_at is None else int(run.resumed_at.timestamp() * 1_000_000)
