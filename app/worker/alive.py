"""`python -m app.worker.alive [FILE]`: exit code 0 while a `zhupi worker` beats, 1 when it does not.

For the health check of a container, which runs it every few seconds: it imports nothing of ours and nothing slow.
The worker writes its process id and the monotonic clock, which all processes of a machine share and nobody sets: a
clock that is put back must not make a living worker dead. See heartbeat.py for the writer.
"""

from __future__ import annotations

import os
import sys
import time

BEAT_SECONDS = 5.0
# Three beats may be missed on a busy machine; a fourth means that the event loop stands still.
DEAD_SECONDS = 20.0


def place() -> str:
    """The file: HEARTBEAT_FILE, or one in the temporary folder with the user's number in its name."""
    folder = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - the writer follows no link and takes no foreign file
    return os.environ.get("HEARTBEAT_FILE") or os.path.join(folder, f"zhupi-worker-{os.getuid()}.alive")  # noqa: PTH118


def problem(path: str) -> str | None:
    """Why the worker that beats in a file is not alive; None when it is."""
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123 - pathlib takes as long to import as all of this
            pid, beat = file.read(100).split()
        age = time.monotonic() - float(beat)
        process = int(pid)
    except OSError as error:
        return f"{path}: {error.strerror}"
    except ValueError:
        return f"{path}: not a heartbeat"
    # In the future: from before the machine was started again. By less than a second: the writer rounded.
    if not -1 < age < DEAD_SECONDS:
        return f"{path}: the last beat of process {process} is {abs(age):.0f} s away"
    return None


if __name__ == "__main__":
    reason = problem(sys.argv[1] if len(sys.argv) > 1 else place())
    if reason:
        print(reason, file=sys.stderr)
        sys.exit(1)
