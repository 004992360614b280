"""What reader processes use: processor time and memory, from /proc. Elsewhere than on Linux nothing is told."""

from __future__ import annotations

import os
from pathlib import Path

from app.intake.limits import MEGABYTE

PROC = Path("/proc")
MARK = b"app.intake.child"


class Usage:
    """Watches the readers that this process starts: look often, a reader that has ended tells nothing any more."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self.peak_megabytes = 0

    @property
    def seconds(self) -> float:
        """Processor seconds of all readers so far, at the last look."""
        return sum(self._seconds.values())

    def look(self) -> None:
        """Take the figures of the readers that run now."""
        for pid in children():
            try:
                fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
                status = (PROC / str(pid) / "status").read_text()
            except OSError:
                continue
            # proc(5): utime and stime are the 14th and 15th field, the command's name the second.
            self._seconds[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            for line in status.splitlines():
                if line.startswith("VmHWM:"):
                    self.peak_megabytes = max(self.peak_megabytes, int(line.split()[1]) * 1024 // MEGABYTE)


def children() -> list[int]:
    """The process ids of this process's readers."""
    found = []
    for place in PROC.glob("[0-9]*"):
        try:
            parent = (place / "stat").read_text().rpartition(")")[2].split()[1]
            mine = int(parent) == os.getpid() and MARK in (place / "cmdline").read_bytes()
        except (OSError, IndexError, ValueError):
            continue
        if mine:
            found.append(int(place.name))
    return found
