"""The process that opens uploads: one job after another from standard input, answers on standard output.

Frames are a 4-byte big-endian length and that many bytes of JSON, never pickles: this process reads hostile files, and
what comes out of it must not be able to run anything in the server. It holds no secrets, writes no files, and ends
when its input does.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

from app.document import Box
from app.intake.errors import UnreadableError
from app.intake.limits import MEGABYTE, Limits
from app.intake.opened import forget
from app.intake.page import picture_to_json

LENGTH = struct.Struct(">I")
RECOGNISES = "recognise"  # the argument of a process that recognises text
# Address space of such a process: models and libraries are mapped several times over; its data is what is bounded.
RECOGNISING_ADDRESSES = 8 * 1024 * MEGABYTE

SPENT_MEGABYTES = 1 << 20  # said to hold by a process that ran into its limit: it is to be ended


def main() -> None:
    """Serve jobs until the input ends. The first frame says that this process is ready."""
    recognises = RECOGNISES in sys.argv[1:]
    answers = os.fdopen(os.dup(1), "wb")
    # A library that prints must not be able to break the frames.
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(10 if recognises else 5)  # pages are served first
    if recognises:
        _load_models()
    _send(answers, b'{"ready": true}')
    while (job := _receive(sys.stdin.buffer)) is not None:
        _send(answers, _serve(job, recognises))


def _send(target: BinaryIO, body: bytes) -> None:
    target.write(LENGTH.pack(len(body)) + body)
    target.flush()


def _receive(source: BinaryIO) -> dict[str, Any] | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    job: dict[str, Any] = json.loads(source.read(LENGTH.unpack(head)[0]))
    return job


def _load_models() -> None:
    """Before the first job, whose time they are not to take. What fails here fails again there, and is said."""
    with contextlib.suppress(Exception):
        from app.intake.pictures import ocr, read  # noqa: F401 - reading a page needs all that this imports

        ocr.engine()


def _serve(job: dict[str, Any], recognises: bool) -> bytes:
    limits = Limits(**job["limits"])
    _restrict(limits, recognises)
    try:
        return _pack({"result": _work(job, limits)})
    except UnreadableError as error:
        return _pack({"error": error.to_json()})
    except MemoryError:
        pass  # answered below, where the frames that hold the memory are gone
    except Exception as error:
        # A mistake of ours: said without the file's words, and this process goes on.
        return _pack({"fault": _fault(error)})
    forget()
    return _pack({"memory": limits.recognition_megabytes if recognises else limits.megabytes})


def _fault(error: Exception) -> str:
    """The kind of an unexpected error and where it happened, for the log."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else "?"
    return f"{type(error).__name__} at {where}"


def _pack(reply: dict[str, Any], spent: bool = False) -> bytes:
    # What a large file has left behind is given back by ending; the server decides by this figure.
    reply["held_megabytes"] = SPENT_MEGABYTES if spent else _held_megabytes()
    return json.dumps(reply).encode()  # not by orjson, which crashes where memory ends


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
    name, task = job["name"], job["task"]
    if task == "roster":
        from app.intake.roster import read_roster

        return read_roster(base64.b64decode(job["data"]), name, limits).to_json()
    path = Path(job["path"])
    if task in ("region", "mask"):
        return _picture_work(job, path, limits)
    from app.intake import readers

    if task == "inspect":
        return readers.inspect(path, name, limits).to_json()
    if task == "render":
        return picture_to_json(readers.render_page(path, name, job["number"], limits))
    if task == "layer":
        found = readers.read_layer(path, name, job["number"], limits, job.get("doubtful", False))
    else:
        found = readers.recognise_page(path, name, job["number"], limits, job["careful"])
    return None if found is None else [each.to_json() for each in found]


def _picture_work(job: dict[str, Any], path: Path, limits: Limits) -> Any:
    from app.intake.formats import picture

    if job["task"] == "region":
        return picture.read_region(path, job["name"], Box(*job["box"]), limits).to_json()
    boxes = [Box(*each) for each in job["boxes"]]
    return base64.b64encode(picture.mask(path, job["name"], boxes, limits)).decode()


def _restrict(limits: Limits, recognises: bool) -> None:
    """Bind this process: its memory, and processor seconds from now on (the server watches the clock besides)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent = usage.ru_utime + usage.ru_stime
    if recognises:
        _limit(resource.RLIMIT_AS, RECOGNISING_ADDRESSES)
        _limit(resource.RLIMIT_DATA, limits.recognition_megabytes * MEGABYTE)
        _limit(resource.RLIMIT_CPU, int(spent + limits.recognition_seconds) + 2)
    else:
        _limit(resource.RLIMIT_AS, limits.megabytes * MEGABYTE)
        _limit(resource.RLIMIT_CPU, int(spent + limits.seconds) + 2)


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (soft, hard))


if __name__ == "__main__":
    main()
