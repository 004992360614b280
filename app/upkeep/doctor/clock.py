"""What a difference between clocks means."""

from __future__ import annotations

from app.i18n import Text
from app.upkeep.doctor.findings import Finding, ok, problem, warning

# Seconds between another clock and ours: sign-ins, job times and certificates go wrong beyond.
SKEW_WARNING, SKEW_PROBLEM = 5.0, 60.0


def skew(check: str, seconds: float, whose: str) -> Finding:
    """What a difference between another clock and ours means; positive when the other is ahead."""
    values = {"seconds": f"{abs(seconds):.1f}", "whose": whose}
    facts = {"seconds": round(seconds, 2)}
    if abs(seconds) < SKEW_WARNING:
        return ok(
            check, Text("This machine's clock and that of {whose} agree ({seconds} s).", values), **facts
        )
    text = Text("This machine's clock and that of {whose} are {seconds} s apart.", values)
    advice = Text("Set both by NTP (timedatectl shows it): sign-ins and certificates depend on the time.")
    return (warning if abs(seconds) < SKEW_PROBLEM else problem)(check, text, advice, **facts)
