"""The backup container's health check: the newest archive is not older than twice its interval.

`python -I -S backup_fresh.py 24h`. A container that was started a moment ago has its first interval to make one.
Exit code 0 when that is so, else 1 and a sentence; 2 for an interval that is none.
"""

from __future__ import annotations

import os
import re
import sys
import time

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
FIRST_SECONDS = 900  # beyond the interval: what one backup itself may take


def interval(text: str) -> int:
    """Seconds of an interval such as 24h, 90m or 7d. Raises ValueError."""
    found = re.fullmatch(r"(\d+)([smhdw]?)", text.strip())
    if not found or not int(found[1]):
        raise ValueError(text)
    return int(found[1]) * SECONDS[found[2] or "s"]


def newest(folder: str) -> float | None:
    """When the newest whole archive in a folder was finished, in seconds since 1970; None when there is none."""
    with os.scandir(folder) as entries:
        times = [
            entry.stat().st_mtime
            for entry in entries
            if entry.is_file() and not entry.name.startswith(".") and not entry.name.endswith(".partial")
        ]
    return max(times, default=None)


def started() -> float:
    """When the container's first process was started, in seconds since 1970: proc(5), fields of stat and uptime."""
    with open("/proc/1/stat") as file:  # noqa: PTH123 - pathlib would load more than all the rest
        ticks = int(file.read().rpartition(")")[2].split()[19])
    with open("/proc/uptime") as file:  # noqa: PTH123
        uptime = float(file.read().split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def main(arguments: list[str]) -> int:
    """Look, and say what is wrong. Returns the exit code."""
    try:
        every = interval(arguments[1])
    except (IndexError, ValueError):
        print("usage: backup_fresh.py INTERVAL, such as 24h")
        return 2
    folder = os.environ.get("BACKUP_DIR") or "/backups"
    now = time.time()
    try:
        last = newest(folder)
    except OSError as error:
        print(f"{folder}: {error.strerror}")
        return 1
    if now - max(last or 0, started() - every) <= 2 * every + FIRST_SECONDS:
        return 0
    print("no backup yet" if last is None else f"the last backup is {int((now - last) / 3600)} hours old")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
