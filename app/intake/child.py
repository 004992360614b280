"""The process that opens uploads: one job after another from standard input, answers on standard output.

Frames are a 4-byte big-endian length and that many bytes of JSON, never pickles: this process reads hostile files, and
what comes out of it must not be able to run anything in the server. It holds no secrets, writes no files, and ends
when its input does.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

from app.i18n import Text
from app.intake.errors import UnreadableError
from app.intake.limits import MEGABYTE, Limits

LENGTH = struct.Struct(">I")


def main() -> None:
    """Serve jobs until the input ends. The first frame says that this process is ready."""
    answers = os.fdopen(os.dup(1), "wb")
    # A library that prints must not be able to break the frames.
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(5)  # pages are served first
    _send(answers, b'{"ready": true}')
    while (job := _receive(sys.stdin.buffer)) is not None:
        _send(answers, _serve(job))


def _send(target: BinaryIO, body: bytes) -> None:
    target.write(LENGTH.pack(len(body)) + body)
    target.flush()


def _receive(source: BinaryIO) -> dict[str, Any] | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    job: dict[str, Any] = json.loads(source.read(LENGTH.unpack(head)[0]))
    return job


def _serve(job: dict[str, Any]) -> bytes:
    limits = Limits(**job["limits"])
    _restrict(limits)
    try:
        return _pack({"result": _work(job, limits)})
    except UnreadableError as error:
        return _pack({"error": error.to_json()})
    except MemoryError:
        pass  # answered outside, where the frames that hold the memory are gone
    return _pack({"error": _too_big(job["name"], limits).to_json()})


def _pack(reply: dict[str, Any]) -> bytes:
    # What a large file has left behind is given back by ending; the server decides by this figure.
    reply["held_megabytes"] = _held_megabytes()
    return json.dumps(reply).encode()


def _held_megabytes() -> int:
    """Resident memory of this process now; 0 where /proc does not tell.

    getrusage would give the high-water mark, which on Linux starts with that of the process that forked this one.
    """
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * resource.getpagesize() // MEGABYTE


def _work(job: dict[str, Any], limits: Limits) -> Any:
    # Imported inside the limits, so that even a library's own start is bound by them.
    if job["task"] == "roster":
        from app.intake.roster import read_roster

        return read_roster(base64.b64decode(job["data"]), job["name"], limits).to_json()
    from app.intake.readers import read_file

    return read_file(Path(job["path"]), job["name"], limits).to_json()


def _restrict(limits: Limits) -> None:
    """Bind this process: address space, and processor seconds from now on (the server watches the clock besides)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(usage.ru_utime + usage.ru_stime + limits.seconds) + 2
    for kind, value in ((resource.RLIMIT_AS, limits.megabytes * MEGABYTE), (resource.RLIMIT_CPU, seconds)):
        hard = resource.getrlimit(kind)[1]
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (soft, hard))


def _too_big(name: str, limits: Limits) -> UnreadableError:
    return UnreadableError(
        "too_big",
        Text(
            "Reading “{name}” took more than {limit} MB of memory.", {"name": name, "limit": limits.megabytes}
        ),
    )


if __name__ == "__main__":
    main()
