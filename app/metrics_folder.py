"""The folder in which the processes of one server keep their figures, so that any of them can add them up.

Apart from `app.metrics`, because it has to be named before prometheus_client is imported, and because the server
starts without importing that. It is not in VAR_DIR: replicas share that, and their processes have the same numbers.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that prometheus_client reads."""

PREFIX = "zhupi-metrics-"


@contextmanager
def shared(processes: int) -> Iterator[None]:
    """A fresh folder for the figures of several processes, gone at the end; nothing for one alone.

    Call it before anything imports `app.metrics`.
    """
    os.environ.pop(FOLDER, None)
    if processes < 2:
        yield
        return
    _drop_left_over(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            os.environ.pop(FOLDER, None)


def _drop_left_over(place: Path) -> None:
    """Remove the folders of servers that were killed. Process numbers come again: our own is left over too."""
    for path in place.glob(f"{PREFIX}*"):
        found = re.fullmatch(rf"{PREFIX}(\d+)-\w+", path.name)
        if found and (int(found[1]) == os.getpid() or not _lives(int(found[1]))):
            shutil.rmtree(path, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
